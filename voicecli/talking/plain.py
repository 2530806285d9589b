"""A conversation as lines: for people without a terminal, and as JSON for programs.

Pure: from the state before, the event, and the state after.
"""

from collections.abc import Iterator

import msgspec

from voicecli.client.viewstate import TurnView
from voicecli.reports.report import printable
from voicecli.talking.eventlog import event_fields, event_name
from voicecli.talking.heard import CUT, Unanswered, joined, split, unanswered, word_count
from voicecli.talking.problems import BEGAN_ANEW, GOING_AWAY, Problem, server_problem
from voicecli.talking.talkstate import (
    DeviceLost,
    DeviceOpened,
    EchoGuardChosen,
    Ending,
    LevelMeasured,
    MuteChanged,
    Phase,
    ProblemTold,
    RecordingBegan,
    RecordingEnded,
    SessionClosed,
    SessionConnecting,
    SessionReconnecting,
    TalkEvent,
    TalkState,
    began_anew,
)
from voicecli.talking.turnfalls import TurnFall, barge_in_stop_ns, begun_early, turn_fall, whole_ms
from voicewire.clock import NS_PER_MS, ms, ns
from voicewire.messages import (
    CancelReason,
    Error,
    GoingAway,
    LlmToken,
    ReplyCancelled,
    SessionReady,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
)

CUT_OFF = "; it ended with the connection"
"""Of a recording."""

UNANSWERED = {
    Unanswered.TYPED_OVER: "typed over",
    Unanswered.ASIDE: "while the answer went on",
    Unanswered.NOT_UNDERSTOOD: "not understood",
}


def plain_lines(before: TalkState, event: TalkEvent, after: TalkState, *, verbose: bool = False) -> list[str]:
    """A line for each thing that is settled by the event; with `verbose` also for what may still change."""
    lines = [*_session_lines(before, event), *_turn_lines(event, after, verbose)]
    return [printable(line).rstrip() for line in lines]


def _session_lines(before: TalkState, event: TalkEvent) -> Iterator[str]:
    match event:
        case SessionConnecting(address):
            yield f"connecting to {address}"
        case SessionReady(input=up, output=down, engines=engines):
            names = ", ".join(engine.name for engine in (engines.vad, engines.stt, engines.llm, engines.tts))
            yield f"connected: {up} up, {down} down; {names}"
            if began_anew(before, event):
                yield f"! {_sentences(BEGAN_ANEW)}"
        case SessionReconnecting(attempt, delay_ms):
            yield from _lost_lines(before)
            yield f"reconnecting: attempt {attempt}, in {delay_ms / 1000:.1f} s"
        case SessionClosed():
            # Why, the error says that the command ends with.
            yield from _lost_lines(before)
            yield "closed"
        case MuteChanged(muted):
            yield "muted" if muted else "microphone on"
        case RecordingBegan(folder):
            yield f"recording to {folder}"
        case RecordingEnded(folder, ending):
            if ending is not Ending.FAILED:  # which is told as a problem
                yield f"recorded to {folder}{CUT_OFF if ending is Ending.CUT_OFF else ''}"
        case EchoGuardChosen(sentence=sentence):
            yield sentence
        case DeviceOpened(role, name):
            yield f"{role.value}: {name}"
        case DeviceLost(_, problem) | ProblemTold(problem):
            yield f"! {_sentences(problem)}"
        case Error():
            yield f"! {_sentences(server_problem(event))} ({event.message})"
        case GoingAway():
            yield f"! {_sentences(GOING_AWAY)}"


def _turn_lines(event: TalkEvent, after: TalkState, verbose: bool) -> Iterator[str]:
    turn_id = getattr(event, "turn_id", None)
    turn = None if turn_id is None else after.call.turn(turn_id)
    if turn is None:
        return
    match event:
        case TranscriptPartial(text=text) if verbose:
            yield f"you …: {text}"
        case LlmToken(text=text) if verbose:
            yield f"assistant …: {text}"
        case TranscriptFinal(text=text) if text:
            yield f"you, in full: {text}" if _takes_in_another(after, turn) else f"you: {text}"
        case ReplyCancelled(reason=CancelReason.RESUMED):
            if turn.heard_text:
                yield f"assistant: {turn.heard_text}"
            yield "taken back, as you went on"
        case ReplyCancelled():
            yield from _cut_lines(turn)
        case TurnEnd(outcome=outcome):
            if outcome is TurnOutcome.COMPLETED and turn.reply:
                yield f"assistant: {turn.reply}"
            if reason := unanswered(turn):
                yield f"{UNANSWERED[reason]}: {turn.partial}"
            yield from _latency_lines(after, turn)


