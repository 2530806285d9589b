"""The making of one reply: LLM -> clauses -> TTS -> encoded frames, each stage at work while its source still is."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple, Protocol, TypeVar, cast

from voiceserver.clauses import Clause, ClauseSplitter
from voiceserver.engines.roles import ChatMessage, EngineError, Llm, SpeechAudio, Token, TokenUsage, Tts
from voiceserver.logs import SessionLog
from voiceserver.playhead import ReplyQueue
from voiceserver.speech_encoder import SpeechEncoder
from voiceserver.spoken import SpokenText
from voicewire.clock import Clock
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat
from voicewire.marks import Mark

CLAUSES_WAITING = 64
"""Clauses between LLM and TTS; when there are more, the LLM's stream is not read on."""

HELD_CLAUSES = 2
"""A reply that is held back reads so many clauses of its text, and speaks the first: all of it may be for nothing."""

CLAUSES_SPOKEN = 2
"""Clauses that are spoken at once: the next one begins while this one still comes, so that there is no gap between them
however long an engine takes to its first audio. Only where the engine is `concurrent`."""

PIECES_WAITING = 16
"""Pieces of speech of such a clause; when there are more, its stream is not read on."""

AUDIO_WAITING_MS = 4_000
"""Audio between TTS and the client; when there is more, TTS is not read on."""

Item = TypeVar("Item")


class ReplySettings(NamedTuple):
    output: AudioFormat
    locale: str
    voice: str | None
    lead_ms: int
    overlapped: bool
    """Otherwise each stage waits for the one before it to finish: the anti-pattern, to be measured against."""
    llm_timeout_ms: int
    """Longest wait for the next piece of text."""
    tts_timeout_ms: int
    """Longest wait for the next piece of speech."""


class ReplyListener(Protocol):
    """Whom a reply tells what comes of it. Every call carries the turn, since it may have been cancelled meanwhile."""

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None: ...
    def reply_token(self, turn_id: int, index: int, text: str) -> None: ...
    def reply_audio_queued(self, turn_id: int) -> None: ...
    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None: ...


class _StageError(Exception):
    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _Limit(NamedTuple):
    """Whose stream it is, and how long the next item may take."""

    code: ErrorCode
    name: str
    timeout_ms: int


class _SpokenClause(NamedTuple):
    """A clause whose speech is being made."""

    clause: Clause
    pieces: asyncio.Queue[SpeechAudio | None]


