"""The server on a real socket: plain HTTP, what stops it from starting, and what hostile clients get."""

import asyncio
import hashlib
import json
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.voiceserver.stages import scripted
from voiceserver import certificate
from voiceserver.assets import Assets
from voiceserver.server import HARD_LIMIT_FACTOR, ServerError, VoiceServer
from voiceserver.settings import SettingsError, TlsMode
from voicewire import SUBPROTOCOL
from voicewire.clock import utc_now
from voicewire.connection import Connection, Side
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.messages import (
    Error,
    Limits,
    SessionReady,
    SessionStart,
    TextInput,
    TranscriptFinal,
    TurnEnd,
    decode_down,
    encode,
)

START = encode(SessionStart(input=[AudioFormat(Codec.PCM_S16LE, 16_000)]))
FIXTURES = Path(__file__).parents[2] / "fixtures"
FAST = {"llm": "scripted(text='Yes.')", "tts": "scripted(char=1)"}


@asynccontextmanager
async def running(assets: Assets | None = None, **settings: Any) -> AsyncIterator[VoiceServer]:
    """A server on a free port. Afterwards no task and no thread of it may be left."""
    threads = set(threading.enumerate())
    async with VoiceServer(scripted(**{"port": 0, **FAST, **settings}), assets=assets) as server:
        yield server
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left: {left}"
    assert set(threading.enumerate()) <= threads


@asynccontextmanager
async def connected(server: VoiceServer) -> AsyncIterator[ClientConnection]:
    async with connect(server.url, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None) as client:
        yield client


async def ready(client: ClientConnection, start: str = START) -> SessionReady:
    await client.send(start)
    message = decode_down(str(await client.recv()))
    assert isinstance(message, SessionReady)
    return message


async def error_from(client: ClientConnection) -> Error:
    while True:
        data = await client.recv()
        if isinstance(data, str) and isinstance(message := decode_down(data), Error):
            return message


async def closed(client: ClientConnection) -> int:
    """The close code that the server gives."""
    with suppress(ConnectionClosed):
        while True:
            await client.recv()
    assert client.close_code is not None
    return client.close_code


async def answers(client: ClientConnection) -> None:
    """The session is whole: a turn goes through."""
    await client.send(encode(TextInput(text="still there?")))
    while True:
        data = await client.recv()
        if isinstance(data, str) and isinstance(decode_down(data), TurnEnd):
            return


def attack(hostile: Callable[[VoiceServer], Awaitable[None]]) -> None:
    """Run it against a server on which somebody else's session goes on, before, during and after."""

    async def main() -> None:
        async with asyncio.timeout(30), running() as server, connected(server) as bystander:
            await ready(bystander)
            await answers(bystander)
            await hostile(server)
            await answers(bystander)

    asyncio.run(main())


def pcm_frame(sequence: int, payload: bytes = b"\x00\x01" * 320, *, codec: Codec = Codec.PCM_S16LE) -> bytes:
    return AudioFrame(FrameKind.AUDIO_CHUNK, codec, 0, sequence, sequence * 320, payload).serialize()


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ("{", ErrorCode.MALFORMED_JSON, ""),
        ("[1, 2]", ErrorCode.MALFORMED_JSON, ""),
        ('{"type": "sing"}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": "turn_end", "turn_id": 1}', ErrorCode.UNKNOWN_TYPE, "type"),
        ('{"type": "text_input", "text": ""}', ErrorCode.INVALID_FIELD, "text"),
        ('{"type": "interrupt", "turn_id": 0, "played_ms": 1}', ErrorCode.INVALID_FIELD, "turn_id"),
        (START, ErrorCode.ALREADY_STARTED, "type"),
        (b"\x11", ErrorCode.MALFORMED_FRAME, "header"),
        (b"", ErrorCode.MALFORMED_FRAME, "header"),
        (pcm_frame(0)[:-1], ErrorCode.MALFORMED_FRAME, "payload"),
        (b"\x21" + pcm_frame(0)[1:], ErrorCode.MALFORMED_FRAME, "version"),
        (pcm_frame(0, codec=Codec.OPUS), ErrorCode.WRONG_CODEC, "codec"),
        (pcm_frame(0, bytes(Limits().max_message_bytes)), ErrorCode.MESSAGE_TOO_LARGE, ""),
        (pcm_frame(0, bytes(2 * 16_000 * 6)), ErrorCode.TOO_FAR_AHEAD, ""),
    ],
    ids=lambda value: value.value if isinstance(value, ErrorCode) else None,
)
def test_a_malformed_message_is_answered_with_its_error_and_the_session_goes_on(
    sent: str | bytes, code: ErrorCode, field: str
) -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await ready(client)
            await client.send(sent)
            error = await error_from(client)
            assert (error.code, error.field, error.fatal) == (code, field, False)
            await answers(client)

    attack(hostile)


