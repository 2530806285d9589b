"""TTS `espeak`: espeak-ng, offline, its voices in the wheel. Robotic, quick, and it tells when each word is spoken."""

import asyncio
import difflib
from collections.abc import AsyncIterator, Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from voiceserver.engines.espeak_worker import SAMPLE_RATE, ListVoices, Speak, Spoken, Voice, Voices
from voiceserver.engines.roles import EngineError, SpeechAudio, SpokenWord
from voiceserver.engines.workers import WorkerPool

_UNSPEAKABLE = dict.fromkeys((*range(0x20), 0x7F, *range(0xD800, 0xE000)), " ")
"""Control characters, of which NUL would end the text, and halves of surrogate pairs."""


class EspeakTts:
    """Each text has a worker process to itself while it is spoken."""

    class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        voice: Annotated[str, Meta(min_length=1, max_length=100)] = "en-us"
        """A language (`de`), a name (`English (America)`) or an identifier (`gmw/en-US`), and with `+` a variant of it
        (`en-us+f2`). For a session of another language that names no voice, the voice of that language is taken."""
        rate: Annotated[int, Meta(ge=80, le=450)] = 165
        """Words a minute."""
        pitch: Annotated[int, Meta(ge=0, le=99)] = 50
        workers: Annotated[int, Meta(ge=1, le=64)] = 2
        """How many texts are spoken at once. Few are enough for many sessions: a worker makes a second of speech in two
        milliseconds, and is then free."""
        wait_ms: Annotated[int, Meta(ge=0, le=60_000)] = 10_000
        """How long a text waits for a free worker."""
        hang_ms: Annotated[int, Meta(ge=100, le=60_000)] = 5_000
        """A worker that makes no audio for longer than this is killed and replaced."""

    sample_rate = SAMPLE_RATE

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._voices = VoiceCatalogue(Voices([], []))
        self._pool = WorkerPool(
            "voiceserver.engines.espeak_worker:EspeakWorker",
            b"{}",
            name="speech synthesis espeak",
            size=settings.workers,
            hang_ms=settings.hang_ms,
        )

    @property
    def voices(self) -> list[str]:
        """Languages, each of which has a voice; every one of them also has the variants."""
        return self._voices.languages

    @property
    def worker_pids(self) -> tuple[int, ...]:
        return self._pool.pids

    async def start(self) -> None:
        await self._pool.start()
        try:
            async with self._pool.lease(self._settings.wait_ms) as worker:
                answer = await worker.ask(msgspec.msgpack.encode(ListVoices()))
            self._voices = VoiceCatalogue(msgspec.msgpack.decode(answer, type=Voices))
            voice = self._voices.find(self._settings.voice)
            await asyncio.gather(*(self._warm_up(voice) for _ in range(self._settings.workers)))
        except BaseException:
            await self._pool.close()
            raise

    async def _warm_up(self, voice: str) -> None:
        """A worker's first words take some 10 ms longer: it loads the voice. Nobody should wait for that."""
        async with self._pool.lease(self._settings.wait_ms) as worker:
            worker.send_last(msgspec.msgpack.encode(Speak("ready", voice, self._settings.rate, self._settings.pitch)))
            while await worker.receive() is not None:
                pass

    async def close(self) -> None:
        await self._pool.close()

    def check(self, voice: str | None, locale: str) -> None:
        self._voices.choose(voice, self._settings.voice, locale)

    async def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        identifier = self._voices.choose(voice, self._settings.voice, locale)
        text = text.translate(_UNSPEAKABLE)
        if not text.strip():
            return
        speak = Speak(text, identifier, self._settings.rate, self._settings.pitch)
        async with self._pool.lease(self._settings.wait_ms) as worker:
            worker.send_last(msgspec.msgpack.encode(speak))
            while (answer := await worker.receive()) is not None:
                spoken = msgspec.msgpack.decode(answer, type=Spoken)
                yield SpeechAudio(spoken.audio, tuple(SpokenWord(*word) for word in spoken.words))


class VoiceCatalogue:
    """The voices there are, by language, name and identifier, in either case; and variants of them, which any can have.

    The library itself takes only some of these names, and keeps the voice it had for those it does not know.
    """

    def __init__(self, voices: Voices) -> None:
        self._by_language: dict[str, Voice] = {}
        spoken = [(priority, tag, voice) for voice in voices.voices for priority, tag in voice.languages]
        for _, tag, voice in sorted(spoken, key=lambda entry: entry[0]):
            self._by_language.setdefault(tag, voice)
        self._by_name = {name.lower(): voice for voice in voices.voices for name in (voice.name, voice.identifier)}
        self._by_name |= self._by_language
        self._variants = {variant.lower(): variant for variant in voices.variants}

    @property
    def languages(self) -> list[str]:
        return sorted(self._by_language)

    def choose(self, voice: str | None, default: str, locale: str) -> str:
        """What the library takes for the voice asked for, or else for the default if it speaks the locale's language,
        or else for a voice of the locale. Raises EngineError."""
        if voice is not None:
            return self.find(voice)
        tag = locale.lower().replace("_", "-")
        language = tag.partition("-")[0]
        if any(spoken.partition("-")[0] == language for _, spoken in self._voice(default).languages):
            return self.find(default)
        while tag not in self._by_language:
            tag = tag.rpartition("-")[0]
            if not tag:
                raise EngineError(f"speech synthesis espeak has no voice for the language {locale}; name a voice")
        return self._by_language[tag].identifier

    def find(self, wanted: str) -> str:
        """What the library takes for a voice. Raises EngineError."""
        _, plus, variant = wanted.partition("+")
        if plus and variant.lower() not in self._variants:
            raise EngineError(
                f"speech synthesis espeak has no variant {variant} of a voice{_near(variant, self._variants)}"
            )
        return self._voice(wanted).identifier + (f"+{self._variants[variant.lower()]}" if plus else "")

    def _voice(self, wanted: str) -> Voice:
        name = wanted.partition("+")[0].lower().replace("_", "-")
        if name not in self._by_name:
            raise EngineError(f"speech synthesis espeak has no voice {wanted}{_near(name, self._by_name)}")
        return self._by_name[name]


def _near(given: str, existing: Iterable[str]) -> str:
    near = difflib.get_close_matches(given.lower(), existing, n=4, cutoff=0.4)
    return f"; near are {', '.join(near)}" if near else ""
