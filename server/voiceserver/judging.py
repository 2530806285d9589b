"""What a model of the end of turns is asked: at each pause, with the turn's audio, until the user goes on."""

import asyncio
from collections.abc import Callable, Coroutine

from voiceaudio.resample import Resampler
from voiceserver.engines.roles import EndOfTurn, EngineError
from voiceserver.logs import SessionLog
from voiceserver.turn_events import TurnJudged

Spawn = Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]


class Judging:
    """One session's. Never awaits; `spawn` makes a task that somebody owns. Keeps what the model hears, and no more."""

    def __init__(
        self, judge: EndOfTurn, audio_rate: int, *, emit: Callable[[TurnJudged], None], log: SessionLog
    ) -> None:
        self._judge = judge
        self._rate = audio_rate
        self._emit = emit
        self._log = log
        self._audio = bytearray()
        self._turn_id: int | None = None
        self._capacity = judge.longest_ms * audio_rate // 1000 * 2
        self._task: asyncio.Task[None] | None = None

    def speech_started(self, turn_id: int) -> None:
        """Of a new turn, or of one that goes on: what was asked is no longer wanted."""
        if self._turn_id != turn_id:
            self._turn_id = turn_id
            self._audio.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def feed(self, audio: bytes) -> None:
        """The next audio of the turn, pauses as short as the VAD's hangover included."""
        self._audio += audio
        del self._audio[: -self._capacity]

    def ask(self, turn_id: int, segment: int, spawn: Spawn) -> None:
        self._task = spawn(self._ask(turn_id, segment, bytes(self._audio)), f"end of turn {turn_id}")

    async def _ask(self, turn_id: int, segment: int, audio: bytes) -> None:
        resampler = Resampler(self._rate, self._judge.sample_rate)
        try:
            finished = await self._judge.probability(resampler.resample(audio) + resampler.flush())
        except EngineError as error:
            self._log.warning("end of turn not judged: silence decides", turn=turn_id, reason=str(error))
            return
        except Exception:
            self._log.exception("engine raised", turn=turn_id, stage="the model of the end of turns")
            return
        self._emit(TurnJudged(turn_id, segment, finished))
