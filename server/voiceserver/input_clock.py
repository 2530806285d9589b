"""When a sample of the microphone audio was spoken, on the server's clock."""

from collections import deque
from typing import NamedTuple

from voicewire.clock import NS_PER_MS, NS_PER_S

WINDOW_NS = 10 * NS_PER_S
JITTER_NS = 500 * NS_PER_MS
"""What is later than this, and stays so for PAUSE_NS, is not late: the microphone was paused."""
PAUSE_NS = NS_PER_S


class _Arrival(NamedTuple):
    now_ns: int
    origin_ns: int


class InputClock:
    """Maps positions in the microphone audio to the server's clock.

    A sample cannot arrive before it was spoken: of all arrivals within the last WINDOW_NS, the one that was fastest for
    its position tells when sample 0 would have been spoken, at the latest. Audio that is late by jitter, or comes in a
    burst after a stall, does not move it; the drift of the client's sound card does, as old arrivals leave the window.
    What remains in the result is the smallest way from the microphone to here.

    A microphone that pauses without telling, as a MediaRecorder can, makes all that follows late by the length of the
    pause: once nothing was less than JITTER_NS late for PAUSE_NS, the arrivals before that are forgotten.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._minima: deque[_Arrival] = deque()
        """Arrivals of the window, rising in time and in origin: the first is the smallest origin."""
        self._late_since_ns: int | None = None
        """Since when every arrival has been late by more than JITTER_NS."""

    def received(self, end_position_samples: int, now_ns: int) -> None:
        """Audio up to this position is here."""
        origin_ns = now_ns - self._ns(end_position_samples)
        while self._minima and self._minima[-1].origin_ns >= origin_ns:
            self._minima.pop()
        self._minima.append(_Arrival(now_ns, origin_ns))
        while self._minima[0].now_ns < now_ns - WINDOW_NS:
            self._minima.popleft()
        self._forget_what_was_before_a_pause(origin_ns, now_ns)

    def _forget_what_was_before_a_pause(self, origin_ns: int, now_ns: int) -> None:
        if origin_ns - self._minima[0].origin_ns <= JITTER_NS:
            self._late_since_ns = None
            return
        if self._late_since_ns is None:
            self._late_since_ns = now_ns
        if now_ns - self._late_since_ns >= PAUSE_NS:
            while self._minima[0].now_ns < self._late_since_ns:
                self._minima.popleft()
            self._late_since_ns = None

    def restart(self) -> None:
        """The microphone was closed, and opens again at the position where it stopped: what arrived before tells
        nothing about what comes."""
        self._minima.clear()

    def at_ns(self, position_samples: int) -> int:
        """When the sample at this position was spoken. Only after a `received`."""
        return self._minima[0].origin_ns + self._ns(position_samples)

    def _ns(self, samples: int) -> int:
        return samples * NS_PER_S // self._rate
