"""Fixtures called on a virtual clock with one setting after another: what a worker process does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from voicecli.calls.call import CallSettings, turn_detection
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.calls.virtualsettings import DEFAULTS, SCRIPTED, Tried, tried
from voicecli.exits import CliError, ExitCode
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import TOML_NAME, Fixture, FixtureError, Kind, When
from voicecli.fixtures.microphone import Recording, record
from voicecli.fixtures.oggopus import OggOpusError
from voicecli.fixtures.wavfile import WavError
from voicecli.tuning.clip import Clip, clip
from voicecli.tuning.cutoffs import UtteranceResult, judged
from voicecli.tuning.sweep import Setting
from voicewire.messages import TurnDetectionMode

SHORT_REPLY = "scripted(text='All right, I see to that at once.', ttft=300ms, pace=20ms)"
"""Long enough to be spoken over by a caller who was cut off. Where a fixture speaks into a reply, it is given
a whole one."""


class Labelled(NamedTuple):
    """A fixture, and what tells it from the others."""

    label: str
    path: Path


class Planned(NamedTuple):
    label: str
    fixture: Fixture
    recording: Recording


class Bench:
    """Calls; each one is to a server that has had none before. `setting` and `fixture` are indices."""

    def __init__(
        self,
        planned: Sequence[Planned],
        settings: Sequence[Setting],
        engines: Mapping[str, str],
        env: Mapping[str, str],
    ) -> None:
        self._planned = planned
        self._settings = settings
        self._engines = engines
        self._env = env
        self._tried: dict[int, Tried] = {}
        self._servers: dict[tuple[int, bool], VirtualServer] = {}

    def check(self) -> None:
        """Raises CliError for a fixture that cannot be called."""
        for each in self._planned:
            self.server(0).check(each.fixture)

    def results(self, setting: int, fixture: int) -> list[UtteranceResult]:
        """Raises CliError."""
        taken = self._take(setting, fixture)
        return judged(self._planned[fixture].label, taken.fixture, taken.record)

    def clip(self, setting: int, fixture: int, utterance: int) -> Clip:
        """How the utterance was cut off first. Raises CliError."""
        taken = self._take(setting, fixture)
        label = self._planned[fixture].label
        result = next(each for each in judged(label, taken.fixture, taken.record) if each.utterance == utterance)
        return clip(taken.fixture, taken.record, result)

    def server(self, setting: int, *, whole_reply: bool = False) -> VirtualServer:
        """Raises CliError."""
        key = (setting, whole_reply)
        if key not in self._servers:
            flags = self._as_tried(setting).flags
            llm = DEFAULTS["llm"] if whole_reply else SHORT_REPLY
            chosen = {**flags, "llm": llm, "tts": DEFAULTS["tts"]}
            self._servers[key] = VirtualServer(chosen, self._env, flags_alone=SCRIPTED)
        return self._servers[key]

    def _as_tried(self, setting: int) -> Tried:
        if setting not in self._tried:
            self._tried[setting] = tried(dict(self._settings[setting]), self._engines)
        return self._tried[setting]

    def _take(self, setting: int, fixture: int) -> Take:
        planned = self._planned[fixture]
        asked = self._as_tried(setting).turn_detection
        session = planned.fixture.session
        swept = structs.replace(
            planned.fixture,
            session=structs.replace(session, turn_detection={**session.turn_detection, **asked}),
        )
        speaks_into_reply = any(utterance.when is When.INTO_REPLY for utterance in swept.utterances)
        server = self.server(setting, whole_reply=speaks_into_reply)
        return server.take(swept, planned.recording, CallSettings())


def found(paths: Sequence[Path]) -> list[Labelled]:
    """The fixtures named, and those in folders at any depth, each once. Raises CliError."""
    by_folder: dict[Path, Labelled] = {}
    for path in paths:
        below = sorted(path.rglob(TOML_NAME)) if path.is_dir() and not (path / TOML_NAME).exists() else []
        for each in [toml.parent for toml in below] or [path]:
            label = each.relative_to(path).as_posix() if below else _name(path)
            by_folder.setdefault(each.resolve(), Labelled(label, each))
    labelled = list(by_folder.values())
    labels = [each.label for each in labelled]
    return [each if labels.count(each.label) == 1 else Labelled(each.path.as_posix(), each.path) for each in labelled]


def _name(path: Path) -> str:
    folder = path if path.is_dir() else path.parent
    return folder.resolve().name


def planned(labelled: Sequence[Labelled]) -> list[Planned]:
    """Those that have speech whose end a server has to find. Raises CliError."""
    loaded = [_loaded(each) for each in labelled]
    return [each for each in loaded if _is_endpointed(each.fixture)]


def _loaded(each: Labelled) -> Planned:
    try:
        fixture = fixtures.load(each.path)
        turn_detection(fixture)
        return Planned(each.label, fixture, record(fixture))
    except (FixtureError, OggOpusError, WavError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def _is_endpointed(fixture: Fixture) -> bool:
    has_speech = any(utterance.kind is Kind.SPEECH for utterance in fixture.utterances)
    return has_speech and fixture.session.turn_detection.get("mode") != TurnDetectionMode.MANUAL.value
