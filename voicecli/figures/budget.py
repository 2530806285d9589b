"""Budgets as text, such as `voice_to_voice p95 < 900ms`: what a run may take, read before it and judged after it.

    LATENCY p50|median|p95|max|mean  <|<=     NUMBER ms|s
    wer                              <|<=|==  NUMBER %
    false_cutoffs                    <|<=|==  NUMBER

A false cutoff is a turn that was committed while the user had not finished: each committed turn of an utterance
beyond its first.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import fmean, median, quantiles
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.wer import WordErrors
from voicewire.marks import SPANS

P95_SAMPLES = 20
"""Below this many samples no p95 is told anywhere, and a budget of one is not met."""

WER = "wer"
FALSE_CUTOFFS = "false_cutoffs"
LATENCIES = tuple(span.name for span in SPANS)

_ALLOWED = f"use {', '.join(LATENCIES)}, {WER} or {FALSE_CUTOFFS}"
_TEXT = re.compile(
    r"\s*(?P<metric>\w+)(?:\s+(?P<statistic>\w+))?\s*(?P<comparison>[<>=!]+)\s*(?P<limit>\S+?)\s*(?P<unit>[a-zA-Z%]*)\s*"
)
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,3})?")


class BudgetError(Exception):
    """A text is no budget; the message names its place and what is allowed."""


class Statistic(StrEnum):
    P50 = "p50"
    MEDIAN = "median"
    P95 = "p95"
    MAX = "max"
    MEAN = "mean"

    def of(self, samples: Sequence[float]) -> float:
        """Of at least one sample, of at least two for a p95."""
        match self:
            case Statistic.P50 | Statistic.MEDIAN:
                return median(samples)
            case Statistic.P95:
                return quantiles(samples, n=20, method="inclusive")[-1]
            case Statistic.MAX:
                return max(samples)
            case Statistic.MEAN:
                return fmean(samples)


class Comparison(StrEnum):
    BELOW = "<"
    AT_MOST = "<="
    EXACTLY = "=="

    def holds(self, value: float, limit: float) -> bool:
        match self:
            case Comparison.BELOW:
                return value < limit
            case Comparison.AT_MOST:
                return value <= limit
            case Comparison.EXACTLY:
                return value == limit


class Budget(NamedTuple):
    metric: str
    statistic: Statistic | None
    """None for what is not a latency."""
    comparison: Comparison
    limit: float
    """In ms for a latency, in per cent for the word error rate."""

    @property
    def unit(self) -> str:
        """As written: `ms`, `%` or nothing."""
        return {WER: "%", FALSE_CUTOFFS: ""}.get(self.metric, "ms")

    def __str__(self) -> str:
        statistic = f" {self.statistic.value}" if self.statistic else ""
        return f"{self.metric}{statistic} {self.comparison.value} {_number(self.limit)}{self.unit}"


class Asked(NamedTuple):
    """A budget and where it is written."""

    budget: Budget
    place: str
    is_general: bool = False
    """Written for all runs of a project, so that a run in which nothing of the kind happens keeps it."""


class Samples(NamedTuple):
    """What calls came to."""

    latencies_ms: Mapping[str, Sequence[float]]
    """By name. Of calls whose pace was kept."""
    words: WordErrors
    false_cutoffs: int
    utterances: int
    """That were taken for at least one turn."""
    left_out: int = 0
    """Calls without latencies, because the harness itself was late."""


class Verdict(StrEnum):
    MET = "met"
    MISSED = "missed"
    NOT_ENOUGH_SAMPLES = "not_enough_samples"
    NOT_MEASURED = "not_measured"
    """Nothing of the kind happened."""


class BudgetResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A budget after the run, as it goes into the run's document."""

    budget: str
    place: str
    """Where it is written."""
    fixture: str | UnsetType = UNSET
    """Whose calls it is about; absent for all calls of the run."""
    verdict: Verdict = msgspec.field()
    value: float | UnsetType = UNSET
    """In the unit of the budget: ms, per cent or a count."""
    n: int = msgspec.field()
    """Turns of a latency, words of a word error rate, utterances of false cutoffs."""
    failed: bool = msgspec.field()
    """It ends the command with 1."""
    sentence: str = msgspec.field()


