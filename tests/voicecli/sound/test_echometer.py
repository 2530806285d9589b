"""The echo meter plays chirps through a loudspeaker and hears them in a microphone, both of them made up here."""

import asyncio
import math
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from voicecli.sound.echometer import CHIRPS, Measured, measure
from voicecli.sound.errors import SoundError
from voicecli.sound.playback import PlaybackQueue
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_S


class Desk:
    """Microphone, loudspeaker and clock; each frame captured is a block played, heard `delay` samples later."""

    name = "desk"
    latency_ns = 0

    def __init__(self, *, delay: int = 3000, gain: float = 0.25, noise: float = 30.0, frames: int = 1000) -> None:
        self.queue = PlaybackQueue()
        self.lost_at = -1
        self._gain = gain
        self._noise = noise
        self._air = np.zeros(delay)
        self._played = b""
        self._left = frames
        self._now_ns = 0

    def now_ns(self) -> int:
        return self._now_ns

    def played(self) -> bytes:
        pcm, self._played = self._played, b""
        return pcm

    async def frames(self) -> AsyncGenerator[Captured, None]:
        random = np.random.default_rng(1)
        for number in range(self._left):
            lost = 0
            if number == self.lost_at:
                self._pass()
                lost = FRAME_SAMPLES
            heard = self._pass() * self._gain + self._noise * random.standard_normal(FRAME_SAMPLES)
            yield Captured(heard.clip(-32768, 32767).astype(np.int16).tobytes(), self._now_ns, lost)

    def _pass(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        block = np.zeros(FRAME_SAMPLES, np.int16)
        self.queue.fill(block, self._now_ns)
        self._played += block.tobytes()
        self._air = np.concatenate([self._air, block])
        heard, self._air = self._air[:FRAME_SAMPLES], self._air[FRAME_SAMPLES:]
        self._now_ns += FRAME_SAMPLES * NS_PER_S // RATE
        return heard


def measured(desk: Desk) -> Measured:
    return asyncio.run(measure(desk, desk, desk))


@pytest.mark.parametrize(("delay", "gain"), [(0, 1.0), (480, 0.1), (3000, 0.25), (20_000, 0.5)])
def test_every_chirp_is_heard_as_late_and_as_loud_as_it_comes_back(delay: int, gain: float) -> None:
    found = measured(Desk(delay=delay, gain=gain))
    assert len(found.echoes) == CHIRPS
    # Until it has something to spare, the far end is stretched by 2.5 ms.
    assert found.delay_ms == pytest.approx(delay * 1000 / RATE, abs=3)
    assert found.spread_ms < 3
    assert found.level_db == pytest.approx(20 * math.log10(gain), abs=0.5)
    assert not found.is_clipped


def test_headphones_give_no_echo() -> None:
    found = measured(Desk(gain=0))
    assert found.echoes == ()
    assert found.noise_dbfs == pytest.approx(20 * math.log10(30 / 32768), abs=0.5)


def test_a_microphone_that_is_off_gives_digital_silence() -> None:
    assert measured(Desk(gain=0, noise=0)) == Measured((), CHIRPS, -math.inf, False)


def test_an_overdriven_microphone_is_noticed() -> None:
    assert measured(Desk(gain=20)).is_clipped


def test_a_hole_in_the_microphones_audio_shifts_nothing() -> None:
    desk = Desk(delay=3000)
    desk.lost_at = 80
    found = measured(desk)
    assert len(found.echoes) == CHIRPS
    assert found.spread_ms < 3


def test_a_microphone_that_ends_is_told() -> None:
    with pytest.raises(SoundError, match="ended before"):
        measured(Desk(frames=60))


def test_a_loudspeaker_that_plays_nothing_is_told() -> None:
    desk = Desk()
    desk.queue.fill = lambda out, heard_ns: None  # type: ignore[method-assign]
    with pytest.raises(SoundError, match="was not played"):
        measured(desk)
