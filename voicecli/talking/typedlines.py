"""Lines typed into a program that draws no screen."""

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def typed_lines(say: Callable[[str], None], source: TextIO | None = None) -> Iterator[threading.Thread]:
    """Call `say` on the running loop with each line that is typed, or comes through a pipe, and is not blank.

    They are read in the thread that is given, which ends with the process: nothing can be told to stop waiting for a
    line.
    """
    loop = asyncio.get_running_loop()
    lines = source or sys.stdin
    if isinstance(lines, io.TextIOWrapper):
        lines.reconfigure(errors="replace")
    is_over = threading.Event()
    taken = threading.Event()
    """The line was: a pipe may hold any number, and the next one is not read before."""

    def tell(text: str) -> None:
        taken.set()
        say(text)

    def read() -> None:
        # A terminal that was closed cannot be read, and a loop that is closed has nobody who listens.
        with suppress(OSError, RuntimeError):
            for line in lines:
                taken.clear()
                if is_over.is_set():
                    return
                if text := line.strip():
                    loop.call_soon_threadsafe(tell, text)
                    taken.wait()

    reading = threading.Thread(target=read, name="typed lines", daemon=True)
    reading.start()
    try:
        yield reading
    finally:
        is_over.set()
        taken.set()
