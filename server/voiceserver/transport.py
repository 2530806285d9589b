"""What a session needs of a connection, and the one over a WebSocket."""

from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed


class Disconnected(Exception):
    """The client is gone, orderly or not."""


class Transport(Protocol):
    """Whole messages in both directions: text as `str`, audio as `bytes`."""

    async def recv(self) -> str | bytes:
        """Raises Disconnected."""

    async def send(self, data: str | bytes) -> None:
        """Returns once there is room for more. Raises Disconnected."""

    async def close(self, code: int, reason: str) -> None:
        """Legal at any time, and twice."""


class WebSocketTransport:
    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection

    async def recv(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            raise Disconnected(str(closed)) from None

    async def send(self, data: str | bytes) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as closed:
            raise Disconnected(str(closed)) from None

    async def close(self, code: int, reason: str) -> None:
        # RFC 6455 leaves 123 bytes for the reason.
        await self._connection.close(code, reason.encode()[:120].decode(errors="ignore"))
