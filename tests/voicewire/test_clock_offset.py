import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewire.clock import NS_PER_MS, NS_PER_S
from voicewire.clock_offset import ClockOffset
from voicewire.messages import Clock


def exchange(
    clocks: ClockOffset, *, at_ns: int, offset_ns: int, there_ns: int, held_ns: int = 0, back_ns: int
) -> tuple[Clock, int]:
    """Ask a peer whose clock is `offset_ns` ahead; the answer, and when it arrives."""
    received_ns = at_ns + there_ns + offset_ns
    pong = ClockOffset.answer(clocks.ping(at_ns), received_ns, received_ns + held_ns)
    return pong, at_ns + there_ns + held_ns + back_ns


def test_nothing_is_known_before_the_first_answer() -> None:
    clocks = ClockOffset()
    clocks.ping(0)
    assert (clocks.offset_ns, clocks.round_trip_ns) == (None, None)
    with pytest.raises(AssertionError):
        clocks.to_own_ns(0)


def test_a_ping_asks_with_our_time_and_an_answer_adds_the_peers() -> None:
    clocks = ClockOffset()
    assert clocks.ping(1_500_000) == Clock(ping_id=0, sent_ms=1.5)
    ping = clocks.ping(2_000_000)
    assert ping == Clock(ping_id=1, sent_ms=2.0)
    assert ClockOffset.answer(ping, 7_000_000, 7_250_000) == Clock(
        ping_id=1, sent_ms=2.0, received_ms=7.0, replied_ms=7.25
    )


def test_a_symmetrical_delay_gives_the_offset_exactly_and_leaves_out_the_peers_own_time() -> None:
    clocks = ClockOffset()
    clocks.observe(
        *exchange(
            clocks,
            at_ns=NS_PER_S,
            offset_ns=-3 * NS_PER_S,
            there_ns=4 * NS_PER_MS,
            held_ns=90 * NS_PER_MS,
            back_ns=4 * NS_PER_MS,
        )
    )
    assert (clocks.offset_ns, clocks.round_trip_ns) == (-3 * NS_PER_S, 8 * NS_PER_MS)
    assert clocks.to_own_ns(-2000.0) == NS_PER_S


def test_the_smallest_round_trip_wins() -> None:
    clocks = ClockOffset()
    for there_ms, back_ms in ((30, 2), (1, 1), (2, 60)):
        clocks.observe(
            *exchange(clocks, at_ns=0, offset_ns=NS_PER_S, there_ns=there_ms * NS_PER_MS, back_ns=back_ms * NS_PER_MS)
        )
    assert (clocks.offset_ns, clocks.round_trip_ns) == (NS_PER_S, 2 * NS_PER_MS)


def test_a_drift_is_followed_because_the_history_ends() -> None:
    clocks = ClockOffset()
    clocks.observe(*exchange(clocks, at_ns=0, offset_ns=0, there_ns=1000, back_ns=1000))
    for _ in range(15):
        clocks.observe(*exchange(clocks, at_ns=0, offset_ns=NS_PER_MS, there_ns=2000, back_ns=2000))
    assert clocks.offset_ns == 0
    clocks.observe(*exchange(clocks, at_ns=0, offset_ns=NS_PER_MS, there_ns=2000, back_ns=2000))
    assert clocks.offset_ns == NS_PER_MS


def test_an_answer_counts_once_and_a_stranger_not_at_all() -> None:
    clocks = ClockOffset()
    pong, now_ns = exchange(clocks, at_ns=0, offset_ns=0, there_ns=5000, back_ns=5000)
    clocks.observe(pong, now_ns)
    clocks.observe(pong, now_ns - 8000)
    clocks.observe(Clock(ping_id=99, sent_ms=0.0, received_ms=0.0, replied_ms=0.0), 1)
    clocks.observe(Clock(ping_id=0, sent_ms=0.0), 1)
    assert clocks.round_trip_ns == 10_000


def test_of_more_than_sixteen_open_pings_the_oldest_is_forgotten() -> None:
    clocks = ClockOffset()
    pings = [clocks.ping(0) for _ in range(17)]
    clocks.observe(ClockOffset.answer(pings[0], 0, 0), 10)
    assert clocks.offset_ns is None
    clocks.observe(ClockOffset.answer(pings[1], 0, 0), 10)
    assert clocks.offset_ns == -5


@pytest.mark.parametrize(
    ("received_ms", "replied_ms", "now_ns"),
    [(5.0, 4.0, 10 * NS_PER_MS), (5.0, 5.0, -1001), (5.0, 9.0, 3 * NS_PER_MS)],
    ids=["replied before it received", "answered before it was asked", "held for longer than it took"],
)
def test_an_answer_that_cannot_be_true_is_ignored(received_ms: float, replied_ms: float, now_ns: int) -> None:
    clocks = ClockOffset()
    clocks.ping(0)
    clocks.observe(Clock(ping_id=0, sent_ms=0.0, received_ms=received_ms, replied_ms=replied_ms), now_ns)
    assert clocks.offset_ns is None


def test_a_round_trip_that_rounding_made_negative_is_zero() -> None:
    clocks = ClockOffset()
    clocks.observe(ClockOffset.answer(clocks.ping(0), 0, 1000), 400)
    assert clocks.round_trip_ns == 0


delays = st.integers(0, 10 * NS_PER_S)


@given(
    at_ns=st.integers(0, 10**15),
    offset_ns=st.integers(-(10**15), 10**15),
    there_ns=delays,
    held_ns=delays,
    back_ns=delays,
)
def test_the_offset_is_wrong_by_half_the_asymmetry(
    at_ns: int, offset_ns: int, there_ns: int, held_ns: int, back_ns: int
) -> None:
    clocks = ClockOffset()
    clocks.observe(
        *exchange(clocks, at_ns=at_ns, offset_ns=offset_ns, there_ns=there_ns, held_ns=held_ns, back_ns=back_ns)
    )
    rounding_ns = 2_000
    assert clocks.offset_ns is not None
    assert clocks.round_trip_ns is not None
    assert abs(clocks.offset_ns - offset_ns - (there_ns - back_ns) // 2) <= rounding_ns
    assert abs(clocks.offset_ns - offset_ns) <= clocks.round_trip_ns // 2 + rounding_ns
    assert abs(clocks.round_trip_ns - there_ns - back_ns) <= rounding_ns


@given(st.lists(st.tuples(delays, delays), min_size=1, max_size=16), st.integers(-(10**15), 10**15))
def test_of_several_exchanges_none_bounds_the_error_closer(trips: list[tuple[int, int]], offset_ns: int) -> None:
    clocks = ClockOffset()
    for there_ns, back_ns in trips:
        clocks.observe(*exchange(clocks, at_ns=0, offset_ns=offset_ns, there_ns=there_ns, back_ns=back_ns))
    assert clocks.offset_ns is not None
    assert abs(clocks.offset_ns - offset_ns) <= min(there + back for there, back in trips) // 2 + 2_000
