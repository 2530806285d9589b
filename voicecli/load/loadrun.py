"""A whole load run: the server, a call alone, the workers, level after level, and the document of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from typing import NamedTuple

from msgspec import UNSET
from rich.console import Console
from rich.live import Live

from voicecli import __version__
from voicecli.calls.call import CallSettings, first_of
from voicecli.calls.localserver import LocalServer
from voicecli.calls.take import Take, take
from voicecli.client.transport import BadUrl, CallError, NoVoicewire, public_url
from voicecli.exits import CliError, ExitCode
from voicecli.figures.budget import Asked as AskedBudget
from voicecli.figures.budget import BudgetResult, Samples, judged
from voicecli.figures.run import Server, machine, script_digest
from voicecli.figures.wer import WordErrors
from voicecli.load import conductor
from voicecli.load.conductor import Asked, Standing
from voicecli.load.document import SCHEMA, LevelBudget, LoadFixture, LoadRun, LoadServer, LoadWorker
from voicecli.load.knee import knee
from voicecli.load.level import Level, budgeted
from voicecli.load.loadreport import counted, level_line, standing
from voicecli.load.local import default_count, local_workers
from voicecli.load.ownserver import own_server
from voicecli.load.shift import Script, Worker
from voicecli.stopping import stopped_by_signals
from voicewire.clock import NS_PER_S, SystemClock, ms, utc_now
from voicewire.messages import Engines


class Arrival(StrEnum):
    CLOSED = "closed"
    OPEN = "open"


class On(StrEnum):
    LOCAL = "local"
    RAY = "ray"


class Plan(NamedTuple):
    """What was asked for."""

    scripts: list[Script]
    sessions: list[int]
    arrival: Arrival
    rate: float | None
    """Calls a second of open arrivals; None for what Little's law gives."""
    duration_ns: int
    seed: int
    on: On
    workers: int | None
    ray_address: str | None
    url: str | None
    """None for the own server."""
    flags: dict[str, str | None]
    """Of that."""
    call: CallSettings
    budgets: list[AskedBudget]


class Alone(NamedTuple):
    """A call before the first level, when nobody else calls: the server is there, and this is how long a call takes."""

    take: Take
    call_ns: int
    """From the connection to the end of its close."""


class Done(NamedTuple):
    """What came of it."""

    server: LocalServer
    alone: list[Alone]
    """For each script."""
    workers: Sequence[Worker]
    levels: list[Level]
    interrupted: bool

    @property
    def call_ns(self) -> int:
        """On average."""
        return sum(each.call_ns for each in self.alone) // len(self.alone)


async def measured(plan: Plan, narrator: Console) -> Done:
    """Run all levels; `narrator` shows how they go. At an interruption the levels so far are what came of it.

    Raises CliError.
    """
    interrupted = asyncio.Event()
    clock = SystemClock()
    async with _server(plan, narrator) as server, _workers(plan) as workers:
        done = Done(server, [await _alone(server, script, plan) for script in plan.scripts], workers, [], False)
        asked = Asked(
            url=server.url,
            settings=plan.call,
            silence_ms=server.told.fixed_silence_ms,
            duration_ns=plan.duration_ns,
            call_ns=done.call_ns,
            is_open=plan.arrival is Arrival.OPEN,
            rate=plan.rate,
            seed=plan.seed,
        )
        where = ", ".join(dict.fromkeys(worker.place.host for worker in workers))
        count = counted(len(workers), "worker")
        narrator.print(f"A call alone takes {done.call_ns / NS_PER_S:.1f} s; {count} on {where}.", soft_wrap=True)
        with stopped_by_signals(interrupted.set):
            for number, sessions in enumerate(plan.sessions):
                if interrupted.is_set():
                    break
                with _shown(narrator, asked, sessions) as watch:
                    level = await conductor.level(asked, number, sessions, workers, clock, interrupted, watch)
                if level.calls or not interrupted.is_set():
                    done.levels.append(level)
                    narrator.print(level_line(level), soft_wrap=True)
        return done._replace(interrupted=interrupted.is_set())


