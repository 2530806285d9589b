import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, structs

from tests.voicecli.tuning.results import document
from voicecli.tuning.scale import Extent, Point, across, label, points, round_step, ticks, upwards


def test_the_points_that_matter_are_drawn_last() -> None:
    assert points(document(3, 3, 0)) == [
        Point(1, 310.0, 0.3, False, False),
        Point(0, 210.0, 0.3, True, False),
        Point(2, 410.0, 0.0, True, True),
    ]


def test_a_setting_without_a_wait_has_no_point() -> None:
    told = document(3, 0)
    deaf = structs.replace(told.settings[0], figures=structs.replace(told.settings[0].figures, waiting_p50_ms=UNSET))
    assert [point.setting for point in points(structs.replace(told, settings=(deaf, told.settings[1])))] == [1]


def test_points_in_one_place_share_a_label() -> None:
    told = document(0, 0, 0)
    same = [Point(setting, 210.2 + setting / 10, 0.0, True, False) for setting in range(3)]
    assert [label(told, same[:count], same[0]) for count in (1, 2, 3)] == ["200", "200, 300", "200 … 400"]


@pytest.mark.parametrize(("at_least", "step"), [(1, 1), (1.1, 2), (0.03, 0.05), (0.02, 0.02), (60, 100), (5000, 5000)])
def test_steps_are_round(at_least: float, step: float) -> None:
    assert round_step(at_least) == pytest.approx(step)


def test_ticks_are_round_numbers_within_the_ends() -> None:
    assert ticks(Extent(150, 1250), 6) == [500, 1000]
    assert ticks(Extent(0, 0.15), 5) == [0, 0.05, 0.1, 0.15]


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1)), min_size=1, max_size=9),
    st.floats(0, 0.99),
)
def test_every_point_and_the_tolerance_lie_within_the_plot(placed: list[tuple[float, float]], tolerance: float) -> None:
    made = [Point(0, waiting_ms, share, True, False) for waiting_ms, share in placed]
    x, y = across(made), upwards(made, tolerance)
    assert all(0 <= x.part(point.waiting_ms) <= 1 and 0 <= y.part(point.share) <= 1 for point in made)
    assert 0 <= y.part(tolerance) <= 1
    assert 1 <= len(ticks(x, 7)) <= 8
