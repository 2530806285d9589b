"""What a setting came to over all utterances, which settings nothing else betters, and which one to choose."""

import math
from collections.abc import Sequence
from fractions import Fraction
from statistics import fmean

from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.budget import P95_SAMPLES, Statistic
from voicecli.tuning.cutoffs import UtteranceResult

Z_95 = 1.959964
"""Of a 95 % interval."""


class Figures(Struct, frozen=True, kw_only=True, omit_defaults=True):
    utterances: int
    """That were spoken."""
    cut: int
    """Of those, cut off at least once."""
    missed: int
    """Of those, never taken for a turn."""
    cutoffs: int
    """Commits that came too early; an utterance may have several."""
    unspoken: int = 0
    """The call did not come so far, because something before them had no answer."""
    interval: tuple[float, float]
    """Wilson's 95 % interval of `cut` in `utterances`."""
    waited: int
    """Utterances that had a commit from their end on."""
    waiting_p50_ms: float | UnsetType = UNSET
    waiting_p95_ms: float | UnsetType = UNSET
    """Absent where fewer than 20 waited."""
    waiting_mean_ms: float | UnsetType = UNSET

    @property
    def rate(self) -> float:
        return self.cut / self.utterances if self.utterances else 0.0


def figures(results: Sequence[UtteranceResult]) -> Figures:
    spoken = [result for result in results if result.is_spoken]
    waited = [result.waited_ms for result in spoken if result.waited_ms is not UNSET]
    cut = sum(result.is_cut for result in spoken)
    return Figures(
        utterances=len(spoken),
        cut=cut,
        missed=sum(result.is_missed for result in spoken),
        cutoffs=sum(len(result.cuts) for result in spoken),
        unspoken=len(results) - len(spoken),
        interval=wilson(cut, len(spoken)),
        waited=len(waited),
        waiting_p50_ms=round(Statistic.P50.of(waited), 3) if waited else UNSET,
        waiting_p95_ms=round(Statistic.P95.of(waited), 3) if len(waited) >= P95_SAMPLES else UNSET,
        waiting_mean_ms=round(fmean(waited), 3) if waited else UNSET,
    )


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, from what was counted; all of 0 to 1 where nothing was."""
    if not of:
        return 0.0, 1.0
    share, spread = count / of, Z_95**2 / of
    middle = share + spread / 2
    half = math.sqrt(spread * (share * (1 - share) + spread / 4))
    low = 0.0 if count == 0 else (middle - half) / (1 + spread)
    high = 1.0 if count == of else (middle + half) / (1 + spread)
    return round(low, 6), round(high, 6)


def needed(tolerance: float) -> int | None:
    """How many utterances without a cut would show that a tolerance is kept; None where no number would."""
    return math.ceil(Z_95**2 * (1 - tolerance) / tolerance) if tolerance > 0 else None


def eligible(all_figures: Sequence[Figures]) -> list[int]:
    """The settings that a choice is among, by index: those that lose no more utterances than any must, and answer."""
    lost = [each.missed + each.unspoken for each in all_figures]
    least = min(lost, default=0)
    return [
        index
        for index, each in enumerate(all_figures)
        if lost[index] == least and each.utterances and each.waiting_p50_ms is not UNSET
    ]


def front(all_figures: Sequence[Figures]) -> list[int]:
    """The eligible settings than which no other cuts off fewer and waits no longer, or the other way round."""
    points = {index: _point(all_figures[index]) for index in eligible(all_figures)}
    return [index for index, point in points.items() if not any(_betters(other, point) for other in points.values())]


def chosen(all_figures: Sequence[Figures], tolerance: float) -> int | None:
    """The eligible setting that waits least (p50, then the mean) among those that cut off no larger share than that.

    Of equal ones the first.
    """
    kept = [index for index in eligible(all_figures) if _point(all_figures[index])[0] <= Fraction(str(tolerance))]
    return min(kept, key=lambda index: _haste(all_figures[index]), default=None)


def _point(each: Figures) -> tuple[Fraction, int]:
    """Share and wait; a fraction of a millisecond makes no setting better."""
    assert each.waiting_p50_ms is not UNSET
    return Fraction(each.cut, each.utterances), round(each.waiting_p50_ms)


def _betters(one: tuple[Fraction, int], other: tuple[Fraction, int]) -> bool:
    return one != other and one[0] <= other[0] and one[1] <= other[1]


def _haste(each: Figures) -> tuple[int, Fraction, int]:
    assert each.waiting_mean_ms is not UNSET
    share, waiting_ms = _point(each)
    return waiting_ms, share, round(each.waiting_mean_ms)
