"""Where in a recording something can be heard. Segments are onset and end in ms."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
SOUND_DBFS = -50.0
"""A window louder than this is sound, where nothing is heard in the background."""
ABOVE_BACKGROUND_DB = 12.0
"""A window so much louder than the background is sound."""
WINDOW_MS = 5
JOIN_MS = 150
"""Sounds no further apart than this are one: the closure of a consonant, the gap between two words."""
MIN_SPEECH_MS = 200
"""Shortest utterance that a VAD can be relied on to report."""
QUIET_SHARE = 20
"""So many percent of a recording are taken to be quiet, where nobody has annotated it."""
FULL_SCALE = 32767

Segment = tuple[float, float]
Samples = NDArray[np.int16]


def sound(samples: Samples, segments: Sequence[Segment], background: bool) -> NDArray[np.bool_]:
    """Which windows of `WINDOW_MS` hold sound; with a background, louder than what is heard outside `segments`."""
    levels = _levels(samples)
    threshold = SOUND_DBFS
    if background:
        centres_ms = (np.arange(len(levels)) + 0.5) * WINDOW_MS
        outside = np.ones(len(levels), np.bool_)
        for start, end in segments:
            outside &= (centres_ms < start) | (centres_ms > end)
        if outside.any():
            threshold = max(threshold, float(np.median(levels[outside])) + ABOVE_BACKGROUND_DB)
    return np.asarray(levels > threshold, np.bool_)


def runs(windows: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end in ms of each run of windows that are true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], windows, [False])).astype(np.int8)))
    for start, end in edges.reshape(-1, 2):
        yield int(start) * WINDOW_MS, int(end) * WINDOW_MS


def joined(segments: Sequence[Segment], gap_ms: float) -> list[Segment]:
    """The segments, those one that are no further apart than `gap_ms`."""
    found: list[Segment] = []
    for start, end in segments:
        if found and start - found[-1][1] <= gap_ms:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def found(samples: Samples) -> list[Segment]:
    """An estimate of what can be heard in a recording that nobody has annotated, over its own background."""
    levels = _levels(samples)
    if not len(levels):
        return []
    threshold = max(SOUND_DBFS, float(np.percentile(levels, QUIET_SHARE)) + ABOVE_BACKGROUND_DB)
    first = joined(list(runs(np.asarray(levels > threshold, np.bool_))), JOIN_MS)
    # What lies outside of it tells the background better than a share that was assumed.
    return joined(list(runs(sound(samples, first, background=True))), JOIN_MS)


def _levels(samples: Samples) -> NDArray[np.float64]:
    """dBFS of each window."""
    window = RATE * WINDOW_MS // 1000
    whole = samples[: len(samples) // window * window].reshape(-1, window).astype(np.float64)
    rms = np.sqrt(np.mean(whole**2, axis=1))
    return np.asarray(20 * np.log10(np.maximum(rms, 1e-3) / (FULL_SCALE + 1)))
