"""A sound card without hardware for the program in a terminal."""

import ctypes.util
from collections.abc import Iterator

import pytest

from tests.soundcard import SoundCard, SoundCardError


@pytest.fixture(scope="session")
def card() -> Iterator[SoundCard]:
    if ctypes.util.find_library("portaudio") is None:
        pytest.skip("needs PortAudio: install the packages libportaudio2 and libasound2-plugins")
    try:
        with SoundCard() as card:
            yield card
    except SoundCardError as error:
        pytest.skip(str(error))
