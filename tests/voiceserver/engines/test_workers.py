import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.voiceserver.engines import faulty_worker
from voiceserver.engines.roles import EngineError
from voiceserver.engines.workers import Lease, WorkerPool

WAIT_MS = 20_000


def pool(
    size: int = 1,
    *,
    entry: str = faulty_worker.ENTRY,
    hang_ms: int = 10_000,
    single_use: bool = False,
    fork: bool = True,
) -> WorkerPool:
    return WorkerPool(
        entry,
        b'{"a": 1}',
        name="the test engine",
        size=size,
        hang_ms=hang_ms,
        single_use=single_use,
        fork=fork,
    )


@contextlib.asynccontextmanager
async def running(workers: WorkerPool) -> AsyncIterator[WorkerPool]:
    """The pool, started; afterwards closed, with no process and no task left."""
    await workers.start()
    pids = set(workers.pids)
    try:
        yield workers
        pids |= set(workers.pids)
    finally:
        await workers.close()
    await until(lambda: not any(map(is_alive, pids)))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


def state_and_parent(pid: int) -> tuple[str, int]:
    """As `ps` tells them; ("", 0) for a process that is no more."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return "", 0
    else:
        command = ["ps", "-o", "stat=,ppid=", "-p", str(pid)]
        fields = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split() or ["", "0"]
    return fields[0], int(fields[1])


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent, which may be the system's, does not."""
    return state_and_parent(pid)[0][:1] not in ("", "Z")


async def count(workers: WorkerPool) -> bytes:
    async with workers.lease(WAIT_MS) as worker:
        return await worker.ask(b"count")


async def stuck(worker: Lease, request: bytes) -> asyncio.Task[bytes]:
    """A task that waits for the answer to a request."""
    task = asyncio.get_running_loop().create_task(worker.ask(request))
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("fork", [True, False])
def test_workers_answer_and_each_stream_finds_a_clean_one(fork: bool) -> None:
    async def scenario() -> list[bytes]:
        async with running(pool(2, fork=fork)) as workers:
            async with workers.lease(WAIT_MS) as first, workers.lease(WAIT_MS) as second:
                answers = [await first.ask(b"count"), await first.ask(b"count"), await second.ask(b"count")]
                answers.append(await first.ask(b"settings"))
                assert first.pid != second.pid
            return [*answers, await count(workers), await count(workers)]

    assert asyncio.run(scenario()) == [b"1", b"2", b"1", b'{"a": 1}', b"1", b"1"]


@pytest.mark.parametrize(("fork", "single_use", "used"), [(True, True, 6), (True, False, 1), (False, True, 1)])
def test_a_worker_of_single_use_serves_one_stream_where_the_system_forks(
    fork: bool, single_use: bool, used: int
) -> None:
    async def scenario() -> int:
        pids = set()
        async with running(pool(1, fork=fork, single_use=single_use)) as workers:
            for _ in range(6):
                async with workers.lease(WAIT_MS) as worker:
                    assert await worker.ask(b"count") == b"1"
                    pids.add(worker.pid)
        await until(lambda: not any(map(is_alive, pids)))
        return len(pids)

    assert asyncio.run(scenario()) == used


def test_streams_beyond_the_size_wait_in_the_order_they_came() -> None:
    async def scenario() -> list[int]:
        done: list[int] = []

        async def stream(number: int) -> None:
            async with workers.lease(WAIT_MS) as worker:
                await worker.ask(b"count")
                done.append(number)

        async with running(pool(1)) as workers, asyncio.TaskGroup() as streams:
            for number in range(12):
                streams.create_task(stream(number))
        return done

    assert asyncio.run(scenario()) == list(range(12))


def test_a_stream_that_waits_too_long_is_told_what_to_raise() -> None:
    async def scenario() -> None:
        async with running(pool(1)) as workers, workers.lease(WAIT_MS), workers.lease(1):
            pass

    with pytest.raises(EngineError, match=r"the test engine is busy: its 1 workers .* with the setting `workers`"):
        asyncio.run(scenario())


