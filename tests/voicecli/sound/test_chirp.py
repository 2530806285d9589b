"""The chirp is found where it is, as loud as it is, and nowhere else."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.livingroom import Room
from voiceaudio.level import FULL_SCALE, rms_dbfs
from voicecli.sound.chirp import CHIRP_MS, LEAST_MATCH, LOW_HZ, chirp, find
from voicecli.sound.roles import RATE

SECOND = np.zeros(RATE, np.int16)


def recorded(room: Room, lead_ms: float = 200, gain: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Silence, then a chirp, in this room."""
    played = np.concatenate([SECOND[: round(lead_ms * RATE / 1000)], chirp(), SECOND])
    captured = gain * room.echo(played) + room.noise(len(played))
    return captured.clip(-32768, 32767).astype(np.int16)


def test_the_chirp_is_soft_and_does_not_click() -> None:
    sound = chirp()
    assert len(sound) == CHIRP_MS * RATE // 1000
    assert -21 < rms_dbfs(sound.tobytes()) < -17
    assert abs(int(sound[0])) < 10
    assert abs(int(sound[-1])) < 10
    assert np.abs(np.diff(sound.astype(int))).max() < FULL_SCALE * 0.2


@given(
    delay_ms=st.floats(0, 500),
    level_db=st.floats(-40, 6),
    ring_ms=st.floats(20, 500),
    direct_db=st.floats(3, 12),
    seed=st.integers(0, 99),
)
def test_it_is_found_in_any_room_to_half_a_millisecond(
    delay_ms: float, level_db: float, ring_ms: float, direct_db: float, seed: int
) -> None:
    room = Room(delay_ms, level_db, ring_ms, direct_db, noise_dbfs=-70, seed=seed)
    echo = find(recorded(room))
    assert echo is not None
    assert echo.delay_ms == pytest.approx(200 + delay_ms, abs=0.5)
    assert LEAST_MATCH <= echo.match <= 1


@given(delay_ms=st.floats(0, 300), level_db=st.floats(-30, 0), ring_ms=st.floats(20, 100), seed=st.integers(0, 99))
def test_its_level_is_told_to_two_decibels(delay_ms: float, level_db: float, ring_ms: float, seed: int) -> None:
    echo = find(recorded(Room(delay_ms, level_db, ring_ms, direct_db=6, seed=seed)))
    assert echo is not None
    # What the walls ring with lies in other frequencies than the chirp, so the room's own gain wanders.
    assert echo.level_db == pytest.approx(level_db, abs=2)


def test_without_a_room_delay_and_level_are_exact() -> None:
    played = np.concatenate([SECOND[:4801], chirp() // 4, SECOND])
    echo = find(played)
    assert echo is not None
    assert echo.delay_ms == pytest.approx(4801 / 48, abs=0.005)
    assert echo.level_db == pytest.approx(20 * math.log10(1 / 4), abs=0.1)


@given(delay_ms=st.floats(0, 500), seed=st.integers(0, 99))
def test_noise_as_loud_as_the_echo_does_not_hide_it(delay_ms: float, seed: int) -> None:
    # The echo at -10 dB lies at -29 dBFS.
    echo = find(recorded(Room(delay_ms, -10, 100, 3, noise_dbfs=-29, seed=seed)))
    assert echo is not None
    assert echo.delay_ms == pytest.approx(200 + delay_ms, abs=0.5)
    assert echo.level_db == pytest.approx(-10, abs=2.5)


def test_hum_does_not_count() -> None:
    sound = recorded(Room(50, -10, 50, 6))
    hum = 5000 * np.sin(2 * np.pi * 50 * np.arange(len(sound)) / RATE)
    echo = find((sound + hum).astype(np.int16))
    assert echo is not None
    assert echo.level_db == pytest.approx(-10, abs=1.5)
    assert LOW_HZ > 50


@given(overdrive=st.floats(0.5, 20), delay_ms=st.floats(0, 300))
def test_clipping_does_not_hide_it(overdrive: float, delay_ms: float) -> None:
    echo = find(recorded(Room(delay_ms, 20, 50, 6, overdrive=overdrive), gain=3))
    assert echo is not None
    assert echo.delay_ms == pytest.approx(200 + delay_ms, abs=0.5)


@given(seed=st.integers(0, 10_000), noise_dbfs=st.floats(-90, -3), seconds=st.floats(0.5, 3))
def test_noise_is_no_chirp(seed: int, noise_dbfs: float, seconds: float) -> None:
    noise = Room(noise_dbfs=noise_dbfs, seed=seed).noise(round(seconds * RATE))
    assert find(noise.clip(-32768, 32767).astype(np.int16)) is None


@pytest.mark.parametrize("hertz", [50.0, 440.0, 1000.0, 5000.0])
def test_a_tone_is_no_chirp(hertz: float) -> None:
    tone = 8000 * np.sin(2 * np.pi * hertz * np.arange(2 * RATE) / RATE)
    assert find(tone.astype(np.int16)) is None


@pytest.mark.parametrize("samples", [0, 1, 100, RATE])
def test_digital_silence_is_no_chirp(samples: int) -> None:
    assert find(np.zeros(samples, np.int16)) is None
