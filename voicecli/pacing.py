"""Real-time pace from absolute deadlines, and how well it was kept.

A live microphone hands over the audio of [t, t + 20 ms) at t + 20 ms. Deadlines count from the first sample, so a late
chunk delays no other one. The chunks go on while the caller listens, so a stall of the event loop, which would also
delay the reception of the reply, shows as a late chunk.
"""

from statistics import median
from typing import NamedTuple

from voicewire.clock import NS_PER_MS, ms

LATE_NS = 5 * NS_PER_MS
"""A chunk sent later than this is late."""

MAX_LATE_SHARE = 0.05
"""A run with more late chunks than this is unreliable."""

MAX_LATENESS_NS = 50 * NS_PER_MS
"""A run with one chunk later than this is unreliable: it is also the disagreement of two witnesses that is flagged."""


class PacingReport(NamedTuple):
    """How well a run kept real time."""

    frames: int
    late_frames: int
    worst_late_ms: float
    median_late_ms: float

    @property
    def reliable(self) -> bool:
        """Whether the instants of this run mean anything: the harness itself was not late."""
        return self.late_frames <= self.frames * MAX_LATE_SHARE and self.worst_late_ms <= MAX_LATENESS_NS / NS_PER_MS


class Pace:
    """Deadlines of chunks of `chunk_ns` of audio whose first sample is captured at `origin_ns`."""

    def __init__(self, origin_ns: int, chunk_ns: int) -> None:
        self.origin_ns = origin_ns
        self.chunk_ns = chunk_ns
        self._lateness_ns: list[int] = []

    @property
    def index(self) -> int:
        """The next chunk to be sent, from 0."""
        return len(self._lateness_ns)

    @property
    def deadline_ns(self) -> int:
        """When the next chunk is complete, and is to be sent."""
        return self.captured_ns(self.index + 1)

    def captured_ns(self, chunks: float) -> int:
        """When so many chunks of audio had been captured."""
        return self.origin_ns + round(chunks * self.chunk_ns)

    def sent(self, now_ns: int) -> None:
        """The next chunk was handed to the connection."""
        self._lateness_ns.append(max(0, now_ns - self.deadline_ns))

    def report(self) -> PacingReport:
        lateness = self._lateness_ns
        return PacingReport(
            frames=len(lateness),
            late_frames=sum(late > LATE_NS for late in lateness),
            worst_late_ms=ms(max(lateness, default=0)),
            median_late_ms=ms(round(median(lateness))) if lateness else 0.0,
        )
