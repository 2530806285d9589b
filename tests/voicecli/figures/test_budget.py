from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from voicecli.figures.budget import (
    FALSE_CUTOFFS,
    LATENCIES,
    WER,
    Asked,
    Budget,
    BudgetError,
    BudgetResult,
    Comparison,
    Samples,
    Statistic,
    Verdict,
    judged,
    parsed,
)
from voicecli.figures.wer import WordErrors

BOUNDS = (Comparison.BELOW, Comparison.AT_MOST)
LIMITS = st.integers(1, 10**9).map(lambda thousandths: thousandths / 1000)
BUDGETS = st.one_of(
    st.builds(Budget, st.sampled_from(LATENCIES), st.sampled_from(list(Statistic)), st.sampled_from(BOUNDS), LIMITS),
    st.builds(Budget, st.just(WER), st.none(), st.sampled_from(list(Comparison)), LIMITS),
    st.builds(
        Budget, st.just(FALSE_CUTOFFS), st.none(), st.sampled_from(list(Comparison)), st.integers(1, 10**6).map(float)
    ),
)


@given(BUDGETS)
def test_a_budget_is_read_back_as_it_is_written(budget: Budget) -> None:
    assert parsed(str(budget), "here") == budget


@given(BUDGETS)
def test_spaces_mean_nothing_but_between_names(budget: Budget) -> None:
    comparison = budget.comparison.value
    text = str(budget)
    assert parsed(text.replace(f" {comparison} ", comparison), "here") == budget
    assert parsed(f"  {text.replace(' ', '   ')}\t", "here") == budget


@given(st.one_of(st.text(), st.text("wer voice_to_voice p95<=>0123456789.ms%")))
def test_any_text_is_a_budget_or_an_error_of_one_line_that_names_its_place(text: str) -> None:
    told = None
    try:
        budget = parsed(text, "here")
    except BudgetError as error:
        told = str(error)
    if told is None:
        assert parsed(str(budget), "here") == budget
    else:
        assert told.startswith('here: "')
        assert told.isprintable()


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        (
            "voice_to_voice p95 < 900ms",
            Budget("voice_to_voice", Statistic.P95, Comparison.BELOW, 900.0),
        ),
        ("barge_in_stop max<=0.25 s", Budget("barge_in_stop", Statistic.MAX, Comparison.AT_MOST, 250.0)),
        ("false_cutoffs == 0", Budget("false_cutoffs", None, Comparison.EXACTLY, 0.0)),
        ("wer < 5%", Budget("wer", None, Comparison.BELOW, 5.0)),
    ],
)
def test_a_budget_is_a_figure_and_its_limit(text: str, budget: Budget) -> None:
    assert parsed(text, "here") == budget


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'no budget; write it as "voice_to_voice p95 < 900ms", "wer < 5%" or "false_cutoffs == 0"'),
        ("voice_to_voice p95", 'no budget; write it as "voice_to_voice p95 < 900ms", "wer < 5%"'),
        ("speed p95 < 900ms", '"speed" cannot be budgeted; use voice_to_voice, endpointing_delay, '),
        ("ttft < 900ms", "say of which figure of ttft after its name; use p50, median, p95, max, mean"),
        ("ttft p99 < 900ms", "say of which figure of ttft after its name; use p50, median, p95, max, mean"),
        ("wer max < 5%", 'wer is one figure of the whole run; leave "max" out'),
        ("ttft p95 > 900ms", '">" bounds nothing from above; use < or <='),
        ("ttft p95 == 900ms", '"==" bounds nothing from above; use < or <='),
        ("wer => 5%", '"=>" bounds nothing from above; use < or <= or =='),
        ("ttft p95 < fastms", '"f" is no limit; use a number such as 900ms'),
        ("ttft p95 < -5ms", '"-5" is no limit; use a number such as 900ms'),
        ("ttft p95 < 900", "the limit of ttft is in ms or s; write it as 900ms"),
        ("wer < 0.05", "the limit of wer is in per cent; write it as 5%"),
        ("false_cutoffs < 2ms", "the limit of false_cutoffs is a count without a unit; write it as 0"),
        ("false_cutoffs < 0.5", "false_cutoffs are counted; use a whole number"),
        ("false_cutoffs < 0", 'nothing is below 0; use a higher limit, or "== 0"'),
        ("ttft max < 0ms", "nothing is below 0; use a higher limit"),
    ],
)
def test_what_is_no_budget_is_refused_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(BudgetError) as refused:
        parsed(text, "voicecli.toml: budgets")
    assert str(refused.value).startswith(f'voicecli.toml: budgets: "{text}": {told}')


