"""An event loop whose clock jumps to the next timer instead of waiting for it.

What runs on it sees the same instants every time: thirty seconds of conversation take as long as their computation.
Only what the loop itself schedules may wait: no sockets, threads or processes.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from voicewire.clock import NS_PER_S

Result = TypeVar("Result")


class VirtualDeadlock(RuntimeError):
    """Every task waits for another one, and no timer is armed."""


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise VirtualDeadlock("nothing is left to happen, and somebody still waits")
        if not ready and timeout:
            self.now_ns += max(1, round(timeout * NS_PER_S))
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at 0 ns. A Clock, too."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_ns / NS_PER_S

    def now_ns(self) -> int:
        return self._jumping.now_ns


def run_virtual(main: Coroutine[Any, Any, Result], loop: VirtualLoop) -> Result:
    """Like `asyncio.run`, on the virtual loop. Raises VirtualDeadlock."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
