import numpy as np
import pytest
from numpy.typing import NDArray

from voicecli.sound.framing import Framer
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicecli.sound.timing import Block
from voicewire.clock import NS_PER_MS as MS


def ramp(start: int, count: int = FRAME_SAMPLES) -> NDArray[np.int16]:
    return np.arange(start, start + count, dtype=np.int16)


def test_a_block_of_a_frame_is_the_frame() -> None:
    framer = Framer(RATE, 1)
    assert framer.add(ramp(0), Block(7, 0)) == [Captured(ramp(0).tobytes(), 7, 0)]
    assert framer.add(ramp(960), Block(9, 3)) == [Captured(ramp(960).tobytes(), 9, 3)]


def test_blocks_of_another_size_are_put_together_and_dated_by_their_samples() -> None:
    framer = Framer(RATE, 1)
    assert framer.add(ramp(0, 720), Block(0, 0)) == []
    assert framer.add(ramp(720, 720), Block(15 * MS, 0)) == [Captured(ramp(0).tobytes(), 0, 0)]
    assert framer.add(ramp(1440, 720), Block(30 * MS, 0)) == [Captured(ramp(960).tobytes(), 20 * MS, 0)]


def test_what_lies_before_a_gap_and_fills_no_frame_is_lost_with_it() -> None:
    framer = Framer(RATE, 1)
    framer.add(ramp(0, 500), Block(0, 0))
    assert framer.add(ramp(600), Block(90 * MS, 100)) == [Captured(ramp(600).tobytes(), 90 * MS, 600)]
    assert framer.add(ramp(0), Block(110 * MS, 0)) == [Captured(ramp(0).tobytes(), 110 * MS, 0)]


def test_two_channels_are_mixed_and_further_ones_left_out() -> None:
    framer = Framer(RATE, 3)
    channels = np.column_stack([np.full(960, 30_000), np.full(960, 20_000), np.full(960, 7)]).astype(np.int16)
    assert framer.add(channels.ravel(), Block(0, 0)) == [Captured(np.full(960, 25_000, np.int16).tobytes(), 0, 0)]


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_another_rate_is_converted_and_lost_samples_with_it(rate: int) -> None:
    framer = Framer(rate, 1)
    tone = (8_000 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)).astype(np.int16)
    size = rate // 50
    frames = [
        frame
        for index in range(20)
        for frame in framer.add(tone[index * size : (index + 1) * size], Block(index * 20 * MS, 0))
    ]
    heard = np.frombuffer(b"".join(frame.pcm for frame in frames), np.int16)
    expected = 8_000 * np.sin(np.arange(len(heard)) * 2 * np.pi * 440 / RATE)
    assert np.abs(heard - expected)[480:].max() < 200
    assert [frame.captured_ns for frame in frames] == [index * 20 * MS for index in range(len(frames))]
    assert len(frames) >= 19
    late = framer.add(tone[:size], Block(1000 * MS, rate)) + framer.add(tone[:size], Block(1020 * MS, 0))
    assert RATE <= late[0].lost_samples < RATE + FRAME_SAMPLES
