import asyncio
import socket
import sys
from collections.abc import Callable

import pytest

from tests.voiceserver.engines import faulty_worker
from voiceserver.engines.worker_host import Channel, Frame, FrameKind, Loader, ready_pid
from voiceserver.engines.worker_launcher import Forkserver, Launcher, Spawner


def loader(*, forks: bool) -> Loader:
    return Loader(path=sys.path, entry=faulty_worker.ENTRY, settings='{"b": 2}', forks=forks)


def launched(launcher: Launcher) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        launcher.launch(theirs)
    return ours


def answer(sock: socket.socket, request: bytes) -> bytes:
    channel = Channel(sock)
    channel.send(Frame(FrameKind.REQUEST, request))
    return channel.receive().payload


@pytest.mark.parametrize(
    "launcher", [lambda: Forkserver(loader(forks=True)), lambda: Spawner(loader(forks=False))], ids=["fork", "spawn"]
)
def test_each_socket_gets_a_worker_of_its_own_that_has_the_settings(launcher: Callable[[], Launcher]) -> None:
    workers = launcher()
    with launched(workers) as first, launched(workers) as second:
        pids = {ready_pid(Channel(sock).receive()) for sock in (first, second)}
        assert len(pids) == 2
        assert answer(first, b"settings") == b'{"b": 2}'
        first.close()
        assert answer(second, b"count") == b"1"
    asyncio.run(workers.close())


@pytest.mark.parametrize(
    "launcher", [lambda: Forkserver(loader(forks=True)), lambda: Spawner(loader(forks=False))], ids=["fork", "spawn"]
)
def test_closing_is_legal_before_anything_was_launched_and_twice(launcher: Callable[[], Launcher]) -> None:
    async def scenario() -> None:
        workers = launcher()
        await workers.close()
        launched(workers).close()
        await workers.close()
        await workers.close()

    asyncio.run(scenario())


def test_a_process_that_does_not_end_by_itself_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceserver.engines.worker_launcher._END_S", 0.05)
    workers = Spawner(loader(forks=False))
    with launched(workers) as sock:
        channel = Channel(sock)
        channel.receive()
        channel.send(Frame(FrameKind.REQUEST, b"hang"))
        asyncio.run(workers.close())
        assert sock.recv(1) == b""
