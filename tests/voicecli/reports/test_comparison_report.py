import msgspec

from tests.voicecli.runs import call, calls, document, fixture, turn
from voicecli.figures.comparison import Comparison, compare
from voicecli.figures.run import Run, Server
from voicecli.figures.verdict import Answer, Finding, StageChange
from voicecli.reports.comparison_report import comparison_lines, sentence


def six(tts: float) -> Run:
    """Six calls that are all alike, so that the interval holds one value."""
    return document(fixture([call(turn(0, endpointing=500.0, tts=tts))] * 6))


BEFORE = six(80)


def told(comparison: Comparison) -> list[str]:
    return [line.plain for line in comparison_lines(comparison, "main")]


def test_a_regression_is_told_with_its_interval_and_its_stage() -> None:
    assert told(compare(BEFORE, six(140))) == [
        "\n✗ regression against main; what counts is a change of 5 % and 10 ms or more",
        "  ✗ tone, utterance 1, voice-to-voice: regression  (n=6 and 6)",
        "      p50 580 → 640 ms, +60 ms (95 % interval +60.0 to +60.0), of which TTS first audio +60",
    ]


def test_no_change_is_told_with_its_interval_too() -> None:
    assert told(compare(BEFORE, BEFORE))[1:] == [
        "  ✓ tone, utterance 1, voice-to-voice: no change  (n=6 and 6)",
        "      p50 580 → 580 ms, +0.0 ms (95 % interval +0.0 to +0.0)",
    ]


def test_too_few_runs_are_told_with_how_many_would_do() -> None:
    few = document(fixture(calls(3, tts=80.0)))
    assert told(compare(BEFORE, few))[1:] == [
        "  ? tone, utterance 1, voice-to-voice: not enough runs  (n=6 and 3)",
        "      about 5 calls on each side would tell: --repeat 5",
    ]


def test_a_run_that_was_paced_badly_is_told_with_whose_it_is() -> None:
    late = document(fixture([call(turn(0, tts=80.0), reliable=False)] * 6))
    quiet = "late too often; close what keeps the machine busy, and repeat"
    assert told(compare(BEFORE, late))[-1] == f"      the harness itself of the candidate was {quiet}"
    assert told(compare(late, late))[-1] == f"      the harness itself was {quiet}"
    assert told(compare(late, BEFORE))[-1] == (
        "      the baseline was made on a machine that was too busy to measure; make it again on a quiet one"
    )


def test_where_a_side_has_nothing_more_calls_are_no_advice() -> None:
    silent = document(fixture([call(failures=("no answer",))]))
    for runs, whose in (((BEFORE, silent), "candidate"), ((silent, BEFORE), "baseline")):
        assert f"      nothing of it was measured in the {whose}; see why its calls went another way" in told(
            compare(*runs)
        )


def test_what_was_forced_and_what_differs_is_marked_without_what_could_steer_a_terminal() -> None:
    other = document(fixture(calls(6, tts=80.0), digest="b" * 64), voicecli="0.2\x1b[31m")
    assert told(compare(BEFORE, other, force=True))[-2:] == [
        "  FORCED: tone: other audio, or the same in another codec (SHA-256 aaaaaaaa against bbbbbbbb)",
        "  differs: voicecli version 0.1.0 → 0.2 [31m",
    ]


def test_exact_figures_have_no_interval() -> None:
    def virtual(tts: float) -> Run:
        return msgspec.structs.replace(
            document(fixture(calls(1, tts=tts))), server=Server(in_process=True, virtual=True)
        )

    assert told(compare(virtual(80), virtual(140)))[2] == "      p50 580 → 640 ms, +60 ms, of which TTS first audio +60"


def test_a_p95_that_could_be_chance_is_told_as_such() -> None:
    finding = Finding(95, 0.99, 900.0, 1000.0, 100.0, -20.0, 300.0, Answer.NOT_ENOUGH_RUNS)
    assert sentence(finding) == "p95 900 → 1000 ms, +100 ms (99 % interval -20 to +300), not told from chance"


def test_a_part_of_a_later_version_is_told_by_its_name() -> None:
    finding = Finding(
        50, 0.95, 900.0, 1112.0, 212.0, 180.0, 240.0, Answer.REGRESSION, (StageChange("thinking", 180.4),)
    )
    assert sentence(finding) == "p50 900 → 1112 ms, +212 ms (95 % interval +180 to +240), of which thinking +180"
