from itertools import islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.load.arrivals import Poisson, offered_rate, parsed_duration_ns, parsed_sessions, staggered_ns
from voicewire.clock import NS_PER_MS, NS_PER_S


def test_arrivals_are_the_same_for_the_same_seed_and_others_for_another() -> None:
    first = list(islice(Poisson(2.0, "1").starts_ns(), 50))
    assert first == list(islice(Poisson(2.0, "1").starts_ns(), 50))
    assert first != list(islice(Poisson(2.0, "2").starts_ns(), 50))


def test_arrivals_come_at_their_rate_and_as_irregularly_as_chance() -> None:
    starts = list(islice(Poisson(10.0, "rate").starts_ns(), 20_000))
    gaps = [(after - before) / NS_PER_S for before, after in zip([0, *starts], starts, strict=False)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(0.1, rel=0.03)
    assert variance**0.5 == pytest.approx(0.1, rel=0.05), "an exponential's deviation is its mean"


@given(shares=st.integers(1, 7), rate=st.floats(0.1, 100), seed=st.text(max_size=5))
def test_the_shares_of_several_workers_make_up_the_same_arrivals(shares: int, rate: float, seed: str) -> None:
    poisson = Poisson(rate, seed)
    whole = list(islice(poisson.starts_ns(), 40))
    last = whole[-1]
    parts = [list(takewhile(lambda at: at <= last, poisson.starts_ns(share, shares))) for share in range(shares)]
    assert sorted(at for part in parts for at in part) == whole
    assert whole == sorted(whole)


@given(callers=st.integers(1, 200), over_ns=st.integers(0, 10**11), seed=st.text(max_size=5))
def test_callers_begin_one_in_each_equal_part(callers: int, over_ns: int, seed: str) -> None:
    starts = staggered_ns(callers, over_ns, seed)
    assert len(starts) == callers
    for number, start in enumerate(starts):
        assert number * over_ns / callers - 1 <= start <= (number + 1) * over_ns / callers + 1


def test_the_rate_keeps_as_many_busy_as_are_asked_for() -> None:
    assert offered_rate(50, 5 * NS_PER_S) == 10.0


def test_sessions_are_a_rising_list() -> None:
    assert parsed_sessions("1, 10,50") == [1, 10, 50]


@pytest.mark.parametrize(
    ("text", "told"), [("", "write it as"), ("1,x", "write it as"), ("0,1", "begin with 1"), ("10,1", "smallest first")]
)
def test_other_sessions_are_refused_with_a_reason(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parsed_sessions(text)


def test_durations_have_units_and_are_seconds_without() -> None:
    given = ["30s", "2m", "500ms", "1.5"]
    assert [parsed_duration_ns(text) for text in given] == [
        30 * NS_PER_S,
        120 * NS_PER_S,
        500 * NS_PER_MS,
        1500 * NS_PER_MS,
    ]


@pytest.mark.parametrize("text", ["", "0s", "soon", "-1s", "3 days", "9999m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 30s"):
        parsed_duration_ns(text)
