"""A real cluster of two nodes on this machine."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from msgspec import UNSET

pytest.importorskip("ray", reason="Ray is not installed: pip install 'voicecli[ray]'")

import ray
from ray.cluster_utils import Cluster

from tests.voicecli.loads import ENGINES, FIXTURE
from tests.voicecli.peer import recorded
from voicecli.calls.call import CallSettings
from voicecli.calls.localserver import local_server
from voicecli.exits import CliError, ExitCode
from voicecli.load import conductor, rayworkers
from voicecli.load.conductor import Asked
from voicecli.load.level import Level
from voicecli.load.rayworkers import RayWorker, dealt, ray_workers
from voicecli.load.shift import Outcome, Script, prepared
from voicewire.clock import NS_PER_S, SystemClock

SCRIPT = Script(FIXTURE, recorded(FIXTURE))
SETTINGS = prepared([SCRIPT], CallSettings(timeout_s=5.0))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    before = dict(os.environ)
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", PYTHONPATH=os.pathsep.join([os.getcwd(), "server"]))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield str(cluster.address)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
        os.environ.clear()
        os.environ.update(before)


def asked(url: str, *, is_open: bool = False) -> Asked:
    return Asked(
        url=url,
        settings=SETTINGS,
        silence_ms=None,
        duration_ns=3 * NS_PER_S,
        call_ns=1 * NS_PER_S,
        is_open=is_open,
        rate=2.0,
        seed=1,
    )


async def led(workers: list[RayWorker], *, interrupt_s: float | None = None, kill: bool = False) -> Level:
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with local_server(ENGINES) as server:
        if interrupt_s is not None:
            loop.call_later(interrupt_s, interrupted.set)
        if kill:
            loop.call_later(1.5, ray.kill, workers[1]._actor)
        return await conductor.level(
            asked(server.url), 0, 4, workers, SystemClock(), interrupted, lambda standing: None
        )


def test_callers_on_two_nodes_call_one_server(address: str) -> None:
    async def main() -> tuple[list[RayWorker], Level]:
        async with ray_workers(2, 4, [SCRIPT], address) as workers:
            return workers, await led(workers)

    workers, level = asyncio.run(main())
    assert [worker.name for worker in workers] == [f"worker {n} on {os.uname().nodename}" for n in (1, 2)]
    assert [worker.died for worker in level.workers] == [UNSET, UNSET]
    assert all(worker.report.samples for worker in level.workers if worker.report is not UNSET)
    assert set(level.outcomes) == {Outcome.COMPLETED}, level.failures
    assert all(sample.turns[0].latencies_ms["voice_to_voice"] > 300 for sample in level.samples)
    assert not ray.is_initialized()


def test_an_interruption_ends_the_shifts_of_other_machines_too(address: str) -> None:
    async def main() -> Level:
        async with ray_workers(2, 4, [SCRIPT], address) as workers:
            return await led(workers, interrupt_s=2.5)

    level = asyncio.run(main())
    assert level.window_s < 2.0
    assert level.cut > 0


def test_a_worker_that_dies_costs_its_calls_alone(address: str) -> None:
    async def main() -> Level:
        async with ray_workers(2, 4, [SCRIPT], address) as workers:
            return await led(workers, kill=True)

    level = asyncio.run(main())
    assert level.calls > 0
    died = f"worker 2 on {os.uname().nodename} died, and its callers with it: its process or its machine is gone"
    # On a busy machine the other one may not have kept its pace.
    assert [reason for reason in level.generator_bound if "died" in reason] == [died]


def test_more_workers_than_processors_are_refused_with_a_reason(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rayworkers, "START_TIMEOUT_S", 2.0)

    async def main() -> None:
        async with ray_workers(3, 4, [SCRIPT], address):
            pass

    with pytest.raises(CliError, match="did not start 3 workers within 2 s") as caught:
        asyncio.run(main())
    assert caught.value.exit_code is ExitCode.NO_CONNECTION


def test_a_node_without_this_version_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rayworkers, "__version__", "9.9")

    async def main() -> None:
        async with ray_workers(1, 4, [SCRIPT], address):
            pass

    with pytest.raises(CliError, match=r"is installed on .*, and 9\.9 asks.*each node needs voicecli 9\.9"):
        asyncio.run(main())


def test_without_a_cluster_it_says_how_to_start_one() -> None:
    async def main() -> None:
        async with ray_workers(1, 1, [SCRIPT], "127.0.0.1:1"):
            pass

    with pytest.raises(CliError, match=r"no Ray cluster runs at 127\.0\.0\.1:1; start one with `ray start --head`"):
        asyncio.run(main())


def test_processors_are_dealt_one_of_each_node_after_another() -> None:
    assert list(dealt({"a": 2, "b": 1, "c": 0})) == ["a", "b", "a"]
    assert list(dealt({})) == []
