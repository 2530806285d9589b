import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.voicecli.loads import answered, level, refused, report
from voicecli.figures.run import WordErrorsDocument
from voicecli.figures.wer import WordErrors
from voicecli.load.level import Failure, Level, WorkerLevel, budgeted, concluded, waits
from voicecli.load.shift import CallSample, Outcome
from voicecli.load.statistic import Quantiles
from voicewire.clock import NS_PER_S

UNEXPECTED = replace(answered(), outcome=Outcome.UNEXPECTED, told="utterance 1: WER 50 %")


def test_every_call_of_the_window_is_counted_by_how_it_ended() -> None:
    found = level(10, [answered(), answered(), UNEXPECTED, refused(), refused(), refused()])
    assert (found.calls, found.bad, found.answered, found.calls_per_s) == (6, 4, 3, 0.1)
    assert found.outcomes == {Outcome.COMPLETED: 2, Outcome.UNEXPECTED: 1, Outcome.REFUSED: 3}
    assert found.failures == (
        Failure(Outcome.REFUSED, "all 50 sessions are in use", 3),
        Failure(Outcome.UNEXPECTED, "utterance 1: WER 50 %", 1),
    )


def test_each_stage_has_its_quantiles_and_one_that_nobody_saw_none() -> None:
    found = level(2, [answered(900.0, setup_ms=10.0), answered(1000.0, setup_ms=30.0)])
    assert found.stages_ms == {
        "setup": Quantiles(n=2, p50=20.0, max=30.0),
        "voice_to_voice": Quantiles(n=2, p50=950.0, max=1000.0),
        "stt_finalization": Quantiles(n=2, p50=100.0, max=100.0),
    }


def test_calls_whose_pace_was_not_kept_are_counted_and_have_no_latencies() -> None:
    found = level(2, [answered(900.0), *[replace(answered(5000.0), reliable=False)]])
    assert (found.calls, found.left_out, found.stages_ms["voice_to_voice"].max) == (2, 1, 900.0)


def test_a_call_that_began_late_keeps_its_latency_and_is_counted() -> None:
    late = replace(answered(900.0, setup_ms=60.0), late_ms=55.0)
    found = level(2, [answered(), late, CallSample(due_ms=0.0, outcome=Outcome.NOT_STARTED)])
    assert (found.late_starts, found.stages_ms["voice_to_voice"].n) == (2, 2)


def test_a_worker_that_died_is_told_and_the_level_measures_no_server() -> None:
    found = level(10, [answered()] * 20, died="its process ended by signal 9")
    assert found.generator_bound == ("worker 2 died, and its callers with it: its process ended by signal 9",)
    assert not found.measures_server


def test_replies_with_a_gap_are_counted() -> None:
    found = level(2, [answered(underruns=2), answered(), refused()])
    assert (found.broken_replies, found.replies) == (1, 2)


def test_the_parts_of_a_wait_sum_to_it_with_the_setup_of_the_first_turn() -> None:
    (sample,) = waits([answered(900.0, setup_ms=50.0, stt_ms=200.0)])
    assert sample.ms == 900.0
    assert sample.parts_ms == {"setup": 50.0, "stt": 200.0, "llm": 650.0}


def test_budgets_are_judged_by_latencies_words_and_cutoffs_of_the_level() -> None:
    words = WordErrorsDocument(errors=1, words=9, substitutions=1, deletions=0, insertions=0)
    call = replace(answered(900.0), words=words, false_cutoffs=1, utterances=1)
    found = budgeted([call, call, refused()])
    assert (found.words, found.false_cutoffs, found.utterances) == (WordErrors(2, 0, 0, 18), 2, 2)
    assert found.latencies_ms["voice_to_voice"] == [900.0, 900.0]


@given(counts=st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_no_call_is_lost_between_the_workers(counts: list[int]) -> None:
    workers = [WorkerLevel(name=f"w{index}", report=report([answered()] * n)) for index, n in enumerate(counts)]
    found: Level = concluded(4, 10 * NS_PER_S, workers)
    assert found.calls == sum(counts) == len(found.samples)
    assert found.mean_open == pytest.approx(len(counts))
