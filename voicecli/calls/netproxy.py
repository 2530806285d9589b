"""A TCP proxy in front of a server that makes the way to it a bad link. The decisions are those of `network.py`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from voicecli.calls.network import QUEUE_BYTES, SEGMENT_BYTES, Delivery, Link, LinkSettings
from voicecli.client.transport import Address, address_of, nobody_listens
from voicewire.clock import NS_PER_S, Clock


class Network(NamedTuple):
    """The link of one call."""

    settings: LinkSettings
    seed: str


class Writer(Protocol):
    """What is used of an asyncio.StreamWriter."""

    def write(self, data: bytes) -> None: ...
    def write_eof(self) -> None: ...
    async def drain(self) -> None: ...


@asynccontextmanager
async def network_proxy(url: str, network: Network, clock: Clock) -> AsyncIterator[Address]:
    """Listen on a free port of this machine for one connection, which is carried to the server at `url`.

    Raises BadUrl or NoConnection.
    """
    target = address_of(url)
    try:
        from_server, to_server = await asyncio.open_connection(*target, limit=QUEUE_BYTES)
    except OSError as error:
        raise nobody_listens(url, error) from None
    accepted: list[asyncio.Task[None]] = []

    async with asyncio.TaskGroup() as group:

        def accept(from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
            if accepted:
                to_client.close()
                return
            carrying = _carry((from_client, to_client), (from_server, to_server), network, clock)
            accepted.append(group.create_task(carrying))

        listener = await asyncio.start_server(accept, "127.0.0.1", 0, limit=QUEUE_BYTES)
        try:
            yield Address(*listener.sockets[0].getsockname())
        finally:
            listener.close()
            to_server.close()
            for task in accepted:
                task.cancel()


async def _carry(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    network: Network,
    clock: Clock,
) -> None:
    """Until both ends have closed, or one broke."""
    origin_ns = clock.now_ns()
    up, down = (Link(network.settings, network.seed, direction, origin_ns) for direction in ("up", "down"))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(carry_one_way(client[0], up, server[1], clock))
            group.create_task(carry_one_way(server[0], down, client[1], clock))
    except* OSError:
        pass  # one end broke the connection: the other one is told by its close
    finally:
        client[1].close()
        server[1].close()


async def carry_one_way(reader: asyncio.StreamReader, link: Link, writer: Writer, clock: Clock) -> None:
    """What is read comes out when the link says so. While that is full, nothing is read.

    Raises OSError where a connection breaks.
    """
    underway: asyncio.Queue[Delivery | None] = asyncio.Queue()  # bounded by the link, which is full at some time
    room = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(_deliver(underway, link, writer, room, clock))
        while data := await reader.read(SEGMENT_BYTES):
            for delivery in link.sent(data, clock.now_ns()):
                underway.put_nowait(delivery)
            while link.is_full:
                room.clear()
                await room.wait()
        underway.put_nowait(None)


async def _deliver(
    underway: "asyncio.Queue[Delivery | None]", link: Link, writer: Writer, room: asyncio.Event, clock: Clock
) -> None:
    while (delivery := await underway.get()) is not None:
        await asyncio.sleep(max(0, delivery.at_ns - clock.now_ns()) / NS_PER_S)
        writer.write(delivery.data)
        await writer.drain()
        link.delivered(delivery)
        room.set()
    writer.write_eof()
