from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.voicecli.scenes import (
    BARGE_IN,
    BEFORE,
    INPUTS,
    READY,
    SCENES,
    TALKING,
    WEATHER,
    acted,
    connected,
    whole,
)
from voicecli.client.viewstate import ClockMeasured, MarkNoted, PlayheadMoved, ReplyScheduled
from voicecli.talking.problems import BEGAN_ANEW, GOING_AWAY, Problem
from voicecli.talking.talkstate import (
    FREQUENT,
    MAX_ENTRIES,
    MAX_PROBLEMS,
    MAX_TURNS,
    Device,
    DeviceLost,
    DeviceOpened,
    DevicesListed,
    Doing,
    EchoGuardChosen,
    Ending,
    Entry,
    LevelMeasured,
    MuteChanged,
    Phase,
    ProblemSettled,
    ProblemTold,
    RecordingBegan,
    RecordingEnded,
    Role,
    SessionClosed,
    SessionConnecting,
    SessionReconnecting,
    SoundMeasured,
    TalkChanged,
    TalkEvent,
    TalkState,
    TextSent,
    doing,
    talked,
)
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    CancelReason,
    Error,
    GoingAway,
    LlmToken,
    ReplyCancelled,
    SpeechStarted,
    SpeechStopped,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
)

GONE = Problem("any", "It is gone.")


def after(*events: TalkEvent, state: TalkState | None = None) -> TalkState:
    state = state or TalkState()
    for event in events:
        state = talked(state, event, 0)
    return state


READY_STATE = after(READY)

turn_ids = st.integers(1, 3)
positions = st.floats(0, 1e6)
texts = st.text(max_size=20)
instants = st.integers(-(10**15), 10**15)
problems = st.builds(Problem, st.sampled_from(["a", "b", "c", "d"]), texts, texts, st.booleans())
roles = st.sampled_from(Role)
events: st.SearchStrategy[Any] = st.one_of(
    st.just(READY),
    st.builds(SpeechStarted, turn_id=turn_ids, position_ms=positions),
    st.builds(SpeechStopped, turn_id=turn_ids, position_ms=positions),
    st.builds(TranscriptPartial, turn_id=turn_ids, text=texts, stable_chars=st.integers(0, 99)),
    st.builds(TranscriptFinal, turn_id=turn_ids, text=texts),
    st.builds(LlmToken, turn_id=turn_ids, index=st.integers(0, 9), text=texts),
    st.builds(
        ReplyCancelled, turn_id=turn_ids, reason=st.sampled_from(CancelReason), heard_ms=positions, heard_text=texts
    ),
    st.builds(TurnEnd, turn_id=turn_ids, outcome=st.sampled_from(TurnOutcome)),
    st.builds(Timing, turn_id=turn_ids, mark=st.sampled_from(Mark), t_ms=positions),
    st.builds(Error, code=st.sampled_from(ErrorCode), message=texts, turn_id=st.none() | turn_ids, fatal=st.booleans()),
    st.builds(GoingAway, time_left_ms=positions, resume_token=texts),
    st.builds(AudioAck, sequence=st.integers(0, 9), position_ms=positions),
    st.builds(MarkNoted, turn_ids, st.sampled_from(Mark), st.none() | instants),
    st.builds(ReplyScheduled, turn_ids, instants),
    st.builds(ClockMeasured, instants, st.integers(0, 10**9)),
    st.builds(PlayheadMoved, turn_ids, positions, positions),
    st.builds(SessionConnecting, texts),
    st.builds(SessionReconnecting, st.integers(1, 9), positions),
    st.builds(SessionClosed, st.none() | problems),
    st.builds(LevelMeasured, st.floats(-200, 0) | st.just(float("-inf"))),
    st.builds(MuteChanged, st.booleans()),
    st.builds(TalkChanged, st.booleans()),
    st.builds(TextSent, texts),
    st.builds(RecordingBegan, texts),
    st.builds(RecordingEnded, texts, st.sampled_from(Ending)),
    st.builds(EchoGuardChosen, texts, st.booleans()),
    st.builds(DevicesListed, st.tuples(texts), st.tuples(texts)),
    st.builds(DeviceOpened, roles, texts),
    st.builds(DeviceLost, roles, problems),
    st.builds(SoundMeasured, positions, positions, st.integers(0, 9), positions),
    st.builds(ProblemTold, problems),
    st.builds(ProblemSettled, st.sampled_from(["a", "b"])),
)
"""Every kind of event that can come."""


