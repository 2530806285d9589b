"""A conversation as a person sees it: a pure reducer, `talked(state, event, now_ns) -> state`.

What is said in it is `viewstate`'s; here is what belongs to the terminal: the session's phase, the microphone, the
recording, the devices, problems and the event log. Whatever shows a conversation (the screen, lines) draws this.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from voicecli.client.viewstate import ClockMeasured, Event, PlayheadMoved, TurnView, ViewState, reduced
from voicecli.talking.problems import BEGAN_ANEW, GOING_AWAY, Problem, server_problem
from voicewire.messages import (
    AudioAck,
    Clock,
    Error,
    GoingAway,
    Playback,
    SessionReady,
    TranscriptFinal,
    TurnEnd,
    TurnOutcome,
)

MAX_TURNS = 100
MAX_CALLS = 20
MAX_ENTRIES = 500
MAX_PROBLEMS = 3
MAX_TYPED = 10
"""Past these, the oldest are forgotten."""


class Phase(StrEnum):
    """Of the session."""

    CONNECTING = "connecting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class Role(StrEnum):
    """Of a sound device."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"


# --- what the client finds out itself, beside the events of a call


class SessionConnecting(NamedTuple):
    address: str


class SessionReconnecting(NamedTuple):
    attempt: int
    """From 1."""
    delay_ms: float


class SessionClosed(NamedTuple):
    problem: Problem | None
    """Why; None where the user asked."""


class LevelMeasured(NamedTuple):
    level_dbfs: float
    """Of the newest microphone audio, after the echo guard; -inf of silence."""


class MuteChanged(NamedTuple):
    muted: bool


class TalkChanged(NamedTuple):
    """Push-to-talk: an utterance began or ended."""

    talking: bool


class TextSent(NamedTuple):
    text: str


class Ending(StrEnum):
    """Of a recording."""

    WHOLE = "whole"
    CUT_OFF = "cut_off"
    """With the connection: what was recorded until then is a fixture."""
    FAILED = "failed"
    """What was recorded is no fixture, or lacks what could not be written."""


class RecordingBegan(NamedTuple):
    folder: str


class RecordingEnded(NamedTuple):
    """It is on the disk, some time after nothing more was recorded."""

    folder: str
    ending: Ending = Ending.WHOLE


class EchoGuardChosen(NamedTuple):
    sentence: str
    """What keeps the answer out of the microphone, in a few words."""
    hears_over: bool = True
    """Whether the user is heard while the answer plays."""


class DevicesListed(NamedTuple):
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class DeviceOpened(NamedTuple):
    """In use from now on; it settles the problem that the one before was lost."""

    role: Role
    name: str


class DeviceLost(NamedTuple):
    """Gone, or never there. Where there is no microphone at all, one can still type."""

    role: Role
    problem: Problem


class SoundMeasured(NamedTuple):
    """A few times a second."""

    uplink_ms: float
    """Microphone audio captured and not yet acknowledged by the server."""
    downlink_ms: float
    """Received and not yet heard."""
    underruns: int
    """In all: silence heard because the next piece came late."""
    lost_ms: float
    """In all: microphone audio that never became a frame."""


class ProblemTold(NamedTuple):
    problem: Problem


class ProblemSettled(NamedTuple):
    code: str


OwnEvent = (
    SessionConnecting
    | SessionReconnecting
    | SessionClosed
    | LevelMeasured
    | MuteChanged
    | TalkChanged
    | TextSent
    | RecordingBegan
    | RecordingEnded
    | EchoGuardChosen
    | DevicesListed
    | DeviceOpened
    | DeviceLost
    | SoundMeasured
    | ProblemTold
    | ProblemSettled
)
TalkEvent = Event | OwnEvent

FREQUENT = (AudioAck, Clock, Playback, ClockMeasured, PlayheadMoved, LevelMeasured, SoundMeasured)
"""Events that come all the time; they are not in the log."""


class Device(NamedTuple):
    name: str
    is_open: bool


class Entry(NamedTuple):
    """Of the event log."""

    at_ns: int
    event: TalkEvent


