"""One segment on its way through the recogniser."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import cast

from voiceaudio.resample import Resampler
from voiceserver.engines.roles import EngineError, Stt, Transcript
from voiceserver.logs import SessionLog
from voiceserver.turn_events import FinalTranscribed, PartialTranscribed, TranscriptionFailed

LONGEST_BACKLOG_S = 60
"""Audio that may wait for the recogniser. When it is further behind than this, the segment fails."""

TranscriptionEvent = PartialTranscribed | FinalTranscribed | TranscriptionFailed


class Transcription:
    """Audio, at `audio_rate`, is fed without waiting; `run` is the task that pulls the recogniser, and `emit` is given
    what comes of it."""

    def __init__(
        self,
        stt: Stt,
        *,
        audio_rate: int,
        turn_id: int,
        segment: int,
        locale: str,
        overlapped: bool,
        emit: Callable[[TranscriptionEvent], None],
        log: SessionLog,
    ) -> None:
        self.turn_id = turn_id
        self.segment = segment
        self._stt = stt
        self._resampler = Resampler(audio_rate, stt.sample_rate)
        self._locale = locale
        self._overlapped = overlapped
        self._emit = emit
        self._log = log
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._capacity = LONGEST_BACKLOG_S * audio_rate * 2
        self._finished = False
        self._overrun = False
        self._is_through = False
        self._changed = asyncio.Event()

    @property
    def is_through(self) -> bool:
        """The recogniser has said all it had to say."""
        return self._is_through

    def feed(self, audio: bytes) -> None:
        if self._waiting_bytes + len(audio) > self._capacity:
            self._overrun = True
        else:
            self._waiting.append(audio)
            self._waiting_bytes += len(audio)
        self._changed.set()

    def finish(self) -> None:
        """The segment is over."""
        self._finished = True
        self._changed.set()

    async def run(self) -> None:
        try:
            async with aclosing(self._audio()) as audio, aclosing(self._transcripts(audio)) as transcripts:
                async for transcript in transcripts:
                    if transcript.is_final:
                        self._is_through = True
                        self._emit(FinalTranscribed(self.turn_id, self.segment, transcript.text))
                        return
                    self._emit(PartialTranscribed(self.turn_id, self.segment, transcript.text, transcript.stable_chars))
            failure = "the speech recogniser ended without a final transcript"
        except EngineError as error:
            if self._is_through:
                self._log.warning("engine failed after its final transcript", turn=self.turn_id, reason=str(error))
                return
            failure = str(error)
        self._is_through = True
        self._emit(TranscriptionFailed(self.turn_id, self.segment, failure))

    async def _transcripts(self, audio: AsyncIterator[bytes]) -> AsyncGenerator[Transcript, None]:
        """The engine's; whatever it raises is an EngineError: it costs this segment and nothing else."""
        stream = cast(AsyncGenerator[Transcript, None], self._stt.transcribe(audio, locale=self._locale))
        try:
            async with aclosing(stream):
                async for transcript in stream:
                    yield transcript
        except EngineError:
            raise
        except Exception as error:
            self._log.exception("engine raised", turn=self.turn_id, stage="the speech recogniser")
            raise EngineError(f"the speech recogniser failed: {type(error).__name__}") from None

    async def _audio(self) -> AsyncGenerator[bytes, None]:
        while not self._finished or self._waiting:
            if self._overrun:
                raise EngineError(
                    "the speech recogniser cannot keep up: it is too slow or has too few workers"
                    if self._overlapped
                    else f"more than {LONGEST_BACKLOG_S} s of speech are too long for the sequential pipeline"
                )
            if self._waiting and (self._overlapped or self._finished):
                audio = self._waiting.popleft()
                self._waiting_bytes -= len(audio)
                yield self._resampler.resample(audio)
            else:
                self._changed.clear()
                await self._changed.wait()
        if rest := self._resampler.flush():
            yield rest
