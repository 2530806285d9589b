import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.journal import AudioSent, Header, Journal, MessageSent, Muted
from voicecli.schedule import EVEN, Schedule, Sending, Stretch, recorded
from voicewire.messages import AudioEnd, Playback, TextInput

MS = 1_000_000

GAP = Schedule([Sending(20 * MS, 0, 1), Sending(61 * MS, 21 * MS, 2), Sending(1020 * MS, 1000 * MS, 1)])
"""Four packets: one, two 1 ms late, and one after a gap of 939 ms."""

HEADER = Header(created="2026-01-01T00:00:00+00:00")


def test_without_a_recording_audio_is_captured_where_it_lies() -> None:
    assert [EVEN.captured_ns(at) for at in (0, 20, 33.5)] == [0, 20 * MS, 33_500_000]
    assert EVEN.captured_ns(20, is_end=True) == 20 * MS


@pytest.mark.parametrize(
    ("position_ms", "captured_ms", "ended_ms"),
    [(0, 0, 0), (10, 10, 10), (20, 21, 20), (40, 41, 41), (60, 1000, 61), (70, 1010, 1010), (80, 1020, 1020)],
)
def test_at_a_gap_a_sound_ends_before_it_and_begins_behind_it(
    position_ms: float, captured_ms: int, ended_ms: int
) -> None:
    assert GAP.captured_ns(position_ms) == captured_ms * MS
    assert GAP.captured_ns(position_ms, is_end=True) == ended_ms * MS


def test_what_follows_a_recording_is_captured_without_a_gap() -> None:
    assert GAP.captured_ns(200) == 1140 * MS


def test_a_region_falls_apart_where_nothing_was_captured() -> None:
    assert list(GAP.stretches(0, 80)) == [Stretch(0, 60, 0.0), Stretch(60, 80, 1000.0)]
    assert list(GAP.stretches(20, 60)) == [Stretch(20, 60, 21.0)]
    assert list(EVEN.stretches(40, 400)) == [Stretch(40, 400, 40.0)]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 3)), min_size=1, max_size=30))
def test_stretches_cover_a_region_and_begin_when_they_were_captured(gaps: list[tuple[int, int]]) -> None:
    sendings, captured_ns = [], 0
    for gap_ms, packets in gaps:
        captured_ns += gap_ms * MS
        sendings.append(Sending(captured_ns + 20 * MS, captured_ns, packets))
        captured_ns += packets * 20 * MS
    schedule = Schedule(sendings)
    stretches = list(schedule.stretches(0, schedule.packets * 20))
    assert [0, *(stretch.end_ms for stretch in stretches)] == [
        *(stretch.position_ms for stretch in stretches),
        schedule.packets * 20,
    ]
    assert all(stretch.captured_ms * MS == schedule.captured_ns(stretch.position_ms) for stretch in stretches)


def test_a_journal_is_sent_as_it_was_since_its_first_sample() -> None:
    journal = Journal(
        HEADER,
        (
            MessageSent(t_ms=10.0, message=TextInput(text="hello")),
            AudioSent(t_ms=62.125, captured_ms=40.0, packets=1),
            Muted(t_ms=70.0, muted=True),
            MessageSent(t_ms=71.0, message=Playback(turn_id=1, played_ms=0, buffered_ms=0)),
            MessageSent(t_ms=80.0, message=AudioEnd()),
            AudioSent(t_ms=120.0, captured_ms=60.5, packets=3),
        ),
    )
    assert recorded(journal, 4).sendings == (
        Sending(-30 * MS, act=TextInput(text="hello")),
        Sending(22_125_000, 0, 1),
        Sending(40 * MS, act=AudioEnd()),
        Sending(80 * MS, 20_500_000, 3),
    )
    assert recorded(journal, 2).sendings[-1] == Sending(80 * MS, 20_500_000, 1)
    with pytest.raises(ValueError, match=r"tells of 4 packets, and audio\.opus holds 5; they are of two recordings"):
        recorded(journal, 5)
