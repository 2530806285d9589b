"""Shifts on a virtual clock, with calls that only take their time."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET, structs

from tests.voicecli import loads
from tests.voicecli.loads import FIXTURE
from tests.voicecli.peer import recorded
from voicecli.calls.call import CallSettings
from voicecli.calls.take import Take
from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voicecli.client.transport import CallError, NoConnection, NoVoicewire, Refused
from voicecli.client.viewstate import ViewState
from voicecli.load import worker
from voicecli.load.arrivals import Poisson
from voicecli.load.shift import Outcome, Progress, Script, Shift, Window, WorkerReport
from voicecli.load.worker import Stop, at_work, sampled
from voicewire.clock import NS_PER_MS, NS_PER_S
from voicewire.messages import CancelReason

SCRIPT = Script(FIXTURE, recorded(FIXTURE))
CALL_S = 4.0


@pytest.fixture(scope="module")
def taken() -> Take:
    return loads.taken()


def shift(callers_s: tuple[float, ...] = (), arrivals: Poisson | None = None, until_s: float = 20.0) -> Shift:
    return Shift(
        number=0,
        url="ws://nowhere",
        settings=CallSettings(),
        silence_ms=None,
        window=Window(4 * NS_PER_S, round(until_s * NS_PER_S)),
        callers_ns=tuple(round(start * NS_PER_S) for start in callers_s),
        arrivals=arrivals,
    )


class Calls:
    """In the place of calls over a network."""

    def __init__(self, taken: Take, *, lasts_s: float = CALL_S, fails: Callable[[int], Exception | None] | None = None):
        self.begun_s: list[float] = []
        self._taken = taken
        self._lasts_s = lasts_s
        self._fails = fails or (lambda number: None)

    async def take(self, url: str, fixture: Any, recording: Any, clock: Any, settings: Any, watch: Any, _: Any) -> Take:
        self.begun_s.append(asyncio.get_running_loop().time())
        if error := self._fails(len(self.begun_s)):
            raise error
        watch(ViewState(ready=self._taken.ready), clock.now_ns())
        await asyncio.sleep(self._lasts_s)
        origin_ns = clock.now_ns() - round(self._lasts_s * NS_PER_S) + 30 * NS_PER_MS
        return self._taken._replace(record=self._taken.record._replace(origin_ns=origin_ns))


def worked(
    calls: Calls, given: Shift, monkeypatch: pytest.MonkeyPatch, *, stop_s: float = 30.0, interrupted: bool = False
) -> tuple[WorkerReport, list[Progress]]:
    monkeypatch.setattr(worker, "take", calls.take)
    told: list[Progress] = []

    async def main(loop: VirtualLoop) -> WorkerReport:
        stop = Stop()
        loop.call_at(stop_s, lambda: stop.set(interrupted=interrupted))
        report = await at_work([SCRIPT], given, loop, told.append, stop)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return report

    loop = VirtualLoop()
    return run_virtual(main(loop), loop), told


def due_s(report: WorkerReport) -> list[float]:
    return [sample.due_ms / 1000 for sample in report.samples]


def test_a_caller_calls_again_when_the_call_is_over_and_the_window_says_what_counts(
    taken: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(taken)
    report, _ = worked(calls, shift((1.0, 3.0)), monkeypatch)
    assert calls.begun_s[:6] == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
    assert due_s(report) == [5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0]
    assert report.health.mean_open == pytest.approx(2.0, abs=0.05)


def test_open_arrivals_wait_for_no_call(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    arrivals = Poisson(2.0, "seed")
    slow, quick = Calls(taken, lasts_s=9.0), Calls(taken, lasts_s=1.0)
    with_slow, _ = worked(slow, shift(arrivals=arrivals), monkeypatch, stop_s=40.0)
    with_quick, _ = worked(quick, shift(arrivals=arrivals), monkeypatch, stop_s=40.0)
    assert slow.begun_s == quick.begun_s
    assert sorted(due_s(with_slow)) == sorted(due_s(with_quick))
    assert all(sample.late_ms == 0 for sample in with_slow.samples)


def test_the_wait_of_the_first_turn_counts_from_when_the_call_was_meant_to_begin(taken: Take) -> None:
    plain_ms = taken.turns[0].document.latencies.known()["voice_to_voice_ms"]
    record = taken.record._replace(origin_ns=10_000 * NS_PER_MS)
    found = sampled(taken._replace(record=record), 900 * NS_PER_MS, 950 * NS_PER_MS, 9_000 * NS_PER_MS)
    assert (found.due_ms, found.late_ms, found.setup_ms) == (900.0, 50.0, 100.0)
    assert found.turns[0].latencies_ms["voice_to_voice"] == plain_ms + 100.0
    assert sum(part.ms for part in found.turns[0].parts) == pytest.approx(plain_ms)


def test_what_was_taken_back_is_no_wait_and_the_next_turn_counts_from_when_the_call_was_meant_to_begin(
    taken: Take,
) -> None:
    [answered] = taken.document.turns
    plain_ms = answered.latencies.known()["voice_to_voice_ms"]
    taken_back = structs.replace(answered, cancelled=CancelReason.RESUMED)
    document = structs.replace(taken.document, turns=(taken_back, answered, answered))
    record = taken.record._replace(origin_ns=10_000 * NS_PER_MS)
    call = taken._replace(record=record, document=document)
    found = sampled(call, 900 * NS_PER_MS, 950 * NS_PER_MS, 9_000 * NS_PER_MS)
    waits_ms = [turn.latencies_ms.get("voice_to_voice") for turn in found.turns]
    assert waits_ms == [None, plain_ms + 100.0, plain_ms]


def test_more_arrivals_than_a_worker_can_carry_are_not_left_out(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MAX_OPEN", 3)
    report, _ = worked(Calls(taken, lasts_s=9.0), shift(arrivals=Poisson(2.0, "seed")), monkeypatch, stop_s=40.0)
    outcomes = [sample.outcome for sample in report.samples]
    assert len(outcomes) > 20
    assert set(outcomes) == {Outcome.COMPLETED, Outcome.NOT_STARTED}
    assert report.health.mean_open <= 3


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Refused("full"), Outcome.REFUSED),
        (NoConnection("nobody listens"), Outcome.NOT_CONNECTED),
        (NoVoicewire("another protocol"), Outcome.NOT_CONNECTED),
        (BaseExceptionGroup("of several tasks", [Refused("full"), NoConnection("lost")]), Outcome.REFUSED),
    ],
)
def test_a_call_that_fails_is_counted_with_its_reason_and_tried_again_after_a_pause(
    error: CallError, outcome: Outcome, taken: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(taken, fails=lambda number: error)
    report, _ = worked(calls, shift((3.5,), until_s=6.0), monkeypatch, stop_s=6.0)
    assert calls.begun_s == [3.5, 4.5, 5.5]
    assert [sample.outcome for sample in report.samples] == [outcome, outcome]
    assert report.samples[0].told in ("full", "nobody listens", "another protocol")
    assert report.samples[0].setup_ms is UNSET


def test_a_connection_lost_in_the_middle_is_a_dropped_call(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(Calls):
        async def take(self, *arguments: Any) -> Take:
            await super().take(*arguments)
            raise NoConnection("lost")

    report, _ = worked(Lost(taken), shift((4.0,), until_s=5.0), monkeypatch)
    assert [sample.outcome for sample in report.samples] == [Outcome.DROPPED]


def test_a_defect_of_ours_is_no_failed_call(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BaseExceptionGroup):
        worked(Calls(taken, fails=lambda number: KeyError("defect")), shift((4.0,)), monkeypatch)


def test_what_is_open_at_the_end_is_unfinished_and_at_an_interruption_cut(
    taken: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Calls(taken, lasts_s=100.0)
    ended, _ = worked(calls, shift((1.0, 5.0)), monkeypatch)
    assert [sample.outcome for sample in ended.samples] == [Outcome.UNFINISHED]
    cut, _ = worked(calls, shift((1.0, 5.0)), monkeypatch, interrupted=True)
    assert (cut.samples, cut.cut) == ((), 1)


def test_it_tells_how_it_goes(taken: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    _, told = worked(Calls(taken), shift((0.0, 2.0), until_s=9.0), monkeypatch, stop_s=9.1)
    assert told[0] == Progress(open=0, calls=0, bad=0, pending=0, window_over=False)
    assert told[-1] == Progress(open=2, calls=1, bad=0, pending=2, window_over=True)
