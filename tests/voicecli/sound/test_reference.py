import numpy as np
import pytest

from voicecli.sound.reference import Reference
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, RATE


def block(first: int, count: int = FRAME_SAMPLES) -> Samples:
    return np.arange(first, first + count, dtype=np.int16)


def test_all_that_was_played_since_the_last_time_comes_back() -> None:
    reference = Reference(RATE)
    assert reference.read() == b""
    reference.write(block(0))
    reference.write(block(960))
    assert reference.read() == block(0, 1920).tobytes()
    reference.write(block(7, 100))
    assert reference.read() == block(7, 100).tobytes()


def test_when_nobody_reads_for_a_second_the_newest_is_lost() -> None:
    reference = Reference(RATE)
    for number in range(51):
        reference.write(block(number))
    assert reference.read() == b"".join(block(number).tobytes() for number in range(50))


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_another_rate_is_converted(rate: int) -> None:
    reference = Reference(rate)
    tone = (8_000 * np.sin(np.arange(rate // 10) * 2 * np.pi * 440 / rate)).astype(np.int16)
    for start in range(0, len(tone), rate // 50):
        reference.write(tone[start : start + rate // 50])
    heard = np.frombuffer(reference.read()[: RATE // 10], np.int16)[480:]
    expected = 8_000 * np.sin(np.arange(480, RATE // 20) * 2 * np.pi * 440 / RATE)
    assert np.abs(heard - expected).max() < 200
