"""One client's session: the shell around the turn machine.

Everything that happens becomes an event for `_apply`, which asks the machine and carries out what it says at once,
without awaiting: start or cancel a task, put into a bounded queue, arm the one timer. What asynchronous stages report
carries its turn, and what is stale is dropped in the first line that sees it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import NamedTuple

from voiceserver.anticipation import Callers
from voiceserver.conversation import Conversation
from voiceserver.echo import EchoEar
from voiceserver.engines.roles import EndOfTurn, Llm, Stt, Tts, Vad
from voiceserver.handshake import Agreement
from voiceserver.hearing import Hearing
from voiceserver.judging import Judging
from voiceserver.languages import taken_for
from voiceserver.lifetime import Lifetime
from voiceserver.logs import SessionLog
from voiceserver.loudness import Loudness
from voiceserver.negotiation import turn_settings
from voiceserver.outbox import Outbox
from voiceserver.playhead import SpokenFrame
from voiceserver.reply import Reply, ReplySettings
from voiceserver.speaking import Speaking
from voiceserver.transcribing import Transcribing
from voiceserver.transcription import TranscriptionEvent
from voiceserver.transport import Transport
from voiceserver.turn import TurnMachine, TurnSettings
from voiceserver.turn_events import (
    AbandonTranscription,
    AdoptSpeculation,
    AnnounceSpeechStarted,
    AnnounceSpeechStopped,
    AudioEnded,
    AudioHeard,
    BeginSpeculation,
    CancelReply,
    CloseSegment,
    DeadlinePassed,
    DropSpeculation,
    Effect,
    EndTurn,
    Event,
    FinishTranscription,
    Interrupted,
    JudgeTurn,
    MarkInstant,
    PauseReply,
    ReopenTurn,
    ReplyFailed,
    ReplyFinished,
    ReportError,
    ResumeReply,
    ShowTranscript,
    SpeculationFailed,
    SpeculationWasted,
    StartReply,
    StartTranscription,
    TextEntered,
    TranscriptionFailed,
)
from voiceserver.turn_events import SpeechStarted as SpeechStartedEvent
from voiceserver.turn_events import SpeechStopped as SpeechStoppedEvent
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock, ms
from voicewire.clock_offset import ClockOffset
from voicewire.connection import Connection
from voicewire.errors import CLOSE_CODES, ErrorCode, ProtocolError
from voicewire.frames import MAX_TURN_ID, AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    AudioEnd,
    CancelReason,
    Error,
    GoingAway,
    Interrupt,
    LlmToken,
    Message,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SpeechStarted,
    SpeechStopped,
    TextInput,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
    Usage,
)
from voicewire.messages import Clock as ClockMessage
from voicewire.timeline import Timeline, TimelineError


class EngineSet(NamedTuple):
    """The started engines that all sessions share."""

    vad: Vad
    stt: Stt
    llm: Llm
    tts: Tts
    end_of_turn: EndOfTurn | None = None

    @property
    def locales(self) -> Sequence[str]:
        """What the recogniser understands; none where it does not say."""
        return getattr(self.stt, "locales", ())

    @property
    def llm_acts(self) -> bool:
        """What the language model does has effects beyond its words: it is never asked before the turn is committed."""
        return bool(getattr(self.llm, "acts", False))


class SessionSettings(NamedTuple):
    turn: TurnSettings = TurnSettings()
    hangover_ms: int = 200
    """Silence after which the VAD closes a segment."""
    lead_ms: int = 500
    """How far ahead of the playhead reply audio is sent."""
    overlapped: bool = True
    idle_timeout_ms: int = 300_000
    session_length_ms: int = 3_600_000
    llm_timeout_ms: int = 20_000
    tts_timeout_ms: int = 10_000


class SessionOver(Exception):
    """Everything was said; the connection is to be closed with this."""

    def __init__(self, close_code: int, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


class ClientStuck(Exception):
    """The client does not read what it is sent."""


class TakenOver(Exception):
    """Another connection goes on with the conversation."""


class Session:
    """From `session_ready` to the last message. Owns its tasks; none is left when `run` returns."""

    def __init__(
        self,
        agreement: Agreement,
        *,
        transport: Transport,
        connection: Connection,
        engines: EngineSet,
        settings: SessionSettings,
        conversation: Conversation,
        callers: Callers,
        clock: Clock,
    ) -> None:
        self.conversation = conversation
        self._agreement = agreement
        self._transport = transport
        self._connection = connection
        self._engines = engines
        self._settings = settings
        self._clock = clock
        self._log = SessionLog(agreement.session_id)
        own = settings.turn._replace(has_judge=engines.end_of_turn is not None)
        if engines.llm_acts:
            own = own._replace(speculation=own.speculation._replace(is_on=False))
        start = agreement.start
        transcribed_as = taken_for(start.locale, engines.locales)
        self._machine = TurnMachine(
            turn_settings(start.turn_detection, own, locale=transcribed_as),
            callers.speaking(transcribed_as, conversation.said),
        )
        self._outbox = Outbox(
            connection, agreement.output.codec, on_written=self._frame_written, on_full=self._client_stuck
        )
        self._hearing = Hearing(
            agreement.input,
            engines.vad,
            hangover_ms=settings.hangover_ms,
            listener=self,
            account=connection.audio_decoded,
            clock=clock,
            log=self._log,
        )
        self._loudness = Loudness(self._hearing.rate)
        self._judging = (
            Judging(engines.end_of_turn, self._hearing.rate, emit=self._apply, log=self._log)
            if engines.end_of_turn is not None
            else None
        )
        self._timelines: dict[int, Timeline] = {}
        """Of the turn being spoken and the one being answered."""
        self._echo = EchoEar(transcribed_as)
        self._transcribing = Transcribing(
            engines.stt,
            audio_rate=self._hearing.rate,
            locale=transcribed_as,
            overlapped=settings.overlapped,
            emit=self._transcribed,
            log=self._log,
        )
        self._speaking = Speaking(
            engines.llm,
            engines.tts,
            ReplySettings(
                output=agreement.output,
                locale=start.locale,
                voice=start.voice,
                lead_ms=settings.lead_ms,
                overlapped=settings.overlapped,
                llm_timeout_ms=settings.llm_timeout_ms,
                tts_timeout_ms=settings.tts_timeout_ms,
            ),
            listener=self,
            clock=clock,
            log=self._log,
        )
        self._tasks: asyncio.TaskGroup | None = None
        self._events: deque[Event] = deque()
        self._applying = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns: float = math.inf
        self._lifetime = Lifetime(
            clock.now_ns(), idle_timeout_ms=settings.idle_timeout_ms, longest_ms=settings.session_length_ms
        )
        self._over: SessionOver | None = None
        self._failed = asyncio.Event()
        self._ended = asyncio.Event()
        self._failure: Exception | None = None
        """What went wrong outside of a task; `_watch` raises it inside of one."""

    @property
    def is_replying(self) -> bool:
        """A reply is being made, sent or heard."""
        return self._speaking.turn_id is not None

    async def replied(self) -> None:
        """Wait until no reply is being given."""
        await self._speaking.over()

    # --- life

    async def run(self) -> None:
        """Serve until one of the two is through with the other. Raises Disconnected, ClientStuck, SessionOver or
        TakenOver in an ExceptionGroup."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._write(), name="write")
                tasks.create_task(self._read(), name="read")
                tasks.create_task(self._hearing.run(), name="hear")
                tasks.create_task(self._watch(), name="watch")
                self._arm()
        finally:
            self._hearing.close()
            self._tasks = None
            if self._timer is not None:
                self._timer.cancel()
            self.conversation.user_heard(self._speaking.heard(self._clock.now_ns()).text)
            self._speaking.end()
            self.conversation.give_back()
            heard = self._hearing.counters
            early = self._speaking.close()
            self._ended.set()
            self._log.info(
                "session ended",
                heard_ms=heard.heard_ms,
                vad_ms=heard.vad_ms,
                decoded_ms=heard.speech_ms,
                begun_early=early.started,
                given=early.hit,
                wasted_tokens=early.wasted_tokens + early.wasted_input_tokens,
                wasted_tts_ms=round(early.wasted_tts_ms, 3),
                saved_ms=ms(early.saved_ns),
            )

    async def taken_over(self) -> None:
        """Be over at once, whether or not the client can be told; then the conversation is another session's."""
        self._fail(TakenOver())
        await self._ended.wait()

    def drain(self, time_left_ms: int) -> None:
        """Tell the client that the server is going away."""
        self._outbox.put(GoingAway(time_left_ms=time_left_ms, resume_token=self._agreement.resume_token))

    def end(self, code: ErrorCode, message: str, *, field: str = "") -> None:
        """Tell the client why, then be over."""
        if self._over is None:
            self._over = SessionOver(CLOSE_CODES.get(code, 1011), message)
            self._log.info("session ends", code=code.value)
            self._outbox.put(Error(code=code, message=message, field=field, fatal=True))
            self._outbox.close()

    async def _write(self) -> None:
        await self._outbox.run(self._transport)
        assert self._over is not None, "only `end` closes the outbox"
        raise self._over

    async def _watch(self) -> None:
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self._failed.set()

    def _client_stuck(self) -> None:
        self._fail(ClientStuck("messages were not read"))

    async def _read(self) -> None:
        while self._over is None:
            data = await self._transport.recv()
            now_ns = self._clock.now_ns()
            try:
                self._receive(self._connection.receive(data, now_ns), now_ns)
            except ProtocolError as error:
                self._refuse(error)

    def _refuse(self, error: ProtocolError) -> None:
        self._log.info("message refused", code=error.code.value, field=error.field, fatal=error.fatal)
        if error.fatal:
            self.end(error.code, error.message, field=error.field)
        else:
            self._outbox.put(Error(code=error.code, message=error.message, field=error.field))

    # --- what the client sends

    def _receive(self, received: Message | AudioFrame, now_ns: int) -> None:
        match received:
            case AudioFrame():
                self._hearing.feed(received, now_ns)
            case AudioEnd():
                self._lifetime.active(now_ns)
                self._hearing.end()
            case Playback(turn_id=turn_id, played_ms=played_ms):
                self._speaking.played(turn_id, played_ms, now_ns)
                self._wake()
            case Interrupt(turn_id=turn_id, played_ms=played_ms):
                self._lifetime.active(now_ns)
                self._speaking.played(turn_id, played_ms, now_ns)
                self._apply(Interrupted(turn_id))
            case TextInput(text=text):
                if not text.strip():
                    message = "text_input: the text is blank"
                    raise ProtocolError(ErrorCode.INVALID_FIELD, message, field="text")
                self._lifetime.active(now_ns)
                self._loudness.turn_opened()  # whatever was spoken before, this was not
                self._apply(TextEntered(text))
            case ClockMessage(received_ms=None):
                self._outbox.put(ClockOffset.answer(received, now_ns, self._clock.now_ns()))
            case _:
                pass

    # --- what the microphone hears (HearingListener)

    def speech_opened(self, at_ns: int, position_ms: float, audio: bytes) -> None:
        self._loudness.segment_opened()
        self._loudness.feed(audio)
        heard_ns = round(self._speaking.heard(at_ns).heard_ms * NS_PER_MS)
        self._apply(SpeechStartedEvent(at_ns, position_ms, self._loudness.is_faint, heard_ns))
        self._transcribe(audio)

    def speech_continued(self, audio: bytes) -> None:
        self._loudness.feed(audio)
        self._transcribe(audio)

    def _transcribe(self, audio: bytes) -> None:
        self._lifetime.active(self._clock.now_ns())
        if self._transcribing.is_open:
            self._transcribing.feed(audio)
            if self._judging is not None:
                self._judging.feed(audio)

    def speech_closed(self, last_speech_ns: int, position_ms: float, audio: bytes) -> None:
        self.speech_continued(audio)
        self._apply(SpeechStoppedEvent(last_speech_ns, position_ms))

    def audio_heard(self, until_ns: int, last_speech_ns: int | None) -> None:
        self._apply(AudioHeard(until_ns, last_speech_ns, self._loudness.is_faint))

    def audio_ended(self) -> None:
        self._apply(AudioEnded())

    def audio_acknowledged(self, sequence: int, position_ms: float) -> None:
        self._outbox.put(AudioAck(sequence=sequence, position_ms=position_ms))

    def hearing_failed(self, error: ProtocolError) -> None:
        self._refuse(error)

    # --- what the reply's stages report (ReplyListener)

    def reply_marked(self, turn_id: int, mark: Mark, at_ns: int) -> None:
        if self._machine.reply_id == turn_id:
            self._mark(turn_id, mark, at_ns)

    def reply_token(self, turn_id: int, index: int, text: str) -> None:
        if self._machine.reply_id == turn_id:
            self._outbox.put(LlmToken(turn_id=turn_id, index=index, text=text))

    def reply_audio_queued(self, turn_id: int) -> None:
        if self._machine.reply_id == turn_id:
            self._wake()

    def reply_failed(self, turn_id: int, code: ErrorCode, message: str) -> None:
        self._apply(ReplyFailed(turn_id, code, message))

    def _frame_written(self, turn_id: int, frame: SpokenFrame) -> None:
        if self._machine.reply_id != turn_id:
            return
        now_ns = self._clock.now_ns()
        if frame.pts == 0 and frame.samples:
            self._mark(turn_id, Mark.REPLY_FIRST_FRAME_SENT, now_ns)
        self._speaking.written(turn_id, frame, now_ns)
        self._wake()

    # --- the machine and its effects

    def _apply(self, event: Event) -> None:
        """The only place that changes turn state. An effect that causes an event has it wait its turn."""
        self._events.append(event)
        if self._applying:
            return
        self._applying = True
        try:
            while self._events:
                effects = self._machine.step(self._events.popleft(), self._clock.now_ns())
                if self._machine.last_turn_id > MAX_TURN_ID:
                    self.end(ErrorCode.GOING_AWAY, "this session has had all its turns; start a new one")
                    return
                for effect in effects:
                    self._perform(effect)
        finally:
            self._applying = False
        self._arm()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case AnnounceSpeechStarted(turn_id, position_ms):
                self._outbox.put(SpeechStarted(turn_id=turn_id, position_ms=position_ms))
            case AnnounceSpeechStopped(turn_id, position_ms):
                self._outbox.put(SpeechStopped(turn_id=turn_id, position_ms=position_ms))
            case StartTranscription(turn_id, segment):
                self._start_transcription(turn_id, segment)
            case FinishTranscription(_, segment):
                self._transcribing.finish(segment)
            case CloseSegment():
                self._hearing.close_segment()
            case AbandonTranscription():
                self._transcribing.abandon()
            case ReopenTurn(turn_id):
                self._timeline(turn_id).reopen()
            case ShowTranscript(turn_id, text, stable_chars):
                self._outbox.put(TranscriptPartial(turn_id=turn_id, text=text, stable_chars=stable_chars))
            case MarkInstant(turn_id, mark, at_ns):
                self._mark(turn_id, mark, at_ns)
            case BeginSpeculation(turn_id, attempt, text):
                self._speaking.begin(
                    turn_id,
                    attempt,
                    self.conversation.would_be(text),
                    self._spawn,
                    lambda: self._apply(SpeculationFailed(turn_id, attempt)),
                )
            case DropSpeculation(_, attempt):
                self._apply(SpeculationWasted(self._speaking.drop(attempt)))
            case AdoptSpeculation(turn_id, attempt, text):
                self._loudness.turn_committed()
                self._committed(turn_id, text)
                self._speaking.adopt(attempt, self._clock.now_ns())
            case StartReply(turn_id, text):
                self._loudness.turn_committed()
                self._committed(turn_id, text)
                self._speaking.start(turn_id, self.conversation.messages, self._spawn)
            case PauseReply(turn_id):
                self._speaking.pause(self._clock.now_ns())
                self._outbox.put(ReplyPaused(turn_id=turn_id))
            case ResumeReply(turn_id):
                self._speaking.resume(self._clock.now_ns())
                self._outbox.put(ReplyResumed(turn_id=turn_id))
            case JudgeTurn(turn_id, segment):
                assert self._judging is not None, "the machine knows whether there is a judge"
                self._judging.ask(turn_id, segment, self._spawn)
            case CancelReply():
                self._cancel_reply(effect)
            case EndTurn():
                self._end_turn(effect)
            case ReportError(turn_id, code, message):
                self._log.warning("turn failed", turn=turn_id, code=code.value, reason=message)
                self._outbox.put(Error(code=code, message=message, turn_id=turn_id))

    def _start_transcription(self, turn_id: int, segment: int) -> None:
        if segment == 0:
            self._loudness.turn_opened()
        self._echo.segment_began(segment, is_over_reply=self._speaking.turn_id is not None)
        if self._judging is not None:
            self._judging.speech_started(turn_id)
        self._transcribing.begin(turn_id, segment, self._spawn)

    def _transcribed(self, event: TranscriptionEvent) -> None:
        if not isinstance(event, TranscriptionFailed):
            is_speaking = self._speaking.turn_id is not None
            event = self._echo.judge(event, self._speaking.text(self._clock.now_ns()) if is_speaking else None)
        self._apply(event)

    def _committed(self, turn_id: int, text: str) -> None:
        self._log.info("turn committed", turn=turn_id, words=len(text.split()))
        self._transcribing.commit()
        self._outbox.put(TranscriptFinal(turn_id=turn_id, text=text))
        self.conversation.user_said(text)

    def _cancel_reply(self, cancel: CancelReply) -> None:
        now_ns = self._clock.now_ns()
        self._speaking.cancel(now_ns)
        self._outbox.drop_reply(cancel.turn_id)
        if cancel.reason is CancelReason.RESUMED:
            self.conversation.take_back()
        is_by_voice = cancel.reason in (CancelReason.BARGE_IN, CancelReason.RESUMED)
        self._echo.reply_ended("" if is_by_voice else self._speaking.text(now_ns))
        heard_ms, heard_text = self._speaking.heard(now_ns)
        self._outbox.put(
            ReplyCancelled(turn_id=cancel.turn_id, reason=cancel.reason, heard_ms=heard_ms, heard_text=heard_text)
        )
        self._log.info("reply cancelled", turn=cancel.turn_id, reason=cancel.reason.value, heard_ms=heard_ms)

    def _end_turn(self, end: EndTurn) -> None:
        timeline = self._timeline(end.turn_id)
        del self._timelines[end.turn_id]
        latencies_ms = timeline.latencies_ms()
        reply = None
        if self._speaking.turn_id == end.turn_id:
            heard = self._speaking.heard(self._clock.now_ns()).text
            self.conversation.user_heard(heard)
            if end.outcome is TurnOutcome.COMPLETED:
                self._echo.reply_ended(heard)
            reply = self._speaking.end()
            self._lifetime.active(self._clock.now_ns())
        elif end.outcome is not TurnOutcome.CANCELLED:
            self.conversation.give_back()
        usage = self._usage(reply)
        self._outbox.put(
            TurnEnd(
                turn_id=end.turn_id,
                outcome=end.outcome,
                latencies_ms=latencies_ms,
                usage=usage,
                speculation=self._speaking.settle(end.turn_id).message(),
            )
        )
        self._log.info("turn ended", turn=end.turn_id, outcome=end.outcome.value, latencies_ms=latencies_ms)

    def _usage(self, reply: Reply | None) -> Usage:
        heard = self._hearing.counters
        if reply is None:
            return Usage(heard_audio_ms=heard.heard_ms, decoded_audio_ms=heard.speech_ms, vad_audio_ms=heard.vad_ms)
        return Usage(
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            tts_characters=reply.characters,
            tts_audio_ms=round(reply.audio_ms, 3),
            heard_audio_ms=heard.heard_ms,
            decoded_audio_ms=heard.speech_ms,
            vad_audio_ms=heard.vad_ms,
        )

    # --- marks, audio out, and the one timer

    def _timeline(self, turn_id: int) -> Timeline:
        return self._timelines.setdefault(turn_id, Timeline(turn_id))

    def _mark(self, turn_id: int, mark: Mark, at_ns: int) -> None:
        try:
            self._timeline(turn_id).mark(mark, at_ns)
        except TimelineError as error:
            self._log.error("impossible mark", turn=turn_id, mark=mark.value, reason=str(error))
            return
        self._outbox.put(Timing(turn_id=turn_id, mark=mark, t_ms=ms(at_ns)))

    def _wake(self) -> None:
        """Send what may be sent by now, and see what is due."""
        now_ns = self._clock.now_ns()
        if ending := self._lifetime.ending(now_ns, is_listening=self.is_replying):
            self.end(ending.code, ending.message)
            return
        turn_id = self._speaking.turn_id
        if turn_id is not None:
            for frame in self._speaking.release(now_ns):
                self._outbox.put_audio(turn_id, frame)
            if self._speaking.is_heard(now_ns):
                self._apply(ReplyFinished(turn_id, self._speaking.asks))
        self._apply(DeadlinePassed())

    def _arm(self) -> None:
        deadlines = [self._lifetime.deadline(is_listening=self.is_replying)]
        if (deadline := self._machine.deadline()) is not None:
            deadlines.append(deadline)
        if (deadline := self._speaking.deadline()) is not None:
            deadlines.append(deadline)
        earliest_ns = min(deadlines)
        if self._timer is not None:
            if earliest_ns == self._timer_ns:
                return
            self._timer.cancel()
            self._timer = None
        self._timer_ns = earliest_ns
        delay_ns = max(0, earliest_ns - self._clock.now_ns())
        self._timer = asyncio.get_running_loop().call_later(delay_ns / NS_PER_S, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        try:
            self._wake()
        except Exception as failure:  # the loop would only log it
            self._fail(failure)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        assert self._tasks is not None, "effects happen while the session runs"
        return self._tasks.create_task(work, name=name)
