import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voiceaudio.signals import noise, tone
from voiceaudio.level import first_audible, last_audible, rms_dbfs


def test_a_full_scale_square_is_0_dbfs_and_half_of_it_6_less() -> None:
    square = np.tile(np.array([32767, -32768], np.int16), 100)
    assert rms_dbfs(square.tobytes()) == pytest.approx(0, abs=0.001)
    assert rms_dbfs((square // 2).tobytes()) == pytest.approx(-6.02, abs=0.01)


@pytest.mark.parametrize("pcm", [b"", bytes(640)])
def test_silence_is_infinitely_quiet(pcm: bytes) -> None:
    assert rms_dbfs(pcm) == -math.inf


@given(lead=st.integers(0, 3000), tail=st.integers(0, 3000), rate=st.sampled_from([8_000, 16_000, 48_000]))
def test_a_steady_sound_is_found_to_the_sample(lead: int, tail: int, rate: int) -> None:
    sound = np.full(rate // 10, 3000, np.int16)
    samples = np.concatenate([np.zeros(lead, np.int16), sound, np.zeros(tail, np.int16)])
    assert first_audible(samples, rate) == lead
    assert last_audible(samples, rate) == lead + len(sound) - 1


def test_a_tone_in_a_quiet_room_is_found_to_the_sample() -> None:
    samples = noise(9_000, 30)
    samples[3_000:6_000] += tone(3_000 / 16_000, 16_000, hertz=1000)
    # The tone is sampled at its zero first, and at one last.
    assert (first_audible(samples, 16_000), last_audible(samples, 16_000)) == (3_001, 5_999)


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(5, np.int16), noise(5_000, 30)])
def test_where_nothing_is_audible_nothing_is_found(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> None:
    assert (first_audible(samples, 16_000), last_audible(samples, 16_000)) == (None, None)


def test_a_sound_shorter_than_the_window_counts_by_its_energy() -> None:
    click = np.zeros(1_000, np.int16)
    click[500] = 1_000
    assert first_audible(click, 16_000) is None
    click[500] = 20_000
    assert first_audible(click, 16_000) == 500


def test_the_threshold_is_a_level() -> None:
    sound = np.full(1_000, 328, np.int16)  # -40 dBFS
    assert first_audible(sound, 16_000, threshold_dbfs=-39.9) is None
    assert first_audible(sound, 16_000, threshold_dbfs=-40.1) == 0
