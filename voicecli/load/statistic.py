"""Quantiles that are told only where there are samples enough for them."""

from collections.abc import Sequence

import numpy as np
from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.budget import P95_SAMPLES

P99_SAMPLES = 100
"""Below this many samples no p99 is told: it would be the largest one."""


class Quantiles(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """In ms."""

    n: int
    p50: float
    p95: float | UnsetType = UNSET
    p99: float | UnsetType = UNSET
    max: float


def percentile(values: Sequence[float], percent: int) -> float:
    """Of at least one value, with linear interpolation."""
    return float(np.percentile(np.asarray(values, np.float64), percent))


def quantiles(values: Sequence[float]) -> Quantiles | None:
    """None without values."""
    if not values:
        return None
    return Quantiles(
        n=len(values),
        p50=round(percentile(values, 50), 3),
        p95=round(percentile(values, 95), 3) if len(values) >= P95_SAMPLES else UNSET,
        p99=round(percentile(values, 99), 3) if len(values) >= P99_SAMPLES else UNSET,
        max=round(max(values), 3),
    )
