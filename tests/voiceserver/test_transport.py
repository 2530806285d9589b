import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from voiceserver.transport import Disconnected, WebSocketTransport


def test_a_long_reason_is_cut_to_what_a_close_frame_holds_between_two_characters() -> None:
    async def main() -> None:
        async def handle(connection: ServerConnection) -> None:
            await WebSocketTransport(connection).close(1008, "ä" * 100)

        async with serve(handle, "127.0.0.1", 0) as server:
            async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
                await client.wait_closed()
            assert (client.close_code, client.close_reason) == (1008, "ä" * 60)

    asyncio.run(main())


def test_a_client_that_is_gone_is_disconnected_in_both_directions() -> None:
    async def main() -> None:
        seen: asyncio.Queue[bool] = asyncio.Queue()

        async def handle(connection: ServerConnection) -> None:
            transport = WebSocketTransport(connection)
            assert await transport.recv() == "hello"
            with pytest.raises(Disconnected):
                await transport.recv()
            with pytest.raises(Disconnected):
                await transport.send("too late")
            await transport.close(1000, "")
            seen.put_nowait(True)

        async with serve(handle, "127.0.0.1", 0) as server:
            async with connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as client:
                await client.send("hello")
            assert await seen.get()

    asyncio.run(main())
