"""Finding engines by name, through the entry points that packages declare.

A package offers an engine in one of the groups `voicecli.vad`, `voicecli.stt`, `voicecli.llm`, `voicecli.tts` and
`voicecli.end_of_turn`:

    [project.entry-points."voicecli.tts"]
    mine = "my_package.speech:MyTts"

The class fills a role of `voiceserver.engines.roles`, has its settings as `Settings` (a frozen msgspec Struct with
`forbid_unknown_fields`), and is constructed with one. It is imported when it is chosen, and not before.
"""

import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, Protocol, cast, overload

import msgspec

from voiceserver.engines.roles import EndOfTurn, Engine, EngineError, Llm, Stt, Tts, Vad
from voiceserver.engines.spec import EngineSpec, SpecError, did_you_mean, public_settings
from voicewire.messages import EngineInfo

Source = str | Mapping[str, Any] | EngineSpec
"""An engine as people name it: see `voiceserver.engines.spec`."""

_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+).*;.*\bextra\s*==\s*['"]([^'"]+)['"]""")


class Role(StrEnum):
    VAD = "vad"
    STT = "stt"
    LLM = "llm"
    TTS = "tts"
    END_OF_TURN = "end_of_turn"

    @property
    def flag(self) -> str:
        """The command line's name for it."""
        return f"--{self.value.replace('_', '-')}"


PIPELINE = (Role.VAD, Role.STT, Role.LLM, Role.TTS)
"""The roles that every server fills."""


class EngineClass(Protocol):
    """What an entry point names."""

    Settings: type[msgspec.Struct]

    def __call__(self, settings: Any, /) -> Engine: ...


@overload
def create(role: Literal[Role.VAD], source: Source) -> Vad: ...
@overload
def create(role: Literal[Role.STT], source: Source) -> Stt: ...
@overload
def create(role: Literal[Role.LLM], source: Source) -> Llm: ...
@overload
def create(role: Literal[Role.TTS], source: Source) -> Tts: ...
@overload
def create(role: Literal[Role.END_OF_TURN], source: Source) -> EndOfTurn: ...
@overload
def create(role: Role, source: Source) -> Engine: ...
def create(role: Role, source: Source) -> Engine:
    """The engine, not started yet.

    Raises SpecError for a name or a setting that is wrong, EngineError where a library it needs is missing.
    """
    entry, engine, settings = _resolve(role, source)
    try:
        return engine(settings)
    except ImportError as error:
        raise _unloadable(entry, error) from error


def describe(role: Role, source: Source) -> EngineInfo:
    """The engine's name and its settings in effect, as clients are told them: without private ones.

    Raises as `create` does.
    """
    entry, _, settings = _resolve(role, source)
    return EngineInfo(entry.name, public_settings(settings))


def available(role: Role) -> list[str]:
    """The names of all engines of a role that are declared; whether their libraries are there is not tried."""
    return sorted(_declared(role))


def engine_class(role: Role, name: str) -> EngineClass:
    """The class behind a name, imported. Raises SpecError and EngineError."""
    return _load(role, _entry(role, name))


def _resolve(role: Role, source: Source) -> tuple[EntryPoint, EngineClass, msgspec.Struct]:
    try:
        spec = EngineSpec.of(source)
    except SpecError as error:
        raise SpecError(f"{role.flag}: {error}") from None
    entry = _entry(role, spec.name)
    engine = _load(role, entry)
    return entry, engine, spec.convert(engine.Settings, where=f"{role.flag} {spec.name}")


def _declared(role: Role) -> dict[str, set[str]]:
    """Names with what they stand for. One package may be seen twice on the path; two may claim one name."""
    declared: dict[str, set[str]] = {}
    for entry in _entry_points(role):
        declared.setdefault(entry.name, set()).add(entry.value)
    return declared


def _entry(role: Role, name: str) -> EntryPoint:
    declared = _declared(role)
    if name not in declared:
        raise SpecError(f"{role.flag}: there is no engine {name}{did_you_mean(name, declared)}")
    if len(declared[name]) > 1:
        raise EngineError(
            f"{role.flag} {name}: two packages offer an engine of this name ({', '.join(sorted(declared[name]))});"
            " uninstall one of them"
        )
    return next(entry for entry in _entry_points(role) if entry.name == name)


def _entry_points(role: Role) -> tuple[EntryPoint, ...]:
    return _on_path(f"voicecli.{role}", tuple(sys.path))


@lru_cache(maxsize=32)
def _on_path(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Kept, because it reads what all packages declare: a third of the time that a call on a virtual clock takes."""
    return tuple(entry_points(group=group))


def _load(role: Role, entry: EntryPoint) -> EngineClass:
    try:
        loaded = entry.load()
    except (ImportError, AttributeError, OSError) as error:
        raise _unloadable(entry, error) from error
    settings = getattr(loaded, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, msgspec.Struct)):
        raise EngineError(
            f"{role.flag} {entry.name}: {entry.value} has no settings class named Settings; it is no engine"
        )
    return cast(EngineClass, loaded)


def _unloadable(entry: EntryPoint, error: Exception) -> EngineError:
    module = (getattr(error, "name", None) or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not module or module == entry.module.partition(".")[0]:
        return EngineError(f"engine {entry.name} cannot be loaded: {error}")
    extra = _extra_with(entry, module)
    install = f"pip install '{entry.dist.name}[{extra}]'" if extra and entry.dist else f"install {module}"
    return EngineError(f"engine {entry.name} needs the library {module}, which is not installed: {install}")


def _extra_with(entry: EntryPoint, module: str) -> str:
    """The extra of the engine's own package that brings a library, or ""."""
    for requirement in (entry.dist.requires if entry.dist else None) or []:
        found = _REQUIREMENT.match(requirement)
        if found and found[1].lower().replace("-", "_").replace(".", "_") == module.lower():
            return found[2]
    return ""
