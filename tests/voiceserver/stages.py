"""Engines and a connection for tests: what each does, and when, is written where it is used."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from voicecli.virtualtime import VirtualLoop, run_virtual
from voiceserver.engines.roles import ChatMessage, EngineError, SpeechAudio, SpokenWord, Token, TokenUsage, Transcript
from voiceserver.transport import Disconnected


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
    """20 ms of loud audio a character, in pieces of 100 ms, the first after `first_s`."""

    sample_rate = 24_000

    def __init__(self, *, first_s: float = 0.0, error: Exception | None = None) -> None:
        self.first_s = first_s
        self.error = error
        self.asked: list[str] = []
        self.closed = 0

    async def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        self.asked.append(text)
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
        finally:
            self.closed += 1


class MemoryTransport:
    """A client's end is `sent` and `received`; None in `received` hangs up."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.sent: list[str | bytes] = []
        self.arrived = asyncio.Event()
        self.closed: tuple[int, str] | None = None

    async def recv(self) -> str | bytes:
        data = await self.received.get()
        if data is None:
            raise Disconnected("hung up")
        return data

    async def send(self, data: str | bytes) -> None:
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
