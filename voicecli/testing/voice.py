"""The fixture `voice` of the pytest plugin: places calls, and keeps what they came to for the reports of their test."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from voicecli import proof
from voicecli.calls.call import CallSettings, first_of, turn_detection
from voicecli.calls.localserver import elsewhere
from voicecli.calls.netproxy import Network
from voicecli.calls.network import NetworkError, parsed
from voicecli.calls.take import Take, take
from voicecli.client.transport import CallError
from voicecli.exits import CliError
from voicecli.figures.samples import Called
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import TOML_NAME, AudioCodec, Fixture, FixtureError
from voicecli.fixtures.microphone import Recording, record
from voicecli.fixtures.oggopus import OggOpusError
from voicecli.fixtures.wavfile import WavError
from voicecli.testing.callthread import CallThread
from voicecli.testing.replayed import Replayed, Unreliable, VoiceError, asked, hold
from voicecli.testing.tally import Entry
from voicecli.testing.wanted import Settled, Wanted, WantedError, settled, wanted
from voicewire.clock import SystemClock

ATTEMPTS = 3
"""How often a call is placed until its own pace is kept."""


class Voice:
    """Calls an agent as recorded callers would. Waits for each call: in a test that is a coroutine, use a thread."""

    def __init__(
        self,
        thread: CallThread,
        folders: Sequence[Path],
        levels: Sequence[Wanted],
        default_url: Callable[[], str | None],
        skip: Callable[[str], BaseException] = Unreliable,
    ) -> None:
        """`folders` hold fixtures; `levels` are what markers and the command line say; `skip` as in Replayed."""
        self.replays: list[Replayed] = []
        """Those of this test so far."""
        self._thread = thread
        self._folders = folders
        self._levels = levels
        self._default_url = default_url
        self._skip = skip

    def replay(
        self,
        fixture: str | Path,
        *,
        expect: bool = True,
        codec: str | None = None,
        repeat: int | None = None,
        virtual: bool | None = None,
        url: str | None = None,
        net: str | None = None,
        net_seed: int | None = None,
        timeout_s: float | None = None,
        **own: str | int | None,
    ) -> Replayed:
        """Act out a fixture, `repeat` times, and hold the calls to what it expects, unless `expect` is false.

        `fixture` is a name in the folders of fixtures, or a path. `own` are settings of an own server: vad, stt, llm,
        tts, llm_url, llm_model, pipeline; and those of turn-taking: silence_ms, endpointing, speculation, ... Raises
        VoiceFailure, an AssertionError; VoiceError for what cannot be done.
        """
        __tracebackhide__ = True
        said = {"url": url, "virtual": virtual, "repeat": repeat, "net": net, "net_seed": net_seed}
        try:
            given = wanted("replay()", {**said, "timeout_s": timeout_s, **own})
            settings = settled([given, *self._levels], self._default_url)
            acted, recording = self._loaded(fixture, codec)
            with _logged_by_pytest():
                takes, again = self._placed(acted, recording, settings)
        except WantedError as error:
            raise VoiceError(str(error)) from None
        except CliError as error:
            raise VoiceError(error.message) from None
        replayed = Replayed(takes, settings.where, again, self._skip)
        self.replays.append(replayed)
        if expect:
            replayed.check_expectations()
        return replayed

    def check(self, *budgets: str) -> None:
        """Hold all calls of this test together to budgets. Raises VoiceFailure, VoiceError."""
        __tracebackhide__ = True
        hold(self._called, asked(budgets, "check"), self._skip)

    @property
    def _called(self) -> list[Called]:
        return [each for replayed in self.replays for each in replayed.called]

    def _loaded(self, named: str | Path, codec: str | None) -> tuple[Fixture, Recording]:
        __tracebackhide__ = True
        try:
            fixture = fixtures.load(self._found(named))
            if codec is not None:
                wanted_codec = {"opus": AudioCodec.OPUS, "pcm_s16le": AudioCodec.WAV}.get(codec)
                if wanted_codec is None:
                    raise VoiceError(f'"{codec}" is no codec; use opus or pcm_s16le')
                fixture = fixtures.load(fixture.audio_path(wanted_codec))
            turn_detection(fixture)
            return fixture, record(fixture)
        except (FixtureError, OggOpusError, WavError) as error:
            raise VoiceError(str(error)) from None

    def _found(self, named: str | Path) -> Path:
        __tracebackhide__ = True
        places = [folder / named for folder in self._folders]
        there = next((place for place in places if place.exists()), None)
        if there is not None:
            return there
        if isinstance(named, Path) or len(Path(named).parts) > 1:
            raise VoiceError(f"no fixture {named}; give the name of one, or a path from the root of the project")
        known = sorted({toml.parent.name for folder in self._folders for toml in folder.glob(f"*/{TOML_NAME}")})
        folders = ", ".join(str(folder) for folder in self._folders)
        have = f"there are {', '.join(known)}" if known else "there is none; record one with `voicecli record FOLDER`"
        raise VoiceError(f"no fixture {named} in {folders}; {have}; voicecli_fixtures names other folders")

    def _placed(self, fixture: Fixture, recording: Recording, settings: Settled) -> tuple[list[Take], int]:
        """The calls, and how many were placed again. Raises CliError, VoiceError."""
        call = CallSettings(
            timeout_s=settings.timeout_s,
            token=proof.token(None, os.environ),
            turn_detection=settings.turn_detection,
        )
        if settings.virtual:
            # A thread has no event loop yet, whatever the test runs in; and closing one there leaves the test's alone.
            with ThreadPoolExecutor(1) as pool:
                virtual = pool.submit(_virtual_take, fixture, recording, call, settings.own).result()
            return [virtual] * settings.repeat, 0
        takes, again = [], 0
        for number in range(1, settings.repeat + 1):
            network = _network(settings, fixture, number)
            for attempt in range(ATTEMPTS):
                taken = self._thread.run(lambda: self._taken(fixture, recording, call, settings, network))  # noqa: B023
                again += attempt > 0
                if taken.document.reliable:
                    break
            takes.append(taken)
        return takes, again

    async def _taken(
        self, fixture: Fixture, recording: Recording, call: CallSettings, settings: Settled, network: Network | None
    ) -> Take:
        local = elsewhere(settings.url, call) if settings.url else await self._thread.server(settings.own)
        silence_ms = local.told.fixed_silence_ms
        try:
            clock = SystemClock()
            return await take(
                local.url, fixture, recording, clock, call, lambda view, now_ns: None, silence_ms, network
            )
        except* CallError as failed:
            raise VoiceError(str(first_of(failed))) from None
        raise AssertionError("a take or an error")


def entry(replayed: Replayed) -> Entry:
    """A replay for the summary. A call in virtual time counts once: it was computed once."""
    of_calls = list({id(taken): taken for taken in replayed.takes}.values())
    return Entry(
        fixture=replayed.name,
        where=replayed.where,
        calls=len(of_calls),
        unreliable=sum(not taken.document.reliable for taken in of_calls),
        again=replayed.again,
        voice_to_voice_ms=list(Replayed(of_calls, replayed.where).latency("voice_to_voice").values_ms),
    )


def _virtual_take(fixture: Fixture, recording: Recording, call: CallSettings, own: Mapping[str, str]) -> Take:
    from voicecli.calls.virtualcall import VirtualServer

    return VirtualServer(own, os.environ).take(fixture, recording, call)


def _network(settings: Settled, fixture: Fixture, number: int) -> Network | None:
    """Each call has a link of its own, the same in every run. Raises VoiceError."""
    if settings.net is None:
        return None
    try:
        return Network(parsed(settings.net), f"{settings.net_seed} {fixture.name} {number}")
    except NetworkError as error:
        raise VoiceError(f"net: {error}") from None


@contextmanager
def _logged_by_pytest() -> Iterator[None]:
    """The own server logs to what standard error is when it starts, which a test may have replaced for its time."""
    yield
    log = logging.getLogger("voiceserver")
    log.handlers.clear()
    log.propagate = True
