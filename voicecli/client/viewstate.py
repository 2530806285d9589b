"""What can be seen of a call: a pure reducer of what was received and noted, `reduced(state, event) -> state`.

Whatever draws a call (the live view, the report, a terminal app) draws this. Instants stay on the clock they were read
from; `ViewState.to_own_ns` is the one place where a server's instant becomes one of ours.
"""

from typing import NamedTuple

import msgspec

from voicewire.clock import ns
from voicewire.marks import ClockSide, Mark
from voicewire.messages import (
    CancelReason,
    Error,
    GoingAway,
    LlmToken,
    Message,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SessionReady,
    Speculation,
    SpeechStarted,
    SpeechStopped,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
    Usage,
)
from voicewire.timeline import WITHDRAWN_BY_SPEECH

MAX_ERRORS = 20
"""Of a turn, and of the call beside its turns; past these the oldest are forgotten."""


class MarkNoted(NamedTuple):
    """The client itself saw this instant, on its own clock; None takes it back."""

    turn_id: int
    mark: Mark
    t_ns: int | None


class ReplyScheduled(NamedTuple):
    """The first sample of a reply will be heard, whether or not it is a sound."""

    turn_id: int
    play_ns: int


class ClockMeasured(NamedTuple):
    offset_ns: int
    """The server's clock minus ours."""
    round_trip_ns: int


class PlayheadMoved(NamedTuple):
    turn_id: int
    played_ms: float
    buffered_ms: float


Event = Message | MarkNoted | ReplyScheduled | ClockMeasured | PlayheadMoved


class TurnView(msgspec.Struct, frozen=True, kw_only=True):
    """One turn as far as it is known."""

    turn_id: int
    speaking: bool = False
    """The server hears the user speak."""
    started_ms: float | None = None
    """Position in the microphone audio where the server first heard speech."""
    stopped_ms: float | None = None
    """And where it last did."""
    partial: str = ""
    stable_chars: int = 0
    transcript: str | None = None
    """The final transcript."""
    reply: str = ""
    reply_play_ns: int | None = None
    """When the first sample of the reply is heard, sound or silence."""
    played_ms: float = 0.0
    buffered_ms: float = 0.0
    paused: bool = False
    """The reply is, as the user may be speaking over it."""
    over: int | None = None
    """The turn whose answer was being given when this was last begun to be spoken."""
    aside: bool = False
    """It was spoken over an answer, which went on: a nod, a noise, an echo."""
    typed_over: bool = False
    """The user typed something while it was spoken."""
    cancelled: CancelReason | None = None
    heard_ms: float | None = None
    heard_text: str | None = None
    """What the server says the user had heard of a cancelled reply."""
    outcome: TurnOutcome | None = None
    marks: dict[Mark, int] = {}
    """Each on its own side's clock, in ns."""
    reported_ms: dict[str, float] = {}
    """The server's own latencies, from `turn_end`."""
    usage: Usage | None = None
    speculation: Speculation | None = None
    errors: tuple[Error, ...] = ()
    repeated_marks: tuple[Mark, ...] = ()
    """Marks that came a second time; the first one stands."""

    @property
    def reply_heard(self) -> str:
        """The text of the reply as far as it was heard."""
        return self.reply if self.heard_text is None else self.heard_text


class ViewState(msgspec.Struct, frozen=True, kw_only=True):
    """A call as far as it is known."""

    ready: SessionReady | None = None
    turns: tuple[TurnView, ...] = ()
    """By turn id."""
    errors: tuple[Error, ...] = ()
    """Those that belong to no turn."""
    offset_ns: int | None = None
    round_trip_ns: int | None = None
    going_away: bool = False

    def turn(self, turn_id: int) -> TurnView | None:
        return next((turn for turn in self.turns if turn.turn_id == turn_id), None)

    @property
    def answering(self) -> int | None:
        """The turn whose answer was begun, and is not over."""
        is_open = (turn for turn in self.turns if turn.reply and turn.cancelled is None and turn.outcome is None)
        return next((turn.turn_id for turn in is_open), None)

    def to_own_ns(self, mark: Mark, t_ns: int) -> int | None:
        """An instant on our clock; None for one of the server's while the offset is unknown."""
        if mark.side is ClockSide.CLIENT:
            return t_ns
        return None if self.offset_ns is None else t_ns - self.offset_ns

    def own_marks(self, turn: TurnView) -> dict[Mark, int]:
        """The marks of a turn on our clock, as far as they can be put there."""
        marks = {mark: self.to_own_ns(mark, t_ns) for mark, t_ns in turn.marks.items()}
        return {mark: t_ns for mark, t_ns in marks.items() if t_ns is not None}


