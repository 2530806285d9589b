"""The one place that reads a clock."""

import time
from datetime import UTC, datetime
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """A monotonic clock whose origin means nothing."""

    def now_ns(self) -> int: ...


class SystemClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()


def cpu_ns() -> int:
    """Processor time this process has used, all threads, in nanoseconds."""
    return time.process_time_ns()


def utc_now() -> datetime:
    """Wall-clock time, for people to read: log lines, run files, "what time is it"."""
    return datetime.now(UTC)


def local_now() -> datetime:
    """Wall-clock time in the machine's own time zone."""
    return datetime.now().astimezone()


def ms(ns: int) -> float:
    """Nanoseconds as milliseconds, rounded to the microsecond: the unit of the wire."""
    return round(ns / NS_PER_MS, 3)


def ns(milliseconds: float) -> int:
    """Milliseconds as nanoseconds."""
    return round(milliseconds * NS_PER_MS)
