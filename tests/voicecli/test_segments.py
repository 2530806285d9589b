from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.voicecli.test_lint import COMMITTED
from voicecli import fixture, wavfile
from voicecli.segments import RATE, found, joined, runs, sound


def audio(*loud_ms: tuple[int, int], length_ms: int = 3000, hiss_dbfs: float = -70) -> NDArray[np.int16]:
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 32768 * 10 ** (hiss_dbfs / 20), length_ms * RATE // 1000)
    for start, end in loud_ms:
        part = slice(start * RATE // 1000, end * RATE // 1000)
        samples[part] += 6000 * np.sin(np.arange(part.stop - part.start) * 0.3)
    return np.asarray(np.rint(samples), np.int16)


def test_what_is_louder_than_minus_50_dbfs_is_sound_without_a_background() -> None:
    assert list(runs(sound(audio((500, 700)), [], background=False))) == [(500, 700)]


def test_over_a_background_it_has_to_be_louder_than_what_lies_outside_of_the_segments() -> None:
    noisy = audio((500, 700), hiss_dbfs=-40)
    assert list(runs(sound(noisy, [(500, 700)], background=True))) == [(500, 700)]
    assert list(runs(sound(noisy, [(500, 700)], background=False))) == [(0, 3000)]


def test_segments_close_to_each_other_are_one() -> None:
    assert joined([(0, 10), (60, 70), (121, 130)], 50) == [(0, 70), (121, 130)]
    assert joined([], 50) == []


@pytest.mark.parametrize("hiss_dbfs", [-90, -60, -40])
def test_sounds_are_found_over_any_background(hiss_dbfs: float) -> None:
    loud = [(500, 900), (1000, 1400), (2000, 2500)]
    assert found(audio(*loud, hiss_dbfs=hiss_dbfs)) == [(500, 1400), (2000, 2500)]


def test_nothing_is_found_in_silence_or_in_nothing() -> None:
    assert found(audio()) == []
    assert found(np.zeros(RATE, np.int16)) == []
    assert found(np.zeros(0, np.int16)) == []


@pytest.mark.parametrize("folder", [each for each in COMMITTED if each.name != "silence"], ids=lambda each: each.name)
def test_the_annotated_edges_of_the_fixtures_are_found(folder: Path) -> None:
    """Estimated without looking at the annotation; over noise within 100 ms, else within 10."""
    annotated = fixture.load(folder)
    segments = joined([each for utterance in annotated.utterances for each in utterance.segments_ms], 150)
    samples, _ = wavfile.read(annotated.audio_path(fixture.AudioCodec.WAV))
    slack_ms = 100 if annotated.background else 10
    estimated = found(samples)
    for (onset, end), (found_onset, found_end) in zip(segments, estimated, strict=True):
        assert abs(onset - found_onset) <= slack_ms
        assert abs(end - found_end) <= slack_ms
