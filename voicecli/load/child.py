"""A process of our own at the other end of a pipe: workers, and the server that they call.

It ends when the pipe does, so none is left when this process ends, however it does. It does not hear Ctrl-C: whoever
started it decides what that means.
"""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from typing import Any

END_TIMEOUT_S = 5.0
"""How long a child has to end by itself once its pipe is closed."""


class ChildEnded(Exception):
    """The process ended; the message says how."""


class Child:
    """`recv` waits in a thread of its own, so that it works on every system."""

    def __init__(self, process: "multiprocessing.process.BaseProcess", connection: "Connection[Any, Any]") -> None:
        self._process = process
        self._connection = connection
        self._thread = ThreadPoolExecutor(1)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None, "it was started"
        return self._process.pid

    def send(self, message: object) -> None:
        """Raises ChildEnded."""
        try:
            self._connection.send(message)
        except OSError:
            raise ChildEnded(self._how()) from None

    async def recv(self) -> Any:
        """What it sent next. Raises ChildEnded."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.recv)
        except (EOFError, OSError):
            raise ChildEnded(self._how()) from None

    def close(self) -> None:
        """Ends the process."""
        self._connection.close()
        self._process.join(END_TIMEOUT_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(END_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._thread.shutdown()
        self._process.close()

    def _how(self) -> str:
        self._process.join(END_TIMEOUT_S)
        code = self._process.exitcode
        if code is None:
            return "it closed its pipe"
        return f"its process ended by signal {-code}" if code < 0 else f"its process ended with code {code}"


@asynccontextmanager
async def child(main: Callable[..., None], *arguments: object) -> AsyncIterator[Child]:
    """Run `main(connection, *arguments)`, of a module, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    # Not a daemon: those may start no processes, and engines do.
    process = context.Process(target=main, args=(theirs, *arguments))
    with _interrupts_ignored():
        process.start()
    theirs.close()
    running = Child(process, ours)
    try:
        yield running
    finally:
        await asyncio.get_running_loop().run_in_executor(None, running.close)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """A process that is started meanwhile ignores SIGINT from its first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