def document(plan: Plan, done: Done) -> LoadRun:
    budgets = [
        LevelBudget(sessions=level.sessions, result=_judged(asked, level))
        for level in done.levels
        for asked in plan.budgets
    ]
    ready = done.alone[0].take.ready
    told = done.server.told
    return LoadRun(
        schema=SCHEMA,
        voicecli=__version__,
        created=utc_now().isoformat(timespec="seconds"),
        server=LoadServer(
            url=public_url(plan.url) if plan.url else UNSET,
            pipeline=told.pipeline,
            silence_ms=told.silence_ms,
            endpointing=told.endpointing,
            speculation=told.speculation,
        ),
        engines={role: getattr(ready.engines, role) for role in Engines.__struct_fields__},
        machine=machine(),
        on=plan.on.value,
        workers=tuple(LoadWorker(name=worker.name, place=worker.place) for worker in done.workers),
        arrival=plan.arrival.value,
        seed=plan.seed,
        duration_s=plan.duration_ns / NS_PER_S,
        ramp_s=round(done.call_ns / NS_PER_S, 3),
        fixtures=tuple(_fixture(alone) for alone in done.alone),
        levels=tuple(done.levels),
        knee=knee(done.levels) if done.levels else UNSET,
        budgets=tuple(budgets),
        interrupted=done.interrupted,
    )


def _fixture(alone: Alone) -> LoadFixture:
    fixture = alone.take.fixture
    return LoadFixture(
        name=fixture.name,
        digest=fixture.digest,
        script=script_digest(fixture),
        input=str(alone.take.ready.input),
        output=str(alone.take.ready.output),
        call_ms=ms(alone.call_ns),
    )


def _judged(asked: AskedBudget, level: Level) -> BudgetResult:
    """A level that does not measure the server keeps no budget of it, and misses none: it is not measured."""
    if level.measures_server:
        return judged(asked, budgeted(level.samples))
    return judged(asked, Samples({}, WordErrors(0, 0, 0, 0), 0, 0, left_out=level.calls))


@asynccontextmanager
async def _server(plan: Plan, narrator: Console) -> AsyncIterator[LocalServer]:
    """The own server, or a stand-in for that at the URL."""
    if plan.url is not None:
        yield LocalServer(plan.url, Server(url=public_url(plan.url)))
        return
    narrator.print(
        "Careful: callers and own server share the processors of this machine; for what a server can do, give --url.",
        soft_wrap=True,
    )
    async with own_server(plan.flags, plan.sessions[-1]) as server:
        yield server


@asynccontextmanager
async def _workers(plan: Plan) -> AsyncIterator[Sequence[Worker]]:
    if plan.on is On.LOCAL:
        async with local_workers(plan.workers or default_count(plan.sessions[-1]), plan.scripts) as local:
            yield local
        return
    try:
        from voicecli.load.rayworkers import ray_workers
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise CliError("Ray is not installed; pip install 'voicecli[ray]'", ExitCode.USAGE) from None
    async with ray_workers(plan.workers, plan.sessions[-1], plan.scripts, plan.ray_address) as remote:
        yield remote


async def _alone(server: LocalServer, script: Script, plan: Plan) -> Alone:
    """Raises CliError where no call can be placed, or none is answered."""
    clock = SystemClock()
    began_ns = clock.now_ns()
    try:
        silence_ms = server.told.fixed_silence_ms
        taken = await take(
            server.url, script.fixture, script.recording, clock, plan.call, lambda view, now_ns: None, silence_ms
        )
    except* CallError as failed:
        raise _as_cli_error(first_of(failed)) from None
    if taken.document.gave_up is not UNSET:
        told = f"a call alone was not answered, so more would tell nothing: {taken.document.gave_up}"
        raise CliError(told, ExitCode.EXPECTATION_FAILED)
    return Alone(taken, clock.now_ns() - began_ns)


def _as_cli_error(error: CallError) -> CliError:
    codes = {BadUrl: ExitCode.USAGE, NoVoicewire: ExitCode.PROTOCOL}
    return CliError(str(error), codes.get(type(error), ExitCode.NO_CONNECTION))


@contextmanager
def _shown(narrator: Console, asked: Asked, sessions: int) -> Iterator[Callable[[Standing], None]]:
    """A line that is drawn again and again in a terminal; elsewhere one at the beginning."""
    if not narrator.is_terminal:
        narrator.print(
            f"{counted(sessions, 'session')}: {asked.window(sessions).end_ns / NS_PER_S:.0f} s ...", soft_wrap=True
        )
        yield lambda now: None
        return
    with Live(console=narrator, auto_refresh=False, transient=True, redirect_stdout=False) as live:
        yield lambda now: live.update(standing(now), refresh=True)