def _takes_in_another(state: TalkState, turn: TurnView) -> bool:
    """Its words begin with those of the turn before, which was taken back."""
    before = [each for each in joined(state.call.turns) if each.turn.turn_id < turn.turn_id]
    return bool(before) and before[-1].folded


def _cut_lines(turn: TurnView) -> Iterator[str]:
    heard, unheard = split(turn.reply, turn.heard_text or "")
    if heard:
        yield f"assistant: {heard}"
    reason = CUT[turn.cancelled].lower() if turn.cancelled else ""
    words = word_count(unheard)
    yield f"cut off at: {(turn.heard_ms or 0) / 1000:.1f} s, {words} word{'s' * (words != 1)} unheard; {reason}"


def _lost_lines(before: TalkState) -> Iterator[str]:
    """What was said, and answered, that will never be finished; once, however often it is tried to connect again."""
    if before.phase is not Phase.READY:
        return
    for turn in before.call.turns:
        if turn.outcome is None and turn.transcript is None and turn.partial:
            yield f"you: {turn.partial} (the connection was interrupted here)"
        if turn.outcome is None and turn.cancelled is None and turn.reply:
            yield f"assistant: {turn.reply} (the connection was interrupted here)"


def _latency_lines(state: TalkState, turn: TurnView) -> Iterator[str]:
    found = turn_fall(state.call, turn)
    if found is not None and found.fall.voice_to_voice_ns is not None:
        bars = found.fall.bars
        lengths_ms = whole_ms([bar.critical.length_ns for bar in bars])
        parts = [f"{bar.part.title} {length_ms}" for bar, length_ms in zip(bars, lengths_ms, strict=True) if length_ms]
        total = f"{found.title} {found.fall.voice_to_voice_ns / NS_PER_MS:.0f} ms"
        yield f"latency: {total} ({'; '.join(parts)})" if parts else f"latency: {total}"
    stop_ns = barge_in_stop_ns(turn)
    if stop_ns is not None:
        yield f"latency: barge-in stop {stop_ns / NS_PER_MS:.0f} ms"
    if early := begun_early(turn):
        yield early


def _sentences(problem: Problem) -> str:
    return f"{problem.title} {problem.advice}".rstrip()


def json_lines(before: TalkState, event: TalkEvent, after: TalkState, now_ns: int) -> list[str]:
    """The event as one JSON object, and after a `turn_end` the turn's latency as another.

    `at_ms` is when it came, on the client's clock; a server's mark has its instant `t_ms` on that clock too, as
    `client_t_ms`, once the offset is known. The microphone's level is left out: it comes all the time.
    """
    if isinstance(event, LevelMeasured):
        return []
    line = {"at_ms": ms(now_ns), "type": event_name(event), **event_fields(event)}
    if isinstance(event, Timing):
        own_ns = after.call.to_own_ns(event.mark, ns(event.t_ms))
        if own_ns is not None:
            line["client_t_ms"] = ms(own_ns)
    lines = [line]
    if isinstance(event, TurnEnd):
        turn = after.call.turn(event.turn_id)
        found = turn and turn_fall(after.call, turn)
        if found:
            lines.append({"at_ms": ms(now_ns), "type": "latency", "turn_id": event.turn_id, **_latency(found)})
    return [msgspec.json.encode(each).decode() for each in lines]


def _latency(found: TurnFall) -> dict[str, object]:
    total_ns = found.fall.voice_to_voice_ns
    name = f"{found.title.replace('-', '_')}_ms"
    return {
        **({} if total_ns is None else {name: ms(total_ns)}),
        "parts": [{"part": bar.part.name, "ms": ms(bar.critical.length_ns)} for bar in found.fall.bars],
    }
