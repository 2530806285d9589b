"""A wire between two tasks of one event loop: what one end sends, the other receives, at the same instant."""

import asyncio

from voicecli.transport import TransportClosed
from voiceserver.transport import Disconnected


class End:
    def __init__(self, inbox: asyncio.Queue[str | bytes | None], outbox: asyncio.Queue[str | bytes | None]) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._closed = False

    def gone(self) -> Exception:
        """What an operation on a closed end raises."""
        return ConnectionError("closed")

    async def send(self, data: str | bytes) -> None:
        if self._closed:
            raise self.gone()
        self._outbox.put_nowait(data)

    async def recv(self) -> str | bytes:
        data = None if self._closed else await self._inbox.get()
        if data is None:
            self._closed = True
            raise self.gone()
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self._closed:
            self._closed = True
            self._outbox.put_nowait(None)
            self._inbox.put_nowait(None)


class ClientEnd(End):
    def gone(self) -> Exception:
        return TransportClosed(1000, "")


class ServerEnd(End):
    def gone(self) -> Exception:
        return Disconnected("closed")


def wire() -> tuple[ClientEnd, ServerEnd]:
    up: asyncio.Queue[str | bytes | None] = asyncio.Queue()
    down: asyncio.Queue[str | bytes | None] = asyncio.Queue()
    return ClientEnd(down, up), ServerEnd(up, down)
