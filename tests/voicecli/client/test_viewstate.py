from typing import Any

import msgspec
import pytest

from voicecli.client.viewstate import (
    MAX_ERRORS,
    ClockMeasured,
    Event,
    MarkNoted,
    PlayheadMoved,
    ReplyScheduled,
    TurnView,
    ViewState,
    reduced,
)
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    CancelReason,
    EngineInfo,
    Engines,
    Error,
    GoingAway,
    LlmToken,
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

MS = 1_000_000


def after(*events: Event) -> ViewState:
    state = ViewState()
    for event in events:
        state = reduced(state, event)
    return state


def turn(*events: Event, turn_id: int = 1) -> TurnView:
    found = after(*events).turn(turn_id)
    assert found is not None
    return found


def timing(mark: Mark, t_ms: float) -> Timing:
    return Timing(turn_id=1, mark=mark, t_ms=t_ms)


def test_a_turn_is_shown_from_first_word_to_end() -> None:
    usage, speculation = Usage(output_tokens=2), Speculation(started=1, hit=1, saved_ms=310.5)
    shown = turn(
        SpeechStarted(turn_id=1, position_ms=380),
        TranscriptPartial(turn_id=1, text="hello", stable_chars=5),
        TranscriptPartial(turn_id=1, text="hello there", stable_chars=99),
        SpeechStopped(turn_id=1, position_ms=900),
        TranscriptFinal(turn_id=1, text="hello there."),
        LlmToken(turn_id=1, index=0, text="Good "),
        LlmToken(turn_id=1, index=1, text="day."),
        ReplyScheduled(1, 70 * MS),
        PlayheadMoved(1, 10.0, 90.0),
        TurnEnd(
            turn_id=1,
            outcome=TurnOutcome.COMPLETED,
            latencies_ms={"ttft": 3.0},
            usage=usage,
            speculation=speculation,
        ),
    )
    assert shown == TurnView(
        turn_id=1,
        started_ms=380,
        stopped_ms=900,
        partial="hello there.",
        stable_chars=12,
        transcript="hello there.",
        reply="Good day.",
        reply_play_ns=70 * MS,
        played_ms=10.0,
        buffered_ms=90.0,
        outcome=TurnOutcome.COMPLETED,
        reported_ms={"ttft": 3.0},
        usage=usage,
        speculation=speculation,
    )
    assert shown.reply_heard == "Good day."


def test_a_reply_is_paused_until_it_is_resumed_cancelled_or_over() -> None:
    paused, resumed = ReplyPaused(turn_id=1), ReplyResumed(turn_id=1)
    cut = ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=0, heard_text="")
    end = TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED)
    assert turn(paused).paused
    assert not turn(paused, resumed).paused
    assert not turn(paused, cut).paused
    assert not turn(paused, end).paused
    assert turn(end, paused, resumed) == turn(end)
    assert turn(cut, paused) == turn(cut)


def test_of_a_cancelled_reply_it_is_shown_what_was_heard() -> None:
    shown = turn(
        LlmToken(turn_id=1, index=0, text="One two three."),
        PlayheadMoved(1, 400.0, 500.0),
        ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=420, heard_text="One"),
    )
    assert (shown.cancelled, shown.heard_ms, shown.reply_heard) == (CancelReason.BARGE_IN, 420, "One")
    assert (shown.reply, shown.buffered_ms) == ("One two three.", 0.0)


def test_speech_that_resumes_withdraws_its_end() -> None:
    marks = (Mark.STT_FIRST_PARTIAL, Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED, Mark.STT_FINAL)
    shown = turn(
        SpeechStarted(turn_id=1, position_ms=100),
        *(timing(mark, 5) for mark in marks),
        MarkNoted(1, Mark.MIC_SPEECH_END, 4),
        SpeechStopped(turn_id=1, position_ms=300),
        SpeechStarted(turn_id=1, position_ms=500),
    )
    assert shown.marks == {Mark.STT_FIRST_PARTIAL: 5 * MS}
    assert (shown.started_ms, shown.stopped_ms, shown.speaking) == (100, None, True)


def test_speech_after_the_commit_withdraws_nothing() -> None:
    shown = turn(timing(Mark.VAD_CLOSED, 5), timing(Mark.TURN_COMMITTED, 6), SpeechStarted(turn_id=1, position_ms=500))
    assert shown.marks == {Mark.VAD_CLOSED: 5 * MS, Mark.TURN_COMMITTED: 6 * MS}


def test_the_first_of_two_equal_marks_stands_and_the_other_is_told() -> None:
    shown = turn(timing(Mark.LLM_REQUESTED, 5), timing(Mark.LLM_REQUESTED, 6))
    assert shown.marks == {Mark.LLM_REQUESTED: 5 * MS}
    assert shown.repeated_marks == (Mark.LLM_REQUESTED,)


