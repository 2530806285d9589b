"""Lines typed into a program that draws no screen."""

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

ASK_AGAIN_S = 0.05


@contextmanager
def typed_lines(
    say: Callable[[str], None],
    source: TextIO | None = None,
    *,
    is_answered: Callable[[], bool] = lambda: True,
    ended: Callable[[bool], None] = lambda said: None,
) -> Iterator[threading.Thread]:
    """Call `say` on the running loop with each line that is typed, or comes through a pipe, and is not blank.

    A person may type while an answer is given; a line of a pipe waits until what was said before `is_answered`. So does
    `ended`, when there are no more lines: it is told whether there was one, or somebody at a terminal ended them.

    They are read in the thread that is given, which ends with the process: nothing can be told to stop waiting for a
    line.
    """
    loop = asyncio.get_running_loop()
    lines = source or sys.stdin
    if isinstance(lines, io.TextIOWrapper):
        lines.reconfigure(errors="replace")
    is_terminal = lines.isatty()
    is_over = threading.Event()
    taken = threading.Event()
    """The line was: a pipe may hold any number, and the next one is not read before."""

    def tell(text: str) -> None:
        if is_over.is_set():
            return
        if not is_terminal and not is_answered():
            loop.call_later(ASK_AGAIN_S, tell, text)
            return
        taken.set()
        say(text)

    def end(said: bool) -> None:
        if is_over.is_set():
            return
        if is_answered():
            ended(said)
        else:
            loop.call_later(ASK_AGAIN_S, end, said)

    def read() -> None:
        said = is_terminal
        # A terminal that was closed cannot be read, and a loop that is closed has nobody who listens.
        with suppress(OSError, RuntimeError):
            for line in lines:
                taken.clear()
                if is_over.is_set():
                    return
                if text := line.strip():
                    said = True
                    loop.call_soon_threadsafe(tell, text)
                    taken.wait()
            loop.call_soon_threadsafe(end, said)

    reading = threading.Thread(target=read, name="typed lines", daemon=True)
    reading.start()
    try:
        yield reading
    finally:
        is_over.set()
        taken.set()
