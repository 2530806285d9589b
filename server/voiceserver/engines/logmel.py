"""The log-mel spectrogram that Whisper, and models built on its encoder, hear.

As published with the model (Radford et al., 2022, section 2.2): audio at 16 kHz, windows of 25 ms every 10 ms, 80 bands
on Slaney's mel scale, the logarithm of their power, cut off 80 dB below the loudest and brought to around -1 to 1.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLE_RATE = 16_000
BANDS = 80
HOP = 160
"""Samples from one frame to the next."""

_WINDOW = 400
_BINS = _WINDOW // 2 + 1
_FLOOR_POWER = 1e-10
_RANGE_DECADES = 8.0
_LINEAR_TO_HZ = 1000.0
_HZ_PER_MEL = 200 / 3
_MELS_PER_E_FOLD = 27 / math.log(6.4)
# OpenBLAS multiplies larger matrices in several threads, and they spin: 16 * 201 * 80 is below its 262,144.
_FRAMES_AT_ONCE = 16


def log_mel(samples: Floats) -> npt.NDArray[np.float32]:
    """The spectrogram of mono samples, of shape (80, frames): one frame for each 160 samples, centred on the first of
    them. The number of samples is a multiple of 160, and more than 200. All of it is scaled to its loudest band."""
    assert len(samples) % HOP == 0
    assert len(samples) > _WINDOW // 2
    frames = len(samples) // HOP
    mirrored = np.pad(samples, _WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, _WINDOW)[::HOP][:frames]
    spectrum = np.fft.rfft(windows * _HANN)
    blocks = -(-frames // _FRAMES_AT_ONCE)
    power = np.zeros((blocks * _FRAMES_AT_ONCE, _BINS))
    power[:frames] = spectrum.real**2 + spectrum.imag**2
    bands = (power.reshape(blocks, _FRAMES_AT_ONCE, _BINS) @ _BANK).reshape(-1, BANDS)[:frames]
    decades = np.log10(np.maximum(bands, _FLOOR_POWER))
    decades = np.maximum(decades, decades.max() - _RANGE_DECADES)
    return np.ascontiguousarray((decades.T + 4) / 4, np.float32)


def band_hz() -> Floats:
    """The middle of each band, and one more on either side: shape (82,), from 0 Hz to 8 kHz."""
    mels = np.linspace(0, _mel(SAMPLE_RATE / 2), BANDS + 2)
    knee = _LINEAR_TO_HZ / _HZ_PER_MEL
    return np.where(
        mels < knee, mels * _HZ_PER_MEL, _LINEAR_TO_HZ * np.exp(np.maximum(mels - knee, 0) / _MELS_PER_E_FOLD)
    )


def _mel(hz: float) -> float:
    """Slaney's scale: straight up to 1 kHz, logarithmic above."""
    if hz < _LINEAR_TO_HZ:
        return hz / _HZ_PER_MEL
    return _LINEAR_TO_HZ / _HZ_PER_MEL + _MELS_PER_E_FOLD * math.log(hz / _LINEAR_TO_HZ)


def _bank() -> Floats:
    """Triangles over the spectrum, each from the middle of the band below to that of the band above and of area 1."""
    edges = band_hz()
    hz = np.linspace(0, SAMPLE_RATE / 2, _BINS)
    triangles = [
        np.interp(hz, edges[band : band + 3], [0, 2 / (edges[band + 2] - edges[band]), 0]) for band in range(BANDS)
    ]
    return np.ascontiguousarray(np.transpose(triangles))


_HANN = np.hanning(_WINDOW + 1)[:-1]
_BANK = _bank()
