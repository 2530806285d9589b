from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from tests.voicecli.tuning.results import result
from voicecli.tuning.pareto import Figures, chosen, eligible, figures, front, needed, wilson


def setting(cut: int, waiting_ms: float | None, *, of: int = 20, missed: int = 0, unspoken: int = 0) -> Figures:
    return Figures(
        utterances=of,
        cut=cut,
        missed=missed,
        cutoffs=cut,
        unspoken=unspoken,
        interval=wilson(cut, of),
        waited=of - missed,
        waiting_p50_ms=UNSET if waiting_ms is None else waiting_ms,
        waiting_mean_ms=UNSET if waiting_ms is None else waiting_ms,
    )


def test_the_figures_of_a_setting() -> None:
    results = [
        result(waited_ms=400.0),
        result(waited_ms=600.0, cuts=2),
        result(waited_ms=None, cuts=1),
        result(waited_ms=None),
        result(is_spoken=False, waited_ms=None),
    ]
    assert figures(results) == Figures(
        utterances=4,
        cut=2,
        missed=1,
        cutoffs=3,
        unspoken=1,
        interval=wilson(2, 4),
        waited=2,
        waiting_p50_ms=500.0,
        waiting_p95_ms=UNSET,
        waiting_mean_ms=500.0,
    )


@pytest.mark.parametrize(("n", "p95_ms"), [(19, UNSET), (20, 19.05)])
def test_a_p95_needs_twenty(n: int, p95_ms: float) -> None:
    assert figures([result(waited_ms=float(wait)) for wait in range(1, n + 1)]).waiting_p95_ms == p95_ms


def test_of_nothing_there_are_no_figures_but_counts() -> None:
    assert figures([]) == Figures(utterances=0, cut=0, missed=0, cutoffs=0, interval=(0.0, 1.0), waited=0)


@pytest.mark.parametrize(
    ("count", "of", "interval"),
    [
        (0, 12, (0.0, 0.242494)),
        (12, 12, (0.757506, 1.0)),
        (1, 10, (0.017876, 0.404150)),
        (50, 100, (0.403832, 0.596168)),
    ],
)
def test_wilsons_interval_is_the_published_one(count: int, of: int, interval: tuple[float, float]) -> None:
    assert wilson(count, of) == pytest.approx(interval, abs=1e-5)


@given(st.integers(1, 500).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_what_was_counted_and_lies_between_none_and_all(counted: tuple[int, int]) -> None:
    low, high = wilson(*counted)
    assert 0 <= low <= counted[0] / counted[1] <= high <= 1


@pytest.mark.parametrize("tolerance", [0.01, 0.05, 0.2])
def test_what_is_needed_to_show_a_tolerance_is_enough_and_one_less_is_not(tolerance: float) -> None:
    enough = needed(tolerance)
    assert enough is not None
    assert wilson(0, enough)[1] <= tolerance < wilson(0, enough - 1)[1]


def test_nothing_shows_that_nobody_is_ever_cut_off() -> None:
    assert needed(0) is None


def test_the_front_is_what_nothing_else_betters() -> None:
    tried = [setting(3, 300), setting(3, 200), setting(1, 500), setting(2, 600), setting(0, 900), setting(0, 900.3)]
    assert front(tried) == [1, 2, 4, 5]


@pytest.mark.parametrize(("tolerance", "index"), [(0.0, 3), (0.049, 3), (0.05, 2), (0.1, 1), (1.0, 0)])
def test_the_setting_to_choose_waits_least_of_those_that_keep_the_tolerance(tolerance: float, index: int) -> None:
    assert chosen([setting(3, 300), setting(2, 400), setting(1, 500), setting(0, 600)], tolerance) == index


def test_of_equal_settings_the_one_that_cuts_off_fewer_is_chosen_and_then_the_first() -> None:
    assert chosen([setting(1, 500), setting(0, 500.2), setting(0, 500)], 0.05) == 1


def test_where_all_cut_off_too_many_there_is_none_to_choose() -> None:
    assert chosen([setting(3, 300), setting(2, 900)], 0.05) is None
    assert chosen([], 0.05) is None


def test_a_setting_that_loses_utterances_others_answer_is_no_choice_however_quick() -> None:
    tried = [setting(0, 100, missed=1), setting(0, 100, unspoken=1), setting(0, 500), setting(0, None)]
    assert (eligible(tried), front(tried), chosen(tried, 0.05)) == ([2], [2], 2)


anything = st.lists(
    st.builds(
        setting,
        st.integers(0, 20),
        st.none() | st.floats(0, 5000),
        missed=st.integers(0, 1),
    ),
    max_size=12,
)


def points(tried: Sequence[Figures], indices: Sequence[int]) -> list[tuple[int, int]]:
    return [(tried[index].cut, round(float(tried[index].waiting_p50_ms or 0))) for index in indices]


@given(anything)
def test_on_a_front_none_betters_another_and_each_other_setting_is_bettered_by_one(tried: list[Figures]) -> None:
    on_front = front(tried)
    best = points(tried, on_front)
    for cut, waiting_ms in best:
        assert not any(each != (cut, waiting_ms) and each[0] <= cut and each[1] <= waiting_ms for each in best)
    for cut, waiting_ms in points(tried, [index for index in eligible(tried) if index not in on_front]):
        assert any(each != (cut, waiting_ms) and each[0] <= cut and each[1] <= waiting_ms for each in best)


@given(anything, st.floats(0, 0.99))
def test_what_is_chosen_is_as_good_as_one_on_the_front_and_keeps_the_tolerance(
    tried: list[Figures], tolerance: float
) -> None:
    tolerance = round(tolerance, 6)
    index = chosen(tried, tolerance)
    if index is None:
        assert all(tried[each].rate > tolerance for each in front(tried))
        return
    assert tried[index].rate <= tolerance
    assert index in front(tried)


@given(anything)
def test_the_order_of_the_settings_changes_no_front(tried: list[Figures]) -> None:
    backwards = tried[::-1]
    assert sorted(points(tried, front(tried))) == sorted(points(backwards, front(backwards)))