class Reply:
    """`run` is the task that makes it; `queue` is what may be sent of it. `encoder` is a fresh one, and its own.

    One that `is_held` makes no more than its beginning until `release`.
    """

    def __init__(
        self,
        turn_id: int,
        *,
        llm: Llm,
        tts: Tts,
        encoder: SpeechEncoder,
        settings: ReplySettings,
        conversation: tuple[ChatMessage, ...],
        listener: ReplyListener,
        clock: Clock,
        log: SessionLog,
        is_held: bool = False,
    ) -> None:
        self.turn_id = turn_id
        self.queue = ReplyQueue(settings.output.rate, lead_ms=settings.lead_ms, capacity_ms=AUDIO_WAITING_MS)
        self.spoken = SpokenText(tts.sample_rate)
        self.usage = TokenUsage(0, 0)
        self.tokens = 0
        """Pieces of text so far."""
        self.characters = 0
        """Handed to speech synthesis so far."""
        self._samples = 0
        """Made by it so far."""
        self._llm = llm
        self._tts = tts
        self._settings = settings
        self._conversation = conversation
        self._listener = listener
        self._clock = clock
        self._log = log
        self._encoder = encoder
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue(CLAUSES_WAITING)
        self._clauses_read = 0
        self._spoken_clauses: asyncio.Queue[_SpokenClause | None] = asyncio.Queue()
        """Bounded by `_voices`."""
        self._voices = asyncio.Semaphore(CLAUSES_SPOKEN if getattr(tts, "concurrent", False) else 1)
        self._room = asyncio.Event()
        self._is_spoken = False
        """All of its speech is made, if not queued."""
        self._released = asyncio.Event()
        if not is_held:
            self._released.set()
        self._marked: set[Mark] = set()

    @property
    def audio_ms(self) -> float:
        """Speech made so far, heard or not."""
        return self._samples * 1000 / self._tts.sample_rate

    async def run(self) -> None:
        try:
            if not self._settings.overlapped:
                await self._think()
            async with asyncio.TaskGroup() as stages:
                if self._settings.overlapped:
                    stages.create_task(self._think(), name=f"llm of turn {self.turn_id}")
                stages.create_task(self._speak(), name=f"tts of turn {self.turn_id}")
                stages.create_task(self._queue_speech(), name=f"audio of turn {self.turn_id}")
        except* _StageError as failures:
            failure: BaseException = failures
            while isinstance(failure, BaseExceptionGroup):
                failure = failure.exceptions[0]
            assert isinstance(failure, _StageError)
            self._listener.reply_failed(self.turn_id, failure.code, failure.message)

    def release(self) -> None:
        """Hold back no longer."""
        self._released.set()

    def room_made(self) -> None:
        """Frames were taken from the queue."""
        if not self.queue.is_full:
            self._room.set()

    async def _think(self) -> None:
        splitter = ClauseSplitter()
        self._mark(Mark.LLM_REQUESTED)
        stream = self._llm.reply(self._conversation, locale=self._settings.locale)
        limit = _Limit(ErrorCode.LLM_FAILED, "the language model", self._settings.llm_timeout_ms)
        async with aclosing(self._pull(stream, limit)) as pieces:
            async for piece in pieces:
                if isinstance(piece, TokenUsage):
                    self.usage = piece
                elif piece.text:
                    await self._take_token(piece, splitter)
        self._mark(Mark.LLM_DONE)
        if self._settings.overlapped:
            clauses = splitter.finish()
        else:
            clauses = [Clause(self.spoken.text, 0, len(self.spoken.text))] if self.spoken.text.strip() else []
        for clause in clauses:
            await self._clauses.put(clause)
        await self._clauses.put(None)

    async def _take_token(self, token: Token, splitter: ClauseSplitter) -> None:
        self._mark(Mark.LLM_FIRST_TOKEN)
        self.spoken.add_text(token.text)
        self._listener.reply_token(self.turn_id, self.tokens, token.text)
        self.tokens += 1
        if self._settings.overlapped:
            for clause in splitter.push(token.text):
                await self._clauses.put(clause)
                self._clauses_read += 1
                await asyncio.sleep(0)  # an LLM in full flow never waits: let the clause be spoken
            if self._clauses_read >= HELD_CLAUSES:
                await self._released.wait()

    async def _speak(self) -> None:
        """Ask for the speech of each clause, as soon as that of those before it leaves room."""
        async with asyncio.TaskGroup() as voices:
            while clause := await self._clauses.get():
                await self._voices.acquire()
                self._mark(Mark.TTS_REQUESTED)
                self.characters += len(clause.text)
                pieces: asyncio.Queue[SpeechAudio | None] = asyncio.Queue(PIECES_WAITING)
                self._spoken_clauses.put_nowait(_SpokenClause(clause, pieces))
                voices.create_task(self._speak_clause(clause, pieces), name=f"clause of turn {self.turn_id}")
                await self._released.wait()
            self._spoken_clauses.put_nowait(None)
        self._is_spoken = True
        self._mark_when_spoken()

    async def _speak_clause(self, clause: Clause, pieces: asyncio.Queue[SpeechAudio | None]) -> None:
        stream = self._tts.synthesize(clause.text, voice=self._settings.voice, locale=self._settings.locale)
        limit = _Limit(ErrorCode.TTS_FAILED, "speech synthesis", self._settings.tts_timeout_ms)
        async with aclosing(self._pull(stream, limit)) as speech:
            async for piece in speech:
                _check_speech(piece, clause)
                self._samples += len(piece.audio) // 2
                await pieces.put(piece)
        await pieces.put(None)

    async def _queue_speech(self) -> None:
        """Queue the speech of the clauses, one after another."""
        pending: list[SpeechAudio] = []
        while spoken := await self._spoken_clauses.get():
            self.spoken.begin_clause(spoken.clause)
            while piece := await spoken.pieces.get():
                if piece.audio:
                    self._mark(Mark.TTS_FIRST_AUDIO)
                    self._mark_when_spoken()
                self.spoken.add_audio(len(piece.audio) // 2, piece.words)
                if self._settings.overlapped:
                    await self._queue_audio(piece)
                else:
                    pending.append(piece)
            self.spoken.end_clause()
            self._voices.release()
        for piece in pending:
            await self._queue_audio(piece)
        for frame in self._encoder.flush():
            self.queue.put(frame)
        self.queue.finish()
        self._listener.reply_audio_queued(self.turn_id)

    async def _queue_audio(self, piece: SpeechAudio) -> None:
        for frame in self._encoder.encode(piece.audio):
            self.queue.put(frame)
        self._listener.reply_audio_queued(self.turn_id)
        await asyncio.sleep(0)  # nor does fast speech synthesis: let what is queued be sent
        while self.queue.is_full:
            self._room.clear()
            await self._room.wait()

    async def _pull(self, stream: AsyncIterator[Item], limit: _Limit) -> AsyncGenerator[Item, None]:
        """The stream's items. Whatever goes wrong in an engine, and an item that does not come in time, is a
        _StageError: it costs this reply and nothing else."""
        items = cast(AsyncGenerator[Item, None], stream)
        try:
            async with aclosing(items):
                while True:
                    try:
                        async with asyncio.timeout(limit.timeout_ms / 1000) as timeout:
                            item = await anext(items)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        if not timeout.expired():
                            raise
                        message = f"{limit.name} did not answer within {limit.timeout_ms / 1000:g} s"
                        raise _StageError(limit.code, message) from None
                    yield item
        except _StageError:
            raise
        except EngineError as error:
            raise _StageError(limit.code, str(error)) from None
        except Exception as error:
            self._log.exception("engine raised", turn=self.turn_id, stage=limit.name)
            raise _StageError(limit.code, f"{limit.name} failed: {type(error).__name__}") from None

    def _mark_when_spoken(self) -> None:
        # The first audio is that of the first clause, though a later one may have been quicker.
        if self._is_spoken and Mark.TTS_FIRST_AUDIO in self._marked:
            self._mark(Mark.TTS_DONE)

    def _mark(self, mark: Mark) -> None:
        if mark not in self._marked:
            self._marked.add(mark)
            self._listener.reply_marked(self.turn_id, mark, self._clock.now_ns())


def _check_speech(piece: SpeechAudio, clause: Clause) -> None:
    """Raises _StageError for what an engine must not give: it would break the audio of all that follows."""
    if len(piece.audio) % 2:
        raise _StageError(ErrorCode.TTS_FAILED, "speech synthesis gave half a sample")
    if any(not 0 <= word.start_char <= word.end_char <= len(clause.text) for word in piece.words):
        raise _StageError(ErrorCode.TTS_FAILED, "speech synthesis named a word outside of its text")
