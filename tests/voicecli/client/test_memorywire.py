import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.voicecli.peer import virtually
from voicecli.client.memorywire import CAPACITY, End, wire
from voicecli.client.transport import TransportClosed


class Disconnected(Exception):
    pass


def wired(act: Callable[[End, End], Coroutine[Any, Any, None]]) -> None:
    virtually(lambda loop: act(*wire(Disconnected)))


def test_what_one_end_sends_the_other_receives_in_order() -> None:
    async def act(client: End, server: End) -> None:
        await client.send("one")
        await client.send(b"two")
        await server.send("three")
        assert [await server.recv(), await server.recv(), await client.recv()] == ["one", b"two", "three"]

    wired(act)


def test_what_was_sent_before_the_end_is_still_read_and_then_the_code_and_the_reason() -> None:
    async def act(client: End, server: End) -> None:
        await server.send("goodbye")
        await server.close(1011, "it failed")
        assert await client.recv() == "goodbye"
        for _ in range(2):
            with pytest.raises(TransportClosed, match="closed with 1011: it failed"):
                await client.recv()
        with pytest.raises(TransportClosed):
            await client.send("hello?")

    wired(act)


def test_an_end_that_was_closed_here_is_gone_at_once_and_may_be_closed_again() -> None:
    async def act(client: End, server: End) -> None:
        await client.send("unread")
        await server.close()
        await server.close(1011)
        with pytest.raises(Disconnected, match="closed with 1000"):
            await server.recv()
        await client.send("to nobody")
        with pytest.raises(TransportClosed, match="closed with 1000"):
            await client.recv()

    wired(act)


def test_a_reader_that_waits_learns_of_the_end() -> None:
    async def act(client: End, server: End) -> None:
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(asyncio.wait_for(server.recv(), 5))
            await asyncio.sleep(1)
            await client.close()
            with pytest.raises(Disconnected):
                await reading

    with pytest.RaisesGroup(Disconnected):
        wired(act)


def test_a_connection_that_breaks_has_no_close_code() -> None:
    async def act(client: End, server: End) -> None:
        client.lose()
        with pytest.raises(TransportClosed, match="closed with 1006"):
            await client.recv()

    wired(act)


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_full_wire_makes_the_sender_wait_until_something_is_read_or_the_end(is_closed: bool) -> None:
    async def act(client: End, server: End) -> None:
        for number in range(CAPACITY):
            await client.send(str(number))
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(client.send("late"))
            await asyncio.sleep(1)
            assert not sending.done()
            if is_closed:
                await server.close()
            else:
                assert await server.recv() == "0"

    wired(act)
