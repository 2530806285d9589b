"""Settings of the server of virtual calls: its engines, how slow they are, and what can be tried of it."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

import msgspec

from voicecli.exits import CliError, ExitCode
from voicecli.serversettings import settled
from voiceserver.clauses import ClauseSplitter
from voiceserver.engines import registry
from voiceserver.engines.registry import Role
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import EngineSpec, SpecError, did_you_mean, explain
from voiceserver.settings import ServerSettings, SettingsError
from voicewire.messages import EngineInfo, TurnDetection

DEFAULTS = {
    "vad": "silero",
    "stt": "scripted(final=150ms)",
    "llm": "scripted(ttft=300ms, pace=20ms)",
    "tts": "scripted(ttfb=100ms)",
}
"""Engines where neither a flag nor the environment names another: the delays are typical ones of cloud services."""

EXAMPLES = {**DEFAULTS, Role.END_OF_TURN: "scripted(probability=0.9, delay=100ms)"}

_DELAYS = {"stt": "final", "llm": "ttft", "tts": "ttfb"}
"""The setting of a scripted engine of each role that it is known by."""

_NOT_OF_TURNS = (
    *("port", "auth", "insecure_no_auth", "trust_proxy", "tls", "log_level", "log_format", "pipeline", "lead_ms"),
    *("sessions", "sessions_per_address", "session_length_ms", "max_message_bytes"),
    *("idle_timeout_ms", "llm_timeout_ms", "tts_timeout_ms", "anticipate_after"),
)
"""Settings of the server that decide nothing about when a turn ends, or nothing of virtual calls, which teach nothing.
Texts are left out, too."""

SCRIPTED = ("stt", "llm", "llm_url", "llm_model", "tts")
"""Settings of engines that a server in real time has others for than one on a virtual clock can have."""

_HEARING = (Role.VAD, Role.STT)


class Tried(NamedTuple):
    """Settings as they reach a server."""

    turn_detection: dict[str, bool | int | float | str]
    """Asked for in `session_start`."""
    flags: dict[str, str]
    """Of the server itself."""


def tried(values: Mapping[str, bool | int | float | str], flags: Mapping[str, str]) -> Tried:
    """Settings by name: of turn detection, of the server, or of one of the engines that hear, such as `vad.threshold`.

    Raises CliError for a name or a value that there is not.
    """
    engines = {role: EngineSpec.of(flags.get(role.value) or DEFAULTS[role.value]) for role in _HEARING}
    turn_detection: dict[str, bool | int | float | str] = {}
    server = dict(flags)
    try:
        for name, value in values.items():
            role, dot, setting = name.partition(".")
            if name not in (names := tunable(engines)):
                raise SpecError(f"--sweep: there is no setting {name}{did_you_mean(name, names)}")
            if dot:
                spec = engines[Role(role)]
                engines[Role(role)] = EngineSpec(spec.name, {**spec.settings, setting: value})
                continue
            asked = name in TurnDetection.__struct_fields__
            EngineSpec("", {name: value}).convert(TurnDetection if asked else ServerSettings, where="--sweep")
            if asked:
                turn_detection[name] = value
            else:
                server[name] = str(value).lower() if isinstance(value, bool) else str(value)
        for role, spec in engines.items():
            registry.describe(role, spec)
    except SpecError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    except EngineError as error:
        raise CliError(str(error), ExitCode.SERVER_FAILED) from error
    return Tried(turn_detection, server | {role.value: str(spec) for role, spec in engines.items()})


def tunable(engines: Mapping[Role, EngineSpec]) -> list[str]:
    """The names that can be tried. Raises SpecError and EngineError for an engine that there is not."""
    of_server = [
        field.name
        for field in msgspec.structs.fields(ServerSettings)
        if field.name not in _NOT_OF_TURNS and isinstance(field.default, bool | int | float | Enum)
    ]
    of_turns = [name for name in TurnDetection.__struct_fields__ if name != "mode"]
    of_engines = [
        f"{role.value}.{setting.name}"
        for role, spec in engines.items()
        for setting in explain(registry.engine_class(role, spec.name).Settings)
    ]
    return [*dict.fromkeys(of_turns + of_server), *of_engines]


def own_vad(env: Mapping[str, str]) -> str:
    """The VAD that a server here would have. Raises CliError."""
    try:
        return str(settled({}, env, defaults={"vad": DEFAULTS["vad"]}, flags_alone=SCRIPTED).engine(Role.VAD))
    except SettingsError as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def in_effect(names: Iterable[str], flags: Mapping[str, str], env: Mapping[str, str]) -> dict[str, object]:
    """What the settings are without being swept, as far as there is one value for all fixtures."""
    settings = settled(flags, env, flags_alone=SCRIPTED)
    engines = {
        role: registry.describe(role, flags.get(role.value) or DEFAULTS[role.value]).settings for role in _HEARING
    }
    values = {}
    for name in names:
        role, dot, setting = name.partition(".")
        values[name] = engines[Role(role)].get(setting) if dot else getattr(settings, name, None)
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}


def scripted(role: str, text: str, settings: Mapping[str, str | float]) -> str:
    """A scripted engine as it is written, with `settings` where it says nothing of them; `delay` is short for the
    setting that the role's engine is known by. Raises CliError.
    """
    try:
        spec = EngineSpec.parse(text)
        given = {_DELAYS[role] if name == "delay" else name: value for name, value in spec.settings.items()}
        filled = EngineSpec(spec.name, {**settings, **given})
        registry.describe(Role(role), filled)
    except SpecError as error:
        raise CliError(f"{role}: {error}", ExitCode.USAGE) from error
    return str(filled)


def delay_ms(role: str, engine: str) -> float:
    """What the engine is known by. Raises SpecError."""
    return float(registry.describe(Role(role), engine).settings[_DELAYS[role]])


def known_vad(told: EngineInfo | None) -> str | None:
    """The VAD that was used in a call, where it is here, too."""
    if told is None:
        return None
    spec = EngineSpec(told.name, dict(told.settings))
    try:
        registry.describe(Role.VAD, spec)
    except (SpecError, EngineError):
        return None
    return str(spec)


def words(text: str) -> int:
    """Tokens that a scripted language model says a reply with."""
    return len(text.split())


def words_of_first_clause(text: str) -> int:
    """Of them, those that are said by when the first clause can be spoken."""
    splitter = ClauseSplitter()
    for number, token in enumerate(re.findall(r"\S+\s*", text), start=1):
        if splitter.push(token):
            return number
    return words(text)
