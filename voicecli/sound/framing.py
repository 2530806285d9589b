"""The blocks of a device as frames of the microphone."""

import numpy as np

from voiceaudio.pcm import SAMPLE_BYTES
from voiceaudio.resample import Resampler
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicecli.sound.timing import Block
from voicewire.clock import NS_PER_S

_FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES


class Framer:
    """Mixes the first two channels to mono, converts the rate, and cuts into frames."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._channels = channels
        self._resampler = Resampler(rate, RATE)
        self._pending = bytearray()
        self._given = 0
        """Position at RATE of the first sample that is pending."""
        self._taken = 0
        """Samples that went in, at the device's rate."""
        self._lost = 0

    def add(self, samples: Samples, block: Block) -> list[Captured]:
        """The frames that this block completes. Interleaved, at the device's rate."""
        if block.lost_samples:
            # What lies before the gap does not fill a frame any more.
            unfinished = len(self._pending) // SAMPLE_BYTES
            self._lost += unfinished + block.lost_samples * RATE // self._rate
            self._given += unfinished
            self._pending.clear()
        block_at = self._taken * RATE // self._rate
        self._taken += len(samples) // self._channels
        self._pending += self._resampler.resample(self._mono(samples).tobytes())
        frames = []
        while len(self._pending) >= _FRAME_BYTES:
            captured_ns = block.captured_ns + (self._given - block_at) * NS_PER_S // RATE
            frames.append(Captured(bytes(self._pending[:_FRAME_BYTES]), captured_ns, self._lost))
            self._lost = 0
            self._given += FRAME_SAMPLES
            del self._pending[:_FRAME_BYTES]
        return frames

    def _mono(self, samples: Samples) -> Samples:
        if self._channels == 1:
            return samples
        channels = samples.reshape(-1, self._channels)
        mixed: Samples = ((channels[:, 0].astype(np.int32) + channels[:, 1]) // 2).astype(np.int16)
        return mixed
