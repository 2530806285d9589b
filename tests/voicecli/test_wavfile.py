from pathlib import Path

import numpy as np
import pytest
import soundfile

from voicecli import wavfile


def test_what_was_written_is_read_sample_by_sample(tmp_path: Path) -> None:
    samples = np.array([0, 1, -1, 32767, -32768], np.int16)
    wavfile.write(tmp_path / "a.wav", samples, 16_000)
    read, rate = wavfile.read(tmp_path / "a.wav")
    assert (read.tolist(), read.dtype, rate) == (samples.tolist(), np.dtype(np.int16), 16_000)


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        wavfile.write(tmp_path / name, np.arange(100, dtype=np.int16), 16_000)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_stereo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((10, 2), np.int16), 16_000)
    with pytest.raises(wavfile.WavError) as refused:
        wavfile.read(path)
    assert str(refused.value) == f"{path}: has 2 channels; mix it down to mono"


@pytest.mark.parametrize("content", [None, b"", b"RIFF\x00\x00", b"no audio at all"])
def test_what_is_no_wav_is_refused_with_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(wavfile.WavError, match="cannot be read as WAV"):
        wavfile.read(path)


def test_every_sample_of_16_bits_is_read_as_it_was_written(tmp_path: Path) -> None:
    samples = np.arange(-32_768, 32_768, dtype=np.int16)
    wavfile.write(tmp_path / "all.wav", samples, 16_000)
    assert wavfile.read(tmp_path / "all.wav")[0].tolist() == samples.tolist()


def test_floats_are_read_at_their_level(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "float.wav", np.array([0.0, 0.5, -0.5, 1.0, 2.0]), 16_000, subtype="FLOAT")
    assert wavfile.read(tmp_path / "float.wav")[0].tolist() == [0, 16_384, -16_384, 32_767, 32_767]
