import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.voicecli.loads import answered, report
from voicecli.calls.call import CallSettings
from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voicecli.load.conductor import Asked, Standing, level, shifts, total
from voicecli.load.level import Level
from voicecli.load.shift import Place, Progress, Shift, Window, WorkerDied, WorkerReport, place
from voicewire.clock import NS_PER_S

ASKED = Asked(
    url="ws://server",
    settings=CallSettings(timeout_s=10.0),
    silence_ms=600,
    duration_ns=30 * NS_PER_S,
    call_ns=5 * NS_PER_S,
    is_open=False,
    rate=None,
    seed=1,
)
OPEN = ASKED._replace(is_open=True)


class FakeWorker:
    """Has as many calls pending as it is told, until it is said when they are over."""

    def __init__(self, name: str, *, over_s: float = 0.0, dies_s: float | None = None) -> None:
        self.name = name
        self.place: Place = place()
        self.ended: tuple[float, bool] | None = None
        self._over_s = over_s
        self._dies_s = dies_s
        self._stop = asyncio.Event()

    async def run(self, shift: Shift, tell: Callable[[Progress], None]) -> WorkerReport:
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            if self._dies_s is not None and loop.time() >= self._dies_s:
                raise WorkerDied("its process ended by signal 9")
            over = loop.time() * NS_PER_S >= shift.window.end_ns
            tell(Progress(open=1, calls=1, bad=0, pending=int(loop.time() < self._over_s), window_over=over))
            await asyncio.sleep(0.05)
        return report([answered()] * 20)

    def stop(self, number: int, *, interrupted: bool) -> None:
        self.ended = (asyncio.get_running_loop().time(), interrupted)
        self._stop.set()


def led(workers: Sequence[FakeWorker], *, interrupt_s: float | None = None) -> tuple[Level, list[Standing]]:
    stood: list[Standing] = []

    async def main(loop: VirtualLoop) -> Level:
        interrupted = asyncio.Event()
        if interrupt_s is not None:
            loop.call_at(interrupt_s, interrupted.set)
        return await level(ASKED, 0, 10, workers, loop, interrupted, stood.append)

    loop = VirtualLoop()
    return run_virtual(main(loop), loop), stood


def ended_s(worker: FakeWorker) -> float:
    assert worker.ended is not None
    return worker.ended[0]


def test_a_level_ends_once_all_calls_of_its_window_are_over() -> None:
    workers = [FakeWorker("worker 1", over_s=37.0), FakeWorker("worker 2")]
    found, stood = led(workers)
    assert [ended_s(worker) for worker in workers] == pytest.approx([37.1, 37.1], abs=0.2)
    assert (found.calls, found.window_s, found.generator_bound) == (40, 30.0, ())
    assert (stood[0].sessions, stood[0].planned_ns) == (10, 35 * NS_PER_S)


def test_calls_that_never_end_are_not_waited_for_without_end() -> None:
    worker = FakeWorker("worker 1", over_s=1e9)
    led([worker])
    assert ended_s(worker) == pytest.approx(35 + 2 * 5 + 10, abs=0.2)


def test_an_interruption_ends_it_at_once_and_the_window_is_what_there_was_of_it() -> None:
    worker = FakeWorker("worker 1", over_s=100.0)
    found, _ = led([worker], interrupt_s=15.0)
    assert worker.ended == (15.0, True)
    assert found.window_s == 10.0


def test_a_worker_that_dies_leaves_the_others_to_their_work() -> None:
    workers = [FakeWorker("worker 1"), FakeWorker("worker 2", over_s=100.0, dies_s=10.0)]
    found, _ = led(workers)
    assert ended_s(workers[0]) == pytest.approx(35, abs=0.2)
    assert found.calls == 20
    assert found.generator_bound == ("worker 2 died, and its callers with it: its process ended by signal 9",)


def test_a_level_without_workers_left_is_over() -> None:
    found, _ = led([FakeWorker("worker 1", dies_s=1.0)])
    assert found.calls == 0


def test_callers_are_dealt_to_the_workers_and_spread_over_a_call() -> None:
    dealt = shifts(ASKED, 3, 10, 3)
    assert [len(shift.callers_ns) for shift in dealt] == [4, 3, 3]
    assert all(0 <= start < 5 * NS_PER_S for shift in dealt for start in shift.callers_ns)
    assert {shift.window for shift in dealt} == {Window(5 * NS_PER_S, 35 * NS_PER_S)}
    assert {shift.number for shift in dealt} == {3}


def test_few_callers_have_time_for_six_calls() -> None:
    brief = ASKED._replace(duration_ns=10 * NS_PER_S)
    assert [brief.window(sessions).end_ns // NS_PER_S for sessions in (1, 2, 3, 10)] == [35, 20, 15, 15]


def test_open_arrivals_come_at_the_rate_that_keeps_so_many_busy() -> None:
    dealt = shifts(OPEN, 0, 10, 2)
    assert [(shift.callers_ns, shift.share, shift.shares) for shift in dealt] == [((), 0, 2), ((), 1, 2)]
    assert {shift.arrivals.rate for shift in dealt if shift.arrivals} == {2.0}
    assert OPEN._replace(rate=7.0).rate_of(10) == 7.0


def test_the_window_is_over_when_it_is_for_all() -> None:
    parts = [Progress(1, 2, 3, 4, True), Progress(10, 20, 30, 40, False)]
    assert total(parts) == Progress(11, 22, 33, 44, False)
    assert not total([]).pending
