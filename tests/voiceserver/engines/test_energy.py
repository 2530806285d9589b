import asyncio

import msgspec
import numpy as np
import pytest

from tests.voiceaudio.signals import noise
from voiceserver.engines.energy import EnergyDetector, EnergyVad


def detector(**settings: float) -> EnergyDetector:
    return EnergyVad(msgspec.convert(settings, EnergyVad.Settings)).detector()


def frame(dbfs: float) -> bytes:
    return np.full(320, round(32_768 * 10 ** (dbfs / 20)), "<i2").tobytes()


def probabilities(listener: EnergyDetector, dbfs: float, frames: int) -> list[float]:
    return [listener.probability(frame(dbfs)) for _ in range(frames)]


def test_a_frame_at_the_level_is_as_likely_speech_as_not() -> None:
    listener = detector(level=-45)
    probabilities(listener, -80, 10)
    assert probabilities(listener, -45, 1) == [pytest.approx(0.5, abs=0.01)]
    assert probabilities(listener, -40, 1)[0] > 0.95
    assert probabilities(listener, -50, 1)[0] < 0.05


def test_digital_silence_is_no_speech() -> None:
    assert detector().probability(bytes(640)) < 0.01


def test_speech_stands_out_of_the_noise_by_the_margin() -> None:
    listener = detector(level=-60, margin=9)
    probabilities(listener, -40, 10)
    assert probabilities(listener, -35, 1)[0] < 0.5
    assert probabilities(listener, -30, 1)[0] > 0.5


def test_steady_noise_is_no_speech_from_its_first_frame() -> None:
    samples = noise(32_000, 600)
    listener = detector()
    assert max(listener.probability(samples[at : at + 320].tobytes()) for at in range(0, 32_000, 320)) < 0.35


def test_noise_that_grows_is_known_for_noise_after_a_while() -> None:
    listener = detector()
    probabilities(listener, -70, 50)
    heard = probabilities(listener, -40, 50 * 20)
    assert heard[0] > 0.9
    assert heard[-1] < 0.1


def test_the_room_s_noise_survives_a_reset() -> None:
    listener = detector()
    probabilities(listener, -40, 10)
    listener.reset()
    assert probabilities(listener, -38, 1)[0] < 0.1


@pytest.mark.parametrize("setting", [{"level": 1}, {"margin": 0}])
def test_settings_out_of_range_name_their_field(setting: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{next(iter(setting))}"):
        detector(**setting)


def test_starting_and_closing_are_legal_at_any_time() -> None:
    vad = EnergyVad(EnergyVad.Settings())
    asyncio.run(vad.close())
    asyncio.run(vad.start())
    asyncio.run(vad.close())
