import io
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voicecli.runs import call, turn
from voicecli.calls.call import CallSettings
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voicecli.reports.html.sound import BIT_RATE, PEAK_MS, by_interest, call_sound, kept, slowest, typical

ROOT = Path(__file__).parents[4]
RATE = 48_000


def tones() -> NDArray[np.int16]:
    """A second of the caller, then a second of the reply."""
    tone = (16_384 * np.sin(np.arange(RATE) / 20)).astype(np.int16)
    stereo = np.zeros((2 * RATE, 2), np.int16)
    stereo[:RATE, 0] = stereo[RATE:, 1] = tone
    return stereo


@pytest.fixture(scope="module")
def taken() -> Take:
    loaded = fixtures.load(ROOT / "fixtures" / "question-weather")
    return VirtualServer({}, {}).take(loaded, record(loaded), CallSettings())


def decoded(webm: bytes) -> NDArray[np.float32]:
    """The samples, of shape (2, n)."""
    with av.open(io.BytesIO(webm), "r") as container:
        (stream,) = container.streams.audio
        assert (container.format.name, stream.codec_context.name) == ("matroska,webm", "opus")
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_a_sound_has_each_voice_in_its_channel_where_it_was() -> None:
    heard = decoded(call_sound(tones()).webm)
    assert abs(heard.shape[1] - 2 * RATE) <= RATE // 50
    middle, loud = slice(RATE // 10, RATE - RATE // 10), 0.3
    first, second = heard[:, :RATE][:, middle], heard[:, RATE : 2 * RATE][:, middle]
    levels = [[float(np.sqrt((channel**2).mean())) for channel in half] for half in (first, second)]
    assert levels[0][0] > loud > 0.001 > levels[0][1]
    assert levels[1][1] > loud > 0.001 > levels[1][0]


def test_peaks_are_the_loudest_of_each_stretch_the_callers_first() -> None:
    sound = call_sound(tones()[: RATE + RATE // 2 + 1])
    caller, reply = np.frombuffer(sound.peaks, np.uint8).reshape(2, -1)
    assert sound.duration_ms == pytest.approx(1500, abs=0.03)
    assert len(caller) == 1500 // PEAK_MS + 1
    second = 1000 // PEAK_MS
    assert (caller[:second].min(), caller[second:].max()) == (127, 0)
    assert (reply[:second].max(), reply[second:-1].min()) == (0, 127)


def test_a_call_in_which_nothing_sounded_is_a_file_that_plays() -> None:
    sound = call_sound(np.zeros((0, 2), np.int16))
    assert decoded(sound.webm).shape[1] > 0
    assert (sound.peaks, sound.duration_ms) == (b"", 0)


def test_the_same_call_gives_the_same_bytes(taken: Take) -> None:
    once, again = (kept([taken], 1_000_000).sounds[0] for _ in range(2))
    assert once == again
    assert len(once.webm) < 1.5 * BIT_RATE / 8 * once.duration_ms / 1000


def test_interest_is_typical_then_slowest_then_failed_then_the_rest() -> None:
    calls = [
        call(turn(0, llm=500.0)),
        call(turn(0, llm=100.0), failures=("too fast",)),
        call(turn(0, llm=300.0)),
        call(turn(0, llm=900.0), reliable=False),
        call(turn(0, llm=400.0)),
    ]
    assert (typical(calls), slowest(calls)) == (2, 0)
    assert by_interest(calls) == [2, 0, 1, 3, 4]
    assert (typical([]), slowest([]), by_interest([])) == (None, None, [])
    assert typical([call(turn(0, llm=1.0), reliable=False)]) == 0


def test_only_a_few_calls_of_a_fixture_are_kept(taken: Take) -> None:
    found = kept([taken] * 8, 1_000_000)
    assert (list(found.sounds), found.left_out) == ([0, 1, 2, 3, 7], 0)  # all alike: the typical one is in their middle


def test_no_more_is_kept_than_there_is_room_for(taken: Take) -> None:
    size = len(kept([taken], 1_000_000).sounds[0].webm)
    assert [len(kept([taken] * 3, room).sounds) for room in (0, size - 1, size, 3 * size - 1)] == [0, 0, 1, 2]
    assert kept([taken] * 3, size).left_out == 2
