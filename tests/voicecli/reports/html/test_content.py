import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tests.voicecli.documents import MET, MISSED, NOT_MEASURED, TURN, call, fixture_runs, mark, run
from tests.voicecli.runs import calls, document, fixture
from voicecli.figures.comparison import compare
from voicecli.figures.run import EngineFailure, Run, Server
from voicecli.reports.html.content import Bar, PageCall, PageRun, PageTurn, page_comparison, page_run, title
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, TurnOutcome


def shown(told: Run) -> PageRun:
    return page_run("now", told, "No audio.", {}, {})


def first_call(told: Run) -> PageCall:
    return shown(told).fixtures[0].calls[0]


def first_turn(told: Run) -> PageTurn:
    return first_call(told).turns[0]


def test_a_turn_is_told_with_its_bars_and_marks_on_the_clients_clock() -> None:
    turn = first_turn(run(fixture_runs("tone", call())))
    assert turn == PageTurn(
        id=1,
        utterance=0,
        outcome="completed",
        cancelled=UNSET,
        transcript="hello there",
        word_errors=(1, 8),
        heard="Good day.",
        unheard="",
        heard_ms=UNSET,
        underruns=0,
        latencies={"voice_to_voice": 720.0},
        start_ms=700.0,
        bars=(
            Bar(part="speech_end", start_ms=0.0, ms=-10.0),
            Bar(part="endpointing", start_ms=-10.0, ms=610.0),
            Bar(part="llm", start_ms=600.0, ms=120.0),
            Bar(part="buffer", start_ms=720.0, ms=0.0),
        ),
        marks=(
            ("audio.last_speech", 690.0),
            ("mic.speech_end", 700.0),
            ("turn.committed", 1300.0),
            ("reply.first_audible", 1420.0),
        ),
        notes=(),
    )


def test_the_wait_for_an_answer_that_was_taken_back_is_in_no_distribution() -> None:
    taken_back = replace(TURN, cancelled=CancelReason.RESUMED)
    turn = first_turn(run(fixture_runs("tone", call(taken_back))))
    assert (turn.cancelled, turn.latencies, len(turn.bars)) == ("resumed", {}, 4)


def test_what_a_stage_did_beside_others_is_told_where_it_is_more_than_its_part() -> None:
    marks = (
        *TURN.marks,
        mark(Mark.LLM_REQUESTED, 1300.0),
        mark(Mark.LLM_FIRST_TOKEN, 1420.0),
        mark(Mark.LLM_DONE, 1600.0),
    )
    bars = first_turn(run(fixture_runs("tone", call(replace(TURN, marks=marks))))).bars
    assert bars[2] == Bar(part="llm", start_ms=600.0, ms=120.0, whole=(600.0, 900.0))
    without = first_turn(run(fixture_runs("tone", call(replace(TURN, marks=marks[:-1])))))
    assert without.bars[2] == Bar(part="llm", start_ms=600.0, ms=120.0)


def test_of_a_turn_without_an_answer_the_parts_are_told_as_far_as_they_are_known() -> None:
    turn = first_turn(run(fixture_runs("tone", call(replace(TURN, parts=(), marks=TURN.marks[:3])))))
    assert turn.bars == (
        Bar(part="speech_end", start_ms=0.0, ms=-10.0),
        Bar(part="endpointing", start_ms=-10.0, ms=610.0),
    )
    typed = first_turn(run(fixture_runs("tone", call(replace(TURN, parts=(), marks=TURN.marks[:2])))))
    assert (typed.bars, typed.start_ms) == ((), UNSET)


def test_what_was_not_heard_of_a_reply_is_told_apart() -> None:
    cut = replace(
        TURN,
        outcome=TurnOutcome.CANCELLED,
        cancelled=CancelReason.BARGE_IN,
        reply_text="Good day to you.",
        reply_heard_text="Good day",
    )
    turn = first_turn(run(fixture_runs("tone", call(cut))))
    assert (turn.cancelled, turn.heard, turn.unheard) == ("barge-in", "Good day", " to you.")
    other = first_turn(run(fixture_runs("tone", call(replace(cut, reply_heard_text="Hello")))))
    assert (other.heard, other.unheard) == ("Hello", "")


