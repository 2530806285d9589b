"""What was really played, for an echo canceller to look for in the microphone."""

import numpy as np

from voiceaudio.pcm import SAMPLE_BYTES
from voiceaudio.resample import Resampler
from voicecli.sound.ring import SampleRing, Samples
from voicecli.sound.roles import RATE

BACKLOG_MS = 100
"""Older than this is skipped: it cannot be what the microphone hears now."""


class Reference:
    """The callback writes each block that it plays; the loop reads it at RATE, as far as the microphone has come."""

    def __init__(self, rate: int) -> None:
        self._ring = SampleRing(rate)
        self._backlog = rate * BACKLOG_MS // 1000
        self._resampler = Resampler(rate, RATE)
        self._ready = bytearray()

    def write(self, block: Samples) -> None:
        """By the callback. When nobody reads, the ring of a second fills up and takes no more."""
        self._ring.write(block)

    def read(self, samples: int) -> bytes:
        """Exactly so many, at RATE; silence for what was not played yet."""
        size = samples * SAMPLE_BYTES
        if self._ring.available > self._backlog + len(self._ready) // SAMPLE_BYTES + samples:
            self._ring.skip_to(self._ring.written - self._backlog)
            self._ready.clear()
        if len(self._ready) < size:
            block: Samples = np.empty(self._ring.available, np.int16)
            self._ring.read(block)
            self._ready += self._resampler.resample(block.tobytes())
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken.ljust(size, b"\0")
