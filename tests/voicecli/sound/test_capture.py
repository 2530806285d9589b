from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from voicecli.sound.capture import RING_S, Capture
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_MS as MS


def block(value: int) -> NDArray[np.int16]:
    return np.full(FRAME_SAMPLES, value, np.int16)


def write(capture: Capture, value: int, now_ns: int, age_s: float | None, overflowed: bool = False) -> None:
    current_s = 0.0 if age_s is None else 50 + now_ns / 1e9
    time = SimpleNamespace(currentTime=current_s, inputBufferAdcTime=current_s - (age_s or 0))
    capture.write(block(value).tobytes(), now_ns, time, SimpleNamespace(input_overflow=overflowed))


def test_a_frame_is_as_old_as_the_driver_says() -> None:
    capture = Capture(RATE, 1)
    write(capture, 1, 100 * MS, 0.025)
    write(capture, 2, 120 * MS, 0.025)
    assert capture.frames() == [
        Captured(block(1).tobytes(), 75 * MS, 0),
        Captured(block(2).tobytes(), 95 * MS, 0),
    ]
    assert capture.frames() == []


def test_a_frame_is_at_least_as_old_as_it_is_long() -> None:
    capture = Capture(RATE, 1)
    write(capture, 1, 100 * MS, -0.003)
    assert capture.frames()[0].captured_ns == 80 * MS


def test_without_a_word_of_the_driver_a_frame_is_as_old_as_it_is_long() -> None:
    capture = Capture(RATE, 1)
    write(capture, 1, 100 * MS, None)
    assert capture.frames()[0].captured_ns == 80 * MS


def test_what_the_loop_did_not_fetch_in_time_is_lost_and_counted() -> None:
    capture = Capture(RATE, 1)
    fits = RING_S * 50
    for index in range(fits + 3):
        write(capture, index, index * 20 * MS, None)
    assert [frame.lost_samples for frame in capture.frames()] == [0] * fits
    write(capture, 9, (fits + 3) * 20 * MS, None)
    assert capture.frames() == [Captured(block(9).tobytes(), (fits + 2) * 20 * MS, 3 * FRAME_SAMPLES)]


def test_what_the_driver_lost_is_counted_too() -> None:
    capture = Capture(RATE, 1)
    write(capture, 1, 0, None)
    write(capture, 2, 60 * MS, None, overflowed=True)
    assert [frame.lost_samples for frame in capture.frames()] == [0, 2 * FRAME_SAMPLES]
