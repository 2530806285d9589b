"""The sound card's inputs and outputs, and which one is meant."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import ModuleType
from typing import NamedTuple

from voicecli.sound.errors import WITHOUT_A_CARD, NoSuchDevice, SoundError

NO_PORTAUDIO = (
    "the library PortAudio is missing: install it (Debian and Ubuntu: apt install libportaudio2; Fedora: dnf install "
    f"portaudio); {WITHOUT_A_CARD}"
)


class Direction(StrEnum):
    INPUT = "input"
    OUTPUT = "output"


class Device(NamedTuple):
    number: int
    """What PortAudio calls it until the devices are looked for again."""
    name: str
    host_api: str
    """The system that it is reached through: ALSA, Core Audio, WASAPI, ..."""
    input_channels: int
    output_channels: int
    rate: int
    """The one that it runs at by default."""
    is_default_input: bool
    is_default_output: bool

    def channels(self, direction: Direction) -> int:
        return self.input_channels if direction is Direction.INPUT else self.output_channels

    def is_default(self, direction: Direction) -> bool:
        return self.is_default_input if direction is Direction.INPUT else self.is_default_output


def portaudio() -> ModuleType:
    """The library sounddevice, which loads PortAudio. Raises SoundError where that is not installed."""
    try:
        import sounddevice
    except OSError:
        raise SoundError(NO_PORTAUDIO) from None
    module: ModuleType = sounddevice
    return module


def devices() -> list[Device]:
    """All that PortAudio found when it was loaded, or at the last `rescan`. Raises SoundError."""
    library = portaudio()
    host_apis = library.query_hostapis()
    default_input, default_output = library.default.device
    return [
        Device(
            number=number,
            name=found["name"],
            host_api=host_apis[found["hostapi"]]["name"],
            input_channels=found["max_input_channels"],
            output_channels=found["max_output_channels"],
            rate=round(found["default_samplerate"]),
            is_default_input=number == default_input and found["max_input_channels"] > 0,
            is_default_output=number == default_output and found["max_output_channels"] > 0,
        )
        for number, found in enumerate(library.query_devices())
    ]


def rescan() -> None:
    """Look for devices that came or went. No stream may be open: PortAudio lists them when it starts, and only then."""
    library = portaudio()
    library._terminate()
    library._initialize()


def choose(found: list[Device], direction: Direction, wanted: str | None = None) -> Device:
    """The device of that number or name, or of a name that holds those letters; without a wish, the default one.

    Raises SoundError where there is none at all, NoSuchDevice for a wish that fits none or several.
    """
    usable = [device for device in found if device.channels(direction)]
    if not usable:
        raise SoundError(f"there is no sound {direction} here: connect one, or do without: {WITHOUT_A_CARD}")
    if wanted is None:
        return next((device for device in usable if device.is_default(direction)), usable[0])
    if wanted.isdigit():
        matches = [device for device in usable if device.number == int(wanted)]
    else:
        matches = _named(usable, direction, wanted)
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(f"{device.number} ({device.name}, {device.host_api})" for device in matches)
        raise NoSuchDevice(f"{wanted!r} may be any of several {direction} devices; say its number: {names}")
    names = ", ".join(f"{device.number} ({device.name})" for device in usable)
    raise NoSuchDevice(f"there is no {direction} device {wanted!r}; there are {names}")


def _named(usable: list[Device], direction: Direction, wanted: str) -> list[Device]:
    """Whole names go before parts of them, and among equals the system that the default device is of."""
    letters = wanted.casefold()
    full = {device: f"{device.name}, {device.host_api}".casefold() for device in usable}
    whole = [device for device in usable if letters in (device.name.casefold(), full[device])]
    matches = whole or [device for device in usable if letters in full[device]]
    preferred = next((device.host_api for device in usable if device.is_default(direction)), None)
    return [device for device in matches if device.host_api == preferred] or matches


def same_again(found: list[Device], direction: Direction, device: Device) -> Device | None:
    """The device of before, which may have another number now."""
    alike = (
        other
        for other in found
        if (other.name, other.host_api) == (device.name, device.host_api) and other.channels(direction)
    )
    return next(alike, None)


@contextmanager
def libraries_hushed() -> Iterator[None]:
    """What the C libraries print to the process's stderr goes nowhere; what Python prints there goes on to it.

    ALSA and PortAudio report each trouble of a device there, in the middle of a screen that is drawn. VOICECLI_DEBUG
    lets them.
    """
    if os.environ.get("VOICECLI_DEBUG"):
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    before, before_original = sys.stderr, sys.__stderr__
    with os.fdopen(kept, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False) as stderr:
        os.dup2(nowhere, 2)
        if before is before_original:
            sys.stderr = stderr
        sys.__stderr__ = stderr  # type: ignore[misc]
        try:
            yield
        finally:
            stderr.flush()
            sys.stderr, sys.__stderr__ = before, before_original  # type: ignore[misc]
            os.dup2(kept, 2)
    os.close(kept)
    os.close(nowhere)
