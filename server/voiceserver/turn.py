"""The turn machine: everything that decides a turn, and nothing else.

    microphone   SpeechStarted, SpeechStopped, AudioHeard, AudioEnded ─┐
    recogniser   PartialTranscribed, FinalTranscribed, TurnJudged, ...─┼─> step(event, now_ns) -> [Effect, ...]
    client       TextEntered, Interrupted                             ─┤
    reply        ReplyFinished, ReplyFailed, SpeculationFailed, ...   ─┤
    one timer    DeadlinePassed, at deadline()                        ─┘

Two rules keep stale audio out of an ear. Only `step` changes what turn it is, and it never awaits, so nothing can come
between deciding and acting. And every result of an asynchronous stage carries the turn (and segment) it was made for;
one that is no longer current changes nothing.

At any time there is at most one turn being spoken (uncommitted) and at most one reply being given. A turn is committed
when its silence was heard *and* its transcript is final, or at a second deadline, with what was transcribed so far.

* How long that silence must be, `endpointing.py` says.
* An answer may be begun before, and held back (`speculation.py` says when): at most one at a time, and none while a
  reply is being given. At the commit it is adopted when it is to what was said, and otherwise thrown away.
* Speech over a reply pauses it at once. It is an interruption once it lasted, or has words that are no nod and no echo
  (`speech_over_reply.py`); otherwise the reply goes on, and it is no turn. An interruption just after the commit shows
  that the user had not finished: the reply is taken back, and what they said begins the new turn.
"""

from typing import NamedTuple

from voiceserver.anticipation import Anticipation
from voiceserver.backchannel import is_backchannel, is_order
from voiceserver.endpointing import Endpointing, EndpointingSettings
from voiceserver.speculation import SpeculationSettings, Speculator
from voiceserver.speech_over_reply import SpeechOverReply
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
    FinalTranscribed,
    FinishTranscription,
    Interrupted,
    JudgeTurn,
    MarkInstant,
    PartialTranscribed,
    PauseReply,
    ReopenTurn,
    ReplyFailed,
    ReplyFinished,
    ReportError,
    ResumeReply,
    ShowTranscript,
    SpeculationFailed,
    SpeculationWasted,
    SpeechStarted,
    SpeechStopped,
    StartReply,
    StartTranscription,
    TextEntered,
    TranscriptionFailed,
    TurnJudged,
)
from voiceserver.utterance import Utterance
from voiceserver.words import words_of
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, TurnDetectionMode, TurnOutcome

UNHEARD_NS = 40 * NS_PER_MS
"""Silence may be called reached with this much of it not yet heard: two microphone frames, so that a turn need not wait
for the frame that happens to hold its last millisecond."""

STALL_NS = 300 * NS_PER_MS
"""When microphone audio stops coming without `audio_end`, silence is called reached this much later: long enough for a
network stall or a recorder's piece, short enough for a client that sends nothing while it hears nothing."""

WHOLE_NS = 60 * NS_PER_MS
"""After what callers are likely to say and no more, the transcript is asked for after so much silence."""

ANSWERED_NS = 500 * NS_PER_MS
"""Who begins to speak after so much of the reply speaks to it; who had not finished does not wait to hear it."""


class TurnSettings(NamedTuple):
    mode: TurnDetectionMode = TurnDetectionMode.VAD
    locale: str = "en"
    silence_ns: int = 600 * NS_PER_MS
    """Silence after the last speech that commits a turn."""
    is_adaptive: bool = False
    """Whether that silence depends on what was said."""
    has_judge: bool = False
    """Whether there is a model of the end of turns to ask."""
    commit_timeout_ns: int = 1500 * NS_PER_MS
    """How long after that a final transcript is waited for."""
    barge_in: bool = True
    """Whether speech over a reply may cancel it; otherwise it is not listened to."""
    barge_in_ns: int = 200 * NS_PER_MS
    """Speech over a reply that is shorter than this cancels nothing and gets no answer."""
    barge_in_sure_ns: int = 200 * NS_PER_MS
    """Speech over a reply that lasts so long cancels it though nothing was understood; before, it takes words."""
    resume_ns: int = 0
    """Who goes on so shortly after the commit had not finished. 0: the turn stays as it was, whenever they began."""
    speculation: SpeculationSettings = SpeculationSettings()


class _Reply(NamedTuple):
    """The reply being given."""

    turn_id: int
    to: str = ""
    """What was said; nothing where it was typed."""
    committed_ns: int = 0