class TalkState(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as far as it is known."""

    phase: Phase = Phase.CONNECTING
    closed_by: Problem | None = None
    address: str = ""
    attempt: int = 0
    """To connect again; 0 while there is no need."""
    call: ViewState = ViewState()
    """Over the newest connection."""
    earlier: tuple[ViewState, ...] = ()
    """Over those before it; turn ids begin again with each."""
    push_to_talk: bool = False
    level_dbfs: float | None = None
    muted: bool = False
    talking: bool = False
    typed: tuple[str, ...] = ()
    """Sent, and not yet in a turn."""
    recording: str | None = None
    """The folder."""
    recorded: RecordingEnded | None = None
    """The newest that has ended."""
    recording_offer: str = "recording"
    """The folder that is proposed, where it is free."""
    echo: str = ""
    hears_over: bool = True
    """Whether the echo guard lets the user be heard while an answer plays."""
    microphone: Device | None = None
    """None until one was opened or failed to: nothing is known."""
    speaker: Device | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    sound: SoundMeasured | None = None
    problems: tuple[Problem, ...] = ()
    """One of each code, the newest last."""
    log: tuple[Entry, ...] = ()
    began_ns: int | None = None
    """When the first event came."""

    def device(self, role: Role) -> Device | None:
        return self.microphone if role is Role.MICROPHONE else self.speaker

    def is_lost(self, call: ViewState, turn: TurnView) -> bool:
        """The connection broke in this turn."""
        return turn.outcome is None and (call is not self.call or self.phase is not Phase.READY)


def began_anew(before: TalkState, ready: SessionReady) -> bool:
    """Whether the server has forgotten what was said before it: where nothing was, there is nothing to tell."""
    return ready.resumed is False and any(
        turn.transcript for call in (*before.earlier, before.call) for turn in call.turns
    )


class Doing(StrEnum):
    """What the conversation is doing, in one word."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    HEARING = "hearing"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    WAITING = "waiting"
    """For the push-to-talk key."""
    TYPING = "typing"
    """There is no microphone."""
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


def doing(state: TalkState) -> Doing:
    if state.phase is not Phase.READY:
        return Doing(state.phase.value)
    if state.talking:
        return Doing.HEARING
    answering = _answering(state.call)
    if answering is not None:
        return answering
    if state.microphone is not None and not state.microphone.is_open:
        return Doing.TYPING
    if state.push_to_talk:
        return Doing.WAITING
    if state.muted:
        return Doing.MUTED
    return Doing.HEARING if any(turn.speaking for turn in state.call.turns) else Doing.LISTENING


def _answering(call: ViewState) -> Doing | None:
    """Turns may overlap: what is a user's cough while an answer is given is a turn of its own."""
    is_open = [turn for turn in call.turns if turn.outcome is None and turn.cancelled is None]
    if any(turn.reply_play_ns is not None for turn in is_open):
        return Doing.SPEAKING
    if any(turn.speaking for turn in is_open):
        return None
    waits = any(turn.stopped_ms is not None or turn.transcript is not None for turn in is_open)
    return Doing.THINKING if waits else None


def talked(state: TalkState, event: TalkEvent, now_ns: int) -> TalkState:
    """The state after `event`, which came at `now_ns` on the client's clock. What shows nothing changes nothing."""
    after = _own(state, event) if isinstance(event, OwnEvent) else _heard(state, event)
    if not isinstance(event, FREQUENT) and after is not state:
        after = replace(after, log=(*after.log[-(MAX_ENTRIES - 1) :], Entry(now_ns, event)))
    if after.began_ns is None and after is not state:
        after = replace(after, began_ns=now_ns)
    return after


def _own(state: TalkState, event: OwnEvent) -> TalkState:
    """What the client knows of itself."""
    match event:
        case SessionConnecting(address):
            return replace(state, phase=Phase.CONNECTING, address=address, closed_by=None)
        case SessionReconnecting(attempt, _):
            return replace(_settled(state, GOING_AWAY.code), phase=Phase.RECONNECTING, attempt=attempt, talking=False)
        case SessionClosed(problem):
            over = _settled(state, GOING_AWAY.code)
            return replace(over, phase=Phase.CLOSED, closed_by=problem, talking=False, level_dbfs=None)
        case LevelMeasured(level_dbfs):
            return replace(state, level_dbfs=level_dbfs)
        case MuteChanged(muted):
            return replace(state, muted=muted)
        case TalkChanged(talking):
            return replace(state, talking=talking)
        case TextSent(text):
            return replace(state, typed=(*state.typed, text)[-MAX_TYPED:], call=_typed_over(state.call))
        case RecordingBegan(folder):
            return replace(state, recording=folder)
        case RecordingEnded(folder):
            # Another one may have begun while it was written.
            still = None if state.recording == folder else state.recording
            return replace(state, recording=still, recorded=event)
        case EchoGuardChosen(sentence, hears_over):
            return replace(state, echo=sentence, hears_over=hears_over)
        case DevicesListed(inputs, outputs):
            return replace(state, inputs=inputs, outputs=outputs)
        case DeviceOpened(role, name):
            return _with_device(_settled(state, lost_code(role)), role, Device(name, True))
        case DeviceLost(role, problem):
            before = state.device(role)
            lost = _with_device(state, role, Device(before.name if before else "", False))
            return _with_problem(lost, problem._replace(code=lost_code(role), lasting=True))
        case SoundMeasured():
            return replace(state, sound=event)
        case ProblemTold(problem):
            return _with_problem(state, problem)
        case ProblemSettled(code):
            return _settled(state, code)


def _typed_over(call: ViewState) -> ViewState:
    """The server lets go of what is being spoken."""
    return replace(
        call,
        turns=tuple(
            replace(turn, typed_over=True) if turn.outcome is None and turn.transcript is None else turn
            for turn in call.turns
        ),
    )


def lost_code(role: Role) -> str:
    """Of the problem that a device is gone."""
    return f"{role.value}_lost"


def _with_device(state: TalkState, role: Role, device: Device) -> TalkState:
    if role is Role.SPEAKER:
        return replace(state, speaker=device)
    return replace(state, microphone=device, level_dbfs=state.level_dbfs if device.is_open else None)


def _with_problem(state: TalkState, problem: Problem) -> TalkState:
    others = [each for each in state.problems if each.code != problem.code]
    return replace(state, problems=(*others, problem)[-MAX_PROBLEMS:])


def _settled(state: TalkState, code: str) -> TalkState:
    return replace(state, problems=tuple(each for each in state.problems if each.code != code))


def _heard(state: TalkState, event: Event) -> TalkState:
    """What belongs to the call."""
    match event:
        case SessionReady():
            # Devices do not come back with a connection; all else that was wrong is over.
            problems = tuple(each for each in state.problems if each.code in _DEVICE_CODES)
            if began_anew(state, event):
                problems = (*problems, BEGAN_ANEW)
            state = replace(
                state, phase=Phase.READY, attempt=0, closed_by=None, typed=(), problems=problems, talking=False
            )
            if state.call.ready is not None:
                earlier = (*state.earlier, state.call)[-MAX_CALLS:]
                state = replace(state, earlier=earlier, call=ViewState())
        case Error():
            state = _with_problem(state, server_problem(event))
        case GoingAway():
            state = _with_problem(state, GOING_AWAY)
        case TranscriptFinal(text=text) if state.typed and state.typed[0] == text:
            state = replace(state, typed=state.typed[1:])
        case TurnEnd(outcome=TurnOutcome.COMPLETED) if any(not each.lasting for each in state.problems):
            state = replace(state, problems=tuple(each for each in state.problems if each.lasting))
    call = reduced(state.call, event)
    if call is state.call:
        return state
    if len(call.turns) > MAX_TURNS:
        call = replace(call, turns=call.turns[-MAX_TURNS:])
    return replace(state, call=call)


_DEVICE_CODES = frozenset(lost_code(role) for role in Role)
