"""Change of sample rate, as a stream."""

import av
from av.filter import Graph
from av.filter.context import FilterContext

from voiceaudio.errors import AudioError
from voiceaudio.pcm import SAMPLE_BYTES, frame_of, pcm_of, silence


class FrameResampler:
    """FFmpeg's frames in, mono `s16` frames at `rate` out; all that go in are of the first one's kind.

    In place of `av.AudioResampler`, of which each starts as many threads as there are processors.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kind: tuple[str, str, int] | None = None
        self._graph: Graph | None = None
        """Filters do not outlive the graph that they are of, nor keep it."""
        self._source: FilterContext | None = None
        self._sink: FilterContext | None = None

    def resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        """The frames that are ready; None is the end, and gives what was held back.

        Raises AudioError where the kind of frame changes.
        """
        if frame is not None:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if self._kind is None:
                self._build(frame)
                self._kind = kind
            elif self._kind != kind:
                raise AudioError(f"its audio changes from {_told(self._kind)} to {_told(kind)}")
        if self._source is None or self._sink is None:
            return []
        self._source.push(frame)
        ready = []
        try:
            while True:
                pulled = self._sink.pull()
                assert isinstance(pulled, av.AudioFrame)
                ready.append(pulled)
        except (BlockingIOError, EOFError):
            return ready

    def _build(self, frame: av.AudioFrame) -> None:
        graph = Graph()
        graph.threads = 1
        self._source = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
        )
        output = graph.add("aformat", sample_rates=str(self._rate), sample_fmts="s16", channel_layouts="mono")
        self._sink = graph.add("abuffersink")
        graph.link_nodes(self._source, output, self._sink).configure()
        self._graph = graph


def _told(kind: tuple[str, str, int]) -> str:
    sample_format, layout, rate = kind
    return f"{sample_format} {layout} at {rate} Hz"


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
        self._frames: FrameResampler | None = None
        self._primer_bytes = 0
        """Of what comes out next, so much is the silence that the filters were built with."""
        self._start()

    def resample(self, pcm: bytes) -> bytes:
        """The samples that are ready, of any number."""
        if self._passes_through or not pcm:
            return pcm
        if self._frames is None:
            self._start()
        assert self._frames is not None
        return self._without_primer(self._frames.resample(frame_of(pcm, self.from_rate)))

    def flush(self) -> bytes:
        """What was held back. The next piece begins a new stream."""
        if self._frames is None:
            return b""
        held = self._without_primer(self._frames.resample(None))
        self._frames = None
        return held

    def _start(self) -> None:
        if self._passes_through:
            return
        self._frames = FrameResampler(self.to_rate)
        # A second is a whole number of samples at every rate.
        self._primer_bytes = self.to_rate * SAMPLE_BYTES
        self._without_primer(self._frames.resample(frame_of(silence(self.from_rate), self.from_rate)))

    def _without_primer(self, frames: list[av.AudioFrame]) -> bytes:
        pcm = b"".join(pcm_of(frame) for frame in frames)
        primer, self._primer_bytes = pcm[: self._primer_bytes], max(0, self._primer_bytes - len(pcm))
        return pcm[len(primer) :]
