from hypothesis import given
from hypothesis import strategies as st

from voiceserver.input_clock import JITTER_NS, PAUSE_NS, WINDOW_NS, InputClock
from voicewire.clock import NS_PER_MS, NS_PER_S

RATE = 16_000
CHUNK = 320
CHUNK_NS = 20 * NS_PER_MS


def test_audio_is_spoken_when_it_arrives_at_the_soonest() -> None:
    clock = InputClock(RATE)
    clock.received(CHUNK, 5 * NS_PER_S)
    assert (clock.at_ns(CHUNK), clock.at_ns(0)) == (5 * NS_PER_S, 5 * NS_PER_S - CHUNK_NS)


def after_a_second_in_time() -> InputClock:
    clock = InputClock(RATE)
    for number in range(1, 51):
        clock.received(number * CHUNK, number * CHUNK_NS)
    return clock


def hear_late(clock: InputClock, late_ns: int, *, during_ns: int) -> None:
    """Chunks after the first second, the first and the last of them `during_ns` apart."""
    for number in range(51, 52 + during_ns // CHUNK_NS):
        clock.received(number * CHUNK, number * CHUNK_NS + late_ns)


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


def test_a_pause_nobody_told_of_is_over_when_all_was_later_than_jitter_for_its_length() -> None:
    clock = after_a_second_in_time()
    hear_late(clock, 4 * NS_PER_S, during_ns=PAUSE_NS)
    assert clock.at_ns(0) == 4 * NS_PER_S


def test_after_a_pause_the_fastest_chunk_since_then_tells() -> None:
    clock = after_a_second_in_time()
    clock.received(51 * CHUNK, 51 * CHUNK_NS + 4 * NS_PER_S)
    for number in range(52, 152):
        clock.received(number * CHUNK, number * CHUNK_NS + 4 * NS_PER_S + 100 * NS_PER_MS)
    assert clock.at_ns(0) == 4 * NS_PER_S


def test_what_was_late_for_less_than_that_is_taken_for_late() -> None:
    clock = after_a_second_in_time()
    hear_late(clock, 4 * NS_PER_S, during_ns=PAUSE_NS - CHUNK_NS)
    assert clock.at_ns(0) == 0


def test_a_pause_is_longer_than_jitter() -> None:
    jitter, pause = after_a_second_in_time(), after_a_second_in_time()
    hear_late(jitter, JITTER_NS, during_ns=3 * PAUSE_NS)
    hear_late(pause, JITTER_NS + 1, during_ns=3 * PAUSE_NS)
    assert (jitter.at_ns(0), pause.at_ns(0)) == (0, JITTER_NS + 1)


def test_one_chunk_in_time_says_that_there_was_no_pause() -> None:
    clock = after_a_second_in_time()
    hear_late(clock, NS_PER_S, during_ns=PAUSE_NS - CHUNK_NS)
    clock.received(150 * CHUNK, 150 * CHUNK_NS + JITTER_NS)
    clock.received(151 * CHUNK, 151 * CHUNK_NS + NS_PER_S)
    assert clock.at_ns(0) == 0


def test_every_pause_is_followed() -> None:
    clock = InputClock(RATE)
    for number in range(1, 501):
        pauses = number // 100
        clock.received(number * CHUNK, number * CHUNK_NS + pauses * NS_PER_S)
        if number % 100 == 99:
            assert clock.at_ns(0) == pauses * NS_PER_S


def test_after_a_restart_nothing_has_been_late() -> None:
    clock = after_a_second_in_time()
    hear_late(clock, NS_PER_S, during_ns=PAUSE_NS - CHUNK_NS)
    clock.restart()
    clock.received(200 * CHUNK, 200 * CHUNK_NS)
    clock.received(201 * CHUNK, 201 * CHUNK_NS + NS_PER_S)
    assert clock.at_ns(0) == 0


@given(stalls_ms=st.lists(st.tuples(st.integers(1, 25), st.integers(0, 500)), min_size=1, max_size=15))
def test_jitter_moves_nothing_however_it_comes_in_bursts(stalls_ms: list[tuple[int, int]]) -> None:
    clock = InputClock(RATE)
    clock.received(CHUNK, CHUNK_NS)
    number, burst_ns = 1, CHUNK_NS
    for chunks, late in stalls_ms:
        first = number + 1
        number += chunks
        burst_ns = max(burst_ns, number * CHUNK_NS, first * CHUNK_NS + late * NS_PER_MS)
        for of_burst in range(first, number + 1):
            clock.received(of_burst * CHUNK, burst_ns)
            assert clock.at_ns(0) == 0


@given(stall_ms=st.integers(0, 8_000))
def test_a_burst_after_a_stall_of_any_length_moves_nothing(stall_ms: int) -> None:
    clock = after_a_second_in_time()
    end_ns = NS_PER_S + stall_ms * NS_PER_MS
    for number in range(51, 51 + stall_ms // 20):
        clock.received(number * CHUNK, end_ns)
        assert clock.at_ns(0) == 0
