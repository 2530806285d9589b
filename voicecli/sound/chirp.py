"""A chirp to measure the echo with: how long it takes from loudspeaker to microphone, and how loud it comes back.

A sweep is as long as a syllable and as quiet as speech, yet correlation finds it to a fraction of a sample, below the
noise of a room too.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from voiceaudio.level import FULL_SCALE
from voicecli.sound.roles import RATE

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

CHIRP_MS = 300
LOW_HZ, HIGH_HZ = 400.0, 6000.0
"""What small loudspeakers play and telephone headsets still hear."""
PEAK_DBFS = -14.0
EDGE_MS = 30
"""Faded in and out, so that it does not click."""

RING_MS = 120
"""So long after its direct sound an echo is counted in."""
LEAST_MATCH = 0.03
"""What matches the chirp less is not one: noise and clicks reach 0.01, an echo as loud as the noise of the room 0.4."""


class Echo(NamedTuple):
    delay_ms: float
    """From the first sample of the recording to the first of the chirp in it."""
    level_db: float
    """Against the chirp as it was played; the noise of the room is taken off."""
    match: float
    """How much of what was heard is the chirp, straight from the loudspeaker: confidence, LEAST_MATCH to 1."""


@lru_cache(maxsize=1)
def chirp() -> Samples:
    """The sound, CHIRP_MS long at RATE: from low to high, each octave as long as the next."""
    seconds = CHIRP_MS / 1000
    at = np.arange(round(RATE * seconds)) / RATE
    octaves = math.log(HIGH_HZ / LOW_HZ)
    wave = np.sin(2 * np.pi * LOW_HZ * seconds / octaves * np.expm1(at * octaves / seconds))
    edge = round(RATE * EDGE_MS / 1000)
    fade = np.sin(np.linspace(0, np.pi / 2, edge)) ** 2
    wave[:edge] *= fade
    wave[-edge:] *= fade[::-1]
    samples = (wave * FULL_SCALE * 10 ** (PEAK_DBFS / 20)).astype(np.int16)
    samples.flags.writeable = False
    return samples


def find(recording: Samples) -> Echo | None:
    """The chirp in a recording at RATE, None where it is not heard as a whole.

    A recording should begin some 100 ms before the chirp can: the noise is known from what lies around it.
    """
    played = chirp().astype(np.float64)
    size = 1 << (len(recording) + len(played)).bit_length()
    reference = np.fft.rfft(played, size)
    band = _band(size)
    spectrum = np.fft.rfft(recording.astype(np.float64), size) * band
    envelope = _envelope(spectrum * np.conj(reference), size)[: max(0, len(recording) - len(played))]
    if not len(envelope) or not envelope.max() > 0:
        return None
    peak = int(np.argmax(envelope))
    heard = np.fft.irfft(spectrum, size)[: len(recording)]
    sent_energy = float(np.sum(np.fft.irfft(reference * band, size) ** 2))
    match = float(envelope[peak] ** 2 / (sent_energy * np.sum(heard[peak : peak + len(played)] ** 2)))
    energy = _energy(heard, peak, len(played) + RATE * RING_MS // 1000)
    if match < LEAST_MATCH or energy <= 0:
        return None
    level_db = 10 * math.log10(energy / sent_energy)
    return Echo((peak + _vertex(envelope, peak)) * 1000 / RATE, level_db, match)


def _band(size: int) -> Floats:
    """1 for the frequencies of the chirp, 0 for hum and hiss."""
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    return ((hertz >= LOW_HZ) & (hertz <= HIGH_HZ)).astype(np.float64)


def _envelope(spectrum: npt.NDArray[np.complex128], size: int) -> Floats:
    """Of the real signal with this spectrum."""
    both = np.zeros(size, np.complex128)
    both[: len(spectrum)] = 2 * spectrum
    both[0] /= 2
    return np.abs(np.fft.ifft(both))


def _energy(heard: Floats, start: int, samples: int) -> float:
    """Of the echo that begins at `start`: what lies there, less the noise that lies elsewhere."""
    echo, noise = heard[start : start + samples], np.concatenate([heard[:start], heard[start + samples :]])
    floor = float(np.mean(noise**2)) if len(noise) else 0.0
    return float(np.sum(echo**2)) - floor * len(echo)


def _vertex(envelope: Floats, peak: int) -> float:
    """Where between the samples a peak lies, by a parabola through three of them."""
    if not 0 < peak < len(envelope) - 1:
        return 0.0
    before, at, after = (float(each) for each in envelope[peak - 1 : peak + 2])
    curve = before - 2 * at + after
    return 0.5 * (before - after) / curve if curve else 0.0
