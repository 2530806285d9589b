from voicecli.sound.timing import GAP_NS, WINDOW_NS, Block, CaptureClock, Earliest, StreamClock
from voicewire.clock import NS_PER_MS as MS
from voicewire.clock import NS_PER_S

RATE = 48_000
FRAME = 960


def test_the_earliest_is_the_smallest_so_far() -> None:
    earliest = Earliest()
    assert earliest.value is None
    assert [earliest.add(value, 0) for value in (5, 3, 4)] == [5, 3, 3]


def test_the_earliest_is_forgotten_after_two_windows() -> None:
    earliest = Earliest()
    earliest.add(3, 0)
    assert earliest.add(5, WINDOW_NS) == 3
    assert earliest.add(6, 2 * WINDOW_NS - 1) == 3
    assert earliest.add(7, 2 * WINDOW_NS) == 5


def test_a_call_that_came_late_is_dated_by_the_earliest_one() -> None:
    clock = StreamClock()
    assert clock.current_ns(7.0, 500 * MS) == 500 * MS
    assert clock.current_ns(7.02, 570 * MS) == 520 * MS
    assert clock.current_ns(7.04, 530 * MS) == 530 * MS
    assert clock.current_ns(7.06, 560 * MS) == 550 * MS


def test_a_clock_that_was_set_back_is_believed() -> None:
    clock = StreamClock()
    clock.current_ns(7_000.0, 0)
    assert clock.current_ns(10.0, 20 * MS) == 20 * MS


def test_blocks_that_come_in_bursts_were_captured_evenly() -> None:
    clock = CaptureClock(RATE)
    captured = [clock.block(FRAME, at * MS) for at in (100, 135, 141, 160, 180)]
    assert captured == [Block(at * MS, 0) for at in (100, 120, 140, 160, 180)]


def test_an_earlier_block_corrects_those_before() -> None:
    clock = CaptureClock(RATE)
    assert [clock.block(FRAME, at * MS) for at in (100, 110, 140)] == [Block(at * MS, 0) for at in (100, 110, 130)]


def test_what_an_overflow_took_is_told_by_the_time() -> None:
    clock = CaptureClock(RATE)
    clock.block(FRAME, 0)
    assert clock.block(FRAME, 60 * MS, overflowed=True) == Block(60 * MS, 2 * FRAME)
    assert clock.block(FRAME, 80 * MS) == Block(80 * MS, 0)


def test_what_was_dropped_behind_the_device_is_counted_and_not_twice() -> None:
    clock = CaptureClock(RATE)
    clock.block(FRAME, 0)
    assert clock.block(FRAME, 60 * MS, dropped=2 * FRAME) == Block(60 * MS, 2 * FRAME)
    assert clock.block(FRAME, 120 * MS, dropped=FRAME, overflowed=True) == Block(120 * MS, 2 * FRAME)


def test_audio_that_comes_much_too_late_has_a_gap_before_it() -> None:
    clock = CaptureClock(RATE)
    clock.block(FRAME, 0)
    assert clock.block(FRAME, 20 * MS + GAP_NS) == Block(20 * MS, 0)
    assert clock.block(FRAME, 40 * MS + GAP_NS + 1) == Block(40 * MS + GAP_NS + 1, RATE // 5)


def test_oscillators_may_disagree_for_hours() -> None:
    clock = CaptureClock(RATE)
    for index in range(50 * 60 * 10):
        at_ns = index * 20 * MS * 10_003 // 10_000
        block = clock.block(FRAME, at_ns)
        assert block.lost_samples == 0
        assert at_ns - 2 * WINDOW_NS * 3 // 10_000 <= block.captured_ns <= at_ns
    assert at_ns > 600 * NS_PER_S
