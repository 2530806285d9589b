"""Change of sample rate, as a stream."""

import av

from voiceaudio.pcm import frame_of, pcm_of


class Resampler:
    """Resamples mono PCM, piece by piece, as if it were in one piece.

    A few samples (under 2 ms) stay inside until the next piece or `flush`. Output sample `k` lies at the same instant
    as input sample `k * from_rate / to_rate`: what is held back delays, but does not shift. Equal rates pass through.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._av = self._fresh()

    def resample(self, pcm: bytes) -> bytes:
        """The samples that are ready, of any number."""
        if self._av is None or not pcm:
            return pcm
        return b"".join(pcm_of(frame) for frame in self._av.resample(frame_of(pcm, self.from_rate)))

    def flush(self) -> bytes:
        """What was held back. The next piece begins a new stream."""
        if self._av is None:
            return b""
        held = b"".join(pcm_of(frame) for frame in self._av.resample(None))
        self._av = self._fresh()
        return held

    def _fresh(self) -> av.AudioResampler | None:
        if self.from_rate == self.to_rate:
            return None
        return av.AudioResampler(format="s16", layout="mono", rate=self.to_rate)
