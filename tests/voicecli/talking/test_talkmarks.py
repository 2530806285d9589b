"""Marks of a conversation that only this end can make."""

import numpy as np

from voicecli.client.uplink import Packet
from voicecli.client.viewstate import MarkNoted, ViewState, reduced
from voicecli.sound.playback import PlaybackQueue
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES
from voicecli.talking.talkinput import CaptureTimes
from voicecli.talking.talkmarks import SILENCE_NS, BargeIns, speech_end
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark
from voicewire.messages import SpeechStarted, SpeechStopped

FRAME_NS = 20 * NS_PER_MS
LOUD = b"\x00\x20" * FRAME_SAMPLES


def heard_until(frames: int, origin_ns: int = 0) -> CaptureTimes:
    times = CaptureTimes()
    for index in range(frames):
        times.sent(Packet(b"", index * FRAME_SAMPLES, FRAME_SAMPLES, origin_ns + index * FRAME_NS))
    return times


def call(*messages: SpeechStarted | SpeechStopped | MarkNoted) -> ViewState:
    state = ViewState()
    for message in messages:
        state = reduced(state, message)
    return state


def playing(frames: int, from_ns: int) -> PlaybackQueue:
    """A reply of which so many frames were heard."""
    queue = PlaybackQueue()
    queue.received(1, 0, LOUD * 100, from_ns)
    block: Samples = np.empty(FRAME_SAMPLES, np.int16)
    for index in range(frames):
        queue.fill(block, from_ns + index * FRAME_NS)
    return queue


def test_the_end_of_speech_is_when_that_audio_was_captured() -> None:
    state = call(SpeechStarted(turn_id=1, position_ms=100), SpeechStopped(turn_id=1, position_ms=510))
    times = heard_until(50, origin_ns=7 * FRAME_NS)
    end_ns = 7 * FRAME_NS + 510 * NS_PER_MS
    assert speech_end(state, 1, times) == MarkNoted(1, Mark.MIC_SPEECH_END, end_ns)
    noted = call(SpeechStopped(turn_id=1, position_ms=510), MarkNoted(1, Mark.MIC_SPEECH_END, end_ns))
    assert speech_end(noted, 1, times) is None


def test_what_is_not_known_is_not_noted() -> None:
    times = heard_until(50)
    assert speech_end(ViewState(), 1, times) is None
    assert speech_end(call(SpeechStarted(turn_id=1, position_ms=100)), 1, times) is None
    stopped = call(SpeechStopped(turn_id=1, position_ms=510))
    assert speech_end(stopped, 1, CaptureTimes()) is None


def test_a_barge_in_lasts_from_the_users_first_sound_to_the_replys_last() -> None:
    queue = playing(30, from_ns=0)
    barge_ins = BargeIns(queue)
    state = call(SpeechStarted(turn_id=2, position_ms=400))
    queue.flush(1, 600 * NS_PER_MS)
    barge_ins.cancelled(state, 1, heard_until(30), 600 * NS_PER_MS)
    queue.fill(np.empty(FRAME_SAMPLES, np.int16), 600 * NS_PER_MS)
    assert list(barge_ins.due(600 * NS_PER_MS + SILENCE_NS - 1)) == []
    assert list(barge_ins.due(600 * NS_PER_MS + SILENCE_NS)) == [
        MarkNoted(1, Mark.BARGE_IN_SPEECH_START, 400 * NS_PER_MS),
        MarkNoted(1, Mark.BARGE_IN_SILENCE, 605 * NS_PER_MS),
    ]
    assert list(barge_ins.due(900 * NS_PER_MS)) == []


def test_a_reply_that_nothing_was_heard_of_was_not_barged_into() -> None:
    queue = playing(0, from_ns=0)
    barge_ins = BargeIns(queue)
    state = call(SpeechStarted(turn_id=2, position_ms=400))
    queue.flush(1, 600 * NS_PER_MS)
    barge_ins.cancelled(state, 1, heard_until(30), 600 * NS_PER_MS)
    assert list(barge_ins.due(900 * NS_PER_MS)) == []


def test_a_connection_that_is_lost_takes_them_along() -> None:
    barge_ins = BargeIns(playing(30, from_ns=0))
    barge_ins.cancelled(call(SpeechStarted(turn_id=2, position_ms=400)), 1, heard_until(30), 0)
    barge_ins.clear()
    assert list(barge_ins.due(SILENCE_NS)) == []
