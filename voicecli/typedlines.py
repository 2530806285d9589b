"""Lines typed into a program that draws no screen."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


@contextmanager
def typed_lines(say: Callable[[str], None], source: TextIO | None = None) -> Iterator[None]:
    """Call `say` on the running loop with each line that is typed, or comes through a pipe, and is not blank.

    They are read in a thread that ends with the process: nothing can be told to stop waiting for a line.
    """
    loop = asyncio.get_running_loop()
    lines = source or sys.stdin
    is_over = threading.Event()

    def read() -> None:
        for line in lines:
            if is_over.is_set():
                return
            if text := line.strip():
                # A loop that is closed has nobody who listens.
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(say, text)

    threading.Thread(target=read, name="typed lines", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
