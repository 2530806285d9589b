"""Makes the calls of a plan and tells of each: in real time, or on a virtual clock; with one server, or with two by
turns.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import NamedTuple

from msgspec import UNSET, structs
from rich.console import Console, RenderableType

from voicecli.calls.call import first_of
from voicecli.calls.callaudio import save
from voicecli.calls.localserver import LocalServer, elsewhere, local_server
from voicecli.calls.plan import Plan, Planned
from voicecli.calls.take import Take, take
from voicecli.client.transport import BadUrl, CallError, NoVoicewire, address_of
from voicecli.client.viewstate import ViewState
from voicecli.exits import CliError, ExitCode, cause_of
from voicecli.figures.run import Server
from voicecli.fixtures.fixture import Fixture
from voicecli.reports import report
from voicecli.reports.liveview import LiveView
from voicecli.stopping import stopped_by_signals
from voicewire.clock import SystemClock
from voicewire.messages import SessionReady

Admission = Callable[[SessionReady, Fixture], None]
"""Is shown what a server offers before it is called, and raises CliError where the calls would be for nothing."""


class Target(NamedTuple):
    """A server to call: that at `url`, or else an own one with settings from `flags` (None is not given)."""

    url: str | None
    flags: Mapping[str, str | None]
    label: str = ""
    """What its calls are told by, where there are two servers."""
    admit: Admission = lambda ready, fixture: None


class Outcome(NamedTuple):
    """The calls to one server, in their order."""

    takes: list[Take]
    server: Server


class Replays(NamedTuple):
    outcomes: list[Outcome]
    """Of each server that was called."""
    interrupted: bool = False
    """A signal came before all was called."""

    @property
    def calls(self) -> int:
        return sum(len(outcome.takes) for outcome in self.outcomes)


class _Side(NamedTuple):
    target: Target
    local: LocalServer
    takes: list[Take]
    """With all fixtures so far."""


def order(number: int, sides: int) -> Sequence[int]:
    """Which sides are called, one after the other, for the call of this number (from 1): there and back, A B B A.

    A machine that grows slower during the run costs both sides the same.
    """
    return range(sides) if number % 2 else range(sides - 1, -1, -1)


async def replay(targets: Sequence[Target], plan: Plan, console: Console) -> Replays:
    """Call each target as often as planned; one outcome for each. Raises CliError.

    A signal ends the calls: what there is by then is told, and where there is nothing, KeyboardInterrupt is raised.
    """
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
            sides = [_Side(target, await stack.enter_async_context(_server(target, plan)), []) for target in targets]
            calling = group.create_task(_call_all(plan, sides, console))
            with stopped_by_signals(calling.cancel):
                await asyncio.wait([calling])
    except* CliError as failed:
        raise cause_of(failed, CliError) from None
    if not all(side.takes for side in sides):
        raise KeyboardInterrupt
    if len({taken.fixture.name for taken in sides[0].takes}) > 1:
        for side in sides:
            _label(side.target, console)
            console.print(report.summary(side.takes))
    return Replays([Outcome(side.takes, _described(side, plan)) for side in sides], calling.cancelled())


def replay_virtually(targets: Sequence[Target], plan: Plan, console: Console) -> Replays:
    """One call to each target with each fixture, on a virtual clock. Raises CliError."""
    from voicecli.calls.virtualcall import VirtualServer

    outcomes = []
    for target in targets:
        virtual = VirtualServer(target.flags, os.environ)
        _label(target, console)
        takes = []
        for fixture, recording in plan.fixtures:
            taken = virtual.take(fixture, recording, plan.call)
            target.admit(taken.ready, fixture)
            takes.append(taken)
            _keep(plan, taken, target.label, None)
            details = f"{_details(taken, virtual.told)} · virtual time"
            console.print(report.call_report(taken, fixture.name, details))
        if len(takes) > 1:
            console.print(report.summary(takes))
        outcomes.append(Outcome(takes, virtual.told))
    return Replays(outcomes)


async def _call_all(plan: Plan, sides: Sequence[_Side], console: Console) -> None:
    for planned in plan.fixtures:
        await _replay_one(planned, plan, sides, console)


async def _replay_one(planned: Planned, plan: Plan, sides: Sequence[_Side], console: Console) -> None:
    before = [len(side.takes) for side in sides]
    try:
        for number in range(1, plan.repeat + 1):
            for index in order(number, len(sides)):
                side = sides[index]
                taken = await _take(planned, number, plan, side)
                side.takes.append(taken)
                _keep(plan, taken, side.target.label, number if plan.repeat > 1 else None)
                if plan.repeat > 1:
                    console.print(report.call_line(taken, number, side.target.label))
    finally:  # also of calls that were ended there is something to tell
        for side, start in zip(sides, before, strict=True):
            if len(side.takes) > start:
                _label(side.target, console)
                for part in _told(planned.fixture, side.takes[start:], side.local.told):
                    console.print(part)


def _told(fixture: Fixture, takes: Sequence[Take], server: Server) -> Iterator[RenderableType]:
    typical = report.typical(takes)
    title = f"{fixture.name}, run {takes.index(typical) + 1}: the median one" if len(takes) > 1 else fixture.name
    yield report.call_report(typical, title, _details(typical, server))
    if len(takes) > 1:
        yield report.fixture_summary(fixture, takes)


def _label(target: Target, console: Console) -> None:
    if target.label:
        console.print(report.heading(target.label))


@asynccontextmanager
async def _server(target: Target, plan: Plan) -> AsyncIterator[LocalServer]:
    """The own server, or a stand-in for that at the URL."""
    if target.url is not None:
        yield elsewhere(target.url, plan.call)
        return
    async with local_server(target.flags) as local:
        yield local


def _described(side: _Side, plan: Plan) -> Server:
    return structs.replace(side.local.told, network=str(plan.link) if plan.link else UNSET)


async def _take(planned: Planned, number: int, plan: Plan, side: _Side) -> Take:
    fixture = planned.fixture
    title = f"{fixture.name}  run {number} of {plan.repeat}" if plan.repeat > 1 else fixture.name
    title += f"  {side.target.label}" if side.target.label else ""
    narrator = Console(stderr=True, highlight=False)
    view = LiveView(narrator, title) if narrator.is_terminal else None
    if view is None:
        print(f"{title}: {fixture.end_ms / 1000:.1f} s of audio, then the reply ...", file=sys.stderr, flush=True)
    is_admitted = number > 1  # the first call of a fixture is enough to know

    def watch(state: ViewState, now_ns: int) -> None:
        nonlocal is_admitted
        if state.ready is not None and not is_admitted:
            is_admitted = True
            side.target.admit(state.ready, fixture)
        if view is not None:
            view.watch(state, now_ns)

    network = plan.link.of_call(fixture.name, number) if plan.link else None
    local = side.local
    try:
        async with view.shown() if view else nullcontext():
            silence_ms = local.told.fixed_silence_ms
            return await take(
                local.url, fixture, planned.recording, SystemClock(), plan.call, watch, silence_ms, network
            )
    except* CallError as failed:
        raise _as_cli_error(first_of(failed)) from None
    raise AssertionError("a take or an error")


def _as_cli_error(error: CallError) -> CliError:
    match error:
        case BadUrl():
            return CliError(str(error), ExitCode.USAGE)
        case NoVoicewire():
            return CliError(str(error), ExitCode.PROTOCOL)
        case _:
            return CliError(str(error), ExitCode.NO_CONNECTION)


def check_url(url: str) -> None:
    """Raises CliError for what is no address of a server, before anything is made ready."""
    try:
        address_of(url)
    except BadUrl as error:
        raise _as_cli_error(error) from error


def _keep(plan: Plan, taken: Take, label: str, number: int | None) -> None:
    """The audio of a call, where that is asked for."""
    if plan.save_audio is None:
        return
    name = "-".join(part for part in (taken.fixture.name, label, str(number or "")) if part)
    path = plan.save_audio / f"{name}.wav"
    try:
        save(path, taken.fixture, taken.record)
    except OSError as error:
        raise CliError(f"--save-audio: {path}: {error.strerror or error}", ExitCode.USAGE) from error


def _details(taken: Take, server: Server) -> str:
    """Format, engines and pipeline of a call."""
    ready = taken.ready
    engines = (ready.engines.vad, ready.engines.stt, ready.engines.llm, ready.engines.tts)
    parts = [str(ready.input), *(engine.name for engine in engines), server.pipeline or ""]
    return " · ".join(part for part in parts if part)
