"""A small server of OpenAI's streaming chat protocol, over real connections."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any


def chunk(text: str | None = None, finish_reason: str | None = None, usage: tuple[int, int] | None = None) -> str:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish_reason}
    body: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body["choices"] = [] if usage else [choice]
    if usage:
        body["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return json.dumps(body)


WHOLE = [chunk(""), chunk("It is "), chunk("fine."), chunk(finish_reason="stop"), chunk(usage=(12, 3)), "[DONE]"]


SERVING = "chat server"
"""Name of the tasks of its connections."""


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
) -> AsyncIterator[str]:
    """A server's base address. Leaving it waits for every connection to end."""
    connections: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(SERVING)
        connections.add(task)
        try:
            await answer(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await asyncio.gather(*connections)


class ChatServer:
    """Answers each request alike. `events` are server-sent; after them the response ends, breaks off or stays open."""

    def __init__(self, events: list[str], *, status: int = 200, body: str = "", then: str = "end") -> None:
        self._events = events
        self._status = status
        self._body = body
        self._then = then
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.client_gone = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self._respond(reader, writer)
                if self._then == "break":
                    return
        self.client_gone.set()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.requests.append((head, json.loads(await reader.readexactly(int(fields["content-length"])))))
        kind = "text/event-stream" if self._status == 200 else "application/json"
        writer.write(
            f"HTTP/1.1 {self._status} X\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for part in [f"data: {event}\n\n" for event in self._events] or [self._body]:
            writer.write(f"{len(part.encode()):x}\r\n{part}\r\n".encode())
        await writer.drain()
        if self._then == "end":
            writer.write(b"0\r\n\r\n")
