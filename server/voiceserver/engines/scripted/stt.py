"""A recogniser that hears what its script says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, NamedTuple

from msgspec import Meta

from voiceserver.engines.roles import Transcript
from voiceserver.engines.scripted.faults import ENDLESS_PACE_MS, FaultPlan, FaultSettings
from voiceserver.engines.scripted.pacing import Pacing, delay_of, delays
from voiceserver.engines.spec import Milliseconds

SAMPLE_RATE = 16_000


class Spoken(NamedTuple):
    words: str
    utterance: int
    """Of the words, or the one before; from 0."""


Said = Callable[[float, float], Spoken]
"""What was spoken between two instants of the event loop's clock, in seconds."""


class ScriptedStt:
    """Partial transcripts that grow word by word with the audio heard, and the final one a declared time after its end.

    The script's words never change once said, so all of a partial is stable. A segment without audio has no words.
    An endless one repeats its last partial and never comes to the final.

    One that is given `said` hears that instead of its script: of what was spoken, the part that its audio holds,
    provided that this is fed as it is heard, and partials whenever a word has ended.
    """

    class Settings(FaultSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
        text: str = "what can you do"
        """What is said. Several utterances stand between `|`; each stream hears the next one, whoever's it is."""
        word: Milliseconds = 0.0
        """Audio that each word takes: a stream hears no more words than there was audio for, and the next one hears the
        rest, so that a pause within an utterance may split it. 0: a stream hears an utterance whole."""
        final: Milliseconds = 0.0
        """From the end of the audio to the final transcript."""
        finals: str | None = None
        """`final` of each utterance, between `|`: 320ms|280ms."""
        partial: Milliseconds = 200.0
        """Audio heard for each word of a partial; 0: no partials."""
        lag: Milliseconds = 0.0
        """How much of the newest audio a partial does not know of yet."""
        early: Milliseconds = 0.0
        """How long before its end a word is known already, by its beginning. Only where what is said is heard."""
        jitter: Milliseconds = 0.0
        """Most that `final` differs by, either way."""
        seed: Annotated[int, Meta(ge=0)] = 0
        fault_after: Annotated[int, Meta(ge=0)] = 0
        """The partial that has the fault, counted from 1; 0: the final transcript has it."""

        def __post_init__(self) -> None:
            delays("finals", self.finals)

    waits_on_loop = True

    def __init__(self, settings: Settings, said: Said | None = None) -> None:
        self.sample_rate = SAMPLE_RATE
        self._settings = settings
        self._said = said
        self._utterances = [" ".join(part.split()) for part in settings.text.split("|")]
        self._finals = delays("finals", settings.finals)
        self._faults = FaultPlan(settings)
        self._streams = 0
        self._heard = 0
        self._rest: list[str] = []
        """Words of the utterance that there was too little audio for so far."""
        self._surplus_ms = 0.0
        """Audio of the last stream beyond that of its words."""

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        settings = self._settings
        self._streams += 1
        fault = self._faults.stream()
        pacing = Pacing(jitter_ms=settings.jitter, key=f"{settings.seed}/stt/{self._streams}")
        text = partial = ""
        samples = partials = utterance = 0
        async for piece in audio:
            if piece and not samples and self._said is None:
                text = self._next_utterance()
                utterance = self._heard - 1
            samples += len(piece) // 2
            heard = self._words_heard(text, samples)
            if self._said is not None:
                (text, utterance), heard = self._part_said(self._said, samples)
            if heard != partial:
                partial = heard
                partials += 1
                if partials == settings.fault_after:
                    pacing.restart()
                    await fault.have(pacing)
                yield Transcript(partial, is_final=False, stable_chars=len(partial))
        if settings.word and self._said is None:
            text = self._words_said(text, samples * 1000 / SAMPLE_RATE)
        pacing.restart()
        while fault.is_endless:
            await pacing.wait(ENDLESS_PACE_MS)
            yield Transcript(partial, is_final=False, stable_chars=len(partial))
        if settings.fault_after == 0:
            await fault.have(pacing)
        await pacing.wait(delay_of(utterance, self._finals, settings.final))
        yield Transcript(text, is_final=True, stable_chars=len(text))

    def _next_utterance(self) -> str:
        if self._rest:
            return " ".join(self._rest)
        self._surplus_ms = 0.0
        self._heard += 1
        return self._utterances[(self._heard - 1) % len(self._utterances)]

    def _words_said(self, text: str, length_ms: float) -> str:
        """What there was audio for; the rest is kept for the next stream."""
        words = text.split()
        count = min(len(words), int((self._surplus_ms + length_ms) / self._settings.word))
        self._surplus_ms += length_ms - count * self._settings.word
        self._rest = words[count:]
        return " ".join(words[:count])

    def _words_heard(self, text: str, samples: int) -> str:
        if not self._settings.partial:
            return ""
        length_ms = max(0.0, samples * 1000 / SAMPLE_RATE - self._settings.lag)
        words = int(length_ms / max(self._settings.partial, self._settings.word))
        return " ".join(text.split()[:words])

    def _part_said(self, said: Said, samples: int) -> tuple[Spoken, str]:
        """What was said in the audio, whose newest sample is heard now, and what of it a partial knows."""
        end_s = asyncio.get_running_loop().time()
        start_s = end_s - samples / SAMPLE_RATE
        known_s = end_s + (self._settings.early - self._settings.lag) / 1000
        known = said(start_s, known_s).words if self._settings.partial else ""
        return said(start_s, end_s), known
