"""Sounds made by formula: the same in every run and on every machine."""

import io

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream

from voiceaudio.pcm import frame_of
from voicewire.formats import Codec

Samples = npt.NDArray[np.int16]


def tone(seconds: float, rate: int, hertz: float = 440.0, amplitude: float = 8000.0) -> Samples:
    at = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * at)).astype(np.int16)


def noise(samples: int, amplitude: float, seed: int = 0) -> Samples:
    return (amplitude * np.random.default_rng(seed).standard_normal(samples)).clip(-32768, 32767).astype(np.int16)


def voice(seconds: float, rate: int = 16_000) -> Samples:
    """Vowels that glide into each other at four a second: harmonics of a moving pitch under three formants."""
    at = np.arange(round(seconds * rate)) / rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 1.5 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = (
        (600 + 150 * np.sin(2 * np.pi * 3 * at), 80.0, 1.0),
        (1300 + 300 * np.sin(2 * np.pi * 2.2 * at), 100.0, 0.6),
        (np.full(len(at), 2600.0), 150.0, 0.3),
    )
    wave: npt.NDArray[np.float64] = np.zeros(len(at))
    for harmonic in range(1, 40):
        frequency = harmonic * pitch
        gain: npt.NDArray[np.float64] = sum(
            peak / (1 + ((frequency - centre) / width) ** 2) for centre, width, peak in formants
        )
        wave += gain * np.sin(harmonic * phase) * (frequency < 7600)
    wave *= 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at - 1.5)
    spoken: Samples = (wave / np.abs(wave).max() * 9000).astype(np.int16)
    return spoken


_MUXERS = {
    Codec.WEBM_OPUS: ("webm", {"live": "1", "cluster_time_limit": "100"}),
    Codec.MP4: ("mp4", {"movflags": "frag_every_frame+empty_moov+default_base_moof"}),
    Codec.OGG_OPUS: ("ogg", {"page_duration": "100000"}),
}


class _Sink(io.RawIOBase):
    """Not seekable, as a MediaRecorder's output is not."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]
        self.written += piece
        return len(piece)


def container(codec: Codec, samples: Samples, audio: str = "libopus") -> bytes:
    """Audio at 48 kHz as one live byte stream."""
    name, options = _MUXERS[codec]
    sink = _Sink()
    with av.open(sink, "w", format=name, options=options) as output:
        stream = output.add_stream(audio, rate=48_000)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        size = 960
        for at in range(0, len(samples), size):
            frame = frame_of(samples[at : at + size].tobytes(), 48_000)
            frame.pts = at
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return bytes(sink.written)
