import asyncio
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

import pytest

from voicecli.load.child import ChildEnded, child


def echo(connection: "Connection[Any, Any]", greeting: str) -> None:
    connection.send(greeting)
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        if message == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if message == "leave":
            os._exit(3)
        connection.send(message)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_talks_hears_no_ctrl_c_and_ends_with_its_pipe() -> None:
    async def main() -> int:
        async with child(echo, "hello") as process:
            assert await process.recv() == "hello"
            os.kill(process.pid, signal.SIGINT)
            process.send({"number": 1})
            assert await process.recv() == {"number": 1}
            return process.pid

    before = signal.getsignal(signal.SIGINT)
    assert not is_alive(asyncio.run(main()))
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("order", "told"), [("die", "its process ended by signal 9"), ("leave", "its process ended with code 3")]
)
def test_how_it_ended_is_told(order: str, told: str) -> None:
    async def main() -> None:
        async with child(echo, "hello") as process:
            await process.recv()
            process.send(order)
            await process.recv()

    with pytest.raises(ChildEnded, match=told):
        asyncio.run(main())