def test_a_mark_of_ours_can_be_taken_back() -> None:
    shown = turn(MarkNoted(1, Mark.REPLY_FIRST_AUDIBLE, 9), MarkNoted(1, Mark.REPLY_FIRST_AUDIBLE, None))
    assert shown.marks == {}


def test_a_servers_instant_is_placed_only_by_the_measured_offset() -> None:
    marks: tuple[Event, ...] = (timing(Mark.LLM_REQUESTED, 5), MarkNoted(1, Mark.MIC_SPEECH_END, 1 * MS))
    unplaced, placed = after(*marks), after(*marks, ClockMeasured(3 * MS, 100))
    assert unplaced.own_marks(unplaced.turns[0]) == {Mark.MIC_SPEECH_END: 1 * MS}
    assert placed.own_marks(placed.turns[0]) == {Mark.MIC_SPEECH_END: 1 * MS, Mark.LLM_REQUESTED: 2 * MS}


def test_tokens_of_a_cancelled_reply_are_dropped() -> None:
    cut = ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=9, heard_text="It")
    assert (
        turn(LlmToken(turn_id=1, index=0, text="It is"), cut, LlmToken(turn_id=1, index=1, text=" noon")).reply
        == "It is"
    )


def test_what_came_to_nothing_while_an_answer_went_on_was_said_aside() -> None:
    answering = (LlmToken(turn_id=1, index=0, text="Once"),)
    nod = (
        TranscriptPartial(turn_id=2, text="mm-hm", stable_chars=5),
        TurnEnd(turn_id=2, outcome=TurnOutcome.NO_SPEECH),
    )
    begun = SpeechStarted(turn_id=2, position_ms=1)
    over = TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED)
    cut = ReplyCancelled(turn_id=1, reason=CancelReason.INTERRUPT, heard_ms=9, heard_text="Once")
    assert turn(*answering, *nod, turn_id=2).aside
    assert turn(*answering, begun, over, *nod, turn_id=2).aside
    assert not turn(*answering, begun, cut, *nod, turn_id=2).aside
    assert not turn(*answering, begun, over, begun, *nod, turn_id=2).aside
    assert not turn(*answering, over, *nod, turn_id=2).aside
    assert not turn(*nod, turn_id=2).aside


def test_turns_are_in_order_whichever_was_heard_of_first() -> None:
    state = after(SpeechStarted(turn_id=2, position_ms=1), timing(Mark.LLM_DONE, 1))
    assert [turn.turn_id for turn in state.turns] == [1, 2]


def test_errors_are_kept_with_their_turn_or_with_the_call() -> None:
    of_turn = Error(code=ErrorCode.LLM_FAILED, message="m", turn_id=1)
    of_call = Error(code=ErrorCode.OVERLOADED, message="m")
    state = after(of_turn, of_call)
    assert (state.turns[0].errors, state.errors) == ((of_turn,), (of_call,))


def test_the_session_is_shown() -> None:
    info = EngineInfo("x")
    opus = AudioFormat(Codec.OPUS)
    ready = SessionReady(
        session_id="s",
        resume_token="r",
        input=opus,
        output=opus,
        engines=Engines(vad=info, stt=info, llm=info, tts=info),
        lead_ms=500,
    )
    state = after(ready, ClockMeasured(1, 2), GoingAway(time_left_ms=1, resume_token="r"))
    assert state == ViewState(ready=ready, offset_ns=1, round_trip_ns=2, going_away=True)


@pytest.mark.parametrize("event", [AudioAck(sequence=1, position_ms=20)])
def test_what_shows_nothing_changes_nothing(event: Any) -> None:
    state = after(SpeechStarted(turn_id=1, position_ms=1))
    assert reduced(state, event) is state


def test_a_state_is_never_changed_in_place() -> None:
    before = after(timing(Mark.LLM_REQUESTED, 5))
    copy = msgspec.msgpack.encode(before)
    reduced(before, timing(Mark.LLM_DONE, 6))
    assert msgspec.msgpack.encode(before) == copy


def test_errors_and_marks_that_come_again_and_again_do_not_grow_without_bound() -> None:
    errors = [Error(code=ErrorCode.OVERLOADED, message=str(n), turn_id=n % 2 or None) for n in range(100)]
    marks = [timing(Mark.LLM_REQUESTED, n) for n in range(100)]
    state = after(*errors, *marks)
    assert [error.message for error in state.errors] == [str(n) for n in range(100 - 2 * MAX_ERRORS, 100, 2)]
    assert state.turns[0].errors == tuple(errors[101 - 2 * MAX_ERRORS :: 2])
    assert state.turns[0].repeated_marks == (Mark.LLM_REQUESTED,)
