"""A call on a virtual clock: client and server in one event loop, codecs and VAD computed for real, and engines that
wait for nothing but that loop. It is over as soon as it is computed, and gives the same figures each time.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping

from msgspec import structs

from voicecli.calls.call import CallSettings, first_of, place_call
from voicecli.calls.localserver import described
from voicecli.calls.take import Take, concluded
from voicecli.calls.virtualsettings import DEFAULTS, EXAMPLES
from voicecli.calls.virtualtime import VirtualDeadlock, VirtualLoop, run_virtual
from voicecli.client.memorywire import wire
from voicecli.client.transport import CallError
from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import Server
from voicecli.fixtures.fixture import TOML_NAME, Fixture, Kind, words
from voicecli.fixtures.microphone import Recording
from voicecli.fixtures.truth import SpokenTruth
from voicecli.serversettings import settled
from voiceserver import logs
from voiceserver.engines import registry
from voiceserver.engines.registry import Role
from voiceserver.engines.roles import EngineError, Tts
from voiceserver.engines.scripted.stt import ScriptedStt, Spoken
from voiceserver.engines.spec import EngineSpec, SpecError
from voiceserver.service import Service, callers_of
from voiceserver.settings import LogFormat, LogLevel, ServerSettings, SettingsError
from voiceserver.transport import Disconnected
from voicewire.clock import NS_PER_S
from voicewire.messages import EngineInfo, Engines

WALL_TIME = "2026-01-05T10:00"
"""What a scripted persona says the time is: the real one would change the length of its answers."""


Watcher = Callable[[str | bytes, int], None]
"""Is shown each message that the server sends, and when."""


class VirtualServer:
    """The server of virtual calls; settings from `flags` (None is not given), `env` and the TOML file that this names,
    but of the fields `flags_alone` from flags.

    Raises CliError, where an engine cannot run on a virtual clock too. `tts` takes the place of the one asked for.
    Each call finds it as new, but one that `learns` from its callers knows what those before have said.
    """

    def __init__(
        self,
        flags: Mapping[str, object],
        env: Mapping[str, str],
        *,
        flags_alone: Collection[str] = (),
        tts: Tts | None = None,
        learns: bool = False,
    ) -> None:
        self._tts = tts
        try:
            own = {"auth": "none", "tls": "off"}
            learned = {} if learns else {"anticipate_after": "0"}
            given = {**flags, **own, **learned}
            self._settings = settled(given, env, defaults=DEFAULTS, flags_alone=flags_alone)
            self._specs = self._settings.engines()
            for role, spec in self._specs.items():
                _check(role, spec)
            self._callers = callers_of(self._settings) if learns else None
            described = {role: _described(role, spec) for role, spec in self._specs.items()}
            self._told = Engines(**{role.value: described[role] for role in registry.PIPELINE})
        except (SettingsError, SpecError) as error:
            raise CliError(str(error), ExitCode.USAGE) from error
        except EngineError as error:
            raise CliError(str(error), ExitCode.SERVER_FAILED) from error

    @property
    def told(self) -> Server:
        """Those of its settings that no message tells."""
        return described(self._settings, virtual=True)

    @property
    def engines(self) -> Engines:
        """As clients are told of them."""
        return self._told

    def check(self, fixture: Fixture) -> None:
        """Raises CliError for one that has no words to be heard, where the recogniser hears those of the fixture."""
        if not self._hears_words:
            return
        for number, utterance in enumerate(fixture.utterances, start=1):
            if utterance.kind is Kind.SPEECH and not words(utterance.text):
                raise CliError(
                    f"{fixture.folder / TOML_NAME}: utterance {number} has no text, which is what a scripted recogniser"
                    " hears; write there what is said",
                    ExitCode.USAGE,
                )

    def take(
        self,
        fixture: Fixture,
        recording: Recording,
        settings: CallSettings,
        watch: Watcher = lambda data, now_ns: None,
    ) -> Take:
        """One call. Not to be called in a running event loop.

        Raises CliError.
        """
        self.check(fixture)
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
        served = self._served()
        truth = SpokenTruth(schedule=recording.schedule)
        try:
            stt = self._hearing(truth)
            async with (
                Service(served, loop, stt=stt, tts=self._tts, callers=self._callers) as service,
                asyncio.TaskGroup() as tasks,
            ):
                service.engines = self._told
                client_end, server_end = wire(Disconnected)
                server_end.watch = lambda data: watch(data, loop.now_ns())
                tasks.create_task(service.converse(server_end), name="serve")
                try:
                    record = await place_call(fixture, recording, client_end, loop, settings, truth=truth)
                finally:
                    await client_end.close()
        except* CallError as failed:
            raise CliError(str(first_of(failed)), ExitCode.NO_CONNECTION) from None
        return concluded(fixture, record, self.told.fixed_silence_ms)

    def _served(self) -> ServerSettings:
        """The settings for one call."""
        llm = self._specs[Role.LLM]
        if llm.name != "scripted":
            return self._settings
        return structs.replace(self._settings, llm=EngineSpec(llm.name, {"now": WALL_TIME, **llm.settings}))

    @property
    def _hears_words(self) -> bool:
        """Of the fixture: the recogniser is scripted, and has no script of its own."""
        spec = self._specs[Role.STT]
        return spec.name == "scripted" and "text" not in spec.settings

    def _hearing(self, truth: SpokenTruth) -> ScriptedStt | None:
        """A scripted recogniser without a script of its own: hears the words of what is said in the call."""
        if not self._hears_words:
            return None

        def said(start_s: float, end_s: float) -> Spoken:
            start_ns, end_ns = round(start_s * NS_PER_S), round(end_s * NS_PER_S)
            return Spoken(truth.words_between(start_ns, end_ns), truth.utterance_by(end_ns))

        return ScriptedStt(self._specs[Role.STT].convert(ScriptedStt.Settings), said)


def _check(role: Role, spec: EngineSpec) -> None:
    """Raises SpecError where an engine waits for anything but the event loop. A VAD never waits."""
    if role is Role.VAD or getattr(registry.engine_class(role, spec.name), "waits_on_loop", False):
        return
    raise SpecError(
        f"{role.flag} {spec.name} works in real time, which a virtual clock has none of; choose {role.flag} scripted,"
        f" whose delays are settings, such as '{EXAMPLES[role]}', or do without the virtual clock"
    )


def _described(role: Role, spec: EngineSpec) -> EngineInfo:
    """As a run of several fixtures tells of the engine: without the words that each fixture gives it."""
    told = registry.describe(role, spec)
    if role is Role.STT and spec.name == "scripted" and "text" not in spec.settings:
        of_fixture = ("text", "word")
        return EngineInfo(told.name, {key: value for key, value in told.settings.items() if key not in of_fixture})
    return told