@pytest.mark.parametrize(
    ("sent", "code", "close_code"),
    [
        (pcm_frame(0), ErrorCode.NOT_STARTED, 1002),
        (encode(TextInput(text="hello")), ErrorCode.NOT_STARTED, 1002),
        ("{", ErrorCode.MALFORMED_JSON, 1007),
        ('{"type": "session_start", "version": 9}', ErrorCode.UNSUPPORTED_VERSION, 1002),
        ('{"type": "session_start", "input": [{"codec": "opus", "rate": 7}]}', ErrorCode.INVALID_FIELD, 1002),
        ('{"type": "session_start", "input": [{"codec": "opus", "rate": 44100}]}', ErrorCode.UNSUPPORTED_FORMAT, 1003),
        ('{"type": "session_start", "output": [{"codec": "mp4"}]}', ErrorCode.UNSUPPORTED_FORMAT, 1003),
    ],
    ids=lambda value: value.value if isinstance(value, ErrorCode) else None,
)
def test_what_cannot_open_a_session_is_refused_with_its_error_and_close_code(
    sent: str | bytes, code: ErrorCode, close_code: int
) -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await client.send(sent)
            error = await error_from(client)
            assert (error.code, error.fatal) == (code, True)
            assert await closed(client) == close_code

    attack(hostile)


def test_a_message_far_past_the_limit_is_not_even_read() -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await ready(client)
            await client.send(bytes(Limits().max_message_bytes * HARD_LIMIT_FACTOR + 1))
            assert await closed(client) == 1009

    attack(hostile)


def test_a_flood_of_messages_is_cut_off() -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await ready(client)
            with suppress(ConnectionClosed):  # it may be cut off before the last one
                for _ in range(Limits().max_frames_per_second * 5):
                    await client.send("{")
            assert await closed(client) == 1008

    attack(hostile)


def test_a_corrupt_container_is_told_and_a_new_stream_is_heard() -> None:
    async def hostile(server: VoiceServer) -> None:
        good = (FIXTURES / "question-weather" / "audio.opus").read_bytes()
        async with connected(server) as client:
            await ready(client, encode(SessionStart(input=[AudioFormat(Codec.OGG_OPUS)])))
            pieces = [
                b"OggS" + random.Random(7).randbytes(60_000),
                *(good[at : at + 2000] for at in range(0, len(good), 2000)),
            ]
            for sequence, piece in enumerate(pieces):
                await client.send(AudioFrame(FrameKind.AUDIO_CHUNK, Codec.OGG_OPUS, 0, sequence, 0, piece).serialize())
            error = await error_from(client)
            assert (error.code, error.fatal) == (ErrorCode.CORRUPT_AUDIO, False)
            while not isinstance(decode_down(str(await client.recv())), TranscriptFinal):
                pass

    attack(hostile)


@pytest.mark.parametrize("politely", [True, False])
def test_a_client_that_vanishes_mid_turn_leaves_nothing_behind(politely: bool) -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await ready(client)
            for sequence in range(20):
                await client.send(pcm_frame(sequence, b"\x00\x40" * 320))
            await client.send(encode(TextInput(text="tell me")))
            if not politely:
                client.transport.abort()

    attack(hostile)


def test_the_error_names_no_more_than_it_must() -> None:
    async def hostile(server: VoiceServer) -> None:
        async with connected(server) as client:
            await ready(client)
            await client.send(json.dumps({"type": "x" * 10_000}))
            assert len((await error_from(client)).message) < 200

    attack(hostile)