class TurnMachine:
    def __init__(
        self, settings: TurnSettings, anticipation: Anticipation | None = None, *, last_turn_id: int = 0
    ) -> None:
        self._settings = settings
        self._last_turn_id = last_turn_id
        self._utterance: Utterance | None = None
        self._reply: _Reply | None = None
        self._over = SpeechOverReply(settings.barge_in_ns, settings.barge_in_sure_ns, settings.locale)
        self._heard_ns: int | None = None
        self._arrived_ns = 0
        """When the newest audio came; behind a stall of the network that is long after it was spoken."""
        self._endpointing = Endpointing(EndpointingSettings(settings.silence_ns, settings.is_adaptive), settings.locale)
        self._speculator = Speculator(settings.speculation, settings.locale, anticipation)

    @property
    def reply_id(self) -> int | None:
        """The turn whose reply is being given: made, sent or still playing."""
        return self._reply.turn_id if self._reply else None

    @property
    def last_turn_id(self) -> int:
        return self._last_turn_id

    @property
    def utterance_id(self) -> int | None:
        """The turn being spoken."""
        return self._utterance.turn_id if self._utterance else None

    def deadline(self) -> int | None:
        """When to call `step(DeadlinePassed(), now_ns)`, unless another event comes first."""
        deadlines = [at for at in (self._commit_deadline(), self._resume_deadline()) if at is not None]
        return min(deadlines, default=None)

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """What follows from `event`. Deadlines are checked on every event, so a late timer loses nothing."""
        effects: list[Effect] = []
        match event:
            case SpeechStarted():
                effects += self._speech_started(event, now_ns)
            case SpeechStopped():
                effects += self._speech_stopped(event, now_ns)
            case AudioHeard():
                effects += self._audio_heard(event, now_ns)
            case AudioEnded():
                effects += self._audio_ended(now_ns)
            case PartialTranscribed() | FinalTranscribed():
                effects += self._transcribed(event, now_ns)
            case TranscriptionFailed():
                effects += self._transcription_failed(event)
            case TurnJudged():
                self._judged(event)
            case TextEntered():
                effects += self._text_entered(event, now_ns)
            case Interrupted(turn_id):
                if turn_id == self.reply_id:
                    effects += self._cancel_reply(CancelReason.INTERRUPT, silent_ns=now_ns)
            case ReplyFinished(turn_id, asks):
                if self._reply is not None and turn_id == self._reply.turn_id:
                    self._speculator.was_said(self._reply.to)
                    self._reply = None
                    self._over.reply_ended(now_ns)
                    if self._utterance is not None:
                        self._utterance.heard_out = not asks
                    effects.append(EndTurn(turn_id, TurnOutcome.COMPLETED))
            case ReplyFailed(turn_id, code, message):
                if turn_id == self.reply_id:
                    effects.append(ReportError(turn_id, code, message))
                    effects += self._cancel_reply(CancelReason.FAILED, silent_ns=now_ns)
            case SpeculationFailed(turn_id, attempt):
                effects += self._speculation_failed(turn_id, attempt)
            case SpeculationWasted(tokens):
                self._speculator.wasted(tokens)
            case DeadlinePassed():
                pass
        return effects + self._resume_when_due(now_ns) + self._commit_when_due(now_ns) + self._speculate()

    # --- the user's speech

    def _speech_started(self, event: SpeechStarted, now_ns: int) -> list[Effect]:
        self._arrived_ns = now_ns
        reply = self._reply
        if reply is not None and not self._settings.barge_in:
            return []
        effects: list[Effect] = []
        utterance = self._utterance
        if utterance is None:
            self._last_turn_id += 1
            utterance = Utterance(self._last_turn_id, event.at_ns)
            self._utterance = utterance
        else:
            utterance.partials[utterance.segment] = utterance.partial
            utterance.segment += 1
            effects.append(ReopenTurn(utterance.turn_id))
        utterance.speaking = True
        utterance.segment_began_ns = utterance.last_speech_ns = event.at_ns
        utterance.silence_ns = 0
        utterance.partial = ""
        utterance.is_echo = False
        utterance.is_faint = event.is_faint
        utterance.heard_out = False
        utterance.finished = None
        utterance.ended = False
        if reply is not None:
            # Who began early may falter ("um"), and goes on; but not once there was an answer to speak to.
            is_early = bool(utterance.resumes) or event.at_ns <= reply.committed_ns + self._settings.resume_ns
            may_resume = self._settings.resume_ns > 0 and event.reply_heard_ns < ANSWERED_NS
            utterance.resumes = reply.to if is_early and may_resume else ""
            # What stops whenever the reply does may be its echo: once deceived, it takes more than a first sound.
            if not self._over.was_deceived and not event.is_faint:
                effects += self._pause_reply(now_ns)
        return [
            *effects,
            AnnounceSpeechStarted(utterance.turn_id, event.position_ms),
            StartTranscription(utterance.turn_id, utterance.segment),
        ]

    def _speech_stopped(self, event: SpeechStopped, now_ns: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or not utterance.speaking:
            return []
        utterance.speaking = False
        utterance.last_speech_ns = event.last_speech_ns
        utterance.stopped_ns = now_ns
        effects = self._interrupt_when_sure(utterance)
        turn_id, segment = utterance.turn_id, utterance.segment
        return [
            *effects,
            AnnounceSpeechStopped(turn_id, event.position_ms),
            MarkInstant(turn_id, Mark.AUDIO_LAST_SPEECH, event.last_speech_ns),
            MarkInstant(turn_id, Mark.VAD_CLOSED, now_ns),
            FinishTranscription(turn_id, segment),
            *([JudgeTurn(turn_id, segment)] if self._settings.has_judge else []),
        ]

    def _audio_heard(self, event: AudioHeard, now_ns: int) -> list[Effect]:
        self._heard_ns = event.until_ns
        self._arrived_ns = now_ns
        utterance = self._utterance
        if event.last_speech_ns is None or utterance is None or not utterance.speaking:
            return []
        utterance.last_speech_ns = event.last_speech_ns
        utterance.silence_ns = event.until_ns - event.last_speech_ns
        utterance.is_faint = event.is_faint
        if self._reply is None:
            # Words of this segment: before its first ones, the text is still that of those before it.
            is_over = utterance.silence_ns >= WHOLE_NS and utterance.is_stable and bool(utterance.partial)
            return [CloseSegment()] if is_over and self._speculator.is_whole(utterance.text()) else []
        effects = self._interrupt_when_sure(utterance)
        is_voice = not event.is_faint and not utterance.is_echo and utterance.spoken_ns >= self._settings.barge_in_ns
        if self._reply is not None and is_voice:
            effects += self._pause_reply(now_ns)
        return effects

    def _audio_ended(self, now_ns: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is not None and not utterance.speaking:
            # One that is late, or told again, must not have the transcript waited for anew.
            reached_ns = self._silence_reached_ns(utterance)
            utterance.ended = True
            utterance.ended_ns = now_ns if reached_ns is None else min(reached_ns, now_ns)
        if utterance is not None or self._settings.mode is TurnDetectionMode.VAD:
            return []
        # Somebody pressed to talk and said nothing: they wait for an answer, and this is it.
        self._last_turn_id += 1
        return [EndTurn(self._last_turn_id, TurnOutcome.NO_SPEECH)]

    # --- its transcript

    def _transcribed(self, event: PartialTranscribed | FinalTranscribed, now_ns: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or utterance.turn_id != event.turn_id or event.segment in utterance.finals:
            return []
        effects: list[Effect] = []
        if event.text and not utterance.has_partial:
            utterance.has_partial = True
            effects.append(MarkInstant(utterance.turn_id, Mark.STT_FIRST_PARTIAL, now_ns))
        if event.segment == utterance.segment:
            utterance.is_echo = event.is_echo
        if isinstance(event, FinalTranscribed):
            utterance.finals[event.segment] = (
                "" if event.is_echo and not self._over.is_too_late_for_echo(utterance) else event.text
            )
            if utterance.transcribed and not utterance.speaking:
                effects.append(MarkInstant(utterance.turn_id, Mark.STT_FINAL, now_ns))
            effects += self._interrupt_when_sure(utterance)
            text = utterance.text()
            return [*effects, ShowTranscript(utterance.turn_id, text, len(text))]
        stable_chars = min(event.stable_chars, len(event.text))
        is_news = event.text != utterance.partial or stable_chars > utterance.stable_chars
        if event.segment != utterance.segment or not is_news:
            return effects
        utterance.partial = event.text
        if event.text:
            self._over.words_told_early()
        utterance.stable_chars = stable_chars
        effects += self._interrupt_when_sure(utterance)
        text = utterance.text()
        stable = len(text) - len(event.text) + utterance.stable_chars
        return [*effects, ShowTranscript(utterance.turn_id, text, stable)]

    def _transcription_failed(self, event: TranscriptionFailed) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or utterance.turn_id != event.turn_id:
            return []
        return self._fail(utterance, event.message)

    def _fail(self, utterance: Utterance, message: str) -> list[Effect]:
        return [
            ReportError(utterance.turn_id, ErrorCode.STT_FAILED, message),
            *self._abandon(utterance, TurnOutcome.FAILED),
        ]

    def _judged(self, event: TurnJudged) -> None:
        utterance = self._utterance
        if utterance is None or utterance.speaking or utterance.turn_id != event.turn_id:
            return
        if utterance.segment == event.segment:
            utterance.finished = event.finished

    # --- speech over a reply

    def _interrupt_when_sure(self, utterance: Utterance) -> list[Effect]:
        reply = self._reply
        if self._over.is_too_late_for_echo(utterance):
            utterance.is_echo = False
        if reply is None or not self._over.is_interruption(utterance):
            return []
        rest = utterance.own_text()
        if not utterance.resumes or is_order(words_of(rest), self._settings.locale):
            return self._cancel_reply(CancelReason.BARGE_IN)
        utterance.prefix, utterance.resumes = utterance.resumes, ""
        self._endpointing.cut_off()
        return self._cancel_reply(CancelReason.RESUMED)

    def _pause_reply(self, now_ns: int) -> list[Effect]:
        return [PauseReply(self._reply.turn_id)] if self._reply is not None and self._over.pause(now_ns) else []

    def _resume_reply(self) -> list[Effect]:
        return [ResumeReply(self._reply.turn_id)] if self._reply is not None and self._over.resume() else []

    def _resume_deadline(self) -> int | None:
        utterance = self._utterance
        if not self._over.is_paused or utterance is None:
            return None
        if not utterance.speaking:
            return self._over.resumes_ns(utterance)
        # A client that fell silent closes no turn: the reply does not wait for it.
        is_manual = self._settings.mode is TurnDetectionMode.MANUAL
        return self._arrived_ns + self._settings.silence_ns + STALL_NS if is_manual else None

    def _resume_when_due(self, now_ns: int) -> list[Effect]:
        deadline = self._resume_deadline()
        return self._resume_reply() if deadline is not None and now_ns >= deadline else []

    # --- commit

    def _commit_deadline(self) -> int | None:
        utterance = self._utterance
        if utterance is None:
            return None
        if utterance.speaking:
            return self._stalled_ns()
        silence_ns = self._silence_reached_ns(utterance)
        if silence_ns is None:
            return None
        if utterance.transcribed:
            return silence_ns
        # After a stall its silence may be long past when the audio comes, and the transcript is only then asked for.
        return max(silence_ns, utterance.stopped_ns) + self._settings.commit_timeout_ns

    def _stalled_ns(self) -> int | None:
        """When a segment whose audio stopped coming has ended all the same; None while only `audio_end` may say so."""
        if self._settings.mode is TurnDetectionMode.MANUAL or self._heard_ns is None:
            return None
        return self._arrived_ns + self._settings.silence_ns + STALL_NS

    def _silence_reached_ns(self, utterance: Utterance) -> int | None:
        """When the user can be taken to have finished; None while only `audio_end` may say so."""
        if utterance.ended:
            return utterance.ended_ns
        if self._settings.mode is TurnDetectionMode.MANUAL:
            return None
        text = utterance.text()
        is_whole = self._speculator.is_whole(text)
        silence_ns = utterance.last_speech_ns + self._endpointing.silence_ns(
            text, utterance.finished, is_whole=is_whole
        )
        heard = self._heard_ns is not None and self._heard_ns >= silence_ns - UNHEARD_NS
        return silence_ns if heard else silence_ns + STALL_NS

    def _commit_when_due(self, now_ns: int) -> list[Effect]:
        deadline = self._commit_deadline()
        utterance = self._utterance
        if utterance is None or deadline is None or now_ns < deadline:
            return []
        if utterance.speaking:
            return [CloseSegment()]
        text = utterance.text()
        if (self._reply is not None or self._is_nod(utterance)) and not utterance.ended:
            return self._drop(utterance)  # it was no interruption
        if not text and not utterance.transcribed:
            return self._fail(utterance, "the speech recogniser did not answer in time; say it again")
        if not text:
            return self._drop(utterance)
        return self._commit(utterance, text, now_ns)

    def _is_nod(self, utterance: Utterance) -> bool:
        """Whether it is one to the reply before; of "yes" after a question that is not known."""
        words = words_of(utterance.text())
        return utterance.heard_out and bool(words) and is_backchannel(words, self._settings.locale)

    def _commit(self, utterance: Utterance, text: str, now_ns: int) -> list[Effect]:
        turn_id = utterance.turn_id
        effects = self._cancel_reply(CancelReason.BARGE_IN)
        if not utterance.transcribed:
            effects.append(AbandonTranscription(turn_id))
        if not utterance.prefix:
            self._endpointing.ended_well()
        if self._speculator.is_void(text, is_all=True):
            effects += self._drop_speculation(utterance)
        is_ready = self._speculator.words is not None
        answer = AdoptSpeculation(turn_id, self._speculator.attempt, text) if is_ready else StartReply(turn_id, text)
        self._utterance = None
        self._speculator.turn_over()
        self._reply = _Reply(turn_id, text, now_ns)
        self._over.reply_begun()
        return [*effects, MarkInstant(turn_id, Mark.TURN_COMMITTED, now_ns), answer]

    def _drop(self, utterance: Utterance) -> list[Effect]:
        """A turn without words, or one over a reply that does not count."""
        return self._abandon(utterance, TurnOutcome.NO_SPEECH)

    def _abandon(self, utterance: Utterance, outcome: TurnOutcome) -> list[Effect]:
        effects = [*self._resume_reply(), *self._drop_speculation(utterance)]
        self._utterance = None
        self._speculator.turn_over()
        return [*effects, AbandonTranscription(utterance.turn_id), EndTurn(utterance.turn_id, outcome)]

    def _text_entered(self, event: TextEntered, now_ns: int) -> list[Effect]:
        """A typed utterance takes the place of one being spoken, and of a reply being given."""
        effects = self._cancel_reply(CancelReason.TEXT_INPUT)
        if self._utterance is not None:
            effects = [*self._drop(self._utterance), *effects]
        self._last_turn_id += 1
        self._reply = _Reply(self._last_turn_id, committed_ns=now_ns)
        self._over.reply_begun()
        return [
            *effects,
            MarkInstant(self._last_turn_id, Mark.TURN_COMMITTED, now_ns),
            StartReply(self._last_turn_id, event.text),
        ]

    # --- answers begun early

    def _speculate(self) -> list[Effect]:
        utterance = self._utterance
        if utterance is None:
            return []
        text = utterance.text()
        is_void = self._speculator.is_void(text, is_all=utterance.transcribed)
        effects = self._drop_speculation(utterance) if is_void else []
        if self._reply is not None or utterance.is_echo or self._is_nod(utterance):
            return effects
        silence_ns = utterance.silence_ns
        if not utterance.speaking:
            heard_ns = (self._heard_ns or 0) - utterance.last_speech_ns
            silence_ns = max(heard_ns, self._settings.speculation.silence_ns)
        asked = self._speculator.worth_answering(text, is_stable=utterance.is_stable, silence_ns=silence_ns)
        if asked is not None:
            effects.append(BeginSpeculation(utterance.turn_id, self._speculator.begun(asked), asked))
        return effects

    def _drop_speculation(self, utterance: Utterance) -> list[Effect]:
        if self._speculator.words is None:
            return []
        self._speculator.dropped()
        return [DropSpeculation(utterance.turn_id, self._speculator.attempt)]

    def _speculation_failed(self, turn_id: int, attempt: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or (turn_id, attempt) != (utterance.turn_id, self._speculator.attempt):
            return []
        effects = self._drop_speculation(utterance)
        if not effects:
            return []  # it was thrown away before, and failed at that
        self._speculator.failed()
        return effects

    # --- the reply

    def _cancel_reply(self, reason: CancelReason, *, silent_ns: int | None = None) -> list[Effect]:
        """`silent_ns` where nobody's voice did it: what is being spoken may be the reply's echo all the same."""
        if self._reply is None:
            return []
        turn_id, said, _ = self._reply
        if reason is not CancelReason.RESUMED:
            self._speculator.was_said(said)
        self._reply = None
        self._over.reply_ended(silent_ns)
        outcome = TurnOutcome.FAILED if reason is CancelReason.FAILED else TurnOutcome.CANCELLED
        return [CancelReply(turn_id, reason), EndTurn(turn_id, outcome)]
