"""The turn machine: everything that decides a turn, and nothing else.

    microphone   SpeechStarted, SpeechStopped, AudioHeard, AudioEnded ─┐
    recogniser   PartialTranscribed, FinalTranscribed, ...            ─┼─> step(event, now_ns) -> [Effect, ...]
    client       TextEntered, Interrupted                             ─┤
    reply        ReplyFinished, ReplyFailed                           ─┤
    one timer    DeadlinePassed, at deadline()                        ─┘

Two rules keep stale audio out of an ear. Only `step` changes what turn it is, and it never awaits, so nothing can come
between deciding and acting. And every result of an asynchronous stage carries the turn (and segment) it was made for;
one that is no longer current changes nothing.

At any time there is at most one turn being spoken (uncommitted) and at most one reply being given. A turn is committed
when its silence was heard *and* its transcript is final, or at a second deadline, with what was transcribed so far.
Speculation belongs between `_transcribed` and `_commit`: what is started there is adopted or thrown away here.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from voiceserver.turn_events import (
    AbandonTranscription,
    AnnounceSpeechStarted,
    AnnounceSpeechStopped,
    AudioEnded,
    AudioHeard,
    CancelReply,
    CloseSegment,
    DeadlinePassed,
    Effect,
    EndTurn,
    Event,
    FinalTranscribed,
    FinishTranscription,
    Interrupted,
    MarkInstant,
    PartialTranscribed,
    ReopenTurn,
    ReplyFailed,
    ReplyFinished,
    ReportError,
    ShowTranscript,
    SpeechStarted,
    SpeechStopped,
    StartReply,
    StartTranscription,
    TextEntered,
    TranscriptionFailed,
)
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


class TurnSettings(NamedTuple):
    mode: TurnDetectionMode = TurnDetectionMode.VAD
    silence_ns: int = 600 * NS_PER_MS
    """Silence after the last speech that commits a turn."""
    commit_timeout_ns: int = 1500 * NS_PER_MS
    """How long after that a final transcript is waited for."""
    barge_in: bool = True
    """Whether speech over a reply may cancel it; otherwise it is not listened to."""
    barge_in_ns: int = 200 * NS_PER_MS
    """Speech over a reply that is shorter than this is a backchannel: it cancels nothing and gets no answer."""


@dataclass(slots=True)
class _Utterance:
    """The turn being spoken."""

    turn_id: int
    over_reply: bool
    """Began over a reply that it has not cancelled (yet)."""
    segment_began_ns: int
    speaking: bool = True
    segment: int = 0
    finals: dict[int, str] = field(default_factory=dict)
    """Final transcripts by segment."""
    partial: str = ""
    """The newest partial of the segment that has no final yet."""
    has_partial: bool = False
    last_speech_ns: int = 0
    ended: bool = False
    """The client said so: no silence is waited for."""
    ended_ns: int = 0

    @property
    def transcribed(self) -> bool:
        return len(self.finals) == self.segment + 1

    def text(self) -> str:
        said = [self.finals[segment] for segment in sorted(self.finals)]
        if not self.transcribed:
            said.append(self.partial)
        return " ".join(words for words in said if words)


class TurnMachine:
    def __init__(self, settings: TurnSettings, *, last_turn_id: int = 0) -> None:
        self._settings = settings
        self._last_turn_id = last_turn_id
        self._utterance: _Utterance | None = None
        self._reply_id: int | None = None
        self._heard_ns: int | None = None

    @property
    def reply_id(self) -> int | None:
        """The turn whose reply is being given: made, sent or still playing."""
        return self._reply_id

    @property
    def last_turn_id(self) -> int:
        return self._last_turn_id

    @property
    def utterance_id(self) -> int | None:
        """The turn being spoken."""
        return self._utterance.turn_id if self._utterance else None

    def deadline(self) -> int | None:
        """When to call `step(DeadlinePassed(), now_ns)`, unless another event comes first."""
        utterance = self._utterance
        if utterance is None:
            return None
        if utterance.speaking:
            return self._stalled_ns()
        silence_ns = self._silence_reached_ns(utterance)
        if silence_ns is None:
            return None
        return silence_ns if utterance.transcribed else silence_ns + self._settings.commit_timeout_ns

    def step(self, event: Event, now_ns: int) -> list[Effect]:
        """What follows from `event`. Deadlines are checked on every event, so a late timer loses nothing."""
        effects: list[Effect] = []
        match event:
            case SpeechStarted():
                effects += self._speech_started(event)
            case SpeechStopped():
                effects += self._speech_stopped(event, now_ns)
            case AudioHeard():
                effects += self._audio_heard(event)
            case AudioEnded():
                effects += self._audio_ended(now_ns)
            case PartialTranscribed() | FinalTranscribed():
                effects += self._transcribed(event, now_ns)
            case TranscriptionFailed():
                effects += self._transcription_failed(event)
            case TextEntered():
                effects += self._text_entered(event, now_ns)
            case Interrupted(turn_id):
                if turn_id == self._reply_id:
                    effects += self._cancel_reply(CancelReason.INTERRUPT)
            case ReplyFinished(turn_id):
                if turn_id == self._reply_id:
                    self._reply_id = None
                    effects.append(EndTurn(turn_id, TurnOutcome.COMPLETED))
            case ReplyFailed(turn_id, code, message):
                if turn_id == self._reply_id:
                    effects.append(ReportError(turn_id, code, message))
                    effects += self._cancel_reply(CancelReason.FAILED)
            case DeadlinePassed():
                pass
        return effects + self._commit_when_due(now_ns)

    # --- the user's speech

    def _speech_started(self, event: SpeechStarted) -> list[Effect]:
        if self._reply_id is not None and not self._settings.barge_in:
            return []
        utterance = self._utterance
        if utterance is None:
            self._last_turn_id += 1
            utterance = _Utterance(self._last_turn_id, self._reply_id is not None, event.at_ns)
            self._utterance = utterance
            return [
                AnnounceSpeechStarted(utterance.turn_id, event.position_ms),
                StartTranscription(utterance.turn_id, utterance.segment),
            ]
        utterance.speaking = True
        utterance.segment += 1
        utterance.segment_began_ns = event.at_ns
        utterance.partial = ""
        utterance.ended = False
        return [
            ReopenTurn(utterance.turn_id),
            AnnounceSpeechStarted(utterance.turn_id, event.position_ms),
            StartTranscription(utterance.turn_id, utterance.segment),
        ]

    def _speech_stopped(self, event: SpeechStopped, now_ns: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or not utterance.speaking:
            return []
        utterance.speaking = False
        utterance.last_speech_ns = event.last_speech_ns
        effects = self._confirm_barge_in(event.last_speech_ns)
        return [
            *effects,
            AnnounceSpeechStopped(utterance.turn_id, event.position_ms),
            MarkInstant(utterance.turn_id, Mark.AUDIO_LAST_SPEECH, event.last_speech_ns),
            MarkInstant(utterance.turn_id, Mark.VAD_CLOSED, now_ns),
            FinishTranscription(utterance.turn_id, utterance.segment),
        ]

    def _audio_heard(self, event: AudioHeard) -> list[Effect]:
        self._heard_ns = event.until_ns
        if event.last_speech_ns is None:
            return []
        return self._confirm_barge_in(event.last_speech_ns)

    def _confirm_barge_in(self, last_speech_ns: int) -> list[Effect]:
        """Cancel the reply once there was enough speech over it in one segment: two coughs are no sentence."""
        utterance = self._utterance
        if utterance is None or self._reply_id is None:
            return []
        if last_speech_ns - utterance.segment_began_ns < self._settings.barge_in_ns:
            return []
        return self._cancel_reply(CancelReason.BARGE_IN)

    def _audio_ended(self, now_ns: int) -> list[Effect]:
        utterance = self._utterance
        if utterance is not None and not utterance.speaking:
            utterance.ended = True
            utterance.ended_ns = now_ns
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
        if isinstance(event, FinalTranscribed):
            utterance.finals[event.segment] = event.text
            text = utterance.text()
            if utterance.transcribed and not utterance.speaking:
                effects.append(MarkInstant(utterance.turn_id, Mark.STT_FINAL, now_ns))
            return [*effects, ShowTranscript(utterance.turn_id, text, len(text))]
        if event.segment != utterance.segment or event.text == utterance.partial:
            return effects
        utterance.partial = event.text
        text = utterance.text()
        stable = len(text) - len(event.text) + min(event.stable_chars, len(event.text))
        return [*effects, ShowTranscript(utterance.turn_id, text, stable)]

    def _transcription_failed(self, event: TranscriptionFailed) -> list[Effect]:
        utterance = self._utterance
        if utterance is None or utterance.turn_id != event.turn_id:
            return []
        return self._fail(utterance, event.message)

    def _fail(self, utterance: _Utterance, message: str) -> list[Effect]:
        self._utterance = None
        return [
            ReportError(utterance.turn_id, ErrorCode.STT_FAILED, message),
            AbandonTranscription(utterance.turn_id),
            EndTurn(utterance.turn_id, TurnOutcome.FAILED),
        ]

    # --- commit

    def _stalled_ns(self) -> int | None:
        """When a segment whose audio stopped coming has ended all the same; None while only `audio_end` may say so."""
        if self._settings.mode is TurnDetectionMode.MANUAL or self._heard_ns is None:
            return None
        return self._heard_ns + self._settings.silence_ns + STALL_NS

    def _silence_reached_ns(self, utterance: _Utterance) -> int | None:
        """When the user can be taken to have finished; None while only `audio_end` may say so."""
        if utterance.ended:
            return utterance.ended_ns
        if self._settings.mode is TurnDetectionMode.MANUAL:
            return None
        silence_ns = utterance.last_speech_ns + self._settings.silence_ns
        heard = self._heard_ns is not None and self._heard_ns >= silence_ns - UNHEARD_NS
        return silence_ns if heard else silence_ns + STALL_NS

    def _commit_when_due(self, now_ns: int) -> list[Effect]:
        deadline = self.deadline()
        utterance = self._utterance
        if utterance is None or deadline is None or now_ns < deadline:
            return []
        if utterance.speaking:
            return [CloseSegment()]
        text = utterance.text()
        if utterance.over_reply and self._reply_id is not None and not utterance.ended:
            return self._drop(utterance)
        if not text and not utterance.transcribed:
            return self._fail(utterance, "the speech recogniser did not answer in time; say it again")
        if not text:
            return self._drop(utterance)
        return self._commit(utterance, text, now_ns)

    def _commit(self, utterance: _Utterance, text: str, now_ns: int) -> list[Effect]:
        self._utterance = None
        effects = self._cancel_reply(CancelReason.BARGE_IN)
        if not utterance.transcribed:
            effects.append(AbandonTranscription(utterance.turn_id))
        self._reply_id = utterance.turn_id
        return [
            *effects,
            MarkInstant(utterance.turn_id, Mark.TURN_COMMITTED, now_ns),
            StartReply(utterance.turn_id, text),
        ]

    def _drop(self, utterance: _Utterance) -> list[Effect]:
        """A turn without words, or too short over a reply to count."""
        self._utterance = None
        return [AbandonTranscription(utterance.turn_id), EndTurn(utterance.turn_id, TurnOutcome.NO_SPEECH)]

    def _text_entered(self, event: TextEntered, now_ns: int) -> list[Effect]:
        """A typed utterance takes the place of one being spoken, and of a reply being given."""
        effects: list[Effect] = []
        if self._utterance is not None:
            effects += self._drop(self._utterance)
        effects += self._cancel_reply(CancelReason.TEXT_INPUT)
        self._last_turn_id += 1
        self._reply_id = self._last_turn_id
        return [
            *effects,
            MarkInstant(self._reply_id, Mark.TURN_COMMITTED, now_ns),
            StartReply(self._reply_id, event.text),
        ]

    # --- the reply

    def _cancel_reply(self, reason: CancelReason) -> list[Effect]:
        turn_id, self._reply_id = self._reply_id, None
        if turn_id is None:
            return []
        outcome = TurnOutcome.FAILED if reason is CancelReason.FAILED else TurnOutcome.CANCELLED
        return [CancelReply(turn_id, reason), EndTurn(turn_id, outcome)]
