import asyncio

import pytest

from tests.voicecli.peer import virtually
from voicecli.calls.netproxy import Network, carry_one_way, network_proxy
from voicecli.calls.network import QUEUE_BYTES, Link, LinkSettings
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.transport import BadUrl, NoConnection
from voicewire.clock import NS_PER_MS as MS
from voicewire.clock import SystemClock


class Sink:
    """Notes when bytes arrive; reads none while it is told not to."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.arrived: list[tuple[int, bytes]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._loop = loop

    def write(self, data: bytes) -> None:
        self.arrived.append((self._loop.now_ns() // MS, data))

    def write_eof(self) -> None:
        self.arrived.append((self._loop.now_ns() // MS, b""))

    async def drain(self) -> None:
        await self.reads.wait()


def test_bytes_and_the_end_of_them_arrive_when_the_link_says() -> None:
    async def main(loop: VirtualLoop) -> list[tuple[int, bytes]]:
        reader, sink = asyncio.StreamReader(), Sink(loop)
        link = Link(LinkSettings(rtt_ns=80 * MS, bandwidth_bps=8_000), "1", "up", loop.now_ns())
        async with asyncio.TaskGroup() as group:
            group.create_task(carry_one_way(reader, link, sink, loop))
            reader.feed_data(b"ten bytes.")
            await asyncio.sleep(0.1)
            reader.feed_data(b"five.")
            reader.feed_eof()
        return sink.arrived

    assert virtually(main) == [(50, b"ten bytes."), (145, b"five."), (145, b"")]


def test_while_the_other_end_reads_nothing_no_more_is_taken_than_the_link_holds() -> None:
    async def main(loop: VirtualLoop) -> None:
        reader, sink = asyncio.StreamReader(limit=QUEUE_BYTES), Sink(loop)
        sink.reads.clear()
        data = bytes(range(256)) * (4 * QUEUE_BYTES // 256)
        async with asyncio.TaskGroup() as group:
            group.create_task(carry_one_way(reader, Link(LinkSettings(), "1", "up", loop.now_ns()), sink, loop))
            reader.feed_data(data)
            reader.feed_eof()
            await asyncio.sleep(60)
            left = len(reader._buffer)  # type: ignore[attr-defined]
            assert 3 * QUEUE_BYTES - 1400 <= left <= 3 * QUEUE_BYTES
            sink.reads.set()
        assert b"".join(each for _, each in sink.arrived) == data

    virtually(main)


async def _shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data.upper())
    writer.close()


def test_a_call_goes_both_ways_through_the_proxy_and_takes_the_round_trip() -> None:
    network = Network(LinkSettings(rtt_ns=20 * MS), "1")

    async def main() -> tuple[bytes, int]:
        clock = SystemClock()
        async with await asyncio.start_server(_shout, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with network_proxy(f"ws://127.0.0.1:{port}/", network, clock) as address:
                reader, writer = await asyncio.open_connection(*address)
                sent_ns = clock.now_ns()
                writer.write(b"hello")
                writer.write_eof()
                answer = await reader.read()
                writer.close()
                return answer, clock.now_ns() - sent_ns

    answer, took_ns = asyncio.run(main())
    assert answer == b"HELLO"
    assert took_ns >= 20 * MS


def test_a_second_connection_is_closed() -> None:
    async def main() -> bytes:
        async with await asyncio.start_server(_shout, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            url = f"ws://127.0.0.1:{port}/"
            async with network_proxy(url, Network(LinkSettings(), "1"), SystemClock()) as address:
                _, first = await asyncio.open_connection(*address)
                reader, second = await asyncio.open_connection(*address)
                told = await reader.read()
                first.close()
                second.close()
                return told

    assert asyncio.run(main()) == b""


@pytest.mark.parametrize(("url", "error"), [("ws://127.0.0.1:1/", NoConnection), ("http://127.0.0.1:1/", BadUrl)])
def test_a_server_that_is_not_there_is_told_as_without_a_proxy(url: str, error: type[Exception]) -> None:
    async def main() -> None:
        async with network_proxy(url, Network(LinkSettings(), "1"), SystemClock()):
            pass

    with pytest.raises(error, match=r"nothing listens at|is not a WebSocket URL"):
        asyncio.run(main())
