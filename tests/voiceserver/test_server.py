"""The server on a real socket: plain HTTP, what stops it from starting, and what hostile clients get."""

import asyncio
import json
import random
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.voiceserver.stages import scripted
from voiceserver.server import HARD_LIMIT_FACTOR, ServerError, VoiceServer
from voicewire import SUBPROTOCOL
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
async def running() -> AsyncIterator[VoiceServer]:
    """A server on a free port. Afterwards no task and no thread of it may be left."""
    threads = set(threading.enumerate())
    async with VoiceServer(scripted(port=0, **FAST)) as server:
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


def get(server: VoiceServer, path: str) -> Awaitable[tuple[int, str]]:
    async def fetch() -> tuple[int, str]:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        response = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
        head, _, body = response.partition("\r\n\r\n")
        return int(head.split()[1]), body

    return fetch()


def test_health_and_readiness_are_answered_over_http() -> None:
    async def main() -> None:
        async with running() as server:
            assert await get(server, "/healthz") == (200, "ok\n")
            assert await get(server, "/readyz?verbose") == (200, "ready\n")
            assert (await get(server, "/"))[1] == f"voicecli serves voicewire.v1 at {server.url}\n"
            assert (await get(server, "/../pyproject.toml"))[0] == 404
            server._service.is_ready = False
            assert (await get(server, "/readyz"))[0] == 503
            with pytest.raises(InvalidStatus, match="503"):
                async with connected(server):
                    pass

    asyncio.run(main())


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
