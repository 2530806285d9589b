"""The microphone's share of a conversation."""

import numpy as np

from voiceaudio.opus import OpusDecoder
from voiceaudio.pcm import samples_of
from voicecli.client.uplink import Packet
from voicecli.sound.echo import EchoMode, NoGuard
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicecli.talking.talkinput import KEPT_PACKETS, CaptureTimes, TalkInput

FRAME_NS = 20_000_000
TONE = (8_000 * np.sin(np.arange(FRAME_SAMPLES) * 0.1)).astype(np.int16).tobytes()


class Guard:
    """Lets through what it is told to."""

    kind = EchoMode.GATE
    note = ""
    is_muting = False

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []
        self.interruptions = 0

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        self.heard.append((len(played), lost_samples))
        return pcm

    def interrupted(self) -> None:
        self.interruptions += 1


def frame(index: int, lost: int = 0) -> Captured:
    return Captured(TONE, index * FRAME_NS, lost)


def test_each_frame_becomes_a_packet_with_its_place_and_its_time() -> None:
    told = TalkInput(NoGuard(headphones=True), push_to_talk=False)
    packets = [told.captured(frame(index), b"") for index in range(3)]
    assert all(packets)
    assert [(p.position, p.samples, p.captured_ns) for p in packets if p] == [
        (index * FRAME_SAMPLES, FRAME_SAMPLES, index * FRAME_NS) for index in range(3)
    ]
    decoder = OpusDecoder()
    pcm = b"".join(decoder.decode(p.payload) for p in packets if p)
    assert len(samples_of(pcm)) == 3 * FRAME_SAMPLES
    assert np.abs(samples_of(pcm)).max() > 4_000
    assert -18 < told.level_dbfs < -12


def test_lost_samples_and_a_muted_microphone_leave_gaps() -> None:
    told = TalkInput(NoGuard(headphones=True), push_to_talk=False)
    told.captured(frame(0), b"")
    told.muted = True
    assert told.captured(frame(1), b"") is None
    told.muted = False
    after = told.captured(frame(2, lost=FRAME_SAMPLES), b"")
    assert after is not None
    assert (after.position, told.lost_ms) == (3 * FRAME_SAMPLES, 20.0)


def test_gaps_are_of_whole_frames_and_what_is_left_over_is_of_the_next_one() -> None:
    told = TalkInput(NoGuard(headphones=True), push_to_talk=False)
    packets = [told.captured(frame(index, lost=480), b"") for index in range(4)]
    assert [packet.position // FRAME_SAMPLES for packet in packets if packet] == [0, 2, 3, 5]
    assert {packet.position % FRAME_SAMPLES for packet in packets if packet} == {0}
    assert told.lost_ms == 40.0


def test_push_to_talk_is_heard_only_while_the_key_is_down() -> None:
    told = TalkInput(NoGuard(headphones=True), push_to_talk=True)
    assert told.captured(frame(0), b"") is None
    told.talking = True
    assert told.captured(frame(1), b"") is not None


def test_positions_count_anew_with_each_connection() -> None:
    told = TalkInput(NoGuard(headphones=True), push_to_talk=False)
    told.captured(frame(0), b"")
    told.begin()
    packet = told.captured(frame(1), b"")
    assert packet is not None
    assert packet.position == 0


def test_the_echo_guard_hears_all_whoever_is_muted() -> None:
    guard = Guard()
    told = TalkInput(guard, push_to_talk=False)
    told.muted = True
    told.captured(frame(0, lost=7), bytes(12))
    told.interrupted()
    assert (guard.heard, guard.interruptions) == ([(12, 7)], 1)


def test_a_position_is_put_on_the_clock_of_what_was_captured() -> None:
    times = CaptureTimes()
    assert times.captured_ns(0) is None
    times.sent(Packet(b"", 0, FRAME_SAMPLES, 1_000 * FRAME_NS))
    # A gap: the next packet was captured a second later.
    times.sent(Packet(b"", 50 * FRAME_SAMPLES, FRAME_SAMPLES, 1_050 * FRAME_NS))
    assert times.captured_ns(10) == 1_000 * FRAME_NS + FRAME_NS // 2
    assert times.captured_ns(1_010) == 1_050 * FRAME_NS + FRAME_NS // 2
    assert times.captured_ns(1_020) == 1_051 * FRAME_NS
    assert times.sent_ms == 1_020.0


def test_times_of_the_last_minute_are_kept() -> None:
    times = CaptureTimes()
    for index in range(KEPT_PACKETS + 1):
        times.sent(Packet(b"", index * FRAME_SAMPLES, FRAME_SAMPLES, index * FRAME_NS))
    assert (times.captured_ns(10), times.captured_ns(20)) == (None, FRAME_NS)
    assert KEPT_PACKETS * FRAME_SAMPLES == 60 * RATE
