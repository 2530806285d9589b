"""Exceptions of the sound package.

Exception
└── SoundError          there is no sound, or it broke off; the message is a sentence for a person, with what to do
    └── NoSuchDevice    a device was asked for that is not there, or that several names fit
"""

WITHOUT_A_CARD = "--input FILE.wav and --output FILE.wav work without a sound card"


class SoundError(Exception):
    """The sound cannot be had, or broke off."""


class NoSuchDevice(SoundError):
    """The device asked for is not there, or not the only one of that name."""
