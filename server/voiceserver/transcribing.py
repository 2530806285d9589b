"""The transcriptions of the turn that is being spoken: one for each of its segments."""

import asyncio
from collections.abc import Callable, Coroutine

from voiceserver.engines.roles import Stt
from voiceserver.logs import SessionLog
from voiceserver.transcription import Transcription, TranscriptionEvent

Spawn = Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]


class Transcribing:
    """One session's. Never awaits; `spawn` makes a task that somebody owns."""

    def __init__(
        self,
        stt: Stt,
        *,
        audio_rate: int,
        locale: str,
        overlapped: bool,
        emit: Callable[[TranscriptionEvent], None],
        log: SessionLog,
    ) -> None:
        self._stt = stt
        self._audio_rate = audio_rate
        self._locale = locale
        self._overlapped = overlapped
        self._emit = emit
        self._log = log
        self._segments: dict[int, tuple[Transcription, asyncio.Task[None]]] = {}

    @property
    def is_open(self) -> bool:
        """A turn is being spoken."""
        return bool(self._segments)

    def begin(self, turn_id: int, segment: int, spawn: Spawn) -> None:
        transcription = Transcription(
            self._stt,
            turn_id=turn_id,
            segment=segment,
            audio_rate=self._audio_rate,
            locale=self._locale,
            overlapped=self._overlapped,
            emit=self._emit,
            log=self._log,
        )
        self._segments[segment] = (transcription, spawn(transcription.run(), f"stt of turn {turn_id}"))

    def feed(self, audio: bytes) -> None:
        """Audio of the newest segment."""
        self._segments[max(self._segments)][0].feed(audio)

    def finish(self, segment: int) -> None:
        """It is spoken to its end."""
        self._segments[segment][0].finish()

    def abandon(self) -> None:
        """Nobody wants the turn's transcripts any more."""
        for transcription, task in self._segments.values():
            # One that is through is just tidying up, and may be the very task that this is called from.
            if not transcription.is_through:
                task.cancel()
        self._segments.clear()

    def commit(self) -> None:
        """The turn is over, and all that was wanted of it is there."""
        self._segments.clear()
