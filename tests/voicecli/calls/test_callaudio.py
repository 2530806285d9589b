from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from tests.voicecli.figures.test_run import ORIGIN, record
from tests.voicecli.peer import made, spoken
from voicecli.calls.call import CallRecord
from voicecli.calls.callaudio import RATE, call_audio, save
from voicecli.client.player import Player
from voicecli.fixtures import wavfile
from voicecli.fixtures.fixture import When
from voicecli.fixtures.schedule import Schedule, Sending

MS = 1_000_000
PER_MS = RATE // 1000

TWO = made(spoken(audio_ms=(0, 100)), spoken(audio_ms=(100, 200), segments_ms=((120, 180),), when=When.AFTER_REPLY))
SPOKEN = np.repeat(np.array([1000, 2000], np.int16), 100 * PER_MS)


def call(player: Player, *starts_ms: int) -> CallRecord:
    return record()._replace(replies=tuple(player.replies), starts_ms=starts_ms)


def spans(channel: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> list[tuple[int, int, int]]:
    """Each stretch of one value: from and to in ms, and the value."""
    edges = [0, *(np.flatnonzero(np.diff(channel)) + 1).tolist(), len(channel)]
    return [(a // PER_MS, b // PER_MS, int(channel[a])) for a, b in pairwise(edges)]


def test_caller_and_replies_lie_where_they_were_heard() -> None:
    player = Player(RATE)
    player.received(1, 0, np.full(50 * PER_MS, 7, np.int16).tobytes(), ORIGIN + 250 * MS)
    player.received(1, 50 * PER_MS, np.full(50 * PER_MS, 8, np.int16).tobytes(), ORIGIN + 320 * MS)
    stereo = call_audio(TWO, call(player, 0, 400), SPOKEN)
    assert spans(stereo[:, 0]) == [(0, 100, 1000), (100, 400, 0), (400, 500, 2000)]
    assert spans(stereo[:, 1]) == [(0, 250, 0), (250, 300, 7), (300, 320, 0), (320, 370, 8), (370, 500, 0)]


def test_an_utterance_that_was_not_said_is_not_there() -> None:
    stereo = call_audio(TWO, call(Player(RATE), 0), SPOKEN)
    assert spans(stereo[:, 0]) == [(0, 100, 1000)]


def test_a_recorded_session_is_silent_where_the_microphone_was_muted() -> None:
    schedule = Schedule([Sending(0, 0, 3), Sending(0, 260 * MS, 3), Sending(0, 320 * MS, 4)])
    stereo = call_audio(TWO, call(Player(RATE), 0, 100)._replace(schedule=schedule), SPOKEN)
    assert spans(stereo[:, 0]) == [(0, 60, 1000), (60, 260, 0), (260, 300, 1000), (300, 400, 2000)]


def test_a_flushed_reply_stops_where_it_was_cut() -> None:
    player = Player(RATE)
    player.received(1, 0, np.full(500 * PER_MS, 7, np.int16).tobytes(), ORIGIN)
    player.flush(1, ORIGIN + 120 * MS)
    assert spans(call_audio(TWO, call(player), SPOKEN)[:, 1]) == [(0, 120, 7)]


def test_a_paused_reply_is_silent_until_it_goes_on() -> None:
    player = Player(RATE)
    player.received(1, 0, np.full(100 * PER_MS, 7, np.int16).tobytes(), ORIGIN)
    player.pause(1, ORIGIN + 40 * MS)
    player.received(1, 100 * PER_MS, np.full(50 * PER_MS, 8, np.int16).tobytes(), ORIGIN + 90 * MS)
    player.resume(1, ORIGIN + 300 * MS)
    heard = [(0, 40, 7), (40, 300, 0), (300, 360, 7), (360, 410, 8)]
    assert spans(call_audio(TWO, call(player), SPOKEN)[:, 1]) == heard


def test_a_call_without_sound_has_no_samples() -> None:
    assert call_audio(TWO, call(Player(RATE)), SPOKEN).shape == (0, 2)


def test_the_file_is_stereo_at_48_khz(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "audio.wav", np.full(1600 * 2, 5, np.int16), 16_000)
    fixture = made(*TWO.utterances, folder=tmp_path)
    save(tmp_path / "call.wav", fixture, call(Player(RATE), 0))
    samples, rate = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert (samples.shape, rate) == ((100 * PER_MS, 2), RATE)