def test_a_waiting_stream_that_is_cancelled_leaves_the_worker_to_the_next() -> None:
    async def scenario() -> bytes:
        async with running(pool(1)) as workers:
            async with workers.lease(WAIT_MS), asyncio.TaskGroup() as streams:
                waiting = streams.create_task(count(workers))
                await asyncio.sleep(0)
                waiting.cancel()
            return await count(workers)

    assert asyncio.run(scenario()) == b"1"


@pytest.mark.parametrize("fork", [True, False])
def test_a_worker_that_dies_fails_its_stream_alone_and_is_replaced(fork: bool) -> None:
    async def scenario() -> tuple[bytes, bytes]:
        async with running(pool(2, fork=fork)) as workers, workers.lease(WAIT_MS) as other:
            with pytest.raises(EngineError, match="the test engine ended unexpectedly and was restarted"):
                async with workers.lease(WAIT_MS) as worker:
                    await worker.ask(b"die")
            async with workers.lease(WAIT_MS) as worker:
                return await other.ask(b"count"), await worker.ask(b"count")

    assert asyncio.run(scenario()) == (b"1", b"1")


def test_a_worker_that_is_killed_at_work_and_one_that_is_killed_idle_are_replaced() -> None:
    async def scenario() -> list[bytes]:
        async with running(pool(2)) as workers:
            at_work, idle = workers.pids
            async with workers.lease(WAIT_MS) as worker:
                if worker.pid != at_work:
                    at_work, idle = idle, at_work
                task = await stuck(worker, b"hang")
                for pid in (at_work, idle):
                    os.kill(pid, signal.SIGKILL)
                with pytest.raises(EngineError, match="ended unexpectedly"):
                    await task
            await until(lambda: idle not in workers.pids)
            async with asyncio.TaskGroup() as streams:
                counts = [streams.create_task(count(workers)) for _ in range(4)]
            return [task.result() for task in counts]

    assert asyncio.run(scenario()) == [b"1"] * 4


def test_a_worker_that_ended_is_no_zombie_while_the_pool_runs() -> None:
    async def scenario() -> None:
        async with running(pool(1)) as workers:
            (pid,) = workers.pids
            os.kill(pid, signal.SIGKILL)
            await until(lambda: state_and_parent(pid) == ("", 0))

    asyncio.run(scenario())


def test_a_worker_that_cannot_be_replaced_fails_one_stream_and_the_next_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_more() -> tuple[socket.socket, socket.socket]:
        raise OSError(24, "Too many open files")

    async def scenario() -> bytes:
        async with running(pool(1)) as workers:
            with monkeypatch.context() as patch:
                patch.setattr("voiceserver.engines.workers.socket.socketpair", no_more)
                async with workers.lease(WAIT_MS) as worker:
                    with pytest.raises(EngineError, match="ended unexpectedly"):
                        await worker.ask(b"die")
            with pytest.raises(EngineError, match=r"could not start: .* Too many open files"):
                await count(workers)
            return await count(workers)

    assert asyncio.run(scenario()) == b"1"


def test_workers_outlive_the_process_that_forks_them_and_are_replaced_after_it_died() -> None:
    async def scenario() -> list[bytes]:
        async with running(pool(2)) as workers:
            first, second = workers.pids
            host = state_and_parent(first)[1]
            os.kill(host, signal.SIGKILL)
            await until(lambda: not is_alive(host))
            answers = [await count(workers)]
            for pid in (first, second):
                os.kill(pid, signal.SIGKILL)
            await until(lambda: not workers.pids)
            return [*answers, await count(workers)]

    assert asyncio.run(scenario()) == [b"1", b"1"]


def test_a_worker_that_hangs_is_killed_after_the_time_limit_and_replaced() -> None:
    async def scenario() -> bytes:
        async with running(pool(1, hang_ms=50)) as workers:
            with pytest.raises(EngineError, match=r"did not answer within 0\.05 s and was restarted"):
                async with workers.lease(WAIT_MS) as worker:
                    await worker.ask(b"hang")
            return await count(workers)

    assert asyncio.run(scenario()) == b"1"


