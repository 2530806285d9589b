"""Did it get slower? A verdict on two sets of latencies: significance from a seeded bootstrap, and size.

Percentile bootstrap of the difference of a quantile: each side is resampled with replacement, and the interval holds
the middle of the differences found (Efron & Tibshirani, An Introduction to the Bootstrap, chapter 13). Samples that
were made in pairs are resampled in pairs.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from voicecli.figures.budget import P95_SAMPLES

MIN_SAMPLES = 5
"""With fewer on a side not even the extremes of the samples bound the median with 95 % confidence."""

MIN_PAIRS = 6
"""Likewise of pairs: of five that differ by chance alone, all differ in one direction more often than in 5 %."""

MAX_UNRELIABLE_SHARE = 0.25
"""A side of which more than this was paced badly is no evidence, even without what was late."""

ALPHA = {50: 0.05, 95: 0.01}
"""What an interval leaves out, by quantile. Few samples decide on a p95, and looking twice must not add up: a false
regression is at most half of the sum."""

RESAMPLES = 4000
SEED = 20_240_229
CHUNK_VALUES = 1_000_000
"""Resampled at once, which bounds the memory that many samples take."""

STAGE_SHARE = 0.2
"""A stage explains a change when it makes up this much of it."""

_TOLERANCE = re.compile(r"\s*(?:(?P<percent>\d+(?:\.\d+)?)\s*%)?\s*,?\s*(?:(?P<ms>\d+(?:\.\d+)?)\s*ms)?\s*")

Values = NDArray[np.float64]
Whose = Literal["baseline", "candidate"]


class Answer(StrEnum):
    REGRESSION = "regression"
    UNRELIABLE = "unreliable"
    """The harness itself was late too often."""
    NOT_ENOUGH_RUNS = "not enough runs"
    """Neither a change that matters nor its absence can be shown with so few samples."""
    IMPROVEMENT = "improvement"
    NO_CHANGE = "no change"


class Tolerance(Struct, frozen=True):
    """A change must reach both to matter."""

    relative: float = 0.05
    """Of the baseline."""
    absolute_ms: float = 10.0

    def size_ms(self, baseline_ms: float) -> float:
        return max(self.relative * baseline_ms, self.absolute_ms)

    @classmethod
    def parse(cls, text: str) -> "Tolerance":
        """From `5%,10ms`; what is left out is 0. Raises ValueError."""
        found = _TOLERANCE.fullmatch(text)
        if found is None or not (found["percent"] or found["ms"]):
            raise ValueError(f'"{text}" is no tolerance; write it as 5%,10ms')
        return cls(float(found["percent"] or 0) / 100, float(found["ms"] or 0))


class Sample(NamedTuple):
    """One turn: a latency, and the parts that sum to it where they are known."""

    ms: float
    parts_ms: Mapping[str, float] = {}


class Side(NamedTuple):
    """What was measured before, or after."""

    samples: Sequence[Sample]
    left_out: int = 0
    """Samples that were paced badly and are not among these."""

    @property
    def reliable(self) -> bool:
        return self.left_out <= MAX_UNRELIABLE_SHARE * (self.left_out + len(self.samples))


class StageChange(Struct, frozen=True, omit_defaults=True):
    part: str
    ms: float
    """What it adds to the change; negative where it became faster."""


class Finding(Struct, frozen=True, omit_defaults=True):
    """The change of one quantile."""

    percent: int
    """50 or 95."""
    level: float
    """Of the interval; higher where several verdicts share the false alarms."""
    baseline_ms: float
    candidate_ms: float
    difference_ms: float
    """The candidate minus the baseline."""
    low_ms: float
    """Of the interval of the difference."""
    high_ms: float
    answer: Answer
    stages: tuple[StageChange, ...] = ()
    """Those that explain a change, the largest first."""


class Verdict(Struct, frozen=True, omit_defaults=True):
    answer: Answer
    counts: tuple[int, int]
    """Samples of the baseline and of the candidate."""
    findings: tuple[Finding, ...] = ()
    """The median, and the p95 where there are samples enough."""
    runs_needed: int | None = None
    """Samples on each side that would probably settle it; None, too, where one side has none, which more may not."""
    unreliable: tuple[Whose, ...] = ()
    """On which side the harness was late too often."""


def judge(
    baseline: Side,
    candidate: Side,
    tolerance: Tolerance | None = None,
    *,
    comparisons: int = 1,
    exact: bool = False,
    paired: bool = False,
) -> Verdict:
    """The verdict on one latency; with one of several, `comparisons` says of how many (Bonferroni).

    The same samples get the same verdict every time. `exact` samples have no noise: one is enough, and size decides.
    `paired` ones were made side by side, sample i of one with sample i of the other, and are resampled together: what
    befell both of a pair, such as a machine that grows slower, is no difference between them.
    """
    assert not paired or len(baseline.samples) == len(candidate.samples), "each sample has its pair"
    tolerance = tolerance or Tolerance()
    counts = (len(baseline.samples), len(candidate.samples))
    sides: tuple[tuple[Whose, Side], ...] = (("baseline", baseline), ("candidate", candidate))
    if unreliable := tuple(whose for whose, side in sides if not side.reliable):
        return Verdict(Answer.UNRELIABLE, counts, unreliable=unreliable)
    least = 1 if exact else MIN_PAIRS if paired else MIN_SAMPLES
    if min(counts) < least:
        return Verdict(Answer.NOT_ENOUGH_RUNS, counts, runs_needed=least if all(counts) else None)
    if exact:
        only = _exact(baseline, candidate, tolerance)
        return Verdict(only.answer, counts, (only,))
    percents = (50, 95) if min(counts) >= P95_SAMPLES else (50,)
    random = np.random.default_rng(SEED)
    before = _resampled(_values(baseline), percents, random)
    # The same draws again keep each pair together.
    after = _resampled(_values(candidate), percents, np.random.default_rng(SEED) if paired else random)
    findings = tuple(
        _finding(percent, baseline, candidate, after[row] - before[row], 1 - ALPHA[percent] / comparisons, tolerance)
        for row, percent in enumerate(percents)
    )
    answer = _overall(findings)
    needed = _runs_needed(findings[0], tolerance, max(counts)) if answer is Answer.NOT_ENOUGH_RUNS else None
    return Verdict(answer, counts, findings, needed)


def _exact(baseline: Side, candidate: Side, tolerance: Tolerance) -> Finding:
    before, after = (_quantiles(_values(side)[None], [50])[0] for side in (baseline, candidate))
    return _finding(50, baseline, candidate, after - before, 1.0, tolerance)


def _overall(findings: Sequence[Finding]) -> Answer:
    """A p95 that cannot be told yet leaves the answer to the median."""
    answers = [finding.answer for finding in findings]
    return next((answer for answer in (Answer.REGRESSION, Answer.IMPROVEMENT) if answer in answers), answers[0])


def _values(side: Side) -> Values:
    return np.array([sample.ms for sample in side.samples], np.float64)


def _resampled(values: Values, percents: Sequence[int], random: np.random.Generator) -> Values:
    """The quantiles of RESAMPLES resamples: one row for each of `percents`."""
    step = max(1, CHUNK_VALUES // len(values))
    rows = [min(step, RESAMPLES - start) for start in range(0, RESAMPLES, step)]
    found = [_quantiles(values[random.integers(0, len(values), (count, len(values)))], percents) for count in rows]
    return np.concatenate(found, axis=1)


def _quantiles(rows: Values, percents: Sequence[int]) -> Values:
    """Of each row, with linear interpolation. np.percentile gives the same, several times slower."""
    rows = np.sort(rows, axis=1)
    last = rows.shape[1] - 1
    found = []
    for percent in percents:
        below, rest = divmod(percent * last, 100)
        share = rest / 100
        found.append(rows[:, below] * (1 - share) + rows[:, min(below + 1, last)] * share)
    return np.stack(found)


def _finding(
    percent: int, baseline: Side, candidate: Side, differences: Values, level: float, tolerance: Tolerance
) -> Finding:
    low_ms, high_ms = (float(edge) for edge in np.quantile(differences, [(1 - level) / 2, (1 + level) / 2]))
    before_ms, after_ms = (float(_quantiles(_values(side)[None], [percent])[0, 0]) for side in (baseline, candidate))
    difference_ms = after_ms - before_ms
    answer = _answer(difference_ms, low_ms, high_ms, tolerance.size_ms(before_ms))
    changed = answer in (Answer.REGRESSION, Answer.IMPROVEMENT)
    stages = _explained(percent, baseline, candidate) if changed else ()
    return Finding(
        percent,
        level,
        round(before_ms, 3),
        round(after_ms, 3),
        round(difference_ms, 3),
        round(low_ms, 3),
        round(high_ms, 3),
        answer,
        stages,
    )


def _answer(difference_ms: float, low_ms: float, high_ms: float, size_ms: float) -> Answer:
    if low_ms > 0 and difference_ms >= size_ms:
        return Answer.REGRESSION
    if high_ms < 0 and -difference_ms >= size_ms:
        return Answer.IMPROVEMENT
    significant = low_ms > 0 or high_ms < 0
    within = max(-low_ms, high_ms) <= size_ms
    return Answer.NO_CHANGE if significant or within else Answer.NOT_ENOUGH_RUNS


def _runs_needed(median: Finding, tolerance: Tolerance, count: int) -> int:
    """An interval narrows with the root of the number of samples."""
    half_ms = (median.high_ms - median.low_ms) / 2
    size_ms = max(tolerance.size_ms(median.baseline_ms), 0.001)
    return max(count + 1, int(np.ceil(count * (half_ms / size_ms) ** 2)))


def _explained(percent: int, baseline: Side, candidate: Side) -> tuple[StageChange, ...]:
    """The stages that make up the change, from the mean parts of the turns around the quantile.

    Means of the same turns, unlike quantiles of each part, sum to the whole.
    """
    before, after = _typical_parts(baseline, percent), _typical_parts(candidate, percent)
    changes = [
        StageChange(part, round(after.get(part, 0.0) - before.get(part, 0.0), 3))
        for part in dict.fromkeys(before | after)
    ]
    total_ms = sum(change.ms for change in changes)
    if not total_ms:
        return ()
    named = [change for change in changes if change.ms / total_ms >= STAGE_SHARE]
    return tuple(sorted(named, key=lambda change: -abs(change.ms)))


def _typical_parts(side: Side, percent: int) -> dict[str, float]:
    """Mean parts of the middle half for the median, of the slowest tenth for the p95."""
    ranked = sorted((sample for sample in side.samples if sample.parts_ms), key=lambda sample: sample.ms)
    count = len(ranked)
    around = ranked[count // 4 : count - count // 4] if percent == 50 else ranked[count - max(1, count // 10) :]
    sums: dict[str, float] = {}
    for sample in around:
        for part, part_ms in sample.parts_ms.items():
            sums[part] = sums.get(part, 0.0) + part_ms
    return {part: total_ms / len(around) for part, total_ms in sums.items()}
