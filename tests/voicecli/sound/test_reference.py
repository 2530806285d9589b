import numpy as np
import pytest

from voicecli.sound.reference import BACKLOG_MS, Reference
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, RATE


def block(first: int, count: int = FRAME_SAMPLES) -> Samples:
    return np.arange(first, first + count, dtype=np.int16)


def test_what_was_played_comes_back_in_the_pieces_asked_for() -> None:
    reference = Reference(RATE)
    reference.write(block(0))
    reference.write(block(960))
    assert reference.read(480) == block(0, 480).tobytes()
    assert reference.read(960) == block(480).tobytes()
    assert reference.read(480) == block(1440, 480).tobytes()


def test_silence_stands_for_what_was_not_played_yet() -> None:
    reference = Reference(RATE)
    reference.write(block(1, 100))
    assert reference.read(200) == block(1, 100).tobytes() + bytes(200)


def test_what_is_too_old_is_skipped() -> None:
    reference = Reference(RATE)
    for index in range(10):
        reference.write(block(index * 960))
    kept = RATE * BACKLOG_MS // 1000
    assert reference.read(960) == block(9600 - kept).tobytes()


def test_a_reader_who_comes_late_to_a_full_ring_gets_the_newest_again_with_the_next_block() -> None:
    reference = Reference(RATE)
    for _ in range(51):
        reference.write(block(5))
    for _ in range(BACKLOG_MS // 20):
        reference.read(FRAME_SAMPLES)
    reference.write(block(7))
    assert reference.read(FRAME_SAMPLES) == block(7).tobytes()


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_another_rate_is_converted(rate: int) -> None:
    reference = Reference(rate)
    tone = (8_000 * np.sin(np.arange(rate // 10) * 2 * np.pi * 440 / rate)).astype(np.int16)
    for start in range(0, len(tone), rate // 50):
        reference.write(tone[start : start + rate // 50])
    heard = np.frombuffer(reference.read(RATE // 20), np.int16)[480:]
    expected = 8_000 * np.sin(np.arange(480, RATE // 20) * 2 * np.pi * 440 / RATE)
    assert np.abs(heard - expected).max() < 200
