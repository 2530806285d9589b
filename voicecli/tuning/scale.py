"""What both plots have in common: where the points lie, how they are marked, and round numbers along the axes."""

import math
from typing import NamedTuple

from msgspec import UNSET

from voicecli.tuning.document import Tuning


class Point(NamedTuple):
    """A setting in the plot."""

    setting: int
    waiting_ms: float
    share: float
    """Of the utterances, cut off."""
    on_front: bool
    is_chosen: bool


class Extent(NamedTuple):
    low: float
    high: float

    def part(self, value: float) -> float:
        """Where the value lies between the ends: 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def points(document: Tuning) -> list[Point]:
    """Those that have a wait, the ones that matter last."""
    placed = [
        Point(index, each.figures.waiting_p50_ms, each.figures.rate, each.on_front, index == document.chosen)
        for index, each in enumerate(document.settings)
        if each.figures.waiting_p50_ms is not UNSET
    ]
    return sorted(placed, key=lambda point: (point.is_chosen, point.on_front))


def label(document: Tuning, placed: list[Point], of: Point) -> str:
    """Of all the points of the front that lie where this one does."""
    there = sorted(
        point.setting
        for point in placed
        if (round(point.waiting_ms), point.share) == (round(of.waiting_ms), of.share)
        and (point.on_front or point.is_chosen)
    )
    first, last = document.label(there[0]), document.label(there[-1])
    return first if len(there) == 1 else f"{first}, {last}" if len(there) == 2 else f"{first} … {last}"


def across(placed: list[Point]) -> Extent:
    """The wait."""
    low, high = min(point.waiting_ms for point in placed), max(point.waiting_ms for point in placed)
    step = round_step((high - low or 100.0) / 5)
    return Extent(max(0.0, math.floor(low / step - 0.5) * step), math.ceil(high / step + 0.5) * step)


def upwards(placed: list[Point], tolerance: float) -> Extent:
    """The share that is cut off."""
    most = max(tolerance, *(point.share for point in placed))
    step = round_step(max(most, 0.02) / 4)
    return Extent(0.0, min(1.0, math.ceil(most / step + 0.2) * step) if most < 1 else 1.0)


def ticks(extent: Extent, about: int) -> list[float]:
    """Round numbers from one end to the other, no more than asked for (or two)."""
    step = round_step((extent.high - extent.low) / max(1, about - 1))
    first = math.ceil(extent.low / step - 1e-9)
    last = math.floor(extent.high / step + 1e-9)
    return [round(number * step, 6) for number in range(first, last + 1)]


def round_step(at_least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ... that is no less."""
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= at_least * (1 - 1e-9))
