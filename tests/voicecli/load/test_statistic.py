import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from voicecli.load.statistic import Quantiles, percentile, quantiles


@pytest.mark.parametrize(("n", "has_p95", "has_p99"), [(1, 0, 0), (19, 0, 0), (20, 1, 0), (99, 1, 0), (100, 1, 1)])
def test_a_quantile_is_told_from_as_many_samples_as_it_takes(n: int, has_p95: bool, has_p99: bool) -> None:
    found = quantiles([float(value) for value in range(n)])
    assert found is not None
    assert (found.n, found.p95 is not UNSET, found.p99 is not UNSET) == (n, bool(has_p95), bool(has_p99))


def test_nothing_has_no_quantiles() -> None:
    assert quantiles([]) is None


def test_quantiles_lie_between_the_samples() -> None:
    assert quantiles([1.0, 2.0, 4.0]) == Quantiles(n=3, p50=2.0, max=4.0)
    assert percentile([0.0, 10.0], 95) == 9.5


@given(st.lists(st.floats(0, 1e6), min_size=100, max_size=120))
def test_quantiles_rise(values: list[float]) -> None:
    found = quantiles(values)
    assert found is not None
    assert found.p95 is not UNSET
    assert found.p99 is not UNSET
    assert found.p50 <= found.p95 + 0.001 <= found.p99 + 0.002 <= found.max + 0.003
