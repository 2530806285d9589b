"""Workers of this machine: a process each."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from voicecli.calls.eventloop import run_precisely
from voicecli.load.child import Child, ChildEnded, child
from voicecli.load.shift import Place, Progress, Script, Shift, WorkerDied, WorkerReport, place
from voicecli.load.worker import MAX_OPEN, Stop, at_work
from voicewire.clock import SystemClock

CALLERS = 50
"""For one worker, where it is not said how many workers there are: under half of what fills a core
(benchmarks/load.py), as a generator that is nearly busy is late already."""


class _End(NamedTuple):
    number: int
    interrupted: bool


class LocalWorker:
    def __init__(self, name: str, process: Child) -> None:
        self.name = name
        self.place: Place = place()
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def run(self, shift: Shift, tell: Callable[[Progress], None]) -> WorkerReport:
        """Until `stop`. Raises WorkerDied."""
        try:
            self._process.send(shift)
            while True:
                match await self._process.recv():
                    case WorkerReport() as report:
                        return report
                    case Progress() as progress:
                        tell(progress)
        except ChildEnded as ended:
            raise WorkerDied(str(ended)) from None

    def stop(self, number: int, *, interrupted: bool) -> None:
        try:
            self._process.send(_End(number, interrupted))
        except ChildEnded:
            return  # `run` tells it


@asynccontextmanager
async def local_workers(count: int, scripts: Sequence[Script]) -> AsyncIterator[list[LocalWorker]]:
    async with AsyncExitStack() as stack:
        children = [await stack.enter_async_context(child(work, tuple(scripts))) for _ in range(count)]
        workers = [LocalWorker(f"worker {number}", process) for number, process in enumerate(children, start=1)]
        for process in children:
            await process.recv()  # it is ready
        yield workers


def needed(sessions: int) -> int:
    """Workers for so many sessions."""
    return max(1, -(-sessions // CALLERS))


def default_count(sessions: int, processors: int | None = None) -> int:
    """As many as are needed, and no more than there are processors, unless one could not hold so many sockets."""
    return max(min(processors or os.cpu_count() or 1, needed(sessions)), -(-sessions // MAX_OPEN))


def work(connection: "Connection[Any, Any]", scripts: Sequence[Script]) -> None:
    """The process of a worker: shifts come, progress and reports go."""
    connection.send("ready")
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            return
        # An end that came for a shift which was over is nothing.
        if isinstance(message, Shift) and not run_precisely(_carried_out(connection, scripts, message)):
            return


async def _carried_out(connection: "Connection[Any, Any]", scripts: Sequence[Script], shift: Shift) -> bool:
    """Whether there is still somebody who wants more."""
    stop = Stop()
    is_wanted = True

    async def listen() -> None:
        nonlocal is_wanted
        try:
            end = await asyncio.to_thread(connection.recv)
            stop.set(interrupted=end.interrupted)
        except (EOFError, OSError):
            is_wanted = False
            stop.set(interrupted=True)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        report = await at_work(scripts, shift, SystemClock(), lambda progress: _send(connection, progress), stop)
    _send(connection, report)
    return is_wanted


def _send(connection: "Connection[Any, Any]", message: object) -> None:
    try:
        connection.send(message)
    except OSError:
        return  # `listen` finds out, too
