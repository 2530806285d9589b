import io

import numpy as np
import soundfile

from voicecli.calls.callaudio import RATE
from voicecli.tuning.clip import Clip, ticked


def test_a_tick_is_heard_on_the_right_from_its_sample_on() -> None:
    silence = np.zeros((RATE, 2), np.int16)
    sound = ticked(silence, 1000)
    assert not sound[:, 0].any()
    assert not sound[:1000, 1].any()
    (heard,) = np.nonzero(sound[:, 1])
    assert 1000 <= heard[0] < 1010
    assert heard[-1] < 1000 + RATE * 0.03
    assert not silence.any()


def test_a_tick_at_the_very_end_is_cut_short_and_none_is_too_loud() -> None:
    loud = np.full((100, 2), 32_767, np.int16)
    assert ticked(loud, 90).max() == 32_767
    assert ticked(loud, 100).tolist() == loud.tolist()


def test_a_clip_is_written_whole_as_wav_and_small_as_mp3() -> None:
    tone = (np.sin(np.arange(RATE) / 20) * 8000).astype(np.int16)
    clip = Clip(np.stack([tone, tone], axis=1), 100.0)
    samples, rate = soundfile.read(io.BytesIO(clip.wav()), dtype="int16")
    assert (rate, samples.tolist()) == (RATE, clip.samples.tolist())
    small = clip.mp3()
    heard, rate = soundfile.read(io.BytesIO(small))
    assert (rate, heard.shape[1]) == (RATE // 2, 2)
    assert abs(len(heard) - RATE // 2) < 3000
    assert len(small) < len(clip.wav()) / 20
