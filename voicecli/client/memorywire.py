"""A wire between two tasks of one event loop: what one end sends, the other receives, at the same instant."""

import asyncio
from collections.abc import Callable

from voicecli.client.transport import TransportClosed

CAPACITY = 64
"""Messages on their way in each direction."""

LOST = 1006
"""The close code where there was none."""

Gone = Callable[[int, str], Exception]
"""What an operation on a closed end raises, of the close code and the reason."""


class _Lane:
    """One direction. When it is full, `put` waits for the reader; a lane that is closed takes nothing more."""

    def __init__(self) -> None:
        self.closed: tuple[int, str] | None = None
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._room = asyncio.Event()

    async def put(self, data: str | bytes) -> None:
        while self._messages.qsize() >= CAPACITY and self.closed is None:
            self._room.clear()
            await self._room.wait()
        if self.closed is None:
            self._messages.put_nowait(data)

    async def get(self) -> str | bytes | None:
        """None once all was read that came before the end."""
        if self.closed is not None and self._messages.empty():
            return None
        data = await self._messages.get()
        self._room.set()
        return data

    def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            self._messages.put_nowait(None)
            self._room.set()


class End:
    """One end of the wire; a Transport of the client's and of the server's kind."""

    def __init__(self, inbox: _Lane, outbox: _Lane, gone: Gone) -> None:
        self._inbox = inbox
        self._outbox = outbox
        self._gone = gone
        self._is_closed = False
        self.watch: Callable[[str | bytes], None] = lambda data: None
        """Is shown what this end sends."""

    async def send(self, data: str | bytes) -> None:
        """Raises what `gone` makes, once this end was closed. What the other end no longer reads is lost."""
        if self._is_closed:
            raise self._gone(1000, "")
        self.watch(data)
        await self._outbox.put(data)

    async def recv(self) -> str | bytes:
        """Raises what `gone` makes, once either end was closed."""
        data = None if self._is_closed else await self._inbox.get()
        if data is None:
            self._is_closed = True
            raise self._gone(*(self._inbox.closed or (1000, "")))
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Legal at any time, and twice. The other end still reads what was sent before."""
        self._is_closed = True
        self._outbox.close(code, reason)
        self._inbox.close(1000, "")

    def lose(self) -> None:
        """Break the connection as this end sees it: it receives nothing more, and no close code."""
        self._inbox.close(LOST, "")


def wire(disconnected: Callable[[str], Exception]) -> tuple[End, End]:
    """The client's end, which raises TransportClosed, and the server's, which raises what `disconnected` makes."""
    up, down = _Lane(), _Lane()
    return End(down, up, TransportClosed), End(up, down, lambda code, reason: disconnected(f"closed with {code}"))
