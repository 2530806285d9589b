import pytest
from msgspec.structs import replace

from tests.voicecli.runs import call, calls, document, fixture, turn
from voicecli.figures.comparison import compare
from voicecli.figures.run import CallRun, Run, Server
from voicecli.figures.verdict import Answer
from voicecli.reports.judged import called, missing

LATE = [replace(each, reliable=False) for each in calls(8, tts=80.0)]


def judged(before: Run, after: Run) -> tuple[Answer, str | None]:
    comparison = compare(before, after)
    return comparison.answer, missing(comparison)


def scattered(count: int) -> list[CallRun]:
    return [call(turn(0, tts=500.0 + 200 * (number % 2))) for number in range(count)]


@pytest.mark.parametrize("tts_ms", [20.0, 80.0, 140.0])
def test_a_verdict_lacks_nothing(tts_ms: float) -> None:
    assert missing(compare(document(fixture(calls(6, tts=80.0))), document(fixture(calls(6, tts=tts_ms))))) is None


def test_a_busy_machine_wants_quiet_or_virtual_time() -> None:
    answer, sentence = judged(document(fixture(calls(8, tts=80.0))), document(fixture(LATE)))
    assert answer is Answer.UNRELIABLE
    assert sentence == (
        "no verdict: this machine was too busy to keep a caller's pace in more than a quarter of the calls; repeat them"
        " on a quieter one, or with --virtual, where the speed of engines is not the question"
    )


def test_a_baseline_that_was_made_on_a_busy_machine_is_to_be_made_again() -> None:
    answer, sentence = judged(document(fixture(LATE)), document(fixture(calls(8, tts=80.0))))
    assert answer is Answer.UNRELIABLE
    assert sentence == (
        "no verdict: the baseline was made on a machine that was too busy to keep a caller's pace in more than a"
        " quarter of the calls; make it again on a quieter one, or both runs with --virtual, where the speed of engines"
        " is not the question"
    )


def test_too_few_calls_want_more_of_them() -> None:
    few = document(fixture(calls(2, tts=80.0)))
    answer, sentence = judged(few, few)
    assert answer is Answer.NOT_ENOUGH_RUNS
    assert sentence == (
        "no verdict: there are too few calls to tell a change from chance; about 5 on each side would probably do"
        " (replay --repeat 5), fewer on a quieter machine, and one with --virtual, where the speed of engines is not"
        " the question"
    )
    noisy = document(fixture(scattered(6)))
    assert "replay --repeat 6" not in (judged(noisy, noisy)[1] or "")


def test_what_was_measured_in_one_run_alone_is_named() -> None:
    virtual = Server(in_process=True, virtual=True)
    one = document(fixture([call(turn(0, tts=80.0))]), server=virtual)
    two = document(fixture([call(turn(0, tts=80.0), turn(1, tts=80.0))]), server=virtual)
    silent = document(fixture([call()]), server=virtual)
    assert judged(one, two)[1] == (
        "no verdict: tone, utterance 2, voice-to-voice is missing from one of the runs; see why its calls went another"
        " way"
    )
    assert judged(silent, silent)[1] == (
        "no verdict: everything that could be compared is missing from one of the runs; see why its calls went another"
        " way"
    )


def test_a_turn_is_called_by_fixture_utterance_and_latency() -> None:
    (only,) = compare(document(fixture(calls(6, tts=80.0))), document(fixture(calls(6, tts=80.0)))).turns
    assert called(only) == "tone, utterance 1, voice-to-voice"
