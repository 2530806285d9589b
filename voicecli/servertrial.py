"""What `voicecli serve` would meet here, tried without serving: its settings, its address and its engines."""

import asyncio
import errno
import os
import socket
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import NamedTuple, TypeVar

from voiceaudio.pcm import silence
from voiceaudio.resample import Resampler
from voicecli.exits import CliError, ExitCode
from voicecli.serversettings import settled
from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import ChatMessage, EndOfTurn, Engine, EngineError, Llm, Speaker, Stt, Token, Tts, Vad
from voiceserver.engines.spec import SpecError
from voiceserver.settings import ServerSettings, SettingsError, misspelt
from voicewire.clock import Clock, ms

EngineT = TypeVar("EngineT", bound=Engine)

TIMEOUT_S = 20.0
WORDS = "one two three four five"
EMBEDDED = frozenset({"scripted"})
"""Language models that answer on this machine: others are loaded and not asked, which may cost money."""


class Trial(NamedTuple):
    """An engine that was loaded and used."""

    role: str
    engine: str
    ms: float
    told: str
    problem: str = ""


class PortState(Enum):
    FREE = auto()
    TAKEN = auto()
    FORBIDDEN = auto()
    NO_SUCH_HOST = auto()


def settings(flags: dict[str, object]) -> ServerSettings:
    """Of a server started here with these flags and this environment. Raises CliError."""
    try:
        return settled(flags, os.environ)
    except SettingsError as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def misspelt_here() -> Iterator[tuple[str, str]]:
    """Variables of this environment that are no settings, each with the one that was probably meant."""
    return misspelt(os.environ)


def port_state(host: str, port: int) -> PortState:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            if os.name == "posix":  # elsewhere it would let two servers share a port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return PortState.TAKEN
        return PortState.FORBIDDEN if error.errno == errno.EACCES else PortState.NO_SUCH_HOST
    return PortState.FREE


async def engine_trials(chosen: ServerSettings, clock: Clock) -> AsyncIterator[Trial]:
    """Load and use each engine that is asked for, one after the other: what the synthesis says, the others hear."""
    audio, rate = silence(16_000), 16_000
    for role in (Role.TTS, Role.VAD, Role.STT, Role.END_OF_TURN, Role.LLM):
        if role is Role.END_OF_TURN and chosen.end_of_turn is None:
            continue
        started_ns = clock.now_ns()
        name = role.value
        try:
            spec = chosen.engine(role)
            name = spec.name
            async with asyncio.timeout(TIMEOUT_S):
                match role:
                    case Role.TTS:
                        async with _started(create(Role.TTS, spec)) as tts:
                            audio, rate, told = await _speak(tts)
                    case Role.VAD:
                        async with _started(create(Role.VAD, spec)) as vad:
                            told = _detect(vad, audio, rate)
                    case Role.STT:
                        async with _started(create(Role.STT, spec)) as stt:
                            told = await _transcribe(stt, audio, rate)
                    case Role.END_OF_TURN:
                        async with _started(create(Role.END_OF_TURN, spec)) as judge:
                            told = await _judge(judge, audio, rate)
                    case Role.LLM:
                        async with _started(create(Role.LLM, spec)) as llm:
                            told = await _answer(llm, name)
            yield Trial(role.value, name, ms(clock.now_ns() - started_ns), told)
        except TimeoutError:
            yield Trial(role.value, name, ms(clock.now_ns() - started_ns), "", f"no answer within {TIMEOUT_S:g} s")
        except (EngineError, SpecError) as error:
            yield Trial(role.value, name, ms(clock.now_ns() - started_ns), "", str(error))
        except Exception as error:  # an engine may be anybody's
            problem = f"it raised {type(error).__name__}: {error}"
            yield Trial(role.value, name, ms(clock.now_ns() - started_ns), "", problem)


@asynccontextmanager
async def _started(engine: EngineT) -> AsyncIterator[EngineT]:
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def _speak(tts: Tts) -> tuple[bytes, int, str]:
    audio = b"".join([piece.audio async for piece in tts.synthesize(WORDS, voice=None, locale="en-US")])
    if not audio:
        raise EngineError("it says nothing")
    return audio, tts.sample_rate, f"spoke {len(audio) / 2 / tts.sample_rate:.1f} s"


def _detect(vad: Vad, audio: bytes, rate: int) -> str:
    pcm, size = _at(vad.sample_rate, audio, rate), vad.frame_samples * 2
    detector = vad.detector()
    heard = [detector.probability(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
    return f"heard speech with {max(heard, default=0):.0%}"


async def _transcribe(stt: Stt, audio: bytes, rate: int) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        yield _at(stt.sample_rate, audio, rate)

    final = ""
    async for transcript in stt.transcribe(pieces(), locale="en-US"):
        final = transcript.text
    return f'heard "{textwrap.shorten(final, 60)}"'


async def _judge(judge: EndOfTurn, audio: bytes, rate: int) -> str:
    return f"takes it for finished with {await judge.probability(_at(judge.sample_rate, audio, rate)):.0%}"


async def _answer(llm: Llm, name: str) -> str:
    if name not in EMBEDDED:
        return "loaded, and not asked: it may cost money"
    answered = llm.reply([ChatMessage(Speaker.USER, "hello")], locale="en-US")
    text = "".join([part.text async for part in answered if isinstance(part, Token)])
    return f'answered "{textwrap.shorten(text, 60)}"'


def _at(to_rate: int, audio: bytes, rate: int) -> bytes:
    resampler = Resampler(rate, to_rate)
    return resampler.resample(audio) + resampler.flush()
