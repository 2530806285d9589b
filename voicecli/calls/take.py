"""One take of a fixture: a call to a server, and what can be concluded from it."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from voicecli.calls import expectation
from voicecli.calls.call import CallRecord, CallSettings, Watcher, place_call
from voicecli.calls.netproxy import Network, network_proxy
from voicecli.client.transport import websocket
from voicecli.figures.budget import BudgetResult
from voicecli.figures.run import (
    CallRun,
    ExaminedTurn,
    FixtureRuns,
    Run,
    Server,
    call_document,
    examined,
    run_document,
    script_digest,
)
from voicecli.fixtures.fixture import Fixture
from voicecli.fixtures.microphone import Recording
from voicewire.clock import Clock, utc_now
from voicewire.messages import SessionReady


class Take(NamedTuple):
    fixture: Fixture
    record: CallRecord
    turns: list[ExaminedTurn]
    document: CallRun

    @property
    def ready(self) -> SessionReady:
        ready = self.record.view.ready
        assert ready is not None, "a call that was placed had a session"
        return ready


async def take(
    url: str,
    fixture: Fixture,
    recording: Recording,
    clock: Clock,
    settings: CallSettings,
    watch: Watcher,
    silence_ms: int | None = None,
    network: Network | None = None,
) -> Take:
    """Call the server at `url`, over a bad network where one is given, and examine the call.

    `silence_ms` is the server's own setting, where known. Raises CallError, or a group of them.
    """
    async with (
        network_proxy(url, network, clock) if network else nullcontext() as via,
        websocket(url, via) as transport,
    ):
        record = await place_call(fixture, recording, transport, clock, settings, watch)
    started = utc_now() - timedelta(microseconds=(clock.now_ns() - record.origin_ns) / 1000)
    return concluded(fixture, record, silence_ms, started)


def concluded(
    fixture: Fixture, record: CallRecord, silence_ms: int | None = None, started: datetime | None = None
) -> Take:
    """`started` is the wall-clock time of the first sample; None in virtual time."""
    turns = examined(fixture, record, silence_ms)
    documents = [turn.document for turn in turns]
    expectations = expectation.examined(fixture, documents, record.events, record.gave_up)
    return Take(fixture, record, turns, call_document(record, documents, expectations, started))


def document(
    takes: Sequence[Take], server: Server, budgets: Sequence[BudgetResult] = (), series: str | UnsetType = UNSET
) -> Run:
    """Of at least one take."""
    by_fixture: dict[str, list[Take]] = {}
    for taken in takes:
        by_fixture.setdefault(taken.fixture.name, []).append(taken)
    runs = [
        FixtureRuns(
            name=name,
            digest=group[0].fixture.digest,
            script=script_digest(group[0].fixture),
            input=str(group[0].ready.input),
            output=str(group[0].ready.output),
            runs=tuple(taken.document for taken in group),
        )
        for name, group in by_fixture.items()
    ]
    return run_document(server, takes[0].ready, runs, budgets, series)
