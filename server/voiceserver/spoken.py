"""What of a reply has been spoken, and what of that the user has heard."""

from dataclasses import dataclass, field

from voiceserver.clauses import Clause
from voiceserver.engines.roles import SpokenWord

USUAL_CHARS_PER_SECOND = 15
"""Of English speech at some 165 words a minute."""


@dataclass(slots=True)
class _SpokenClause:
    clause: Clause
    start_sample: int
    samples: int = 0
    is_whole: bool = False
    """All of its audio is made."""
    words: list[SpokenWord] = field(default_factory=list)


class SpokenText:
    """Lays the reply's text along its audio. Samples are those of the speech engine, at `rate`."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._text = ""
        self._clauses: list[_SpokenClause] = []
        self._samples = 0

    @property
    def text(self) -> str:
        """The whole reply, as far as it is made."""
        return self._text

    def add_text(self, text: str) -> None:
        self._text += text

    def begin_clause(self, clause: Clause) -> None:
        self._clauses.append(_SpokenClause(clause, self._samples))

    def add_audio(self, samples: int, words: tuple[SpokenWord, ...]) -> None:
        """Audio of the clause begun last, and where words lie in that clause's audio."""
        spoken = self._clauses[-1]
        spoken.samples += samples
        spoken.words += words
        self._samples += samples

    def end_clause(self) -> None:
        """The clause begun last is spoken to its end."""
        self._clauses[-1].is_whole = True

    def heard(self, played_ms: float) -> str:
        """The words of which at least half was played. Without word times they are spread evenly over their clause; one
        that has no audio goes with what was played before it."""
        if played_ms <= 0:
            return ""
        played = played_ms * self._rate / 1000
        end_char = 0
        for spoken in self._clauses:
            if spoken.is_whole and played >= spoken.start_sample + spoken.samples:
                end_char = spoken.clause.end_char
                continue
            offset = _heard_chars(spoken, self._length(spoken), played - spoken.start_sample)
            if offset:
                end_char = spoken.clause.start_char + offset
            break
        return self._text[:end_char].rstrip()

    def _length(self, spoken: _SpokenClause) -> int:
        """Samples of a clause's audio; of one still being made, what is made or the usual length of its text."""
        if spoken.is_whole:
            return spoken.samples
        return max(spoken.samples, len(spoken.clause.text) * self._rate // USUAL_CHARS_PER_SECOND)


def _heard_chars(spoken: _SpokenClause, length: int, played: float) -> int:
    """How many characters of a clause of `length` samples were heard when `played` samples of it were."""
    words = spoken.words or _even_words(spoken.clause.text, length)
    ends = [word.start_sample for word in words[1:]] + [length]
    heard = 0
    for word, end_sample in zip(words, ends, strict=True):
        if played < (word.start_sample + end_sample) / 2:
            break
        heard = word.end_char
    return heard


def _even_words(text: str, length: int) -> list[SpokenWord]:
    words = []
    at = 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        words.append(SpokenWord(start, at, start * length // len(text)))
    return words
