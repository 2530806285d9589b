from hypothesis import given
from hypothesis import strategies as st

from voiceserver.input_clock import WINDOW_NS, InputClock
from voicewire.clock import NS_PER_MS, NS_PER_S

RATE = 16_000
CHUNK = 320
CHUNK_NS = 20 * NS_PER_MS


def test_audio_is_spoken_when_it_arrives_at_the_soonest() -> None:
    clock = InputClock(RATE)
    clock.received(CHUNK, 5 * NS_PER_S)
    assert (clock.at_ns(CHUNK), clock.at_ns(0)) == (5 * NS_PER_S, 5 * NS_PER_S - CHUNK_NS)


@given(late_ms=st.lists(st.integers(0, 300), min_size=2, max_size=100))
def test_jitter_moves_nothing_once_one_chunk_was_in_time(late_ms: list[int]) -> None:
    clock = InputClock(RATE)
    clock.received(CHUNK, CHUNK_NS)
    for number, late in enumerate(late_ms, start=2):
        clock.received(number * CHUNK, number * CHUNK_NS + late * NS_PER_MS)
        assert clock.at_ns(CHUNK) == CHUNK_NS


@given(
    late_ms=st.lists(st.integers(0, 300), min_size=1, max_size=100),
    origin_ns=st.integers(-(10**15), 10**15),
    rate=st.sampled_from([8_000, 16_000, 44_100]),
)
def test_the_origin_is_that_of_the_fastest_chunk(late_ms: list[int], origin_ns: int, rate: int) -> None:
    clock = InputClock(rate)
    for number, late in enumerate(late_ms, start=1):
        clock.received(number * rate // 50, origin_ns + number * rate // 50 * NS_PER_S // rate + late * NS_PER_MS)
    assert clock.at_ns(0) == origin_ns + min(late_ms) * NS_PER_MS


def test_a_stall_and_the_burst_after_it_move_nothing() -> None:
    clock = InputClock(RATE)
    for number in range(1, 51):
        clock.received(number * CHUNK, number * CHUNK_NS)
    for number in range(51, 151):
        clock.received(number * CHUNK, 3 * NS_PER_S)
    assert clock.at_ns(150 * CHUNK) == 3 * NS_PER_S


def test_the_drift_of_a_slow_sound_card_is_followed_within_the_window() -> None:
    clock = InputClock(RATE)
    drifting_ns = CHUNK_NS + CHUNK_NS // 1000
    chunks = 60 * 50
    for number in range(1, chunks + 1):
        clock.received(number * CHUNK, number * drifting_ns)
    behind_ns = chunks * drifting_ns - clock.at_ns(chunks * CHUNK)
    assert 0 <= behind_ns <= WINDOW_NS // 1000


def test_the_drift_of_a_fast_sound_card_is_followed_at_once() -> None:
    clock = InputClock(RATE)
    fast_ns = CHUNK_NS - CHUNK_NS // 1000
    for number in range(1, 1001):
        clock.received(number * CHUNK, number * fast_ns)
        assert clock.at_ns(number * CHUNK) == number * fast_ns


def test_after_a_restart_old_arrivals_tell_nothing() -> None:
    clock = InputClock(RATE)
    clock.received(CHUNK, CHUNK_NS)
    clock.restart()
    clock.received(2 * CHUNK, 4 * NS_PER_S)
    assert clock.at_ns(2 * CHUNK) == 4 * NS_PER_S