@settings(max_examples=60)
@given(st.lists(events, max_size=30), st.booleans())
def test_events_in_any_order_never_raise_and_leave_a_state_that_says_what_it_is_doing(
    found: list[TalkEvent], push_to_talk: bool
) -> None:
    state = TalkState(push_to_talk=push_to_talk)
    for now_ns, event in enumerate(found):
        state = talked(state, event, now_ns)
        assert doing(state) in Doing
        codes = [problem.code for problem in state.problems]
        assert len(codes) == len(set(codes)) <= MAX_PROBLEMS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("connecting", Doing.CONNECTING),
        ("listening", Doing.LISTENING),
        ("hearing", Doing.HEARING),
        ("thinking", Doing.THINKING),
        ("speaking", Doing.SPEAKING),
        ("barge-in", Doing.HEARING),
        ("muted", Doing.MUTED),
        ("device-lost", Doing.TYPING),
        ("error", Doing.LISTENING),
        ("closed", Doing.CLOSED),
    ],
)
def test_what_the_conversation_is_doing_is_one_word(name: str, expected: Doing) -> None:
    assert doing(acted(SCENES[name])) is expected


def test_with_push_to_talk_it_waits_and_hears_while_the_key_is_down() -> None:
    assert doing(acted(connected(), push_to_talk=True)) is Doing.WAITING
    assert doing(acted(TALKING, push_to_talk=True)) is Doing.HEARING


def test_a_cough_over_an_answer_does_not_end_it() -> None:
    speaking = acted(SCENES["speaking"])
    coughed = after(
        SpeechStarted(turn_id=4, position_ms=1), TurnEnd(turn_id=4, outcome=TurnOutcome.NO_SPEECH), state=speaking
    )
    assert doing(coughed) is Doing.SPEAKING


def test_an_answer_that_was_cancelled_is_spoken_no_more_whether_or_not_its_turn_is_over() -> None:
    cut = ReplyCancelled(turn_id=3, reason=CancelReason.INTERRUPT, heard_ms=900, heard_text="Once")
    assert doing(after(cut, state=acted(SCENES["speaking"]))) is Doing.LISTENING


@pytest.mark.parametrize("event", [SessionReconnecting(1, 0.0), SessionClosed(None), READY])
def test_an_utterance_does_not_outlive_its_connection(event: TalkEvent) -> None:
    assert not after(event, state=acted(TALKING, push_to_talk=True)).talking


def test_a_new_connection_begins_a_new_call_and_keeps_the_turns_of_the_one_before() -> None:
    before = acted([*connected(), *whole(WEATHER)])
    state = after(SessionReconnecting(2, 500.0), state=before)
    assert (state.phase, state.attempt, state.call) == (Phase.RECONNECTING, 2, before.call)
    state = after(READY, state=state)
    assert (state.phase, state.attempt, state.earlier) == (Phase.READY, 0, (before.call,))
    assert (state.call.ready, state.call.turns) == (READY, ())


def test_a_turn_is_lost_with_its_connection() -> None:
    state = acted(SCENES["thinking"])
    (turn,) = state.call.turns
    assert not state.is_lost(state.call, turn)
    assert after(SessionReconnecting(1, 0.0), state=state).is_lost(state.call, turn)
    again = after(SessionReconnecting(1, 0.0), READY, state=state)
    assert again.is_lost(again.earlier[0], turn)


def test_a_device_that_is_gone_is_told_until_one_is_opened() -> None:
    lost = after(DeviceOpened(Role.MICROPHONE, "USB"), LevelMeasured(-9.0), DeviceLost(Role.MICROPHONE, GONE))
    problem = GONE._replace(code="microphone_lost", lasting=True)
    assert (lost.microphone, lost.level_dbfs, lost.problems) == (Device("USB", False), None, (problem,))
    lost = after(READY, state=lost)
    assert lost.problems == (problem,)
    back = after(DeviceOpened(Role.MICROPHONE, "default"), state=lost)
    assert (back.microphone, back.speaker, back.problems) == (Device("default", True), None, ())


