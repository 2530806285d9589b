"""Chirps through the loudspeaker, and what of them the microphone hears."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from statistics import median
from typing import NamedTuple

import numpy as np

from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import samples_of, silence
from voicecli.sound.chirp import Echo, chirp, find
from voicecli.sound.echo import FarEnd
from voicecli.sound.errors import SoundError
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, Captured, Microphone, Speaker
from voicewire.clock import Clock

CHIRPS = 3
SETTLE_FRAMES = 50
"""Devices may start with a click, and take a second until they keep step."""
LEAD_FRAMES = 10
WINDOW_FRAMES = 60
"""Lead, chirp and the longest delay that a sound card has."""
TIMEOUT_S = 15.0


class Measured(NamedTuple):
    echoes: tuple[Echo, ...]
    """Of the chirps that were heard: delays are from the output callback to the same place in the microphone's audio,
    as a canceller meets them; levels are against what was played."""
    chirps: int
    noise_dbfs: float
    """Of the room, as the microphone hears it; -inf where it gives digital silence."""
    is_clipped: bool

    @property
    def delay_ms(self) -> float:
        return median(echo.delay_ms for echo in self.echoes)

    @property
    def level_db(self) -> float:
        return median(echo.level_db for echo in self.echoes)

    @property
    def spread_ms(self) -> float:
        """How far the delays lie apart."""
        delays = [echo.delay_ms for echo in self.echoes]
        return max(delays) - min(delays)


async def measure(microphone: Microphone, speaker: Speaker, clock: Clock) -> Measured:
    """Play CHIRPS chirps, in some five seconds. Both sides run already. Raises SoundError."""
    near, far = bytearray(), bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S), aclosing(microphone.frames()) as frames:
            if not await _record(frames, speaker, clock, near, far):
                raise SoundError(f"the microphone {microphone.name} ended before the chirps were over")
    except TimeoutError:
        raise SoundError(f"the microphone {microphone.name} gives no sound: is it in use, or forbidden?") from None
    return _evaluate(samples_of(bytes(near)), samples_of(bytes(far)))


async def _record(
    frames: AsyncIterator[Captured], speaker: Speaker, clock: Clock, near: bytearray, far: bytearray
) -> bool:
    """Play the chirps, and add what was captured and what was played meanwhile, in step; False where frames end."""
    reference = FarEnd()
    number = 0
    async for captured in frames:
        near += silence(captured.lost_samples) + captured.pcm
        reference.played(speaker.played())
        far += reference.take(captured.lost_samples + FRAME_SAMPLES).tobytes()
        number += 1
        turn, frame = divmod(number - SETTLE_FRAMES, WINDOW_FRAMES)
        if turn >= CHIRPS:
            return True
        if turn >= 0 and frame == LEAD_FRAMES:
            sound = chirp()
            speaker.queue.received(turn, 0, sound.tobytes(), clock.now_ns())
            speaker.queue.received(turn, len(sound), b"", clock.now_ns())
    return False


def _evaluate(near: Samples, far: Samples) -> Measured:
    window = WINDOW_FRAMES * FRAME_SAMPLES
    echoes = []
    for turn in range(CHIRPS):
        start = SETTLE_FRAMES * FRAME_SAMPLES + turn * window
        played, heard = find(far[start : start + window]), find(near[start : start + window])
        if played is None:
            raise SoundError("the chirp was not played: is the output device stuck?")
        if heard is not None:
            echoes.append(Echo(heard.delay_ms - played.delay_ms, heard.level_db - played.level_db, heard.match))
    settling = near[SETTLE_FRAMES * FRAME_SAMPLES // 2 : SETTLE_FRAMES * FRAME_SAMPLES]
    peak = int(np.abs(near.astype(np.int32)).max())
    return Measured(tuple(echoes), CHIRPS, rms_dbfs(settling.tobytes()), peak >= 32_767)
