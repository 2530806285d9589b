"""The sound of a cut-off: the caller on the left, on the right a tick where the server took the turn, and its reply."""

import io
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from voicecli.calls.call import CallRecord
from voicecli.calls.callaudio import RATE, whole
from voicecli.fixtures.fixture import Fixture
from voicecli.tuning.cutoffs import UtteranceResult

BEFORE_MS = 4000.0
"""So much of a long utterance is heard before the cut; of a short one, all."""
LEAD_MS = 300.0
AFTER_MS = 3000.0

_TICK_MS, _TICK_HZ, _TICK_LEVEL = 30.0, 1760.0, 0.25

Samples = NDArray[np.int16]


class Clip(NamedTuple):
    samples: Samples
    """Of shape (n, 2), at RATE."""
    cut_ms: float
    """Where in it the tick is."""

    def wav(self) -> bytes:
        return _written(self.samples, format="WAV", subtype="PCM_16")

    def mp3(self) -> bytes:
        """56 kbit/s, which every browser plays."""
        return _written(self.samples[::2], rate=RATE // 2, format="MP3", compression_level=0.7, bitrate_mode="CONSTANT")


def clip(fixture: Fixture, record: CallRecord, result: UtteranceResult) -> Clip:
    """The first cut of an utterance that has one. Raises OSError where the fixture's audio cannot be read."""
    first = result.cuts[0]
    begin_ms = max(first.call_ms - first.into_ms - LEAD_MS, first.call_ms - BEFORE_MS, 0.0)
    begin, cut, end = (_at(t_ms) for t_ms in (begin_ms, first.call_ms, first.call_ms + AFTER_MS))
    return Clip(ticked(whole(fixture, record)[begin:end], cut - begin), (cut - begin) * 1000 / RATE)


def ticked(samples: Samples, at: int) -> Samples:
    """With a tick in the right channel from that sample on."""
    length = min(_at(_TICK_MS), max(0, len(samples) - at))
    phase = np.arange(length) * (2 * np.pi * _TICK_HZ / RATE)
    tick = np.sin(phase) * np.hanning(length) * (_TICK_LEVEL * np.iinfo(np.int16).max)
    with_tick = samples.astype(np.int32)
    with_tick[at : at + length, 1] += tick.astype(np.int32)
    return np.clip(with_tick, -32768, 32767).astype(np.int16)


def _at(t_ms: float) -> int:
    return round(t_ms * RATE / 1000)


def _written(samples: Samples, rate: int = RATE, **encoding: object) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **encoding)
    return file.getvalue()
