"""Engines and a connection for tests: what each does, and when, is written where it is used."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voiceserver.engines.roles import ChatMessage, EngineError, SpeechAudio, SpokenWord, Token, TokenUsage, Transcript
from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voiceserver.transport import Disconnected
from voicewire.connection import Connection, Side
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.messages import Endpointing, Message, SessionReady, SessionStart

Received = TypeVar("Received")

PCM_16K = AudioFormat(Codec.PCM_S16LE, 16_000)


class StubEngine:
    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass


class ListeningStt(StubEngine):
    """Hears 'N' for N bytes of audio; one partial a piece, the final after `final_s`."""

    sample_rate = 16_000

    def __init__(self, *, final_s: float = 0.0, error: Exception | None = None) -> None:
        self.final_s = final_s
        self.error = error
        self.pieces: list[int] = []
        self.closed = 0

    async def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        heard = 0
        try:
            async for piece in audio:
                if self.error is not None:
                    raise self.error
                heard += len(piece)
                self.pieces.append(len(piece))
                yield Transcript(str(heard), False, 1)
            await asyncio.sleep(self.final_s)
            yield Transcript(str(heard), True, len(str(heard)))
        finally:
            self.closed += 1


class TalkingLlm(StubEngine):
    """Says the words, `first_s` to the first and `pace_s` to each next; then `error`, or usage."""

    def __init__(
        self, text: str = "", *, first_s: float = 0.0, pace_s: float = 0.0, error: Exception | None = None
    ) -> None:
        self.text = text
        self.first_s = first_s
        self.pace_s = pace_s
        self.error = error
        self.asked: list[tuple[ChatMessage, ...]] = []
        self.closed = 0

    async def reply(self, conversation: Sequence[ChatMessage], *, locale: str) -> AsyncIterator[Token | TokenUsage]:
        self.asked.append(tuple(conversation))
        try:
            await asyncio.sleep(self.first_s)
            words = self.text.split(" ") if self.text else []
            for number, word in enumerate(words):
                if number:
                    await asyncio.sleep(self.pace_s)
                yield Token(word if number == len(words) - 1 else f"{word} ")
            if self.error is not None:
                raise self.error
            yield TokenUsage(7, len(words))
        finally:
            self.closed += 1


class LoudTts(StubEngine):
    """20 ms of loud audio a character, in pieces of 100 ms, the first after `first_s`, each next after `pace_s`."""

    sample_rate = 24_000

    def __init__(
        self, *, first_s: float = 0.0, pace_s: float = 0.0, error: Exception | None = None, concurrent: bool = False
    ) -> None:
        self.first_s = first_s
        self.pace_s = pace_s
        self.error = error
        self.concurrent = concurrent
        self.asked: list[str] = []
        self.closed = 0
        self.most_at_once = 0

    async def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        self.asked.append(text)
        self.most_at_once = max(self.most_at_once, len(self.asked) - self.closed)
        try:
            await asyncio.sleep(self.first_s)
            if self.error is not None:
                raise self.error
            samples = len(text) * 480
            words: tuple[SpokenWord, ...] = (SpokenWord(0, len(text), 0),)
            while samples > 0:
                piece = min(samples, 2400)
                samples -= piece
                yield SpeechAudio(b"\x00\x40" * piece, words)
                words = ()
                if samples > 0:
                    await asyncio.sleep(self.pace_s)
        finally:
            self.closed += 1


class MemoryTransport:
    """A client's end is `sent` and `received`; None in `received` hangs up. While `reads` is cleared, `send` waits."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[str | bytes] = []
        self.arrived = asyncio.Event()
        self.closed: tuple[int, str] | None = None
        self.reads = asyncio.Event()
        self.reads.set()

    async def recv(self) -> str | bytes:
        data = await self.received.get()
        if data is None:
            raise Disconnected("hung up")
        return data

    async def send(self, data: str | bytes) -> None:
        await self.reads.wait()
        self.sent.append(data)
        self.arrived.set()

    async def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)
        self.received.put_nowait(None)


def virtually(main: Callable[[VirtualLoop], Coroutine[Any, Any, None]]) -> None:
    """Run the test on a virtual clock; no task may be left."""
    loop = VirtualLoop()

    async def checked() -> None:
        await main(loop)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left: {left}"

    run_virtual(checked(), loop)


BROKEN = EngineError("it broke")


LOUD = b"\x00\x20" * 320
"""20 ms of sound at 16 kHz."""
QUIET = bytes(640)


class Caller:
    """A client on the virtual clock: PCM up and down at 16 kHz, and everything that came back in `heard`."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.transport = MemoryTransport()
        self.connection = Connection(Side.CLIENT)
        self.loop = loop
        self.sequence = 0
        self.pts = 0
        self.heard: list[Message | AudioFrame] = []
        self._read = 0

    def send(self, message: Message | AudioFrame) -> None:
        self.transport.received.put_nowait(self.connection.send(message))

    def start(self, **fields: Any) -> None:
        formats = {"input": [PCM_16K], "output": [PCM_16K]}
        self.send(SessionStart(**(formats | fields)))

    def hang_up(self) -> None:
        self.transport.received.put_nowait(None)

    def audio(self, pcm: bytes) -> None:
        self.send(AudioFrame(FrameKind.AUDIO_CHUNK, Codec.PCM_S16LE, 0, self.sequence, self.pts, pcm))
        self.sequence += 1
        self.pts += len(pcm) // 2

    async def speak(self, *spans_ms: int) -> None:
        """Alternately loud and quiet for so many ms, in real time, each frame sent when it is over."""
        for number, span_ms in enumerate(spans_ms):
            for _ in range(span_ms // 20):
                await asyncio.sleep(0.02)
                self.audio(QUIET if number % 2 else LOUD)

    async def until(self, kind: type[Received]) -> Received:
        """The next message of this kind; everything before it is in `heard`."""
        while True:
            self._take()
            for number in range(self._read, len(self.heard)):
                message = self.heard[number]
                if isinstance(message, kind):
                    self._read = number + 1
                    return message
            self._read = len(self.heard)
            self.transport.arrived.clear()
            await self.transport.arrived.wait()

    def all(self, kind: type[Received]) -> list[Received]:
        self._take()
        return [message for message in self.heard if isinstance(message, kind)]

    def _take(self) -> None:
        for data in self.transport.sent:
            self.heard.append(self.connection.receive(data, self.loop.now_ns()))
        self.transport.sent.clear()


ENGINES = {
    "vad": "scripted",
    "stt": "scripted(text='hello there', final=50ms)",
    "llm": "scripted(text='Good morning to you. It is a fine day.', ttft=120ms)",
    "tts": "scripted(ttfb=80ms)",
}

Script = Callable[[Caller], Awaitable[None]]


PLAIN: dict[str, Any] = {
    "endpointing": Endpointing.FIXED,
    "speculation": False,
    "resume_ms": 0,
    "barge_in_sure_ms": 200,
}
"""Turns that are taken by silence alone: when something happens can be told without the words."""


def scripted(**settings: Any) -> ServerSettings:
    return ServerSettings(**(ENGINES | PLAIN | settings))


def converse(script: Script, **settings: Any) -> Caller:
    """One call on the virtual clock, to a service of scripted engines; what it heard is the result."""
    callers: list[Caller] = []

    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(**settings), loop) as service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            callers.append(caller)
            served = tasks.create_task(service.converse(caller.transport))
            await script(caller)
            caller.hang_up()
            await served

    virtually(main)
    return callers[0]


async def opened(caller: Caller, **fields: Any) -> SessionReady:
    caller.start(**fields)
    return await caller.until(SessionReady)
