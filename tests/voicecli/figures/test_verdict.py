"""`pytest -rP` on this file prints the rates of false alarms and of changes found."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.figures.verdict import Answer, Sample, Side, StageChange, Tolerance, Values, Verdict, judge

Shape = Callable[[np.random.Generator, int], Values]

PAIRS = 200


def usual(random: np.random.Generator, count: int) -> Values:
    """Endpointing waits a fixed time, engines take a skewed one; the standard deviation is 7 % of the mean."""
    return 500 + random.lognormal(np.log(300), 0.18, count)


def stalling(random: np.random.Generator, count: int) -> Values:
    """One call in twenty waits for something else."""
    return usual(random, count) + 400 * (random.random(count) < 0.05)


def scattered(random: np.random.Generator, count: int) -> Values:
    return 300 + random.lognormal(np.log(500), 0.5, count)


def stepped(random: np.random.Generator, count: int) -> Values:
    """Many equal values: what is waited for in frames."""
    rounded: Values = np.round(usual(random, count) / 60) * 60
    return rounded


def side(values: Values | list[float], left_out: int = 0) -> Side:
    return Side([Sample(float(value)) for value in values], left_out)


def share(shape: Shape, count: int, factor: float, comparisons: int = 1) -> float:
    """Of pairs of runs, the second of which is slower by `factor`: how many are called a regression."""
    random = np.random.default_rng(5)
    found = sum(
        judge(side(shape(random, count)), side(shape(random, count) * factor), comparisons=comparisons).answer
        is Answer.REGRESSION
        for _ in range(PAIRS)
    )
    return found / PAIRS


@pytest.mark.parametrize("shape", [usual, stalling, scattered, stepped])
@pytest.mark.parametrize("count", [5, 10, 20, 30])
def test_of_unchanged_pairs_at_most_5_percent_are_false_alarms(shape: Shape, count: int) -> None:
    alarms = share(shape, count, 1.0)
    print(f"unchanged, {shape.__name__}, n={count}: {alarms:.1%} false alarms of {PAIRS} pairs")
    assert alarms <= 0.05


@pytest.mark.parametrize("shape", [usual, stalling, stepped])
def test_of_pairs_10_percent_slower_at_least_90_percent_are_found_with_30_runs(shape: Shape) -> None:
    found = share(shape, 30, 1.1)
    print(f"+10 %, {shape.__name__}, n=30: {found:.1%} found of {PAIRS} pairs")
    assert found >= 0.9


def test_twenty_verdicts_together_give_no_more_false_alarms_than_one() -> None:
    assert 1 - (1 - share(usual, 20, 1.0, comparisons=20)) ** 20 <= 0.1


def creeping(random: np.random.Generator, calls: int) -> Values:
    """Each call takes a little longer than the one before it: 20 % in the end."""
    return np.linspace(1.0, 1.2, calls)


def stepping(random: np.random.Generator, calls: int) -> Values:
    """From some call on the machine is 15 % slower."""
    return np.where(np.arange(calls) < random.integers(1, calls), 1.0, 1.15)


def wandering(random: np.random.Generator, calls: int) -> Values:
    """It grows slower and faster by 2 % from call to call."""
    return np.exp(np.cumsum(random.normal(0, 0.02, calls)))


def drifted_share(drift: Shape, count: int, factor: float, *, interleaved: bool) -> float:
    """Of pairs of runs on a machine that changes during the calls, as `share`; A B B A, or first all A, then all B."""
    random = np.random.default_rng(7)
    place = np.arange(2 * count)
    is_candidate = np.isin(place % 4, (1, 2)) if interleaved else place >= count
    found = 0
    for _ in range(PAIRS):
        values = usual(random, 2 * count) * drift(random, 2 * count)
        values[is_candidate] *= factor
        before, after = side(values[~is_candidate]), side(values[is_candidate])
        found += judge(before, after, paired=interleaved).answer is Answer.REGRESSION
    return found / PAIRS


@pytest.mark.parametrize("count", [6, 10, 20, 30])
@pytest.mark.parametrize("drift", [creeping, stepping, wandering])
def test_a_drifting_machine_is_no_regression_where_calls_alternate(drift: Shape, count: int) -> None:
    one_after_the_other, by_turns = (drifted_share(drift, count, 1.0, interleaved=each) for each in (False, True))
    print(f"unchanged, {drift.__name__}, n={count}: false alarms {one_after_the_other:.1%} one run after the other,")
    print(f"  {by_turns:.1%} where calls alternate, of {PAIRS} pairs")
    assert by_turns <= 0.05
    assert one_after_the_other > 0.15 or count < 20


@pytest.mark.parametrize("drift", [creeping, stepping, wandering])
def test_a_change_of_10_percent_is_found_on_a_drifting_machine_where_calls_alternate(drift: Shape) -> None:
    found = drifted_share(drift, 30, 1.1, interleaved=True)
    print(f"+10 %, {drift.__name__}, n=30: {found:.1%} found of {PAIRS} pairs where calls alternate")
    assert found >= 0.9


def test_what_befell_both_of_a_pair_does_not_widen_the_interval() -> None:
    drift = np.linspace(0, 200, 20)
    widths = []
    for paired in (False, True):
        median = judge(side(700 + drift), side(730 + drift), paired=paired).findings[0]
        widths.append(median.high_ms - median.low_ms)
    assert widths[1] == pytest.approx(0)
    assert widths[0] > 60


RANDOM = np.random.default_rng(1)
BASE = [float(value) for value in usual(RANDOM, 30)]


def test_a_regression_tells_median_and_p95_with_their_intervals() -> None:
    verdict = judge(side(BASE), side([value + 212 for value in BASE]))
    assert (verdict.answer, verdict.counts) == (Answer.REGRESSION, (30, 30))
    assert [finding.level for finding in verdict.findings] == [0.95, 0.99]
    assert [(finding.percent, round(finding.difference_ms, 6)) for finding in verdict.findings] == [
        (50, 212),
        (95, 212),
    ]
    for finding in verdict.findings:
        assert 0 < finding.low_ms < 212 < finding.high_ms


def test_the_other_way_round_it_is_an_improvement() -> None:
    assert judge(side([value + 212 for value in BASE]), side(BASE)).answer is Answer.IMPROVEMENT


def test_the_same_samples_are_no_change_and_get_the_same_verdict_again() -> None:
    tolerance = Tolerance(0.1, 0)
    verdict = judge(side(BASE), side(BASE), tolerance)
    assert verdict.answer is Answer.NO_CHANGE
    assert judge(side(BASE), side(BASE), tolerance) == verdict


@pytest.mark.parametrize(
    ("slower_ms", "tolerance", "answer"),
    [
        (40, Tolerance(0.05, 0), Answer.REGRESSION),
        (39.9, Tolerance(0.05, 0), Answer.NO_CHANGE),
        (40, Tolerance(0, 40), Answer.REGRESSION),
        (39.9, Tolerance(0, 40), Answer.NO_CHANGE),
        (40, Tolerance(0.05, 41), Answer.NO_CHANGE),
        (0.1, Tolerance(0, 0), Answer.REGRESSION),
        (0, Tolerance(0, 0), Answer.NO_CHANGE),
    ],
)
def test_what_is_certain_must_also_be_large(slower_ms: float, tolerance: Tolerance, answer: Answer) -> None:
    assert judge(side([800.0] * 9), side([800.0 + slower_ms] * 9), tolerance).answer is answer


def test_what_is_large_must_also_be_certain() -> None:
    verdict = judge(side([500, 700, 900, 1100, 1300]), side([600, 800, 1000, 1200, 1400]))
    assert verdict.answer is Answer.NOT_ENOUGH_RUNS
    assert verdict.runs_needed is not None
    assert verdict.runs_needed > 100


def test_four_samples_on_a_side_are_too_few_and_five_are_not() -> None:
    assert judge(side([1.0] * 4), side([900.0] * 5)) == Verdict(Answer.NOT_ENOUGH_RUNS, (4, 5), runs_needed=5)
    assert judge(side([1.0]), side([]), exact=True) == Verdict(Answer.NOT_ENOUGH_RUNS, (1, 0), runs_needed=None)
    assert judge(side([1.0] * 5), side([900.0] * 5)).answer is Answer.REGRESSION


def test_five_pairs_are_too_few_and_six_are_not() -> None:
    for count, answer in ((5, Answer.NOT_ENOUGH_RUNS), (6, Answer.REGRESSION)):
        assert judge(side([1.0] * count), side([900.0] * count), paired=True).answer is answer


def test_below_20_samples_on_a_side_no_p95_is_told() -> None:
    assert [finding.percent for finding in judge(side(BASE[:20]), side(BASE[:20])).findings] == [50, 95]
    assert [finding.percent for finding in judge(side(BASE[:20]), side(BASE[:19])).findings] == [50]


def test_a_tail_alone_that_grew_is_a_regression() -> None:
    before = sorted(BASE * 2)
    verdict = judge(side(before), side(before[:48] + [value + 500 for value in before[48:]]))
    assert verdict.answer is Answer.REGRESSION
    assert [finding.answer is Answer.REGRESSION for finding in verdict.findings] == [False, True]


def test_a_side_of_which_more_than_a_quarter_was_paced_badly_is_no_evidence() -> None:
    slow = [value + 212 for value in BASE]
    assert judge(side(BASE, left_out=10), side(slow)).answer is Answer.REGRESSION
    late, good = side(BASE, left_out=11), side(slow)
    assert judge(late, good) == Verdict(Answer.UNRELIABLE, (30, 30), unreliable=("baseline",))
    assert judge(good, late) == Verdict(Answer.UNRELIABLE, (30, 30), unreliable=("candidate",))
    assert judge(late, late).unreliable == ("baseline", "candidate")


def parted(*turns: dict[str, float]) -> Side:
    return Side([Sample(sum(parts.values()), parts) for parts in turns])


def test_the_stages_that_explain_a_change_are_named_the_largest_first() -> None:
    before = parted(*[{"endpointing": 500.0 + at, "llm": 100.0, "tts": 80.0} for at in range(8)])
    after = parted(*[{"endpointing": 495.0 + at, "llm": 160.0, "tts": 260.0, "network": 3.0} for at in range(8)])
    (median,) = judge(before, after).findings
    assert median.difference_ms == 238
    assert median.stages == (StageChange("tts", 180), StageChange("llm", 60))


def test_of_an_improvement_the_stage_is_named_too() -> None:
    before = parted(*[{"endpointing": 500.0, "tts": 80.0}] * 8)
    after = parted(*[{"endpointing": 400.0, "tts": 90.0}] * 8)
    (median,) = judge(before, after).findings
    assert median.stages == (StageChange("endpointing", -100),)


def test_the_slowest_tenth_explains_the_p95() -> None:
    turns = [{"endpointing": 500.0 + at, "tts": 80.0} for at in range(40)]
    tail = [{**turn, "llm": 400.0} if at >= 30 else turn for at, turn in enumerate(turns)]
    _, p95 = judge(parted(*turns), parted(*tail)).findings
    assert p95.stages == (StageChange("llm", 400),)


def test_a_change_without_parts_is_a_verdict_without_stages() -> None:
    assert judge(side([800.0] * 9), side([900.0] * 9)).findings[0].stages == ()


def test_of_exact_samples_one_is_enough_and_size_decides() -> None:
    verdict = judge(side([800.0]), side([860.0]), exact=True)
    (only,) = verdict.findings
    assert (verdict.answer, only.difference_ms, only.low_ms, only.high_ms) == (Answer.REGRESSION, 60, 60, 60)
    assert judge(side([800.0]), side([803.0]), exact=True).answer is Answer.NO_CHANGE
    assert judge(side([800.0]), side([803.0]), Tolerance(0, 0), exact=True).answer is Answer.REGRESSION
    assert judge(side([800.0]), side([]), exact=True).answer is Answer.NOT_ENOUGH_RUNS


def test_many_samples_are_resampled_in_pieces() -> None:
    many = list(np.linspace(700, 900, 2001))
    (median, p95) = judge(side(many), side([value + 60 for value in many])).findings
    assert (round(median.difference_ms, 6), round(p95.difference_ms, 6)) == (60, 60)
    assert 50 < median.low_ms < 60 < median.high_ms < 70


@given(st.lists(st.floats(0, 10_000), min_size=5, max_size=25), st.lists(st.floats(0, 10_000), min_size=5, max_size=25))
def test_a_regression_is_always_a_difference_above_0_whose_interval_leaves_0_out(
    before: list[float], after: list[float]
) -> None:
    for finding in judge(side(before), side(after)).findings:
        assert finding.low_ms <= finding.high_ms
        if finding.answer is Answer.REGRESSION:
            assert finding.difference_ms > 0
            assert finding.low_ms >= 0


@pytest.mark.parametrize(
    ("text", "tolerance"),
    [
        ("5%,10ms", Tolerance(0.05, 10)),
        (" 2.5 % 20 ms ", Tolerance(0.025, 20)),
        ("3%", Tolerance(0.03, 0)),
        ("7.5ms", Tolerance(0, 7.5)),
        ("0ms", Tolerance(0, 0)),
    ],
)
def test_a_tolerance_is_written_as_text(text: str, tolerance: Tolerance) -> None:
    assert Tolerance.parse(text) == tolerance


@pytest.mark.parametrize("text", ["", ",", "5", "-5%", "10ms,5%", "5%%", "nan%", "5s"])
def test_what_is_no_tolerance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 5%,10ms"):
        Tolerance.parse(text)