def test_disagreements_and_failed_engines_stand_in_the_turns_notes() -> None:
    failure = EngineFailure(code=ErrorCode.TTS_FAILED, message="no voice")
    turn = first_turn(run(fixture_runs("tone", call(replace(TURN, disagreements=("late",), errors=(failure,))))))
    assert turn.notes == ("late", "tts_failed: no voice")


def test_a_call_without_sound_lasts_until_after_its_last_mark() -> None:
    assert first_call(run(fixture_runs("tone", call()))).duration_ms == 1920.0


def test_one_call_of_a_fixture_is_typical_and_one_the_slowest() -> None:
    found = shown(document(fixture(calls(4, tts=80.0)))).fixtures[0].calls
    assert [(each.typical, each.slowest) for each in found] == [
        (False, False),
        (True, False),
        (False, False),
        (False, True),
    ]


@pytest.mark.parametrize(
    ("told", "failed"),
    [
        (run(fixture_runs("tone", call())), False),
        (run(fixture_runs("tone", call(turns=("too few",)))), True),
        (run(fixture_runs("tone", call()), budgets=(MET, NOT_MEASURED)), False),
        (run(fixture_runs("tone", call()), budgets=(MISSED,)), True),
    ],
)
def test_a_run_failed_by_an_expectation_or_a_budget(told: Run, failed: bool) -> None:
    assert shown(told).failed is failed


def test_budgets_are_met_missed_or_unknown() -> None:
    budgets = shown(run(fixture_runs("tone", call()), budgets=(MET, MISSED, NOT_MEASURED))).budgets
    assert [(each.sign, each.whose) for each in budgets] == [
        ("met", "tone"),
        ("missed", "all calls"),
        ("unknown", "all calls"),
    ]


def test_facts_say_what_ran_where_and_when() -> None:
    told = run(fixture_runs("tone", call()))
    assert shown(told).facts == (
        ("Server", "own, in the client's process"),
        ("VAD", "v"),
        ("STT", "s"),
        ("Machine", "2 CPUs · a · s · Python 3"),
        ("Made", "2026-01-02T03:04:05+00:00"),
        ("voicecli", "1.0"),
    )
    elsewhere = replace(told, server=Server(url="ws://h/voice", network="rtt=80ms seed=1"), created=UNSET)
    assert shown(elsewhere).facts[:2] == (("Server", "ws://h/voice"), ("Network", "rtt=80ms seed=1"))


def test_a_comparison_has_its_intervals_and_the_stages_that_explain_it() -> None:
    before, after = (document(fixture(calls(6, tts=tts_ms))) for tts_ms in (80.0, 140.0))
    told = page_comparison(compare(before, after))
    (verdict,) = told.verdicts
    (finding,) = verdict.findings
    assert (told.answer, told.tolerance, verdict.counts) == ("regression", "5 % and 10 ms", (6, 6))
    assert (finding.difference_ms, finding.stages) == (60.0, (("tts", 60.0),))
    assert 0 < finding.low_ms <= 60.0 <= finding.high_ms
    assert finding.size_ms == pytest.approx(0.05 * finding.baseline_ms, abs=0.001)


def test_names_are_in_camel_case() -> None:
    names = msgspec.to_builtins(first_turn(run(fixture_runs("tone", call()))))
    assert {"startMs", "wordErrors", "bars"} <= names.keys()


def test_a_title_names_up_to_three_fixtures() -> None:
    assert title([fixture_runs(name) for name in "abc"]) == "a, b, c"
    assert title([fixture_runs(name) for name in "abcd"]) == "4 fixtures"
