import shutil

import numpy as np
import pytest

from tests.browser.smoke.visit import question
from tests.soundcard import MICROPHONE, RATE, Heard, SoundCard, SoundCardError
from voicewire.clock import NS_PER_MS, NS_PER_S, SystemClock

NOISE = np.random.default_rng(7).normal(0, 0.1, 2 * RATE)


def test_what_is_spoken_comes_out_of_the_microphone_and_not_of_the_speaker(card: SoundCard) -> None:
    samples, rate = question()
    clock = SystemClock()
    with card.recording() as speaker, card.recording(MICROPHONE) as microphone:
        began_ns = clock.now_ns()
        card.speak(samples, rate)
        ended_ns = clock.now_ns()
    heard = microphone.heard()
    assert np.abs(heard.samples).max() == pytest.approx(np.abs(samples).max() / 32_768, abs=0.02)
    assert heard.share_of(np.repeat(samples, RATE // rate) / 32_768) > 0.9
    loud = np.flatnonzero(np.abs(heard.samples) > 0.05)
    first_ns, last_ns = (heard.start_ns + int(at) * NS_PER_S // RATE for at in (loud[0], loud[-1]))
    assert began_ns - 50 * NS_PER_MS < first_ns < last_ns < ended_ns + 50 * NS_PER_MS
    assert not speaker.heard().samples.any()


def test_a_recording_of_something_else_has_no_share() -> None:
    assert Heard(NOISE[:RATE], 0).share_of(NOISE[RATE:]) == 0


def test_a_gap_costs_what_falls_into_it() -> None:
    played = np.concatenate((np.zeros(1000), NOISE[:RATE], np.zeros(500), NOISE[RATE : RATE * 3 // 2]))
    assert Heard(played, 0).share_of(NOISE) == pytest.approx(0.75, abs=0.02)


def test_without_a_sound_server_there_is_none_and_its_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(SoundCardError, match="install pulseaudio and pulseaudio-utils"):
        SoundCard().start()