# --- plain HTTP, and starting


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    server: VoiceServer,
    path: str,
    *headers: str,
    method: str = "GET",
    host: str | None = None,
    context: ssl.SSLContext | None = None,
    piece: int = 1 << 20,
) -> Got:
    """One request over a connection of its own, the response read to its end in pieces."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context, limit=1 << 16)
    sent = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{server.port}'}", *headers]
    writer.write("".join(f"{line}\r\n" for line in [*sent, ""]).encode())
    response = b""
    while read := await reader.read(piece):
        response += read
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return Got(int(first.split()[1]), {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}, body)


def test_health_and_readiness_are_answered_over_http() -> None:
    async def main() -> None:
        async with running() as server:
            assert (await ask(server, "/healthz", host="probe"))[::2] == (200, b"ok\n")
            assert (await ask(server, "/readyz?verbose"))[::2] == (200, b"ready\n")
            server._service.is_ready = False
            assert (await ask(server, "/healthz"))[::2] == (200, b"ok\n")
            assert (await ask(server, "/readyz"))[0] == 503
            with pytest.raises(InvalidStatus, match="503"):
                async with connected(server):
                    pass

    asyncio.run(main())


PAGE = Assets({"index.html": b"<!doctype html>hello", "voicewire.js": b"export {}", "notes.md": b"secret"})
SECURITY = {
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Permissions-Policy",
    "Referrer-Policy",
    "X-Content-Type-Options",
}


def test_the_page_is_served_and_revalidated() -> None:
    async def main() -> None:
        async with running(PAGE) as server:
            got = await ask(server, "/")
            assert (got.status, got.body) == (200, b"<!doctype html>hello")
            assert got.headers["Content-Type"] == "text/html; charset=utf-8"
            assert got.headers["Cache-Control"] == "no-cache"
            module = await ask(server, "/voicewire.js?v=1")
            assert (module.headers["Content-Type"], module.body) == ("text/javascript; charset=utf-8", b"export {}")
            head = await ask(server, "/", method="HEAD")
            assert (head.status, head.headers["Content-Length"], head.body) == (200, "20", b"")
            fresh = await ask(server, "/", f"If-None-Match: {got.headers['ETag']}")
            assert (fresh.status, fresh.body, "Content-Length" in fresh.headers) == (304, b"", False)
            assert fresh.headers["ETag"] == got.headers["ETag"]
            posted = await ask(server, "/", method="POST")
            assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")

    asyncio.run(main())


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/%2e%2e/pyproject.toml", "/..\\x", "//etc/passwd", "/notes.md", "/a%00", "*"]
)
def test_nothing_else_is_served(path: str) -> None:
    async def main() -> None:
        async with running(PAGE) as server:
            got = await ask(server, path)
            assert got[::2] == (404, f"nothing here; voicewire.v1 is at {server.url}\n".encode())

    asyncio.run(main())


def test_where_no_page_was_installed_it_says_so() -> None:
    async def main() -> None:
        async with running(Assets()) as server:
            assert not server.has_page
            got = await ask(server, "/")
            assert got[::2] == (404, f"no page was installed; voicewire.v1 is at {server.url}\n".encode())

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/", "GET", None, 200),
        ("/", "HEAD", None, 200),
        ("/healthz", "GET", None, 200),
        ("/nothing", "GET", None, 404),
        ("/", "PUT", None, 405),
        ("/", "GET", "evil.example", 403),
        ("/voice", "GET", None, 426),
        ("/voice", "HEAD", None, 405),
    ],
)
def test_every_answer_has_the_security_headers(path: str, method: str, host: str | None, status: int) -> None:
    async def main() -> None:
        async with running(PAGE) as server:
            got = await ask(server, path, method=method, host=host)
            assert got.status == status
            assert got.headers.keys() >= SECURITY
            assert (
                f"connect-src 'self' ws://{host or f'127.0.0.1:{server.port}'} "
                in (got.headers["Content-Security-Policy"])
            )
            assert (got.body == b"") is (method == "HEAD")

    asyncio.run(main())


def test_a_large_file_arrives_whole_at_a_slow_reader(tls_files: dict[str, str]) -> None:
    async def main() -> None:
        content = random.Random(1).randbytes(6 << 20)
        async with running(Assets({"large.wasm": content})) as server:
            assert (await ask(server, "/large.wasm", piece=4096)).body == content
        async with running(Assets({"large.wasm": content}), **tls_files) as server:
            context = ssl.create_default_context(cafile=tls_files["tls_cert"])
            assert (await ask(server, "/large.wasm", piece=4096, context=context)).body == content

    asyncio.run(main())


# --- whose page it is


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
)


@pytest.mark.parametrize(
    ("allowed", "origin", "opens"),
    [
        ((), "http://127.0.0.1:{port}", True),
        ((), "http://localhost:{port}", False),
        ((), "https://127.0.0.1:{port}", False),
        ((), "http://127.0.0.1:1", False),
        ((), "https://evil.example", False),
        ((), "null", False),
        ((), None, True),
        (("https://app.example.com",), "https://app.example.com", True),
        (("https://app.example.com",), "https://evil.example", False),
        (("*",), "https://evil.example", True),
    ],
)
def test_only_pages_that_are_allowed_open_the_websocket(
    allowed: tuple[str, ...], origin: str | None, opens: bool
) -> None:
    async def main() -> None:
        async with running(PAGE, allow_origin=allowed) as server:
            sent = None if origin is None else origin.format(port=server.port)
            opening = connect(
                server.url, origin=Origin(sent) if sent else None, subprotocols=[Subprotocol(SUBPROTOCOL)]
            )
            if opens:
                async with opening as client:
                    await ready(client)
                return
            with pytest.raises(InvalidStatus) as refused:
                async with opening:
                    pass
            assert refused.value.response.status_code == 403
            assert (
                refused.value.response.body
                == (
                    f"pages of {sent!r} may not use this server; if they should, start it with --allow-origin ORIGIN\n"
                ).encode()
            )

    asyncio.run(main())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.168.1.5", "127.0.0.1.evil.example"])
def test_a_page_whose_name_was_made_to_mean_this_machine_gets_nothing(host: str) -> None:
    async def main() -> None:
        async with running(PAGE) as server:
            assert (await ask(server, "/", host=host)).status == 403
            refused = await ask(server, "/voice", *HANDSHAKE, f"Origin: http://{host}", host=host)
            assert refused.status == 403
            assert refused.body.startswith(f"this server does not go by the name '{host}'".encode())

    asyncio.run(main())


def test_a_proxy_in_front_of_loopback_is_let_through_by_its_name() -> None:
    async def main() -> None:
        async with running(PAGE, allow_origin=("https://voice.example.com",)) as server:
            assert (await ask(server, "/", host="voice.example.com")).status == 200
            assert (await ask(server, "/", host="other.example.com")).status == 403

    asyncio.run(main())


def test_pages_of_allowed_origins_may_import_its_modules_and_frame_it() -> None:
    async def main() -> None:
        async with running(PAGE, allow_origin=("https://app.example.com",)) as server:
            allowed = await ask(server, "/voicewire.js", "Origin: https://app.example.com")
            assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
            assert allowed.headers["Vary"] == "Origin"
            assert allowed.headers["Content-Security-Policy"].endswith("frame-ancestors https://app.example.com")
            other = await ask(server, "/voicewire.js", "Origin: https://evil.example")
            assert "Access-Control-Allow-Origin" not in other.headers
        async with running(PAGE) as server:
            own = await ask(server, "/voicewire.js", "Origin: https://evil.example")
            assert own.headers.keys() & {"Access-Control-Allow-Origin", "Vary"} == set()

    asyncio.run(main())


TOKEN = "correct horse battery"


@pytest.mark.parametrize(
    ("allowed", "origin", "accepted"),
    [
        ((), None, True),
        ((), "http://127.0.0.1:{port}", True),
        (("https://app.example.com",), "https://app.example.com", True),
        (("*",), "https://evil.example", False),
        (("*",), "http://127.0.0.1:{port}", True),
    ],
)
def test_a_cookie_counts_only_from_pages_that_are_named(
    allowed: tuple[str, ...], origin: str | None, accepted: bool
) -> None:
    async def main() -> None:
        async with (
            running(PAGE, allow_origin=allowed, token=(TOKEN,)) as server,
            connect(
                server.url,
                origin=Origin(origin.format(port=server.port)) if origin else None,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers={"Cookie": f"theme=dark; voicecli_token={TOKEN}"},
            ) as client,
        ):
            if accepted:
                await ready(client)
                return
            await client.send(START)
            assert (await error_from(client)).code is ErrorCode.UNAUTHORIZED
            assert await closed(client) == 1008

    asyncio.run(main())


def test_a_bearer_token_opens_a_session_and_a_wrong_one_does_not() -> None:
    async def main() -> None:
        async with running(token=("first", TOKEN)) as server:
            for token, code in ((TOKEN, None), ("wrong", ErrorCode.UNAUTHORIZED)):
                async with connect(
                    server.url,
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    additional_headers={"Authorization": f"Bearer {token}"},
                ) as client:
                    if code is None:
                        await ready(client)
                    else:
                        await client.send(START)
                        assert (await error_from(client)).code is code

    asyncio.run(main())


def test_sessions_are_counted_by_the_address_that_a_trusted_proxy_names() -> None:
    async def session_of(server: VoiceServer, address: str, stack: AsyncExitStack) -> ErrorCode | None:
        client = await stack.enter_async_context(
            connect(
                server.url,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers={"X-Forwarded-For": address},
            )
        )
        with suppress(ConnectionClosed):  # it may have been refused by now
            await client.send(START)
        message = decode_down(str(await client.recv()))
        return message.code if isinstance(message, Error) else None

    async def main() -> None:
        many = ErrorCode.TOO_MANY_SESSIONS
        for trusted, outcome in ((True, [None, None, many]), (False, [None, many, many])):
            async with running(sessions_per_address=1, trust_proxy=trusted) as server, AsyncExitStack() as stack:
                addresses = ("203.0.113.9", "198.51.100.7", "203.0.113.9")
                assert [await session_of(server, address, stack) for address in addresses] == outcome

    asyncio.run(main())


# --- TLS


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(certificate.make(["127.0.0.1", "localhost"], utc_now()))
    return {"tls_cert": str(path), "tls_key": str(path)}


def test_with_a_certificate_page_and_websocket_are_encrypted(tls_files: dict[str, str]) -> None:
    async def main() -> None:
        async with running(PAGE, **tls_files) as server:
            assert server.url == f"wss://127.0.0.1:{server.port}/voice"
            assert server.page_url == f"https://127.0.0.1:{server.port}/"
            assert server.fingerprint is None
            context = ssl.create_default_context(cafile=tls_files["tls_cert"])
            assert (await ask(server, "/", context=context)).status == 200
            own = Origin(server.page_url.rstrip("/"))
            async with connect(server.url, ssl=context, origin=own, subprotocols=[Subprotocol(SUBPROTOCOL)]) as client:
                await ready(client)
                await answers(client)

    asyncio.run(main())


def test_self_signed_is_encrypted_with_the_certificate_whose_fingerprint_it_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))

    async def main() -> None:
        async with running(PAGE, tls=TlsMode.SELF_SIGNED) as server:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert hashlib.sha256(shown).hexdigest().upper() == (server.fingerprint or "").replace(":", "")
            writer.transport.abort()

    asyncio.run(main())


def test_settings_that_do_not_go_together_stop_the_server_before_it_listens() -> None:
    with pytest.raises(SettingsError, match=r"other machines can reach 0\.0\.0\.0"):
        VoiceServer(scripted(host="0.0.0.0", port=0))
    with pytest.raises(SettingsError, match="--tls-cert needs --tls-key"):
        VoiceServer(scripted(tls_cert="cert.pem"))


def test_a_page_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("voiceserver.server.folder_of_page", lambda: tmp_path / "none")
    with pytest.raises(ServerError, match="the page cannot be read"):
        VoiceServer(scripted(port=0))


@pytest.mark.parametrize(
    ("host", "network_url"),
    [
        ("127.0.0.1", None),
        ("localhost", None),
        ("0.0.0.0", "http://192.168.1.5:8080/"),
        ("192.168.1.5", "http://192.168.1.5:8080/"),
        ("::", "http://192.168.1.5:8080/"),
        ("fd00::5", "http://[fd00::5]:8080/"),
    ],
)
def test_it_knows_where_another_machine_finds_the_page(
    host: str, network_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voiceserver.server.own_addresses", lambda: iter(["192.168.1.5", "fd00::5"]))
    assert VoiceServer(scripted(host=host, token=("x",))).network_url == network_url
    monkeypatch.setattr("voiceserver.server.own_addresses", lambda: iter([]))
    assert VoiceServer(scripted(host="0.0.0.0", token=("x",))).network_url is None


def test_a_client_that_does_not_ask_for_the_subprotocol_is_refused() -> None:
    async def main() -> None:
        async with running() as server:
            with pytest.raises(InvalidStatus, match="400"):
                async with connect(server.url):
                    pass

    asyncio.run(main())


def test_a_port_that_is_taken_is_told_as_a_sentence() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(ServerError, match=f"port {port} on 127.0.0.1 is taken; choose another with --port"):
                await VoiceServer(scripted(port=port)).__aenter__()

    asyncio.run(main())


def test_a_host_that_is_not_here_is_told_as_a_sentence() -> None:
    async def main() -> None:
        with pytest.raises(ServerError, match="--host"):
            await VoiceServer(scripted(host="192.0.2.1", port=0, token=("x",))).__aenter__()

    asyncio.run(main())


def test_connection_limits_are_the_ones_told() -> None:
    async def main() -> None:
        async with running() as server, connected(server) as client:
            told = await ready(client)
            assert told.limits == Connection(Side.SERVER)._limits

    asyncio.run(main())