def samples(
    *voice_to_voice: float, errors: int = 0, words: int = 0, cutoffs: int = 0, utterances: int = 0, left_out: int = 0
) -> Samples:
    return Samples({"voice_to_voice": voice_to_voice}, WordErrors(errors, 0, 0, words), cutoffs, utterances, left_out)


def asked(text: str, *, is_general: bool = False) -> Asked:
    return Asked(parsed(text, "here"), "here", is_general)


def told(text: str, given: Samples, *, is_general: bool = False) -> tuple[Verdict, bool, str]:
    result = judged(asked(text, is_general=is_general), given)
    assert result.sentence.startswith(f"{text}: ")
    return result.verdict, result.failed, result.sentence.removeprefix(f"{text}: ")


def test_a_result_has_the_figure_and_whose_calls_they_were() -> None:
    assert judged(asked("voice_to_voice mean < 900ms"), samples(800, 801), "tone") == BudgetResult(
        budget="voice_to_voice mean < 900ms",
        place="here",
        fixture="tone",
        verdict=Verdict.MET,
        value=800.5,
        n=2,
        failed=False,
        sentence="voice_to_voice mean < 900ms: 800.5 ms (n=2 turns)",
    )
    assert judged(asked("voice_to_voice max < 900ms"), samples()).value is UNSET


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("voice_to_voice max < 900ms", 899.999),
        ("voice_to_voice max <= 900ms", 900.0),
        ("voice_to_voice max <= 900ms", 900.0001),
    ],
)
def test_a_figure_below_its_limit_is_within_the_budget(text: str, value: float) -> None:
    assert told(text, samples(value))[:2] == (Verdict.MET, False)


@pytest.mark.parametrize(
    ("text", "given", "sentence"),
    [
        ("voice_to_voice max < 900ms", samples(900), "900 ms, the limit itself (n=1 turn)"),
        ("voice_to_voice max <= 900ms", samples(900.001), "900.001 ms, 0.001 ms too much (n=1 turn)"),
        (
            "voice_to_voice median < 900ms",
            samples(1000, 1100, left_out=2),
            "1050 ms, 150 ms too much (n=2 turns; 2 unreliable left out)",
        ),
        ("wer < 5%", samples(errors=1, words=8, left_out=2), "12.5 %, 7.5 % too much (n=8 words)"),
        ("false_cutoffs == 0", samples(cutoffs=2, utterances=3), "2, 2 too much (n=3 utterances)"),
        ("false_cutoffs == 3", samples(cutoffs=2, utterances=3), "2, 1 too little (n=3 utterances)"),
    ],
)
def test_a_budget_that_is_not_met_is_told_with_by_how_much_and_of_how_many(
    text: str, given: Samples, sentence: str
) -> None:
    assert told(text, given) == (Verdict.MISSED, True, sentence)


@pytest.mark.parametrize(
    ("count", "verdict"), [(1, Verdict.NOT_ENOUGH_SAMPLES), (19, Verdict.NOT_ENOUGH_SAMPLES), (20, Verdict.MET)]
)
@pytest.mark.parametrize("is_general", [True, False])
def test_a_p95_of_fewer_than_20_samples_fails(count: int, verdict: Verdict, is_general: bool) -> None:
    result = told("voice_to_voice p95 < 900ms", samples(*[800.0] * count), is_general=is_general)
    assert result[:2] == (verdict, count < 20)
    if count < 20:
        assert result[2] == f"not enough samples (n={count} of 20); call more often with --repeat"


@pytest.mark.parametrize("text", ["voice_to_voice p95 < 900ms", "wer < 5%", "false_cutoffs == 0"])
def test_what_did_not_happen_fails_where_it_was_asked_for_and_not_in_a_whole_project(text: str) -> None:
    assert told(text, samples()) == (Verdict.NOT_MEASURED, True, "not measured (n=0)")
    assert told(text, samples(), is_general=True) == (Verdict.NOT_MEASURED, False, "not measured (n=0)")


def test_calls_that_were_all_unreliable_keep_no_latency_within_its_budget() -> None:
    given = samples(left_out=3)
    sentence = "not measured (n=0; 3 unreliable left out)"
    assert told("voice_to_voice max < 900ms", given, is_general=True) == (Verdict.NOT_MEASURED, True, sentence)


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        (Statistic.P50, 10.5),
        (Statistic.MEDIAN, 10.5),
        (Statistic.P95, 19.05),
        (Statistic.MAX, 20.0),
        (Statistic.MEAN, 10.5),
    ],
)
def test_the_figures_of_1_to_20_are_known(statistic: Statistic, value: float) -> None:
    values: Sequence[float] = [float(each) for each in range(1, 21)]
    assert statistic.of(values) == pytest.approx(value)
