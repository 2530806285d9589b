"""What was really played, for an echo canceller to look for in the microphone."""

import numpy as np

from voiceaudio.resample import Resampler
from voicecli.sound.ring import SampleRing, Samples
from voicecli.sound.roles import RATE


class Reference:
    """The callback writes each block that it plays; the loop reads it at RATE. `echo.FarEnd` keeps it in step."""

    def __init__(self, rate: int) -> None:
        self._ring = SampleRing(rate)
        self._resampler = Resampler(rate, RATE)

    def write(self, block: Samples) -> None:
        """By the callback. When nobody reads, the ring of a second fills up and takes no more."""
        self._ring.write(block)

    def read(self) -> bytes:
        """All since the last call, at RATE."""
        block: Samples = np.empty(self._ring.available, np.int16)
        self._ring.read(block)
        return self._resampler.resample(block.tobytes())
