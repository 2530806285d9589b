import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voiceaudio.signals import tone
from voiceaudio.errors import AudioError
from voiceaudio.pcm import frame_of, samples_of
from voiceaudio.resample import FrameResampler, Resampler


@pytest.mark.parametrize("from_rate", [8_000, 22_050, 24_000, 44_100, 48_000, 192_000])
def test_the_length_follows_the_rates(from_rate: int) -> None:
    resampler = Resampler(from_rate, 16_000)
    resampled = resampler.resample(tone(1.0, from_rate).tobytes()) + resampler.flush()
    assert abs(len(resampled) // 2 - 16_000) <= 1


@pytest.mark.parametrize("from_rate", [8_000, 44_100, 48_000])
def test_resampled_audio_is_not_shifted(from_rate: int) -> None:
    resampler = Resampler(from_rate, 16_000)
    resampled = samples_of(resampler.resample(tone(1.0, from_rate).tobytes()) + resampler.flush())
    inside = slice(1_000, 15_000)
    assert np.abs(resampled[inside].astype(int) - tone(1.0, 16_000)[inside]).max() < 100


@given(cuts=st.lists(st.integers(1, 999), max_size=20))
def test_the_result_does_not_depend_on_how_the_audio_was_cut(cuts: list[int]) -> None:
    pcm = tone(0.05, 48_000).tobytes()
    whole, cut = Resampler(48_000, 16_000), Resampler(48_000, 16_000)
    pieces, at = [], 0
    for size in [*cuts, len(pcm)]:
        pieces.append(cut.resample(pcm[at : at + 2 * size]))
        at += 2 * size
    assert b"".join(pieces) + cut.flush() == whole.resample(pcm) + whole.flush()


def test_equal_rates_pass_through() -> None:
    resampler = Resampler(16_000, 16_000)
    assert (resampler.resample(b"\x01\x02"), resampler.flush()) == (b"\x01\x02", b"")


def test_less_than_2_ms_is_held_back() -> None:
    pcm = tone(0.02, 48_000).tobytes()
    assert len(Resampler(48_000, 16_000).resample(pcm)) // 2 >= 320 - 32


def test_after_a_flush_a_new_stream_begins() -> None:
    resampler = Resampler(48_000, 16_000)
    pcm = tone(0.1, 48_000).tobytes()
    first = resampler.resample(pcm) + resampler.flush()
    assert resampler.resample(pcm) + resampler.flush() == first


def test_a_flush_before_any_frame_gives_nothing() -> None:
    assert FrameResampler(16_000).resample(None) == []


def test_frames_of_another_kind_are_refused() -> None:
    resampler = FrameResampler(16_000)
    resampler.resample(frame_of(bytes(640), 48_000))
    with pytest.raises(AudioError, match="from s16 mono at 48000 Hz to s16 mono at 44100 Hz"):
        resampler.resample(frame_of(bytes(640), 44_100))
