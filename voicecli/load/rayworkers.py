"""Workers on the machines of a Ray cluster: an actor each, spread over the nodes. The only file that knows Ray.

Each node needs voicecli of the same version. Fixtures travel there by content; no instant of a node's clock leaves it.
"""

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from voicecli import __version__
from voicecli.calls.eventloop import run_precisely
from voicecli.exits import CliError, ExitCode
from voicecli.load.conductor import NONE_YET
from voicecli.load.local import needed
from voicecli.load.shift import Place, Progress, Script, Shift, WorkerDied, WorkerReport, place
from voicecli.load.worker import Stop, at_work
from voicewire.clock import SystemClock

ADDRESS_ENV = "RAY_ADDRESS"
START_TIMEOUT_S = 60.0
"""A node may have to start a process and import the libraries first."""
REACH_TIMEOUT_S = 5.0
LOOK_S = 0.5

_THREADS = 3
"""A shift, a look at it, and its end, at once."""


class RayWorker:
    def __init__(self, name: str, actor: Any, where: Place) -> None:
        self.name = f"{name} on {where.host}"
        self.place = where
        self._actor = actor

    async def run(self, shift: Shift, tell: Callable[[Progress], None]) -> WorkerReport:
        """Until `stop`. Raises WorkerDied."""
        report = asyncio.wrap_future(self._actor.run.remote(shift).future())
        try:
            while True:
                await asyncio.wait([report], timeout=LOOK_S)
                if report.done():
                    found: WorkerReport = await report
                    return found
                tell(await asyncio.wrap_future(self._actor.progress.remote().future()))
        except RayError as error:
            raise WorkerDied(_reason(error)) from None

    def stop(self, number: int, *, interrupted: bool) -> None:
        self._actor.stop.remote(number, interrupted)


@asynccontextmanager
async def ray_workers(
    count: int | None, sessions: int, scripts: Sequence[Script], address: str | None
) -> AsyncIterator[list[RayWorker]]:
    """So many workers, by default as many as the sessions ask for, and one for each node.

    `address` is by default that of the environment, or of the cluster that runs on this machine. Raises CliError.
    """
    with _connected(address or os.environ.get(ADDRESS_ENV) or "auto"):
        nodes = {
            node["NodeID"]: int(node["Resources"].get("CPU", 0))
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        }
        seats = list(dealt(nodes))
        if not seats:
            raise CliError("the Ray cluster has no node with a processor; add one", ExitCode.NO_CONNECTION)
        count = count or min(len(seats), max(sum(cpus > 0 for cpus in nodes.values()), needed(sessions)))
        scripts_ref = ray.put(tuple(scripts))
        actors = [_actor(seats[number % len(seats)], scripts_ref) for number in range(count)]
        try:
            yield [
                RayWorker(f"worker {number}", actor, where)
                for number, (actor, where) in enumerate(zip(actors, await _places(actors), strict=True), start=1)
            ]
        finally:
            for actor in actors:
                ray.kill(actor)


def dealt(processors: Mapping[str, int]) -> Iterator[str]:
    """Each processor's node: a first one of each node, then a second one, and so on."""
    for turn in range(max(processors.values(), default=0)):
        yield from (node for node, count in processors.items() if count > turn)


@contextmanager
def _connected(address: str) -> Iterator[None]:
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        known = "here" if address == "auto" else f"at {address}"
        raise CliError(
            f"no Ray cluster runs {known}; start one with `ray start --head`, or name it with --ray-address "
            f"({_first_line(error)})",
            ExitCode.NO_CONNECTION,
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises OSError where nobody listens, which Ray itself would find out after minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "//" not in address:
        socket.create_connection((host.strip("[]"), int(port)), REACH_TIMEOUT_S).close()


def _actor(node_id: str, scripts: Any) -> Any:
    options: dict[str, Any] = {
        "num_cpus": 1,
        "max_concurrency": _THREADS,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
    }
    return ray.remote(**options)(RayShifts).remote(scripts)


async def _places(actors: Sequence[Any]) -> list[Place]:
    """Where they run, once they do. Raises CliError."""
    found = [asyncio.wrap_future(actor.hello.remote(__version__).future()) for actor in actors]
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            return list(await asyncio.gather(*found))
    except TimeoutError:
        raise CliError(
            f"the Ray cluster did not start {len(actors)} workers within {START_TIMEOUT_S:g} s, and each takes "
            "one processor; use fewer --workers, or add nodes",
            ExitCode.NO_CONNECTION,
        ) from None
    except RayError as error:
        raise CliError(
            f"a Ray worker cannot start ({_reason(error)}); each node needs voicecli {__version__}",
            ExitCode.NO_CONNECTION,
        ) from None


def _reason(error: RayError) -> str:
    if isinstance(error, RayTaskError) and error.cause is not None:
        return _first_line(error.cause)
    return "its process or its machine is gone" if isinstance(error, RayActorError) else _first_line(error)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class RayShifts:
    """Lives in the worker's process, where each call of a method is a thread: one coroutine among its methods, and Ray
    would run them all on a loop of its own."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = scripts
        self._lock = threading.Lock()
        self._progress: Progress = NONE_YET
        self._ended: dict[int, bool] = {}
        """Shifts that were told to end, and whether that was an interruption."""
        self._end: Callable[[], None] | None = None

    def hello(self, version: str) -> Place:
        """Raises RuntimeError where the other end is of another version."""
        if version != __version__:
            raise RuntimeError(f"voicecli {__version__} is installed on {place().host}, and {version} asks")
        return place()

    def run(self, shift: Shift) -> WorkerReport:
        self._progress = NONE_YET

        async def carried_out() -> WorkerReport:
            stop, loop = Stop(), asyncio.get_running_loop()

            def end() -> None:
                if shift.number in self._ended:
                    loop.call_soon_threadsafe(lambda: stop.set(interrupted=self._ended[shift.number]))

            with self._lock:
                self._end = end
                end()  # it may have come before the shift
            try:
                return await at_work(self._scripts, shift, SystemClock(), self._tell, stop)
            finally:
                with self._lock:
                    self._end = None

        return run_precisely(carried_out())

    def progress(self) -> Progress:
        return self._progress

    def stop(self, number: int, interrupted: bool) -> None:
        with self._lock:
            self._ended[number] = interrupted
            if self._end is not None:
                self._end()

    def _tell(self, progress: Progress) -> None:
        self._progress = progress
