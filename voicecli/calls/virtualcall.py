"""A call on a virtual clock: client and server in one event loop, codecs and VAD computed for real, and engines that
wait for nothing but that loop. It is over as soon as it is computed, and gives the same figures each time.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import NamedTuple

import msgspec
from msgspec import structs

from voicecli.calls.call import CallSettings, first_of, place_call
from voicecli.calls.take import Take, concluded
from voicecli.calls.virtualtime import VirtualDeadlock, VirtualLoop, run_virtual
from voicecli.client.memorywire import wire
from voicecli.client.transport import CallError
from voicecli.exits import CliError, ExitCode
from voicecli.fixtures.fixture import Fixture, Utterance
from voicecli.fixtures.microphone import Recording
from voiceserver import logs
from voiceserver.engines import registry
from voiceserver.engines.registry import Role
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import EngineSpec, SpecError, did_you_mean, explain
from voiceserver.service import Service
from voiceserver.settings import LogFormat, LogLevel, ServerSettings, SettingsError, load
from voiceserver.transport import Disconnected
from voicewire.messages import EngineInfo, Engines, TurnDetection

DEFAULTS = {
    "vad": "silero",
    "stt": "scripted(final=150ms)",
    "llm": "scripted(ttft=300ms, pace=20ms)",
    "tts": "scripted(ttfb=100ms)",
}
"""Engines where neither a flag nor the environment names another: the delays are typical ones of cloud services."""

WALL_TIME = "2026-01-05T10:00"
"""What a scripted persona says the time is: the real one would change the length of its answers."""


HEARD_PAUSE_MS = 200
"""Of a pause that splits an utterance, a recogniser hears at least so much."""


Watcher = Callable[[str | bytes, int], None]
"""Is shown each message that the server sends, and when."""


class VirtualServer:
    """The server of virtual calls; settings from `flags` (None is not given) and `env`.

    Raises CliError, where an engine cannot run on a virtual clock too.
    """

    def __init__(self, flags: Mapping[str, object], env: Mapping[str, str]) -> None:
        try:
            own = {"auth": "none", "tls": "off"}
            defaults = "".join(f'{role} = "{engine}"\n' for role, engine in DEFAULTS.items())
            self._settings = load({**flags, **own}, env, defaults)
            self._specs = {role: self._settings.engine(role) for role in Role}
            for role, spec in self._specs.items():
                _check(role, spec)
            self._told = Engines(**{role.value: _described(role, spec) for role, spec in self._specs.items()})
        except (SettingsError, SpecError) as error:
            raise CliError(str(error), ExitCode.USAGE) from error
        except EngineError as error:
            raise CliError(str(error), ExitCode.SERVER_FAILED) from error

    @property
    def pipeline(self) -> str:
        return self._settings.pipeline.value

    @property
    def engines(self) -> Engines:
        """As clients are told of them."""
        return self._told

    def take(
        self,
        fixture: Fixture,
        recording: Recording,
        settings: CallSettings,
        watch: Watcher = lambda data, now_ns: None,
    ) -> Take:
        """One call, to a server that has had none before. Not to be called in a running event loop.

        Raises CliError.
        """
        logs.configure(LogLevel.WARNING, LogFormat.TEXT)
        loop = VirtualLoop()
        try:
            return run_virtual(self._taken(fixture, recording, settings, watch, loop), loop)
        except EngineError as error:
            raise CliError(str(error), ExitCode.SERVER_FAILED) from error
        except VirtualDeadlock as error:
            sentence = f"--virtual: {error}; an engine must wait for timers of the event loop alone"
            raise CliError(sentence, ExitCode.SERVER_FAILED) from error

    async def _taken(
        self, fixture: Fixture, recording: Recording, settings: CallSettings, watch: Watcher, loop: VirtualLoop
    ) -> Take:
        served = self._served(fixture)
        try:
            async with Service(served, loop) as service, asyncio.TaskGroup() as tasks:
                service.engines = self._told
                client_end, server_end = wire(Disconnected)
                server_end.watch = lambda data: watch(data, loop.now_ns())
                tasks.create_task(service.converse(server_end), name="serve")
                try:
                    record = await place_call(fixture, recording, client_end, loop, settings)
                finally:
                    await client_end.close()
        except* CallError as failed:
            raise CliError(str(first_of(failed)), ExitCode.NO_CONNECTION) from None
        return concluded(fixture, record, served.silence_ms)

    def _served(self, fixture: Fixture) -> ServerSettings:
        """The settings for a call with one fixture, whose words scripted engines hear and answer."""
        scripted: dict[Role, Mapping[str, str | float]] = {
            Role.STT: hearing(fixture),
            Role.LLM: {"now": WALL_TIME},
        }
        filled = {
            role.value: EngineSpec(spec.name, {**scripted[role], **spec.settings})
            for role, spec in self._specs.items()
            if spec.name == "scripted" and role in scripted and "text" not in spec.settings
        }
        return structs.replace(self._settings, **filled)


def hearing(fixture: Fixture) -> dict[str, str | float]:
    """Settings of a scripted recogniser that hears what the fixture says, wherever a VAD splits it."""
    spoken = [utterance for utterance in fixture.utterances if utterance.segments_ms]
    words_ms = [
        (utterance.segments_ms[-1][1] - utterance.segments_ms[0][0] - _unheard_ms(utterance)) / len(words)
        for utterance in spoken
        if (words := utterance.text.split())
    ]
    # A recogniser is given some audio before and after the speech, too: no word is left over.
    return {"text": "|".join(utterance.text for utterance in spoken), "word": math.floor(min(words_ms, default=0))}


def _unheard_ms(utterance: Utterance) -> float:
    """The part of its pauses that no recogniser is given."""
    ends = zip(utterance.segments_ms, utterance.segments_ms[1:], strict=False)
    return sum(max(0.0, after[0] - before[1] - HEARD_PAUSE_MS) for before, after in ends)


def _check(role: Role, spec: EngineSpec) -> None:
    """Raises SpecError where an engine waits for anything but the event loop. A VAD never waits."""
    if role is Role.VAD or getattr(registry.engine_class(role, spec.name), "waits_on_loop", False):
        return
    raise SpecError(
        f"--{role} {spec.name} works in real time, which a virtual clock has none of; choose --{role} scripted, whose"
        f" delays are settings, such as '{DEFAULTS[role]}', or do without the virtual clock"
    )


def _described(role: Role, spec: EngineSpec) -> EngineInfo:
    """As a run of several fixtures tells of the engine: without the words that each fixture gives it."""
    told = registry.describe(role, spec)
    if role is Role.STT and spec.name == "scripted" and "text" not in spec.settings:
        of_fixture = ("text", "word")
        return EngineInfo(told.name, {key: value for key, value in told.settings.items() if key not in of_fixture})
    return told


# --- settings that are tried one after another

_NOT_OF_TURNS = (
    *("port", "auth", "insecure_no_auth", "trust_proxy", "tls", "log_level", "log_format", "pipeline", "lead_ms"),
    *("sessions", "sessions_per_address", "session_length_ms", "max_message_bytes"),
    *("idle_timeout_ms", "llm_timeout_ms", "tts_timeout_ms"),
)
"""Settings of the server that decide nothing about when a turn ends. Texts are left out, too."""

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


def in_effect(names: Iterable[str], flags: Mapping[str, str], env: Mapping[str, str]) -> dict[str, object]:
    """What the settings are without being swept, as far as there is one value for all fixtures."""
    settings = load(flags, env)
    engines = {
        role: registry.describe(role, flags.get(role.value) or DEFAULTS[role.value]).settings for role in _HEARING
    }
    values = {}
    for name in names:
        role, dot, setting = name.partition(".")
        values[name] = engines[Role(role)].get(setting) if dot else getattr(settings, name, None)
    return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}