def parsed(text: str, place: str) -> Budget:
    """Read a budget. Raises BudgetError."""

    def refused(reason: str) -> BudgetError:
        message = f'{place}: "{text}": {reason}'
        return BudgetError("".join(char if char.isprintable() else " " for char in message))

    found = _TEXT.fullmatch(text)
    if found is None:
        raise refused('no budget; write it as "voice_to_voice p95 < 900ms", "wer < 5%" or "false_cutoffs == 0"')
    metric, statistic = found["metric"], found["statistic"]
    if metric not in (*LATENCIES, WER, FALSE_CUTOFFS):
        raise refused(f'"{metric}" cannot be budgeted; {_ALLOWED}')
    is_latency = metric in LATENCIES
    if is_latency and statistic not in list(Statistic):
        raise refused(f"say of which figure of {metric} after its name; use {', '.join(Statistic)}")
    if not is_latency and statistic is not None:
        raise refused(f'{metric} is one figure of the whole run; leave "{statistic}" out')
    comparisons = [each.value for each in Comparison if not is_latency or each is not Comparison.EXACTLY]
    if found["comparison"] not in comparisons:
        raise refused(f'"{found["comparison"]}" bounds nothing from above; use {" or ".join(comparisons)}')
    comparison = Comparison(found["comparison"])
    factors: dict[str, int] = {"ms": 1, "s": 1000} if is_latency else {"%" if metric == WER else "": 1}
    if _NUMBER.fullmatch(found["limit"]) is None:
        raise refused(f'"{found["limit"]}" is no limit; use a number such as {_example(metric)}')
    if found["unit"] not in factors:
        raise refused(f"the limit of {metric} is {_wanted_unit(metric)}; write it as {_example(metric)}")
    limit = round(float(found["limit"]) * factors[found["unit"]], 3)
    if metric == FALSE_CUTOFFS and not limit.is_integer():
        raise refused(f"{metric} are counted; use a whole number")
    if comparison is Comparison.BELOW and limit == 0:
        raise refused("nothing is below 0; use a higher limit" + ("" if is_latency else ', or "== 0"'))
    return Budget(metric, Statistic(statistic) if is_latency else None, comparison, limit)


def judged(asked: Asked, samples: Samples, fixture: str | UnsetType = UNSET) -> BudgetResult:
    """Whether the calls kept a budget."""
    budget = asked.budget
    value, n = _figure(budget, samples)

    def result(verdict: Verdict, told: str, failed: bool) -> BudgetResult:
        return BudgetResult(
            budget=str(budget),
            place=asked.place,
            fixture=fixture,
            verdict=verdict,
            value=UNSET if value is None else value,
            n=n,
            failed=failed,
            sentence=f"{budget}: {told}",
        )

    is_latency = budget.statistic is not None
    left_out = f"; {samples.left_out} unreliable left out" if samples.left_out and is_latency else ""
    if n == 0:
        failed = bool(left_out) or not asked.is_general
        return result(Verdict.NOT_MEASURED, f"not measured (n=0{left_out})", failed)
    if value is None:
        told = f"not enough samples (n={n} of {P95_SAMPLES}{left_out}); call more often with --repeat"
        return result(Verdict.NOT_ENOUGH_SAMPLES, told, True)
    unit = {"": "", "%": " %"}.get(budget.unit, f" {budget.unit}")
    counted = f"(n={n} {_counted(budget, n)}{left_out})"
    if budget.comparison.holds(value, budget.limit):
        return result(Verdict.MET, f"{_number(value)}{unit} {counted}", False)
    over = round(value - budget.limit, 3)
    by = f"{_number(abs(over))}{unit} too {'much' if over > 0 else 'little'}" if over else "the limit itself"
    return result(Verdict.MISSED, f"{_number(value)}{unit}, {by} {counted}", True)


def _figure(budget: Budget, samples: Samples) -> tuple[float | None, int]:
    """The figure, to a thousandth, None where there are too few samples; and of how many it is."""
    if budget.metric == WER:
        return round(samples.words.rate * 100, 3), samples.words.words
    if budget.metric == FALSE_CUTOFFS:
        return float(samples.false_cutoffs), samples.utterances
    assert budget.statistic is not None, "a budget of a latency has a statistic"
    values = samples.latencies_ms.get(budget.metric, ())
    if not values or (budget.statistic is Statistic.P95 and len(values) < P95_SAMPLES):
        return None, len(values)
    return round(budget.statistic.of(values), 3), len(values)


def _counted(budget: Budget, n: int) -> str:
    noun = {WER: "word", FALSE_CUTOFFS: "utterance"}.get(budget.metric, "turn")
    return noun + "s" * (n != 1)


def _example(metric: str) -> str:
    return {WER: "5%", FALSE_CUTOFFS: "0"}.get(metric, "900ms")


def _wanted_unit(metric: str) -> str:
    return {WER: "in per cent", FALSE_CUTOFFS: "a count without a unit"}.get(metric, "in ms or s")


def _number(value: float) -> str:
    """To a thousandth, without zeros at its end."""
    return f"{value:.3f}".rstrip("0").rstrip(".")
