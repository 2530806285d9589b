"""Raw Opus packets, mono, through libopus."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.audio.codeccontext import AudioCodecContext

from voiceaudio.errors import AudioError
from voiceaudio.pcm import SAMPLE_BYTES, frame_of, pcm_of, silence
from voicewire.formats import FRAME_MS, OPUS_RATES

DECODED_RATE = 48_000
"""Opus decodes to this rate, whatever the rate it was encoded from."""

_COMPLEXITY = 5
_DELAY_AT_48K = 120


class OpusEncoder:
    """Encodes PCM at one of OPUS_RATES into packets of 20 ms.

    libopus's `lowdelay` application: 2.5 ms of codec delay instead of the 6.5 ms of `voip`, at less than half of its
    processor time, for a few kbit/s more than the `bitrate` asked for.

    Making one costs a few milliseconds, so that its first packet does not: the first call is the dear one.
    """

    def __init__(self, rate: int, *, bitrate: int = 24_000) -> None:
        if rate not in OPUS_RATES:
            raise AudioError(f"Opus cannot encode {rate} Hz; use one of {', '.join(map(str, OPUS_RATES))} Hz")
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = rate
        context.format = "s16"
        context.layout = "mono"
        context.bit_rate = bitrate
        context.options = {
            "application": "lowdelay",
            "frame_duration": str(FRAME_MS),
            "compression_level": str(_COMPLEXITY),
        }
        try:
            context.open()
        except av.FFmpegError as error:
            raise AudioError(f"libopus takes no bitrate of {bitrate}: {error.strerror}") from None
        self.rate = rate
        self.frame_samples = rate * FRAME_MS // 1000
        self.delay_samples = _DELAY_AT_48K * rate // 48_000
        """What is decoded lies this much later than what was encoded, in samples at `rate`."""
        self._context = context
        self._pending = bytearray()
        with _on_one_processor():
            self._packet(silence(self.frame_samples))

    def encode(self, pcm: bytes) -> list[bytes]:
        """Take any number of samples; returns the packets that became complete."""
        self._pending += pcm
        size = self.frame_samples * SAMPLE_BYTES
        whole = len(self._pending) // size * size
        packets = [self._packet(bytes(self._pending[at : at + size])) for at in range(0, whole, size)]
        del self._pending[:whole]
        return packets

    def flush(self) -> list[bytes]:
        """End the stretch: the samples left over, padded with silence to one packet. Encoding may go on after it."""
        if not self._pending:
            return []
        missing = self.frame_samples - len(self._pending) // SAMPLE_BYTES
        return self.encode(silence(missing))

    def _packet(self, pcm: bytes) -> bytes:
        (packet,) = self._context.encode(frame_of(pcm, self.rate))
        return bytes(packet)


@contextmanager
def _on_one_processor() -> Iterator[None]:
    """Keeps this thread on one processor meanwhile, where the system can.

    At its first frame a PyAV encoder builds filters for which FFmpeg starts as many threads as there are processors
    that this thread may run on, none if there is but one. They would sleep for as long as the encoder lives; PyAV has
    no setting for them, and `thread_count` is of the codec, not of its filters.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


class OpusDecoder:
    """Decodes packets of one stream, in order, to mono PCM at 48 kHz."""

    def __init__(self) -> None:
        context = av.CodecContext.create("libopus", "r")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate = DECODED_RATE
        context.layout = "mono"
        self._context = context

    def decode(self, packet: bytes) -> bytes:
        """The packet's samples. Raises AudioError for what is no Opus packet; the next one decodes all the same."""
        if not packet:
            # FFmpeg would take it for the end of the stream and refuse all that follows.
            raise AudioError("an Opus packet has at least one byte")
        try:
            frames = self._context.decode(av.Packet(packet))
        except av.FFmpegError as error:
            raise AudioError(f"{len(packet)} bytes are no Opus packet: {error.strerror}") from None
        if not frames:
            raise AudioError(f"an Opus packet of {len(packet)} bytes holds no audio")
        return b"".join(pcm_of(frame) for frame in frames)
