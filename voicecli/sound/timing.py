"""When a sample was captured, or will be heard, on the client's clock.

A callback comes late at times, never early: the earliest of the last seconds tells best. Of the last seconds only,
since two oscillators never agree: 100 ppm are 1 ms in ten seconds.
"""

from typing import NamedTuple

from voicewire.clock import NS_PER_MS, NS_PER_S

WINDOW_NS = 5 * NS_PER_S
STEP_NS = NS_PER_S
"""A clock that is off by more was set: some systems give PortAudio the time of day."""
GAP_NS = 200 * NS_PER_MS
"""Audio that comes later than this was not late: some before it is missing."""


class Earliest:
    """The smallest value of the last five to ten seconds."""

    def __init__(self) -> None:
        self._since_ns = 0
        self._value: int | None = None
        self._before: int | None = None

    @property
    def value(self) -> int | None:
        """None before the first."""
        if self._value is None or self._before is None:
            return self._value
        return min(self._value, self._before)

    def add(self, value: int, now_ns: int) -> int:
        """The smallest, with this one."""
        if self._value is None:
            self._since_ns = now_ns
        elif now_ns - self._since_ns >= WINDOW_NS:
            self._before, self._value, self._since_ns = self._value, None, now_ns
        self._value = value if self._value is None else min(self._value, value)
        return self._value if self._before is None else min(self._value, self._before)

    def forget(self) -> None:
        self._value = self._before = None


class StreamClock:
    """Puts the instants that PortAudio tells on the client's clock."""

    def __init__(self) -> None:
        self._offset_ns = Earliest()

    def current_ns(self, current_s: float, now_ns: int) -> int:
        """When PortAudio made the call that it says to have made at `current_s`, and that came at `now_ns`."""
        current_ns = round(current_s * NS_PER_S)
        before_ns = self._offset_ns.value
        if before_ns is not None and now_ns - current_ns - before_ns > STEP_NS:
            self._offset_ns.forget()
        return current_ns + self._offset_ns.add(now_ns - current_ns, now_ns)


class Block(NamedTuple):
    captured_ns: int
    """When its first sample was captured."""
    lost_samples: int
    """Missing right before it, at the device's rate."""


class CaptureClock:
    """Counts a device's samples: they come evenly, however unevenly the blocks do."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._origin_ns = Earliest()
        """When the first sample of all was captured, had the device's clock always gone as it does now."""

    def block(self, samples: int, captured_ns: int, *, overflowed: bool = False, dropped: int = 0) -> Block:
        """The next block, which the device says to have captured then.

        It says too that it lost some (`overflowed`); `dropped` so many were lost behind the device.
        """
        self._samples += dropped
        lost = dropped
        passed_ns = self._samples * NS_PER_S // self._rate
        before_ns = self._origin_ns.value
        if before_ns is not None:
            late_ns = captured_ns - passed_ns - before_ns
            if late_ns > (0 if overflowed else GAP_NS):
                lost += late_ns * self._rate // NS_PER_S
                self._origin_ns.forget()
        origin_ns = self._origin_ns.add(captured_ns - passed_ns, passed_ns)
        self._samples += samples
        return Block(origin_ns + passed_ns, lost)
