import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.pacing import LATE_NS, MAX_LATENESS_NS, Pace, PacingReport

MS = 1_000_000


def test_a_chunk_is_due_when_its_last_sample_was_captured() -> None:
    pace = Pace(origin_ns=1000 * MS, chunk_ns=20 * MS)
    assert (pace.index, pace.deadline_ns) == (0, 1020 * MS)
    pace.sent(1020 * MS)
    assert (pace.index, pace.deadline_ns) == (1, 1040 * MS)


@given(st.lists(st.integers(0, 500 * MS), min_size=1, max_size=50))
def test_deadlines_are_absolute_however_late_a_chunk_was(lateness: list[int]) -> None:
    pace = Pace(origin_ns=7, chunk_ns=20 * MS)
    for late in lateness:
        pace.sent(pace.deadline_ns + late)
    assert pace.deadline_ns == 7 + 20 * MS * (len(lateness) + 1)
    assert pace.report().worst_late_ms == round(max(lateness) / MS, 3)


def test_a_chunk_that_went_early_was_not_late() -> None:
    pace = Pace(0, 20 * MS)
    pace.sent(0)
    assert pace.report() == PacingReport(1, 0, 0.0, 0.0)


def test_late_is_more_than_five_ms() -> None:
    pace = Pace(0, 20 * MS)
    pace.sent(pace.deadline_ns + LATE_NS)
    pace.sent(pace.deadline_ns + LATE_NS + 1)
    pace.sent(pace.deadline_ns)
    assert pace.report() == PacingReport(frames=3, late_frames=1, worst_late_ms=5.0, median_late_ms=5.0)


@pytest.mark.parametrize(
    ("late_frames", "worst_late_ms", "reliable"),
    [(0, 1.0, True), (5, 6.0, True), (6, 6.0, False), (1, 50.0, True), (1, 50.1, False)],
)
def test_a_run_is_unreliable_past_one_late_frame_in_twenty_or_one_past_50_ms(
    late_frames: int, worst_late_ms: float, reliable: bool
) -> None:
    assert MAX_LATENESS_NS == 50 * MS
    assert PacingReport(100, late_frames, worst_late_ms, 0.0).reliable is reliable


def test_a_pace_that_sent_nothing_was_kept() -> None:
    assert Pace(0, 20 * MS).report() == PacingReport(0, 0, 0.0, 0.0)
    assert PacingReport(0, 0, 0.0, 0.0).reliable
