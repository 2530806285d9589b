"""From the microphone's callback to frames on the loop."""

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from voicecli.sound.framing import Framer
from voicecli.sound.ring import SampleRing, Samples
from voicecli.sound.roles import Captured
from voicecli.sound.timing import CaptureClock, StreamClock
from voicewire.clock import NS_PER_S

RING_S = 2
"""So long may the loop be busy with something else before samples are lost."""


class _Noted(NamedTuple):
    """A block of the capture ring, as the callback found it."""

    samples: int
    """Of each channel."""
    now_ns: int
    current_s: float
    captured_s: float
    overflowed: bool
    dropped: int
    """Samples of this stream that found no room in the ring so far."""


class Capture:
    """One stream's way from the callback to the loop."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self.dropped = 0
        self._channels = channels
        self._ring = SampleRing(rate * channels * RING_S)
        self._noted: deque[_Noted] = deque()
        """One for each block in the ring, and so as bounded as that."""
        self._stream_clock = StreamClock()
        self._capture_clock = CaptureClock(rate)
        self._framer = Framer(rate, channels)
        self._dropped_before = 0

    def write(self, data: Any, now_ns: int, time: Any, status: Any) -> None:
        """By the callback."""
        samples: Samples = np.frombuffer(data, np.int16)
        count = len(samples) // self._channels
        if not self._ring.write(samples):
            self.dropped += count
            return
        noted = _Noted(count, now_ns, time.currentTime, time.inputBufferAdcTime, status.input_overflow, self.dropped)
        self._noted.append(noted)

    def frames(self) -> list[Captured]:
        """By the loop: what has become complete."""
        frames = []
        while self._noted:
            noted = self._noted.popleft()
            samples: Samples = np.empty(noted.samples * self._channels, np.int16)
            self._ring.read(samples)
            dropped, self._dropped_before = noted.dropped - self._dropped_before, noted.dropped
            block = self._capture_clock.block(
                noted.samples, self._captured_ns(noted), overflowed=noted.overflowed, dropped=dropped
            )
            frames += self._framer.add(samples, block)
        return frames

    def _captured_ns(self, noted: _Noted) -> int:
        """A block's first sample is at least as old as the block is long, whatever a driver says."""
        length_ns = noted.samples * NS_PER_S // self.rate
        if not noted.current_s or not noted.captured_s:
            return noted.now_ns - length_ns
        age_ns = max(length_ns, round((noted.current_s - noted.captured_s) * NS_PER_S))
        return self._stream_clock.current_ns(noted.current_s, noted.now_ns) - age_ns
