import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.sound.ring import SampleRing, Samples


def ramp(start: int, count: int) -> Samples:
    return np.arange(start, start + count, dtype=np.int16)


def test_what_is_written_is_read_in_order_and_once() -> None:
    ring = SampleRing(8)
    assert ring.write(ramp(0, 5))
    out: Samples = np.zeros(3, np.int16)
    assert (ring.read(out), out.tolist(), ring.available, ring.room) == (3, [0, 1, 2], 2, 6)
    assert (ring.read(out), out.tolist(), ring.available) == (2, [3, 4, 2], 0)


def test_what_does_not_fit_is_refused_whole() -> None:
    ring = SampleRing(4)
    assert ring.write(ramp(0, 3))
    assert not ring.write(ramp(3, 2))
    assert (ring.written, ring.available) == (3, 3)
    assert ring.write(ramp(3, 1))


def test_peeking_takes_nothing() -> None:
    ring = SampleRing(4)
    ring.write(ramp(0, 3))
    out: Samples = np.zeros(2, np.int16)
    assert (ring.peek(out), out.tolist(), ring.taken) == (2, [0, 1], 0)


def test_a_skip_takes_unread() -> None:
    ring = SampleRing(4)
    ring.write(ramp(0, 3))
    ring.skip_to(2)
    out: Samples = np.zeros(4, np.int16)
    assert (ring.read(out), out[0], ring.taken) == (1, 2, 3)


@given(capacity=st.integers(1, 40), steps=st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=60))
def test_nothing_is_lost_changed_or_repeated_round_and_round(capacity: int, steps: list[tuple[bool, int]]) -> None:
    ring = SampleRing(capacity)
    accepted: list[int] = []
    read: list[int] = []
    for is_write, count in steps:
        if is_write:
            samples = ramp(len(accepted), count)
            fits = count <= capacity - (len(accepted) - len(read))
            assert ring.write(samples) == fits
            accepted += samples.tolist() if fits else []
        else:
            out: Samples = np.zeros(count, np.int16)
            read += out[: ring.read(out)].tolist()
        assert read == accepted[: len(read)]
        assert (ring.written, ring.taken, ring.available) == (len(accepted), len(read), len(accepted) - len(read))
