import msgspec
import pytest

from tests.voicecli.peer import made, spoken
from voicecli.calls.expectation import examined, utterance_errors
from voicecli.figures.run import EngineFailure, Latencies, ReplyAudio, Turn
from voicecli.fixtures.fixture import Expect, Fixture, Kind, UtteranceExpect, When
from voicewire.errors import ErrorCode
from voicewire.messages import CancelReason, TurnOutcome

GOOD = Turn(
    turn_id=1,
    utterance=0,
    outcome=TurnOutcome.COMPLETED,
    transcript_final="hello there",
    reply_audio=ReplyAudio(heard_ms=900.0, underruns=0, underrun_ms=0.0),
    latencies=Latencies(voice_to_voice_ms=800.0),
)
INTO = spoken("stop", audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.INTO_REPLY, into_reply_ms=900.0)


def changed(turn: Turn = GOOD, **fields: object) -> Turn:
    return msgspec.structs.replace(turn, **fields)


def failed(fixture: Fixture, *turns: Turn, events: tuple[str, ...] = (), gave_up: str | None = None) -> list[str]:
    return [failure for each in examined(fixture, turns, events, gave_up) for failure in each.failures]


def test_a_good_call_has_no_failures() -> None:
    fixture = made(expect=Expect(turns=1, events=("a", "c")), budgets_ms={"voice_to_voice": 800.0})
    assert failed(fixture, GOOD, events=("a", "b", "c")) == []


def test_all_that_is_expected_is_named_met_or_not() -> None:
    barge_in = msgspec.structs.replace(INTO, expect=UtteranceExpect(cancels_reply=True))
    hum = spoken("", kind=Kind.BACKCHANNEL, audio_ms=(1800, 2600), when=When.INTO_REPLY, into_reply_ms=900.0)
    fixture = made(spoken(), barge_in, hum, expect=Expect(turns=2, events=("a",)), budgets_ms={"voice_to_voice": 900.0})
    expected = examined(fixture, [GOOD, changed(turn_id=2, utterance=2)], ["a"], None)
    assert {each.name: each.failures for each in expected} == {
        "all is said and answered": (),
        "utterance 1: transcript": (),
        "utterance 1: reply": (),
        "utterance 2: transcript": ('utterance 2: no final transcript; "stop" was said',),
        "utterance 2: reply": ("utterance 2: no reply was heard",),
        "utterance 2: cancels the reply": ("utterance 2: did not cancel the reply it was spoken into",),
        "utterance 3: no reply": ("utterance 3: a reply was heard where none was expected",),
        "utterance 3: lets the reply go on": (),
        "no engine fails": (),
        "number of turns": (),
        "order of events": (),
        "voice_to_voice of each turn": (),
    }


def test_too_many_wrong_words_are_a_failure() -> None:
    fixture = made(spoken(expect=UtteranceExpect(max_wer=0.5)))
    assert failed(fixture, changed(transcript_final="hello their")) == []
    assert failed(fixture, changed(transcript_final="yellow their")) == [
        'utterance 1: word error rate 100.0% (n=2 words) is above 50.0%; heard "yellow their", said "hello there"'
    ]


def test_words_split_over_two_turns_are_compared_as_one_utterance() -> None:
    pieces = [changed(transcript_final="hello"), changed(turn_id=2, transcript_final="there")]
    assert utterance_errors(made().utterances[0], pieces).errors == 0


def test_no_transcript_is_a_failure_of_its_own() -> None:
    assert failed(made(), changed(transcript_final=msgspec.UNSET)) == [
        'utterance 1: no final transcript; "hello there" was said'
    ]


@pytest.mark.parametrize("audio", [msgspec.UNSET, ReplyAudio(heard_ms=0.0, underruns=0, underrun_ms=0.0)])
def test_a_reply_that_was_not_heard_is_a_failure(audio: object) -> None:
    assert failed(made(), changed(reply_audio=audio)) == ["utterance 1: no reply was heard"]


def test_a_reply_to_what_needs_none_is_a_failure() -> None:
    fixture = made(spoken("", kind=Kind.SILENCE, segments_ms=()))
    assert failed(fixture) == []
    assert failed(fixture, GOOD) == ["utterance 1: a reply was heard where none was expected"]


@pytest.mark.parametrize(
    ("expected", "outcome", "told"),
    [
        (True, TurnOutcome.CANCELLED, []),
        (True, TurnOutcome.COMPLETED, ["utterance 2: did not cancel the reply it was spoken into"]),
        (False, TurnOutcome.COMPLETED, []),
        (False, TurnOutcome.CANCELLED, ["utterance 2: cancelled the reply it was spoken into"]),
    ],
)
def test_speech_into_a_reply_cancels_it_or_does_not(expected: bool, outcome: TurnOutcome, told: list[str]) -> None:
    second = msgspec.structs.replace(INTO, expect=UtteranceExpect(cancels_reply=expected))
    answer = changed(turn_id=2, utterance=1, transcript_final="stop")
    assert failed(made(spoken(), second), changed(outcome=outcome), answer) == told


def test_turns_without_an_answer_do_not_count() -> None:
    fixture = made(expect=Expect(turns=1))
    assert failed(fixture, GOOD, changed(turn_id=2, utterance=msgspec.UNSET, outcome=TurnOutcome.NO_SPEECH)) == []
    assert failed(fixture, GOOD, changed(turn_id=2, utterance=msgspec.UNSET, outcome=TurnOutcome.CANCELLED)) == [
        "2 turns instead of 1"
    ]
    assert failed(made(expect=Expect(turns=2)), GOOD) == ["1 turn instead of 2"]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (("a", "x", "b", "a"), []),
        (("a", "a", "b"), ["no a came after a b"]),
        (("b", "a", "a"), ["no b came after a"]),
        ((), ["no a came"]),
    ],
)
def test_events_come_in_the_order_expected_whatever_stands_between(events: tuple[str, ...], told: list[str]) -> None:
    assert failed(made(expect=Expect(events=("a", "b", "a"))), GOOD, events=events) == told


def test_a_budget_is_kept_to_the_last_and_absent_latencies_keep_it() -> None:
    fixture = made(budgets_ms={"voice_to_voice": 799.0, "ttft": 1.0})
    assert failed(fixture, GOOD) == ["turn 1: voice_to_voice took 800 ms; the budget is 799 ms"]


def test_a_budget_is_not_held_against_a_turn_that_was_taken_back() -> None:
    fixture = made(budgets_ms={"voice_to_voice": 799.0})
    taken_back = changed(cancelled=CancelReason.RESUMED)
    in_time = changed(turn_id=2, latencies=Latencies(voice_to_voice_ms=700.0))
    assert failed(fixture, taken_back, in_time) == []


def test_an_engine_that_failed_is_a_failure() -> None:
    broken = changed(errors=(EngineFailure(code=ErrorCode.LLM_FAILED, message="no answer in time"),))
    assert failed(made(), broken) == ["turn 1: no answer in time (llm_failed)"]


def test_a_call_that_was_given_up_says_so_first() -> None:
    assert failed(made(), GOOD, gave_up="no reply") == ["no reply"]
