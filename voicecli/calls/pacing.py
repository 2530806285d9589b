"""Real-time pace from absolute deadlines, and how well it was kept.

A live microphone hands over the audio of [t, t + 20 ms) at t + 20 ms; a recorded one did so when its journal says.
Deadlines count from the first sample, so a late chunk delays no other one. The chunks go on while the caller listens,
so a stall of the event loop, which would also delay the reception of the reply, shows as a late chunk.
"""

from statistics import median
from typing import NamedTuple

from voicecli.fixtures.schedule import EVEN, Schedule, Sending
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
    """Deadlines of what is sent: first what was recorded, then a chunk of `chunk_ns` each.

    The first sample is captured at `origin_ns`. Only audio counts as late.
    """

    def __init__(self, origin_ns: int, chunk_ns: int, schedule: Schedule = EVEN) -> None:
        self.origin_ns = origin_ns
        self.chunk_ns = chunk_ns
        self._recorded = schedule.sendings
        self._passed = 0
        self._lateness_ns: list[int] = []

    @property
    def index(self) -> int:
        """What is sent next, from 0."""
        return self._passed

    @property
    def due(self) -> Sending:
        """What that is; its instants count from the origin."""
        if self._passed < len(self._recorded):
            return self._recorded[self._passed]
        after_ns = self._recorded[-1].sent_ns if self._recorded else 0
        captured_ns = after_ns + (self._passed - len(self._recorded)) * self.chunk_ns
        return Sending(captured_ns + self.chunk_ns, captured_ns, packets=1)

    @property
    def deadline_ns(self) -> int:
        """When that is to be sent: the audio of it has been captured."""
        return self.origin_ns + self.due.sent_ns

    @property
    def is_recorded_sent(self) -> bool:
        """Nothing is left of what was recorded."""
        return self._passed >= len(self._recorded)

    def captured_ns(self, chunks: float) -> int:
        """When so many chunks of audio had been captured, without a recording."""
        return self.origin_ns + round(chunks * self.chunk_ns)

    def sent(self, now_ns: int) -> None:
        """What was due was handed to the connection."""
        if self.due.packets:
            self._lateness_ns.append(max(0, now_ns - self.deadline_ns))
        self._passed += 1

    def report(self) -> PacingReport:
        lateness = self._lateness_ns
        return PacingReport(
            frames=len(lateness),
            late_frames=sum(late > LATE_NS for late in lateness),
            worst_late_ms=ms(max(lateness, default=0)),
            median_late_ms=ms(round(median(lateness))) if lateness else 0.0,
        )
