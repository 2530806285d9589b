"""How a program that runs until it is told to stop is told: a signal, a closed terminal, the Enter key."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a polite kill, and a terminal that was closed."""


@contextmanager
def stopped_by_signals(stop: Callable[[], object], signals: Sequence[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Call `stop` on the running loop at the first signal."""
    loop = asyncio.get_running_loop()
    with _first_signal(signals, lambda _number: loop.call_soon_threadsafe(stop)):
        yield


@contextmanager
def unwound_by_signals() -> Iterator[None]:
    """Let a polite kill or a closed terminal end what goes on as Ctrl-C does, so that it leaves nothing behind; the
    process ends with the code that a shell has for the signal."""

    def unwind(number: int) -> None:
        raise SystemExit(128 + number)

    with _first_signal([number for number in SIGNALS if number is not signal.SIGINT], unwind):
        yield


@contextmanager
def _first_signal(signals: Sequence[signal.Signals], heed: Callable[[int], object]) -> Iterator[None]:
    """Call `heed` with the first signal; a second one ends the process as it would have otherwise."""
    before = {number: signal.getsignal(number) for number in signals}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def on_signal(number: int, _frame: FrameType | None) -> None:
        restore()
        heed(number)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore()


@contextmanager
def stopped_by_enter(stop: Callable[[], object]) -> Iterator[bool]:
    """Call `stop` when a line is typed, where somebody can type one; gives whether that is so."""
    # On Windows a loop can wait for sockets only.
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield False
        return
    loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()

    def on_line() -> None:
        loop.remove_reader(terminal)
        # A terminal that was closed is ready to be read, too.
        with suppress(OSError):
            os.read(terminal, 4096)
        stop()

    loop.add_reader(terminal, on_line)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
