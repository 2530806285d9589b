"""A voice that is a tone: its length comes from the text, its times from the settings."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

import numpy as np
from msgspec import Meta

from voiceserver.engines.roles import EngineError, SpeechAudio, SpokenWord
from voiceserver.engines.scripted.faults import ENDLESS_PACE_MS, FaultPlan, FaultSettings
from voiceserver.engines.scripted.pacing import Pacing, delay_of, delays
from voiceserver.engines.spec import Milliseconds

VOICE = "tone"
TONE_HZ = 440
CHUNK_MS = 40
AMPLITUDE = 0.25


class ScriptedTts:
    """A tone that is audible from its first sample, so long for each character, in pieces of 40 ms.

    Its one voice is `tone`. Its items, for a fault, are pieces; an endless one holds the tone at its pace for good.
    """

    class Settings(FaultSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
        ttfb: Milliseconds = 0.0
        """From the request to the first piece."""
        replies: str | None = None
        """Replies that will be spoken one after another, between `|`, for `ttfbs`."""
        ttfbs: str | None = None
        """`ttfb` of the first clause of each of these replies, between `|`: 320ms|280ms."""
        rtf: Annotated[float, Meta(ge=0, le=100)] = 0.0
        """Time that each further piece takes, as a share of its own length."""
        char: Milliseconds = 60.0
        """Length of each character, spaces included."""
        rate: Annotated[int, Meta(ge=8000, le=48_000)] = 24_000
        """Samples a second."""
        jitter: Milliseconds = 0.0
        """Most that each of these times differs by, either way."""
        seed: Annotated[int, Meta(ge=0)] = 0

        def __post_init__(self) -> None:
            delays("ttfbs", self.ttfbs)

    waits_on_loop = True
    concurrent = True

    def __init__(self, settings: Settings) -> None:
        self.sample_rate = settings.rate
        self._settings = settings
        self._replies = [part.strip() for part in settings.replies.split("|")] if settings.replies else []
        self._ttfbs = delays("ttfbs", settings.ttfbs)
        self._begun = 0
        """Of these replies, those that were begun, or passed over."""
        self._faults = FaultPlan(settings)
        self._streams = 0
        # A whole number of periods in a second: the tone goes round without a click. It begins at its peak.
        phase = 2 * np.pi * TONE_HZ * np.arange(settings.rate) / settings.rate
        self._two_seconds = (32767 * AMPLITUDE * np.cos(phase)).astype("<i2").tobytes() * 2

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        """Text without a letter or a digit yields nothing."""
        settings = self._settings
        if voice not in (None, VOICE):
            raise EngineError(f"the scripted voice is {VOICE}; there is no voice {voice!r}")
        if not any(character.isalnum() for character in text):
            return
        self._streams += 1
        fault = self._faults.stream()
        pacing = Pacing(jitter_ms=settings.jitter, key=f"{settings.seed}/tts/{self._streams}")
        words = self._words(text)
        length = self._samples(len(text.strip()))
        chunk = settings.rate * CHUNK_MS // 1000
        delay_ms = self._ttfb_ms(text.strip())
        at = 0
        while at < length or fault.is_endless:
            end = at + chunk if fault.is_endless else min(at + chunk, length)
            await fault.strike(pacing)
            await pacing.wait(delay_ms)
            yield SpeechAudio(self._tone(at, end), tuple(word for word in words if at <= word.start_sample < end))
            pace_ms = 1000 * chunk / settings.rate * settings.rtf
            delay_ms = max(pace_ms, ENDLESS_PACE_MS) if fault.is_endless else pace_ms
            at = end

    def _ttfb_ms(self, clause: str) -> float:
        # The last one may be spoken again from its beginning: an answer begun early that was thrown away.
        for number in (*range(self._begun, len(self._replies)), *range(max(0, self._begun - 1), self._begun)):
            if self._replies[number].startswith(clause):
                self._begun = number + 1
                return delay_of(number, self._ttfbs, self._settings.ttfb)
        return self._settings.ttfb

    def _samples(self, characters: int) -> int:
        return round(characters * self._settings.char * self._settings.rate / 1000)

    def _words(self, text: str) -> list[SpokenWord]:
        lead = len(text) - len(text.lstrip())
        return [
            SpokenWord(word.start(), word.end(), self._samples(word.start() - lead))
            for word in re.finditer(r"\S+", text)
        ]

    def _tone(self, start: int, end: int) -> bytes:
        offset = start % self.sample_rate
        return self._two_seconds[2 * offset : 2 * (offset + end - start)]
