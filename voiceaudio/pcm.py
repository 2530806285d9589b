"""PCM bytes into PyAV's frames, and back: mono, signed 16 bit, little-endian."""

import sys

import av
import numpy as np
import numpy.typing as npt

SAMPLE_BYTES = 2

assert sys.byteorder == "little", "PCM is passed to FFmpeg as it lies in memory"


def frame_of(pcm: bytes, rate: int) -> av.AudioFrame:
    """The samples as one frame of PyAV."""
    assert len(pcm) % SAMPLE_BYTES == 0, "half a sample"
    frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // SAMPLE_BYTES)
    frame.sample_rate = rate
    frame.planes[0].update(pcm)
    return frame


def pcm_of(frame: av.AudioFrame) -> bytes:
    """The samples of a mono `s16` frame. FFmpeg's planes are longer than what they hold."""
    return bytes(memoryview(frame.planes[0])[: frame.samples * SAMPLE_BYTES])


def samples_of(pcm: bytes) -> npt.NDArray[np.int16]:
    """The samples as an array, without a copy."""
    return np.frombuffer(pcm, dtype="<i2")


def silence(samples: int) -> bytes:
    return bytes(samples * SAMPLE_BYTES)