@pytest.mark.parametrize("request_", [b"hang", b"hang at reset"])
def test_a_worker_that_hangs_after_its_stream_was_cancelled_is_replaced(request_: bytes) -> None:
    async def scenario() -> bool:
        async with running(pool(1, hang_ms=50)) as workers:
            async with workers.lease(WAIT_MS) as worker:
                pid = worker.pid
                worker.send_last(request_)
            assert await count(workers) == b"1"
            return pid in workers.pids

    assert asyncio.run(scenario()) is False


def test_leaving_a_stream_does_not_wait_for_the_worker() -> None:
    async def scenario() -> None:
        async with running(pool(1)) as workers:
            async with workers.lease(WAIT_MS) as worker:
                task = await stuck(worker, b"hang")
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            with pytest.raises(EngineError, match="busy"):
                async with workers.lease(0):
                    pass

    asyncio.run(scenario())


def test_a_worker_is_given_back_when_it_has_answered_the_last_request_whether_the_answers_were_taken_or_not() -> None:
    async def scenario() -> tuple[list[bytes | None], bytes]:
        async with running(pool(1)) as workers, workers.lease(WAIT_MS) as first:
            first.send_last(b"twice")
            second = await count(workers)
            return [await first.receive(), await first.receive(), await first.receive()], second

    assert asyncio.run(scenario()) == ([b"1", b"2", None], b"1")


def test_a_stream_that_asks_nothing_leaves_its_worker_as_it_was() -> None:
    async def scenario() -> bool:
        async with running(pool(1)) as workers:
            pids = workers.pids
            for _ in range(3):
                async with workers.lease(WAIT_MS):
                    pass
            await count(workers)
            return workers.pids == pids

    assert asyncio.run(scenario()) is True


def test_leaving_a_stream_just_as_its_last_answer_comes_does_not_end_the_next_stream() -> None:
    async def scenario() -> list[bytes]:
        answers = []
        async with running(pool(1)) as workers:
            for _ in range(50):
                async with workers.lease(WAIT_MS) as worker:
                    worker.send_last(b"twice")
                    await worker.receive()
                async with workers.lease(WAIT_MS) as worker:
                    answers += [await worker.ask(b"count"), await worker.ask(b"count")]
        return answers

    assert asyncio.run(scenario()) == [b"1", b"2"] * 50


def test_a_flood_that_nobody_reads_is_held_back_and_stopped_by_cancelling() -> None:
    async def scenario() -> tuple[bool, bytes]:
        async with running(pool(1)) as workers:
            async with workers.lease(WAIT_MS) as worker:
                pid = worker.pid
                worker.send_last(b"flood")
                for _ in range(20):
                    assert await worker.receive() == bytes(faulty_worker.FLOOD_BYTES)
                await until(lambda: worker.waiting_bytes >= 1_000_000)
                for _ in range(100):
                    await asyncio.sleep(0)
                assert worker.waiting_bytes < 1_500_000
            answer = await count(workers)
            return pid in workers.pids, answer

    assert asyncio.run(scenario()) == (True, b"1")


def test_a_worker_of_a_killed_flood_does_not_keep_the_pool_from_closing() -> None:
    async def scenario() -> None:
        async with running(pool(1)) as workers, workers.lease(WAIT_MS) as worker:
            worker.send_last(b"flood")
            await until(lambda: worker.waiting_bytes >= 1_000_000)
            await workers.close()

    asyncio.run(scenario())


def test_an_exception_in_a_worker_fails_the_request_and_keeps_the_worker() -> None:
    async def scenario() -> tuple[bool, bytes]:
        async with running(pool(1)) as workers:
            pids = workers.pids
            with pytest.raises(EngineError, match=r"^the test engine failed: ValueError: no such request$"):
                async with workers.lease(WAIT_MS) as worker:
                    await worker.ask(b"raise")
            answer = await count(workers)
            return workers.pids == pids, answer

    assert asyncio.run(scenario()) == (True, b"1")


