"""One segment on its way through the recogniser."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, cast

from voiceaudio.resample import Resampler
from voiceserver.engines.roles import EngineError, Stt
from voiceserver.logs import SessionLog
from voiceserver.turn import FinalTranscribed, PartialTranscribed, TranscriptionFailed

LONGEST_BACKLOG_S = 30
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
            async with aclosing(cast(Any, self._stt.transcribe(self._audio(), locale=self._locale))) as transcripts:
                async for transcript in transcripts:
                    if transcript.is_final:
                        self._is_through = True
                        self._emit(FinalTranscribed(self.turn_id, self.segment, transcript.text))
                        return
                    self._emit(PartialTranscribed(self.turn_id, self.segment, transcript.text, transcript.stable_chars))
            raise EngineError("the speech recogniser ended without a final transcript")
        except EngineError as error:
            self._fail(str(error))
        except Exception as error:
            self._log.exception("engine raised", turn=self.turn_id, stage="the speech recogniser")
            self._fail(f"the speech recogniser failed: {type(error).__name__}")

    def _fail(self, message: str) -> None:
        self._is_through = True
        self._emit(TranscriptionFailed(self.turn_id, self.segment, message))

    async def _audio(self) -> AsyncIterator[bytes]:
        while not self._finished or self._waiting:
            if self._overrun:
                raise EngineError("the speech recogniser cannot keep up: it is too slow or has too few workers")
            if self._waiting and (self._overlapped or self._finished):
                audio = self._waiting.popleft()
                self._waiting_bytes -= len(audio)
                yield self._resampler.resample(audio)
            else:
                self._changed.clear()
                await self._changed.wait()
        if rest := self._resampler.flush():
            yield rest