def reduced(state: ViewState, event: Event) -> ViewState:
    """The state after `event`. What shows nothing changes nothing."""
    match event:
        case SessionReady():
            return msgspec.structs.replace(state, ready=event)
        case ClockMeasured(offset_ns, round_trip_ns):
            return msgspec.structs.replace(state, offset_ns=offset_ns, round_trip_ns=round_trip_ns)
        case GoingAway():
            return msgspec.structs.replace(state, going_away=True)
        case Error(turn_id=None):
            return msgspec.structs.replace(state, errors=(*state.errors, event)[-MAX_ERRORS:])
    turn_id: int | None = getattr(event, "turn_id", None)
    if turn_id is None:
        return state
    before = state.turn(turn_id) or TurnView(turn_id=turn_id, over=state.answering)
    after = _turn_reduced(before, event)
    if isinstance(event, SpeechStarted):
        after = msgspec.structs.replace(after, over=state.answering)
    answered = None if after.over is None else state.turn(after.over)
    if isinstance(event, TurnEnd) and event.outcome is TurnOutcome.NO_SPEECH and answered is not None:
        after = msgspec.structs.replace(after, aside=answered.cancelled is None)
    if after is before:
        return state
    others = [turn for turn in state.turns if turn.turn_id != turn_id]
    return msgspec.structs.replace(state, turns=tuple(sorted([*others, after], key=lambda turn: turn.turn_id)))


def _turn_reduced(turn: TurnView, event: Event) -> TurnView:
    changed = msgspec.structs.replace
    match event:
        case SpeechStarted(position_ms=position_ms):
            started_ms = position_ms if turn.started_ms is None else turn.started_ms
            turn = changed(turn, speaking=True, started_ms=started_ms, stopped_ms=None)
            return turn if Mark.TURN_COMMITTED in turn.marks else _reopened(turn)
        case SpeechStopped(position_ms=position_ms):
            return changed(turn, speaking=False, stopped_ms=position_ms)
        case TranscriptPartial(text=text, stable_chars=stable_chars):
            return changed(turn, partial=text, stable_chars=min(stable_chars, len(text)))
        case TranscriptFinal(text=text):
            return changed(turn, transcript=text, partial=text, stable_chars=len(text))
        case LlmToken(text=text):
            return turn if turn.cancelled else changed(turn, reply=turn.reply + text)
        case ReplyCancelled(reason=reason, heard_ms=heard_ms, heard_text=heard_text):
            heard = {"heard_ms": heard_ms, "heard_text": heard_text}
            return changed(turn, cancelled=reason, **heard, buffered_ms=0.0, paused=False)
        case TurnEnd(outcome=outcome, latencies_ms=reported_ms, usage=usage, speculation=speculation):
            told = {"outcome": outcome, "reported_ms": reported_ms, "usage": usage, "speculation": speculation}
            return changed(turn, **told, speaking=False, paused=False)
        case ReplyPaused() if turn.outcome is None and turn.cancelled is None:
            return changed(turn, paused=True)
        case ReplyResumed() if turn.paused:
            return changed(turn, paused=False)
        case Timing(mark=mark, t_ms=t_ms):
            return _marked(turn, mark, ns(t_ms))
        case MarkNoted(_, mark, None):
            return changed(turn, marks={m: t_ns for m, t_ns in turn.marks.items() if m is not mark})
        case MarkNoted(_, mark, int(t_ns)):
            return _marked(turn, mark, t_ns)
        case ReplyScheduled(_, play_ns):
            return changed(turn, reply_play_ns=play_ns)
        case PlayheadMoved(_, played_ms, buffered_ms):
            return changed(turn, played_ms=played_ms, buffered_ms=buffered_ms)
        case Error():
            return changed(turn, errors=(*turn.errors, event)[-MAX_ERRORS:])
    return turn


def _marked(turn: TurnView, mark: Mark, t_ns: int) -> TurnView:
    if mark in turn.repeated_marks:
        return turn
    if mark in turn.marks:
        return msgspec.structs.replace(turn, repeated_marks=(*turn.repeated_marks, mark))
    return msgspec.structs.replace(turn, marks={**turn.marks, mark: t_ns})


def _reopened(turn: TurnView) -> TurnView:
    """Speech resumed before the commit: its end was none."""
    marks = {mark: t_ns for mark, t_ns in turn.marks.items() if mark not in WITHDRAWN_BY_SPEECH}
    return msgspec.structs.replace(turn, marks=marks)
