import asyncio
import os
import signal

import pytest
from msgspec import UNSET

from tests.voicecli.loads import ENGINES, FIXTURE
from tests.voicecli.peer import recorded
from voicecli.calls.call import CallSettings
from voicecli.calls.localserver import local_server
from voicecli.load import conductor
from voicecli.load.conductor import Asked
from voicecli.load.level import Level
from voicecli.load.local import LocalWorker, default_count, local_workers
from voicecli.load.shift import Outcome, Script, prepared
from voicewire.clock import NS_PER_S, SystemClock

SCRIPT = Script(FIXTURE, recorded(FIXTURE))


@pytest.mark.parametrize(("sessions", "processors", "count"), [(1, 8, 1), (51, 8, 2), (400, 2, 2), (10_000, 2, 12)])
def test_there_are_as_many_workers_as_needed_and_processors(sessions: int, processors: int, count: int) -> None:
    assert default_count(sessions, processors) == count


async def led(workers: list[LocalWorker], levels: int = 1, *, kill: bool = False) -> list[Level]:
    loop = asyncio.get_running_loop()
    async with local_server(ENGINES) as server:
        asked = Asked(
            url=server.url,
            settings=prepared([SCRIPT], CallSettings(timeout_s=5.0)),
            silence_ms=None,
            duration_ns=2 * NS_PER_S,
            call_ns=1 * NS_PER_S,
            is_open=False,
            rate=None,
            seed=1,
        )
        if kill:
            loop.call_later(1.5, os.kill, workers[1].pid, signal.SIGKILL)
        return [
            await conductor.level(asked, number, 4, workers, SystemClock(), asyncio.Event(), lambda standing: None)
            for number in range(levels)
        ]


def test_processes_call_level_after_level_and_none_is_left() -> None:
    async def main() -> tuple[list[int], list[Level]]:
        async with local_workers(2, [SCRIPT]) as workers:
            return [worker.pid for worker in workers], await led(workers, levels=2)

    pids, levels = asyncio.run(main())
    for level in levels:
        assert [worker.died for worker in level.workers] == [UNSET, UNSET]
        assert all(worker.report.samples for worker in level.workers if worker.report is not UNSET)
        assert set(level.outcomes) == {Outcome.COMPLETED}, level.failures
        assert all(sample.turns[0].latencies_ms["voice_to_voice"] > 300 for sample in level.samples)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_process_that_is_killed_costs_its_calls_alone() -> None:
    async def main() -> list[Level]:
        async with local_workers(2, [SCRIPT]) as workers:
            return await led(workers, kill=True)

    (level,) = asyncio.run(main())
    assert level.calls > 0
    assert "worker 2 died, and its callers with it: its process ended by signal 9" in level.generator_bound
