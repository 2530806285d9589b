import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voicecli.client.transport import (
    BadUrl,
    CallError,
    NoConnection,
    NoVoicewire,
    TransportClosed,
    address_of,
    public_url,
    websocket,
)
from voicewire import SUBPROTOCOL

Handler = Callable[[ServerConnection], Awaitable[None]]


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)
        if message == "bye":
            await connection.close(1008, "as you wish")


async def failure(url: str) -> CallError:
    with pytest.raises(CallError) as caught:
        async with websocket(url):
            pass
    return caught.value


def against(
    test: Callable[[str], Awaitable[None]], *, subprotocol: str = SUBPROTOCOL, status: HTTPStatus | None = None
) -> None:
    """Run the test with the URL of an echo server."""

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        return None if status is None else connection.respond(status, "no\n")

    async def main() -> None:
        protocols = [Subprotocol(subprotocol)]

        def select(connection: ServerConnection, offered: object) -> Subprotocol | None:
            return Subprotocol(subprotocol) if subprotocol == SUBPROTOCOL else None

        async with serve(
            echo, "127.0.0.1", 0, subprotocols=protocols, select_subprotocol=select, process_request=answer
        ) as server:
            port = server.sockets[0].getsockname()[1]
            await test(f"ws://127.0.0.1:{port}/voice")

    asyncio.run(main())


def test_messages_go_both_ways_as_they_are() -> None:
    async def test(url: str) -> None:
        async with websocket(url) as transport:
            await transport.send("text")
            await transport.send(b"\0\1")
            assert [await transport.recv(), await transport.recv()] == ["text", b"\0\1"]

    against(test)


def test_the_code_and_reason_of_a_close_are_told() -> None:
    async def test(url: str) -> None:
        async with websocket(url) as transport:
            await transport.send("bye")
            assert await transport.recv() == "bye"
            with pytest.raises(TransportClosed) as closed:
                await transport.recv()
            assert (closed.value.code, closed.value.reason) == (1008, "as you wish")
            with pytest.raises(TransportClosed):
                await transport.send("more")

    against(test)


def test_a_server_of_another_protocol_is_no_voicewire() -> None:
    async def test(url: str) -> None:
        error = await failure(url)
        assert isinstance(error, NoVoicewire)
        assert str(error) == f"the server at {url} does not speak voicewire.v1; is this the right URL?"

    against(test, subprotocol="chat")


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (HTTPStatus.NOT_FOUND, NoVoicewire, "is no voicewire server (HTTP 404)"),
        (HTTPStatus.UNAUTHORIZED, NoConnection, "refused the connection (HTTP 401); does it want a --token?"),
        (HTTPStatus.SERVICE_UNAVAILABLE, NoConnection, "takes no calls now (HTTP 503); try again later"),
    ],
)
def test_an_http_answer_is_explained(status: HTTPStatus, kind: type[CallError], told: str) -> None:
    async def test(url: str) -> None:
        error = await failure(url)
        assert type(error) is kind
        assert told in str(error)

    against(test, status=status)


def test_where_nobody_listens_it_is_said_what_to_do() -> None:
    async def main() -> None:
        listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        listener.close()
        await listener.wait_closed()
        error = await failure(f"ws://127.0.0.1:{port}/voice")
        assert isinstance(error, NoConnection)
        assert str(error).startswith(f"nothing listens at ws://127.0.0.1:{port}/voice (")
        assert str(error).endswith("; start a server with `voicecli serve`, or leave --url out")

    asyncio.run(main())


def test_what_does_not_even_speak_http_is_no_voicewire() -> None:
    async def main() -> None:
        def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            assert isinstance(await failure(f"ws://127.0.0.1:{port}/"), NoVoicewire)
            error = await failure(f"wss://127.0.0.1:{port}/")
            assert isinstance(error, NoConnection)
            assert "no secure connection" in str(error)

    asyncio.run(main())
    assert issubclass(ssl.SSLError, OSError)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "127.0.0.1:8080", "ws://", "ws://[::1", "ws://host:99999/", ""])
def test_what_is_no_websocket_url_is_refused(url: str) -> None:
    assert isinstance(asyncio.run(failure(url)), BadUrl)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://127.0.0.1:8080/voice", "ws://127.0.0.1:8080/voice"),
        ("wss://me:secret@host:1/voice?token=secret#secret", "wss://host:1/voice"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert public_url(url) == shown


@pytest.mark.parametrize(
    ("given", "likely"),
    [
        ("127.0.0.1:8801", "ws://127.0.0.1:8801/voice"),
        ("http://localhost:8801", "ws://localhost:8801/voice"),
        ("https://voice.example/page", "wss://voice.example/voice"),
        ("[::1]:8801", "ws://[::1]:8801/voice"),
        ("what is this", "ws://127.0.0.1:8080/voice"),
        ("http://me:secret@host/", "ws://127.0.0.1:8080/voice"),
    ],
)
def test_a_url_of_another_kind_is_answered_with_what_may_have_been_meant(given: str, likely: str) -> None:
    with pytest.raises(BadUrl, match=f"it looks like {re.escape(likely)}$"):
        address_of(given)
