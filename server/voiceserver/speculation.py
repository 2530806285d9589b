"""Answers that are begun before the turn is committed: when one is worth it, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from voiceserver.anticipation import Anticipation, Callers
from voiceserver.completeness import Completeness, completeness, is_answer, without_hesitation
from voiceserver.engines.roles import ChatMessage, TokenUsage
from voiceserver.words import Words, words_of
from voicewire.clock import NS_PER_MS, ms
from voicewire.messages import Speculation

CHARS_PER_TOKEN = 4
"""Of English text."""

SENTENCE_WORDS = 3
"""While the user speaks, fewer words are taken for the beginning of more, unless people say just these alone."""

KEPT_FOR_SILENCE = 2
"""Of a turn's tries, so many are kept for the silence after it: its first moments, and its final transcript. The last
one waits for a silence that is longer than each in which the user was only pausing."""


class SpeculationSettings(NamedTuple):
    is_on: bool = False
    silence_ns: int = 100 * NS_PER_MS
    """The first short silence: whatever was said by then may be all."""
    tries: int = 6
    """Answers begun for one turn, at most."""
    wasted_tokens: int = 100_000
    """When a session has wasted so many tokens, read and written, it begins no more answers early."""


class Speculator:
    """Decides for one session. It is told what was begun and wasted, and asked what to begin."""

    def __init__(
        self, settings: SpeculationSettings, locale: str = "en", anticipation: Anticipation | None = None
    ) -> None:
        self._settings = settings
        self._locale = locale
        self._wasted_tokens = 0
        self._tries = 0
        self._given_up = False
        self._silence_ns = 0
        self._pause_ns = 0
        """The longest of the turn after which the user went on."""
        self._words: Words | None = None
        self._anticipation = anticipation or Callers().speaking(locale)

    @property
    def words(self) -> Words | None:
        """What the answer that is held back is to; None where there is none."""
        return self._words

    @property
    def attempt(self) -> int:
        """Number of the newest answer of the turn, from 1."""
        return self._tries

    def wasted(self, tokens: int) -> None:
        self._wasted_tokens += tokens

    def worth_answering(self, text: str, *, is_stable: bool, silence_ns: int) -> str | None:
        """What to begin an answer to, given this text and that the user has been silent for so long: the text, or what
        it will have become; None where to wait."""
        settings = self._settings
        if silence_ns < self._silence_ns:
            self._pause_ns = max(self._pause_ns, self._silence_ns)
        self._silence_ns = silence_ns
        words = self._asked(text)
        if not settings.is_on or not words or self._words is not None or self._given_up:
            return None
        if self._wasted_tokens >= settings.wasted_tokens or self._tries >= settings.tries:
            return None
        if silence_ns >= settings.silence_ns:
            is_last = self._tries == settings.tries - 1
            return None if is_last and silence_ns <= self._pause_ns else text
        # While the user speaks only what sounds complete is tried, or what is likely to go on in one way.
        is_kept = settings.tries - self._tries <= KEPT_FOR_SILENCE
        if not is_stable or is_kept:
            return None
        if (anticipated := self._anticipation.completed(words)) is not None:
            return anticipated
        is_sentence = len(words) >= SENTENCE_WORDS or is_answer(words, self._locale)
        is_whole = completeness(text, self._locale) in (Completeness.COMPLETE, Completeness.STATED)
        return text if is_sentence and is_whole else None

    def begun(self, text: str) -> int:
        """An answer to this text is being made, held back. Returns its number in the turn."""
        self._words = self._asked(text)
        self._tries += 1
        return self._tries

    def is_void(self, text: str, *, is_all: bool) -> bool:
        """Whether the answer held back is to something else than this; unless it `is_all`, this may yet become that."""
        if self._words is None:
            return False
        words = self._asked(text)
        return words != (self._words if is_all else self._words[: len(words)])

    def is_whole(self, text: str) -> bool:
        """Whether callers are likely to say just this."""
        return self._settings.is_on and self._anticipation.is_whole(self._asked(text))

    def was_said(self, text: str) -> None:
        """It was a turn, and is known to have been all of it."""
        if self._settings.is_on:
            self._anticipation.was_said(text)

    def _asked(self, text: str) -> Words:
        """What an answer depends on: recognisers differ in whether they write an "um", and it asks nothing."""
        return without_hesitation(words_of(text), self._locale)

    def dropped(self) -> None:
        self._words = None

    def failed(self) -> None:
        """An engine failed at it: this turn is answered when it is committed."""
        self._words = None
        self._given_up = True

    def turn_over(self) -> None:
        """The turn was committed, or dropped."""
        self._words = None
        self._tries = 0
        self._silence_ns = self._pause_ns = 0
        self._given_up = False


@dataclass(slots=True)
class Ledger:
    """What came of the answers begun early, of a turn or of a session."""

    started: int = 0
    hit: int = 0
    cancelled: int = 0
    wasted_tokens: int = 0
    wasted_input_tokens: int = 0
    wasted_tts_ms: float = 0.0
    saved_ns: int = 0

    def add(self, other: "Ledger") -> None:
        self.started += other.started
        self.hit += other.hit
        self.cancelled += other.cancelled
        self.wasted_tokens += other.wasted_tokens
        self.wasted_input_tokens += other.wasted_input_tokens
        self.wasted_tts_ms += other.wasted_tts_ms
        self.saved_ns += other.saved_ns

    def message(self) -> Speculation:
        return Speculation(
            started=self.started,
            hit=self.hit,
            cancelled=self.cancelled,
            wasted_tokens=self.wasted_tokens,
            wasted_input_tokens=self.wasted_input_tokens,
            wasted_tts_ms=round(self.wasted_tts_ms, 3),
            saved_ms=ms(self.saved_ns),
        )


def input_tokens(conversation: Sequence[ChatMessage], last: TokenUsage) -> int:
    """About how many tokens a request for an answer costs, before there is one: as many as the last one had, whose
    usage is known and has the engine's own instructions in it; or what the conversation's text makes, where that is
    more."""
    characters = sum(len(message.text) for message in conversation)
    return max(last.input_tokens, characters // CHARS_PER_TOKEN)


def saved_ns(requested_ns: int, first_audio_ns: int | None, committed_ns: int) -> int:
    """How much sooner an answer's first audio is there than that of one asked for at the commit.

    The other one would have taken as long, from the commit on; this one's audio waits for the commit where it is early.
    """
    ready_ns = committed_ns if first_audio_ns is None else min(first_audio_ns, committed_ns)
    return max(0, ready_ns - requested_ns)