@pytest.mark.parametrize("fork", [True, False])
@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (faulty_worker.BROKEN_ENTRY, 'the test engine could not start: LookupError: no model for {"a": 1}'),
        (faulty_worker.CRASHING_ENTRY, "the test engine could not start: its process ended at once"),
        ("no.such:thing", "the test engine could not start: ModuleNotFoundError: No module named 'no'"),
    ],
)
def test_an_engine_that_cannot_start_says_why(entry: str, message: str, fork: bool) -> None:
    async def scenario() -> None:
        with pytest.raises(EngineError) as caught:
            await pool(1, entry=entry, fork=fork).start()
        assert str(caught.value) == message

    asyncio.run(scenario())


def test_closing_fails_the_streams_that_are_served_and_those_that_wait_and_is_legal_twice() -> None:
    async def scenario() -> list[str]:
        errors: list[str] = []

        async def stream() -> None:
            try:
                async with workers.lease(WAIT_MS) as worker:
                    await worker.ask(b"hang")
            except EngineError as error:
                errors.append(str(error))

        async with running(pool(1)) as workers, asyncio.TaskGroup() as streams:
            for _ in range(3):
                streams.create_task(stream())
            await asyncio.sleep(0)
            await workers.close()
            await workers.close()
        await stream()
        return errors

    assert asyncio.run(scenario()) == ["the test engine is not running"] * 4


def test_a_pool_that_never_started_can_be_closed_and_refuses_streams() -> None:
    async def scenario() -> None:
        workers = pool(1)
        await workers.close()
        with pytest.raises(EngineError, match="is not running"):
            async with workers.lease(WAIT_MS):
                pass

    asyncio.run(scenario())


def test_starting_that_is_cancelled_leaves_nothing() -> None:
    async def scenario() -> None:
        workers = pool(1)
        async with asyncio.TaskGroup() as tasks:
            starting = tasks.create_task(workers.start())
            await asyncio.sleep(0)
            starting.cancel()
        assert workers.pids == ()

    asyncio.run(scenario())


def test_a_pool_needs_no_thread_and_writes_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> int:
        async with running(pool(1)) as workers:
            await count(workers)
            return threading.active_count()

    before = threading.active_count()
    assert asyncio.run(scenario()) == before
    assert capfd.readouterr() == ("", "")


def test_interrupt_in_the_terminal_is_for_the_server_alone() -> None:
    async def scenario() -> tuple[bytes, bool]:
        async with running(pool(1)) as workers, workers.lease(WAIT_MS) as worker:
            return await worker.ask(b"interrupt self"), os.getsid(worker.pid) == os.getsid(0)

    assert asyncio.run(scenario()) == (b"still here", False)


@pytest.mark.parametrize("fork", [True, False])
def test_workers_end_with_a_server_that_was_killed_and_never_run_its_main(tmp_path: Path, fork: bool) -> None:
    """The script has no `if __name__ == "__main__"`: a worker that ran it again would start workers of its own."""
    script = tmp_path / "server.py"
    script.write_text(
        "import asyncio, sys\n"
        f"sys.path[:] = {sys.path!r}\n"
        "from tests.voiceserver.engines.test_workers import WAIT_MS, pool\n"
        "async def main():\n"
        f"    workers = pool(2, fork={fork})\n"
        "    await workers.start()\n"
        "    async with workers.lease(WAIT_MS) as worker:\n"
        "        print(*workers.pids, (await worker.ask(b'main')).decode(), flush=True)\n"
        "    async with workers.lease(WAIT_MS) as worker:\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        *pids, main = server.stdout.readline().split()
        assert main == "None"
        assert all(is_alive(int(pid)) for pid in pids)
        server.kill()
    asyncio.run(until(lambda: not any(is_alive(int(pid)) for pid in pids)))
