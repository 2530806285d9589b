import io

import msgspec
import pytest
from msgspec import UNSET, UnsetType, structs
from rich.console import Console, RenderableType

from tests.voicecli.figures.test_run import record, turn
from tests.voicecli.peer import made
from voicecli.calls.call import CallRecord
from voicecli.calls.pacing import PacingReport
from voicecli.calls.take import Take, concluded
from voicecli.figures.budget import BudgetResult, Verdict
from voicecli.figures.run import WordErrorsDocument
from voicecli.fixtures.fixture import Expect
from voicecli.reports import report
from voicewire.messages import CancelReason, TurnOutcome

LATE = PacingReport(100, 50, 80.0, 6.0)


def shown(renderable: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def take(call: CallRecord | None = None) -> Take:
    return concluded(made(), call or record(turn(transcript="hello there")), 600)


def test_a_call_is_told_with_words_waterfall_and_trust() -> None:
    told = shown(report.call_report(take(), "made", "pcm · silero"))
    for expected in (
        "made ────",
        "pcm · silero",
        "turn 1  “hello there”  WER 0.0% (n=2 words)",
        "reply “Good day.”  0.2 s",
        "voice-to-voice  ─",
        "  720.0",
        "endpointing delay 600 ms  STT finalization 30 ms  server turnaround 690 ms",
        "✓ as the fixture expects",
        "pace: 70 frames, 1 later than 5 ms, worst 6.0 ms, median 0.5 ms · round trip 0.08 ms",
    ):
        assert expected in told
    assert "UNRELIABLE" not in told


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_its_width(width: int) -> None:
    told = shown(report.call_report(take(), "made"), width)
    assert max(map(len, told.splitlines())) <= width


def test_what_was_not_as_expected_is_told() -> None:
    fixture = made(expect=Expect(turns=3))
    told = shown(report.call_report(concluded(fixture, record(turn(transcript="yellow"))), "made"))
    assert "✗ utterance 1: word error rate 100.0% (n=2 words) is above 10.0%" in told
    assert "✗ 1 turn instead of 3" in told
    assert "✓" not in told


def test_a_cancelled_reply_is_told_as_far_as_it_was_heard() -> None:
    cut = turn(
        reply="One two three four.",
        heard_text="One two",
        cancelled=CancelReason.BARGE_IN,
        outcome=TurnOutcome.CANCELLED,
    )
    told = shown(report.call_report(take(record(cut)), "made"))
    assert "reply “One two” cut by barge-in, 2 words unheard  0.2 s" in told
    assert "cancelled" in told
    taken_back = shown(report.call_report(take(record(structs.replace(cut, cancelled=CancelReason.RESUMED))), "made"))
    assert "reply “One two” taken back, 2 words unheard  0.2 s" in taken_back
    assert "this wait does not count" in taken_back
    assert "this wait does not count" not in told


def test_a_reply_that_was_paused_tells_for_how_long() -> None:
    call = record(turn())
    [reply] = call.replies
    reply.pauses, reply.paused_ns = 2, 1_250_000_000
    assert "0.2 s, paused 1.2 s" in shown(report.call_report(take(call), "made"))


def test_a_late_harness_is_told_loudly() -> None:
    told = shown(report.call_report(take(record(turn())._replace(pacing=LATE)), "made"))
    assert "UNRELIABLE: the harness itself was late" in told


def test_without_pongs_it_is_told_why_the_stages_are_missing() -> None:
    told = shown(report.call_report(take(record(turn(), offset_ns=None)), "made"), 200)
    assert "the server answers no pings, so its stages cannot be placed" in told


def test_disagreeing_witnesses_are_told() -> None:
    assert "! the server sent" in shown(
        report.call_report(take(record(turn(repeated_marks=tuple(turn().marks)[:1]))), "m")
    )


def test_text_of_the_server_cannot_steer_the_terminal() -> None:
    hostile = turn(transcript="a\x1b[2Jb[bold]", reply="\x07\r\nx")
    told = shown(report.call_report(take(record(hostile)), "made"))
    assert "“a [2Jb[bold]”" in told
    assert not {"\x1b", "\x07", "\r"} & set(told)


def test_a_long_reply_is_cut_in_the_report() -> None:
    told = shown(report.call_report(take(record(turn(reply="yes " * 200))), "made"))
    assert told.count("yes") == report.MAX_REPLY_CHARS // len("yes ")
    assert "yes …”" in " ".join(told.split())


def test_p95_is_told_from_20_samples_on() -> None:
    few, enough = (shown(report.fixture_summary(made(), [take()] * n)) for n in (19, 20))
    assert "p95" not in few
    assert few.splitlines()[2:4] == [
        "ms                 median    min    max   n",
        "voice-to-voice      720.0  720.0  720.0  19",
    ]
    assert enough.splitlines()[3] == "voice-to-voice      720.0  720.0  720.0  720.0  20"


def test_unreliable_calls_are_left_out_of_the_statistics_and_counted() -> None:
    late = take(record(turn())._replace(pacing=LATE))
    told = shown(report.fixture_summary(made(), [take(), late, take()]))
    assert "made, 2 runs; 1 unreliable left out" in told
    assert told.splitlines()[3].endswith("2")


def test_the_typical_call_is_the_median_of_the_reliable_ones() -> None:
    def moved(by_ms: int) -> CallRecord:
        marks = dict(turn().marks)
        first = next(mark for mark in marks if mark.value == "reply.first_audible")
        return record(turn(marks=marks | {first: marks[first] + by_ms * 1_000_000}))

    takes = [take(moved(by_ms)) for by_ms in (30, 0, 10)]
    late = take(moved(20)._replace(pacing=LATE))
    assert report.typical([*takes, late]) is takes[2]
    assert report.typical([late]) is late


def test_several_fixtures_end_in_one_line_each() -> None:
    wrong = concluded(made(name="other"), record(turn()))
    assert shown(report.summary([take(), take(), wrong])).splitlines()[1:] == [
        "fixture  calls    WER  words  voice-to-voice  turns",
        "made         2   0.0%      4          720 ms      2  ✓",
        "other        1  50.0%      2          720 ms      1  ✗ 1 failed",
    ]


def test_a_narrow_terminal_has_the_verdict_and_every_figure_of_a_fixture() -> None:
    told = shown(report.summary([take(), concluded(made(name="other"), record(turn()))]), width=40)
    assert "…" not in told
    assert "✗ 1 failed" in told


def test_one_of_many_calls_is_one_line() -> None:
    assert str(report.call_line(take(), 3)) == "  run 3: voice-to-voice 720 ms"
    failed = concluded(made(expect=Expect(turns=3)), record())
    assert str(report.call_line(failed, 1)).startswith("  run 1: nothing heard  ✗ utterance 1: no final transcript")


def test_word_errors_add_up_over_turns() -> None:
    counted = WordErrorsDocument(errors=1, words=2, substitutions=1, deletions=0, insertions=0)
    (document,) = (turn.document for turn in take().turns)
    turns = [msgspec.structs.replace(document, word_errors=given) for given in (counted, counted, msgspec.UNSET)]
    assert report.total_errors(turns).rate == 0.5


def test_each_budget_is_a_line_with_the_fixture_it_is_of() -> None:
    def result(verdict: Verdict, failed: bool, fixture: str | UnsetType = UNSET) -> BudgetResult:
        return BudgetResult(
            budget="b", place="p", fixture=fixture, verdict=verdict, n=1, failed=failed, sentence=verdict.value
        )

    results = [
        result(Verdict.MET, False),
        result(Verdict.MISSED, True, fixture="made"),
        result(Verdict.NOT_MEASURED, False),
        result(Verdict.NOT_MEASURED, True),
    ]
    assert shown(report.budgets(results)).splitlines() == [
        "",
        "✓ met",
        "✗ made: missed",
        "- not_measured",
        "✗ not_measured",
    ]
    assert shown(report.budgets([])) == ""
