import numpy as np
import pytest

from voiceaudio.pcm import frame_of, pcm_of, samples_of, silence


@pytest.mark.parametrize("samples", [1, 7, 320, 961])
def test_samples_survive_the_way_through_a_frame(samples: int) -> None:
    pcm = np.arange(samples, dtype="<i2").tobytes()
    frame = frame_of(pcm, 16_000)
    assert (frame.samples, frame.sample_rate, pcm_of(frame)) == (samples, 16_000, pcm)


def test_pcm_is_little_endian() -> None:
    assert samples_of(b"\x01\x00\xff\x7f\x00\x80").tolist() == [1, 32767, -32768]


def test_silence_is_zeros() -> None:
    assert samples_of(silence(3)).tolist() == [0, 0, 0]
