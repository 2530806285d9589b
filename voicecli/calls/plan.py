"""What calls are to be made: with which fixtures, how often, and over what link."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from voicecli.calls.call import CallSettings, turn_detection
from voicecli.calls.netproxy import Network
from voicecli.calls.network import LinkSettings, NetworkError, parsed
from voicecli.exits import CliError, ExitCode
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import AudioCodec, Fixture, FixtureError
from voicecli.fixtures.microphone import Recording, record
from voicecli.fixtures.oggopus import OggOpusError
from voicecli.fixtures.wavfile import WavError
from voicewire.formats import FRAME_MS

MOST_PADDING_MS = 100
"""Longer audio than the fixture tells of may be a mistake; codecs pad by less."""


class InputCodec(StrEnum):
    OPUS = "opus"
    PCM_S16LE = "pcm_s16le"


class Planned(NamedTuple):
    """A fixture, and its audio as it is sent."""

    fixture: Fixture
    recording: Recording

    @property
    def unsaid(self) -> str | None:
        """A sentence where the audio goes on after what `fixture.toml` tells of it."""
        held_ms, told_ms = len(self.recording.payloads) * FRAME_MS, self.fixture.end_ms
        if held_ms - told_ms <= MOST_PADDING_MS:
            return None
        return (
            f"{self.fixture.audio_path()} holds {held_ms} ms, and fixture.toml speaks of {told_ms} ms: the rest is not"
            " sent"
        )


class PlannedLink(NamedTuple):
    """A bad link, as it was asked for."""

    text: str
    settings: LinkSettings
    seed: int

    def __str__(self) -> str:
        return f"{self.text} seed={self.seed}"

    def of_call(self, fixture: str, number: int) -> Network:
        """Each call has a link of its own, the same in every run."""
        return Network(self.settings, f"{self.seed} {fixture} {number}")


class Plan(NamedTuple):
    fixtures: list[Planned]
    repeat: int
    """Calls with each fixture."""
    call: CallSettings
    save_audio: Path | None
    """A folder that is there."""
    link: PlannedLink | None

    @property
    def calls(self) -> int:
        """To each server."""
        return self.repeat * len(self.fixtures)


def planned(paths: Iterable[Path], codec: InputCodec | None = None) -> list[Planned]:
    """The fixtures at these paths and below, read; `codec` wins over what they are given as. Raises CliError."""
    return [_planned(found, codec) for path in paths for found in fixtures.found_in(path)]


def _planned(path: Path, codec: InputCodec | None) -> Planned:
    try:
        fixture = fixtures.load(path)
        if codec is not None:
            wanted = AudioCodec.OPUS if codec is InputCodec.OPUS else AudioCodec.WAV
            fixture = fixtures.load(fixture.audio_path(wanted))
        turn_detection(fixture)
        return Planned(fixture, record(fixture))
    except (FixtureError, OggOpusError, WavError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def link(text: str | None, seed: int) -> PlannedLink | None:
    """What `--net` says. Raises CliError."""
    if text is None:
        return None
    try:
        return PlannedLink(" ".join(text.split()), parsed(text), seed)
    except NetworkError as error:
        raise CliError(f"--net: {error}", ExitCode.USAGE) from error


def audio_folder(path: Path | None) -> Path | None:
    """What `--save-audio` says, made. Raises CliError."""
    if path is not None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CliError(f"--save-audio {path}: {error.strerror}", ExitCode.USAGE) from error
    return path
