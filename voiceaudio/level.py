"""How loud audio is, and where in it something can be heard. Full scale (0 dBFS) is an RMS of 32,768."""

import math

import numpy as np
import numpy.typing as npt

from voiceaudio.pcm import samples_of

FULL_SCALE = 32_768.0
AUDIBLE_DBFS = -45.0
"""Quieter than this counts as silence between sounds: speech lies around -25 dBFS, a quiet room under -55."""
AUDIBLE_WINDOW_MS = 5.0


def rms_dbfs(pcm: bytes) -> float:
    """Level of the whole piece; `-inf` for digital silence and for no samples."""
    samples = samples_of(pcm).astype(np.float32)
    if not samples.size:
        return -math.inf
    power = float(np.dot(samples, samples)) / samples.size
    return 10 * math.log10(power / FULL_SCALE**2) if power else -math.inf


def first_audible(
    samples: npt.NDArray[np.int16],
    rate: int,
    threshold_dbfs: float = AUDIBLE_DBFS,
    window_ms: float = AUDIBLE_WINDOW_MS,
) -> int | None:
    """Index of the first sample that can be heard, or None.

    The first window (they lie at every sample) whose RMS reaches the threshold holds the onset; the onset is the first
    sample in it that reaches the threshold by itself. A tone that starts between two samples is found at the first of
    its samples that is loud enough; a click shorter than the window counts only if its window is loud.
    """
    size = max(1, round(rate * window_ms / 1000))
    amplitude = FULL_SCALE * 10 ** (threshold_dbfs / 20)
    squares = np.square(samples.astype(np.float64))
    if len(samples) < size:
        squares = np.pad(squares, (0, size - len(samples)))
    sums = np.cumsum(squares)
    windows = sums[size - 1 :] - np.concatenate(([0.0], sums[:-size]))
    loud = windows >= size * amplitude**2
    if not len(samples) or not loud.any():
        return None
    start = int(np.argmax(loud))
    return start + int(np.argmax(squares[start : start + size] >= amplitude**2))


def last_audible(
    samples: npt.NDArray[np.int16],
    rate: int,
    threshold_dbfs: float = AUDIBLE_DBFS,
    window_ms: float = AUDIBLE_WINDOW_MS,
) -> int | None:
    """Index of the last sample that can be heard, or None: `first_audible` from the end."""
    from_end = first_audible(samples[::-1], rate, threshold_dbfs, window_ms)
    return None if from_end is None else len(samples) - 1 - from_end
