"""The reply's speech, coded as the client asked."""

from voiceaudio.opus import OpusEncoder
from voiceaudio.resample import Resampler
from voiceserver.playhead import SpokenFrame
from voicewire.formats import FRAME_MS, AudioFormat, Codec
from voicewire.frames import pack_packets

FRAMES_PER_MESSAGE = 5
"""Frames that one message carries at most: what speech synthesis gave at once, in fewer messages."""


class SpeechEncoder:
    """Pieces of speech of any length in, frames of the agreed format out; `pts` counts samples at its rate.

    Making one costs a few milliseconds, so that its first frame does not: a codec's first call is the dear one.
    """

    def __init__(self, rate: int, output: AudioFormat) -> None:
        self._resampler = Resampler(rate, output.rate)
        self._frame_samples = output.rate * FRAME_MS // 1000
        self._opus = OpusEncoder(output.rate) if output.codec is Codec.OPUS else None
        self._pending = b""
        self._pts = 0

    def encode(self, pcm: bytes) -> list[SpokenFrame]:
        return self._frames(self._resampler.resample(pcm), last=False)

    def flush(self) -> list[SpokenFrame]:
        """What is left, padded to a whole frame."""
        return self._frames(self._resampler.flush(), last=True)

    def _frames(self, pcm: bytes, *, last: bool) -> list[SpokenFrame]:
        if self._opus is not None:
            pieces = self._opus.encode(pcm) + (self._opus.flush() if last else [])
        else:
            pieces = self._cut(pcm, last=last)
        frames = []
        for start in range(0, len(pieces), FRAMES_PER_MESSAGE):
            batch = pieces[start : start + FRAMES_PER_MESSAGE]
            payload = pack_packets(batch) if self._opus is not None else b"".join(batch)
            samples = len(batch) * self._frame_samples
            frames.append(SpokenFrame(self._pts, samples, payload))
            self._pts += samples
        return frames

    def _cut(self, pcm: bytes, *, last: bool) -> list[bytes]:
        data = self._pending + pcm
        size = 2 * self._frame_samples
        if last and len(data) % size:
            data += bytes(size - len(data) % size)
        whole = len(data) - len(data) % size
        self._pending = data[whole:]
        return [data[at : at + size] for at in range(0, whole, size)]
