"""STT `pocketsphinx`: English, offline, its model in the wheel. For clear speech and the bench; poor at dictation."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

import msgspec
from msgspec import Meta

from voiceserver.engines.pocketsphinx_worker import BYTES_PER_MS, SAMPLE_RATE, Configuration, Feed, Finish, Heard
from voiceserver.engines.roles import EngineError, Transcript
from voiceserver.engines.workers import Lease, WorkerPool

_MIN_BYTES = 20 * BYTES_PER_MS
_MAX_BYTES = 200 * BYTES_PER_MS


class PocketsphinxStt:
    """Each segment has a worker process to itself while it is spoken; the same audio always gives the same text."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        workers: Annotated[int, Meta(ge=1, le=64)] = 4
        """How many people can speak at once. A worker takes up to 30 MB beside the model they share, and a tenth to
        a fifth of a core while somebody speaks."""
        max_utterance_ms: Annotated[int, Meta(ge=3_000, le=60_000)] = 10_000
        """Longer segments are decoded in parts, cut at pauses where there are some."""
        maxhmmpf: Annotated[int, Meta(ge=500, le=30_000)] = 3_000
        """Hypotheses kept for each 10 ms: fewer are faster, more are a little better."""
        bestpathlw: Annotated[float, Meta(ge=1, le=50)] = 12.0
        """Weight of the language model in the last pass."""
        wait_ms: Annotated[int, Meta(ge=0, le=60_000)] = 10_000
        """How long a segment waits for a free worker."""
        hang_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5_000
        """A worker that takes longer than this over a piece of audio is killed and replaced."""

    sample_rate = SAMPLE_RATE
    locales = ("en-US",)

    def __init__(self, settings: Settings) -> None:
        configuration = Configuration(
            max_utterance_ms=settings.max_utterance_ms, maxhmmpf=settings.maxhmmpf, bestpathlw=settings.bestpathlw
        )
        self._wait_ms = settings.wait_ms
        self._pool = WorkerPool(
            "voiceserver.engines.pocketsphinx_worker:PocketsphinxWorker",
            msgspec.json.encode(configuration),
            name="speech recogniser pocketsphinx",
            size=settings.workers,
            hang_ms=settings.hang_ms,
            single_use=True,
        )

    @property
    def worker_pids(self) -> tuple[int, ...]:
        return self._pool.pids

    async def start(self) -> None:
        await self._pool.start()

    async def close(self) -> None:
        await self._pool.close()

    async def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        if locale.lower().replace("_", "-").partition("-")[0] != "en":
            raise EngineError(f"speech recogniser pocketsphinx understands English only, not {locale}; choose another")
        last = Transcript("", is_final=False)
        async with self._pool.lease(self._wait_ms) as worker, aclosing(_blocks(audio)) as blocks:
            async for block in blocks:
                heard = await _ask(worker, Feed(block))
                partial = Transcript(heard.text, is_final=False, stable_chars=heard.stable_chars)
                if partial != last:
                    yield partial
                    last = partial
            heard = await _ask(worker, Finish())
        yield Transcript(heard.text, is_final=True, stable_chars=len(heard.text))


async def _ask(worker: Lease, request: Feed | Finish) -> Heard:
    return msgspec.msgpack.decode(await worker.ask(msgspec.msgpack.encode(request)), type=Heard)


async def _blocks(audio: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The audio in pieces of 20 to 200 ms, whole samples each: decoding less at once wastes time, more is not heard of
    for long. The last may be shorter."""
    kept = b""
    async for piece in audio:
        kept += piece
        while len(kept) >= _MIN_BYTES:
            size = min(len(kept), _MAX_BYTES) & ~1
            yield kept[:size]
            kept = kept[size:]
    if len(kept) >= 2:
        yield kept[: len(kept) & ~1]