def test_a_turn_that_goes_well_settles_what_does_not_last() -> None:
    lasting, passing = Problem("a", "A.", lasting=True), Problem("b", "B.")
    state = after(ProblemTold(lasting), ProblemTold(passing), ProblemTold(passing), state=READY_STATE)
    assert state.problems == (lasting, passing)
    failed = after(TurnEnd(turn_id=1, outcome=TurnOutcome.FAILED), state=state)
    assert failed.problems == (lasting, passing)
    assert after(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED), state=state).problems == (lasting,)
    assert after(ProblemSettled("a"), state=state).problems == (passing,)


def test_what_was_typed_waits_until_it_is_in_a_turn() -> None:
    state = after(TextSent("one"), TextSent("two"), TranscriptFinal(turn_id=1, text="three"), state=READY_STATE)
    assert state.typed == ("one", "two")
    assert after(TranscriptFinal(turn_id=2, text="one"), state=state).typed == ("two",)


def test_what_is_typed_is_typed_over_what_is_being_spoken_alone() -> None:
    spoken = after(
        TranscriptFinal(turn_id=1, text="one"),
        TranscriptPartial(turn_id=2, text="er", stable_chars=0),
        TurnEnd(turn_id=2, outcome=TurnOutcome.NO_SPEECH),
        TranscriptPartial(turn_id=3, text="two", stable_chars=0),
        TextSent("three"),
        state=READY_STATE,
    )
    assert [turn.typed_over for turn in spoken.call.turns] == [False, False, True]


def test_that_the_server_is_about_to_restart_is_told_until_it_has_gone() -> None:
    leaving = after(ProblemTold(GONE), GoingAway(time_left_ms=1, resume_token="x"), state=READY_STATE)
    assert leaving.problems == (GONE, GOING_AWAY)
    assert after(SessionReconnecting(1, 0.0), state=leaving).problems == (GONE,)
    assert after(SessionClosed(None), state=leaving).problems == (GONE,)


def test_the_reason_of_the_end_is_kept_and_a_new_session_forgets_it() -> None:
    assert (ended := after(SessionClosed(GONE), state=READY_STATE)).closed_by == GONE
    assert after(SessionConnecting("x"), state=ended).closed_by is None


def test_the_newest_recording_that_has_ended_is_kept_while_the_next_one_goes_on() -> None:
    began = after(RecordingBegan("one"), RecordingBegan("two"), state=READY_STATE)
    one, two = RecordingEnded("one", Ending.CUT_OFF), RecordingEnded("two")
    first = after(one, state=began)
    assert (first.recording, first.recorded) == ("two", one)
    second = after(two, READY, state=first)
    assert (second.recording, second.recorded) == (None, two)


def test_the_log_has_all_but_what_comes_all_the_time() -> None:
    state = TalkState()
    for t_ms, event in BARGE_IN:
        state = talked(state, event, round(t_ms))
    assert state.log == tuple(Entry(round(t_ms), event) for t_ms, event in BARGE_IN if not isinstance(event, FREQUENT))
    assert state.began_ns == 0


def test_log_and_turns_are_bounded() -> None:
    state = READY_STATE
    for number in range(1, 2 * MAX_TURNS):
        for _ in range(4):
            state = talked(state, LlmToken(turn_id=number, index=0, text="x"), number)
    assert (len(state.log), state.log[-1].at_ns) == (MAX_ENTRIES, 2 * MAX_TURNS - 1)
    assert (len(state.call.turns), state.call.turns[-1].turn_id) == (MAX_TURNS, 2 * MAX_TURNS - 1)


def test_what_shows_nothing_changes_nothing() -> None:
    state = acted(BEFORE)
    assert talked(state, AudioAck(sequence=1, position_ms=20), 5) is state


def test_devices_are_listed_for_choosing() -> None:
    assert after(DevicesListed(INPUTS, ("one",))).inputs == INPUTS


def test_that_the_conversation_began_anew_is_told_until_a_turn_went_well_and_only_where_something_was_said() -> None:
    anew = replace(READY, resumed=False)
    said, silent = acted(BEFORE), acted(connected())
    forgotten = talked(said, anew, 0)
    assert forgotten.problems == (BEGAN_ANEW,)
    assert talked(forgotten, TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED), 0).problems == ()
    assert [talked(said, replace(READY, resumed=resumed), 0).problems for resumed in (True, None)] == [(), ()]
    assert talked(silent, anew, 0).problems == ()
