"""The spectrogram, held to its definition: shape, scale, bands, and where a sound lies in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.engines.logmel import BANDS, HOP, SAMPLE_RATE, Floats, _bank, band_hz, log_mel


def tone(hz: float, samples: int = SAMPLE_RATE, amplitude: float = 0.5) -> Floats:
    return amplitude * np.sin(2 * np.pi * hz * np.arange(samples) / SAMPLE_RATE)


@pytest.mark.parametrize(("samples", "frames"), [(320, 2), (16_000, 100), (128_000, 800)])
def test_there_is_a_frame_for_each_10_ms(samples: int, frames: int) -> None:
    heard = log_mel(np.zeros(samples))
    assert heard.shape == (BANDS, frames)
    assert heard.dtype == np.float32


def test_silence_is_the_floor_everywhere() -> None:
    # log10(1e-10) is -10, and (-10 + 4) / 4 is -1.5.
    assert set(log_mel(np.zeros(16_000)).ravel()) == {-1.5}


def test_bands_lie_evenly_up_to_1_khz_and_by_ratios_above() -> None:
    middles = band_hz()
    assert (len(middles), middles[0]) == (BANDS + 2, 0)
    assert middles[-1] == pytest.approx(8000)
    low, high = middles[middles < 1000], middles[middles > 1000]
    assert np.diff(low) == pytest.approx(np.full(len(low) - 1, middles[1]))
    # Slaney's scale: 27 steps of a mel from 1 kHz to 6.4 kHz, of which a band takes as many as it does below.
    ratio = 6.4 ** (middles[1] / (200 / 3) / 27)
    assert high[1:] / high[:-1] == pytest.approx(np.full(len(high) - 1, ratio))


def test_each_band_weighs_the_spectrum_with_a_triangle_of_area_one() -> None:
    bank, middles = _bank(), band_hz()
    assert bank.shape == (201, BANDS)
    heights = 2 / (middles[2:] - middles[:-2])
    assert (bank.max(axis=0) <= heights + 1e-12).all()
    for band in range(BANDS):
        within = np.flatnonzero(bank[:, band]) * 40
        assert len(within)
        assert middles[band] < within[0]
        assert within[-1] < middles[band + 2]
    wide = bank[:, -20:].sum(axis=0) * 40
    assert wide == pytest.approx(np.ones(20), abs=0.02)


@given(st.floats(100, 7600))
def test_a_tone_is_loudest_in_the_bands_around_it(hz: float) -> None:
    loudest = int(log_mel(tone(hz)).mean(axis=1).argmax())
    nearest = int(np.abs(band_hz()[1:-1] - hz).argmin())
    assert abs(loudest - nearest) <= 1


def test_ten_times_the_amplitude_is_two_decades_of_power() -> None:
    quiet, loud = log_mel(tone(1000, amplitude=0.05)), log_mel(tone(1000))
    assert loud.max() - quiet.max() == pytest.approx(2 / 4, abs=1e-6)


def test_nothing_is_more_than_80_db_below_the_loudest() -> None:
    heard = log_mel(tone(1000))
    assert heard.max() - heard.min() == pytest.approx(8 / 4, abs=1e-6)


def test_a_click_is_heard_in_the_frames_whose_window_holds_it() -> None:
    samples = np.zeros(16_000)
    samples[50 * HOP] = 1.0
    heard = log_mel(samples)
    assert np.flatnonzero((heard > heard.min()).any(axis=0)).tolist() == [49, 50, 51]
    assert heard[:, 50].min() > heard[:, 49].max()


def test_the_first_frame_hears_the_beginning_mirrored() -> None:
    hz = 1000
    even = 0.5 * np.cos(2 * np.pi * hz * np.arange(16_000) / SAMPLE_RATE)
    heard = log_mel(even)
    np.testing.assert_allclose(heard[:, 0], heard[:, 50], atol=1e-5)


def test_no_frame_depends_on_how_many_are_computed_together() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 16_000)
    noise[8000] = 1.0
    whole, part = log_mel(noise), log_mel(noise[:12_800])
    np.testing.assert_allclose(part[:, :78], whole[:, :78], atol=1e-6)
