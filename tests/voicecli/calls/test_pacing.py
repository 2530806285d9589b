import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.calls.pacing import LATE_NS, MAX_LATENESS_NS, Pace, PacingReport
from voicecli.fixtures.schedule import Schedule, Sending
from voicewire.messages import AudioEnd

MS = 1_000_000


def test_a_chunk_is_due_when_its_last_sample_was_captured() -> None:
    pace = Pace(origin_ns=1000 * MS, chunk_ns=20 * MS)
    assert (pace.index, pace.due, pace.deadline_ns) == (0, Sending(20 * MS, 0, 1), 1020 * MS)
    pace.sent(1020 * MS)
    assert (pace.index, pace.due, pace.deadline_ns) == (1, Sending(40 * MS, 20 * MS, 1), 1040 * MS)
    assert pace.captured_ns(1.5) == 1030 * MS


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


def test_what_was_recorded_is_due_when_it_was_sent_and_goes_on_evenly() -> None:
    recorded = (Sending(27 * MS, 0, 1), Sending(31 * MS, act=AudioEnd()), Sending(95 * MS, 70 * MS, 2))
    pace = Pace(100 * MS, 20 * MS, Schedule(recorded))
    deadlines = []
    for _ in range(5):
        deadlines.append((pace.deadline_ns // MS, pace.due.packets, pace.is_recorded_sent))
        pace.sent(pace.deadline_ns)
    assert deadlines == [(127, 1, False), (131, 0, False), (195, 2, False), (215, 1, True), (235, 1, True)]


def test_only_audio_counts_as_late() -> None:
    pace = Pace(0, 20 * MS, Schedule([Sending(-5 * MS, act=AudioEnd()), Sending(20 * MS, 0, 1)]))
    pace.sent(300 * MS)
    pace.sent(26 * MS)
    assert pace.report() == PacingReport(frames=1, late_frames=1, worst_late_ms=6.0, median_late_ms=6.0)
