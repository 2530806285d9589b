"""The thread in which the tests of a session place their calls: with an event loop of its own, so that the loops of
tests, and of other plugins, are left alone; and with the own servers, which all tests share."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import LocalServer, local_server
from voicecli.exits import CliError, ExitCode

Result = TypeVar("Result")


class _Job(NamedTuple):
    work: Callable[[], Awaitable[Any]]
    done: Future[Any]


class CallThread:
    """Does one thing after the other: whoever asks waits for it. Begins with the first."""

    def __init__(self) -> None:
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread: Thread | None = None
        self._jobs: deque[_Job] = deque()
        """As long as the threads that wait at once; a test has one."""
        self._woken = asyncio.Event()
        self._servers: dict[frozenset[tuple[str, object]], LocalServer] = {}
        self._stack = AsyncExitStack()
        self._main: asyncio.Task[Any] | None = None

    def run(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Await it in the thread; what it raises is raised here. Raises CliError where an own server broke down."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="voicecli calls", daemon=True)
            self._thread.start()
        loop = self._ready.result()
        done: Future[Result] = Future()
        self._jobs.append(_Job(work, done))
        try:
            loop.call_soon_threadsafe(self._woken.set)
        except RuntimeError:  # the loop is closed
            raise _broken_down() from None
        return done.result()

    async def server(self, flags: Mapping[str, str]) -> LocalServer:
        """The own server with these settings, started by whoever asks first. Raises CliError."""
        key = frozenset(flags.items())
        if key not in self._servers:
            self._servers[key] = await self._stack.enter_async_context(local_server(flags))
        return self._servers[key]

    def close(self) -> None:
        """End what is still being done, and the servers."""
        if self._thread is None or not self._thread.is_alive():
            return
        loop = self._ready.result()
        assert self._main is not None, "set before the thread is ready"
        loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join()

    def _run(self) -> None:
        try:
            run_precisely(self._work())
        except (asyncio.CancelledError, Exception) as error:
            if not self._ready.done():
                self._ready.set_exception(error)
        while self._jobs:
            self._jobs.popleft().done.set_exception(_broken_down())

    async def _work(self) -> None:
        self._main = asyncio.current_task()
        self._ready.set_result(asyncio.get_running_loop())
        async with self._stack:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._jobs:
                    await _do(self._jobs.popleft())


async def _do(job: _Job) -> None:
    try:
        result = await job.work()
    except asyncio.CancelledError:
        job.done.set_exception(_broken_down())
        raise
    except BaseException as error:
        job.done.set_exception(error)
    else:
        job.done.set_result(result)


def _broken_down() -> CliError:
    return CliError(
        "the own server of the tests broke down; see the log, and start pytest again", ExitCode.SERVER_FAILED
    )
