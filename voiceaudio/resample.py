"""Change of sample rate, as a stream."""

import av

from voiceaudio.pcm import SAMPLE_BYTES, frame_of, pcm_of, silence


class Resampler:
    """Resamples mono PCM, piece by piece, as if it were in one piece.

    A few samples (under 2 ms) stay inside until the next piece or `flush`. Output sample `k` lies at the same instant
    as input sample `k * from_rate / to_rate`: what is held back delays, but does not shift. Equal rates pass through.

    Making one costs up to some 10 ms, so that the first piece does not: FFmpeg builds its filters at the first call.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._passes_through = from_rate == to_rate
        self._av: av.AudioResampler | None = None
        self._primer_bytes = 0
        """Of what comes out next, so much is the silence that the filters were built with."""
        self._start()

    def resample(self, pcm: bytes) -> bytes:
        """The samples that are ready, of any number."""
        if self._passes_through or not pcm:
            return pcm
        if self._av is None:
            self._start()
        assert self._av is not None
        return self._without_primer(self._av.resample(frame_of(pcm, self.from_rate)))

    def flush(self) -> bytes:
        """What was held back. The next piece begins a new stream."""
        if self._av is None:
            return b""
        held = self._without_primer(self._av.resample(None))
        self._av = None
        return held

    def _start(self) -> None:
        if self._passes_through:
            return
        self._av = av.AudioResampler(format="s16", layout="mono", rate=self.to_rate)
        # A second is a whole number of samples at every rate.
        self._primer_bytes = self.to_rate * SAMPLE_BYTES
        self._without_primer(self._av.resample(frame_of(silence(self.from_rate), self.from_rate)))

    def _without_primer(self, frames: list[av.AudioFrame]) -> bytes:
        pcm = b"".join(pcm_of(frame) for frame in frames)
        primer, self._primer_bytes = pcm[: self._primer_bytes], max(0, self._primer_bytes - len(pcm))
        return pcm[len(primer) :]
