"""A sound card without hardware for the program in a terminal."""

import ctypes.util
from collections.abc import Iterator

import pytest

from tests.soundcard import SoundCard, missing_packages


@pytest.fixture(scope="session")
def card() -> Iterator[SoundCard]:
    if ctypes.util.find_library("portaudio") is None:
        pytest.skip("needs PortAudio: install the packages libportaudio2 and libasound2-plugins")
    if missing := missing_packages():
        pytest.skip(f"needs a sound server: install {' and '.join(missing)}")
    with SoundCard() as card:
        yield card
