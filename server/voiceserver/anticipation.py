"""What a caller is about to say, where it is one of the things that callers of this server are likely to say: what
whoever built the agent has named, and what several callers have said before.

Each caller tells what may follow what: a text is counted on while more than half of what began so was just that.
Nothing of it is written anywhere; it ends with the server.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from voiceserver.completeness import Completeness, completeness, is_lead, lead, without_hesitation
from voiceserver.languages import primary
from voiceserver.words import Words, words_of

MOST_LANGUAGES = 20
MOST_TEXTS = 2_000
"""Of one language. What was not said for longest is forgotten first."""

MOST_WORDS = 20
"""What is longer hardly anybody says again: it only counts as a way to go on."""

_REST = "…"
"""Stands for what is left out of it: no word is like this, so that nobody says it, and it is never asked ahead."""


class Callers:
    """Shared by the sessions of one server."""

    def __init__(self, named: Iterable[str] = (), *, after: int = 0) -> None:
        """What so many callers (`after`) have said is likely, as is what was named; 0: only that."""
        self._named = tuple(named)
        self._after = after
        self._by_language: OrderedDict[str, _Texts] = OrderedDict()

    def speaking(self, locale: str = "en", said: Iterable[str] = ()) -> "Anticipation":
        """What can be told of one of them, who has said this before."""
        language = primary(locale)
        if language not in self._by_language:
            self._by_language[language] = _Texts(self._named, self._after, language)
        self._by_language.move_to_end(language)
        if len(self._by_language) > MOST_LANGUAGES:
            self._by_language.popitem(last=False)
        return Anticipation(self._by_language[language], language, said)


class Anticipation:
    """Of one session: "please tell me a" is followed by what "tell me a story" goes on with."""

    def __init__(self, texts: "_Texts", language: str, said: Iterable[str]) -> None:
        self._texts = texts
        self._language = language
        self._counted = {_asked(text, language) for text in said}

    def completed(self, said: Words) -> str | None:
        """All that will have been said, where one text is likely to be; None where that is not known, or is all."""
        begins = lead(said, self._language)
        words = said[begins:]
        likely = self._texts.likely_after(words)
        if likely is None or likely == words or len(words) < len(likely) / 2:
            return None
        written = self._texts.written(likely)
        return " ".join((*said[:begins], written)) if written else None

    def is_whole(self, said: Words) -> bool:
        """Whether this is likely to be all."""
        words = said[lead(said, self._language) :]
        return self._texts.likely_after(words) == words and self._texts.may_end_with(words)

    def was_said(self, text: str) -> None:
        """The caller said this, and no more. Who says it again is no other caller."""
        words = _asked(text, self._language)
        is_new = words not in self._counted and len(self._counted) < MOST_TEXTS
        if self._texts.learns and words and is_new:
            self._counted.add(words)
            self._texts.count(words, text)


@dataclass(slots=True)
class _Branch:
    """What was said after the same words."""

    weight: int = 0
    """Of all texts that begin with them."""
    whole: int = 0
    """Of the one that ends with them."""
    following: dict[str, "_Branch"] = field(default_factory=dict)


class _Texts:
    """What is said in one language, and by how many callers: a tree of words, so that asking takes as long as what
    follows, however much is known."""

    def __init__(self, named: Iterable[str], after: int, language: str) -> None:
        self._after = after
        self._language = language
        self._named: set[Words] = set()
        self._written: dict[Words, str] = {}
        """As a language model is asked: what was named, and what was said so."""
        self._callers: dict[Words, int] = {}
        """How many of them said it; what was said last comes last."""
        self._root = _Branch()
        for text in named:
            words = _asked(text, language)
            if words and words not in self._named:
                self._named.add(words)
                self._write(words, text)
                self._weigh(words, self._weight(words))

    @property
    def learns(self) -> bool:
        return self._after > 0

    def count(self, words: Words, text: str) -> None:
        """One more caller said this."""
        if len(words) > MOST_WORDS:
            words = (*words[:MOST_WORDS], _REST)
        elif words not in self._named:
            self._write(words, text)
        before = self._weight(words)
        self._callers[words] = self._callers.pop(words, 0) + 1
        self._weigh(words, self._weight(words) - before)
        if len(self._callers) > MOST_TEXTS:
            self._forget(next(iter(self._callers)))

    def _forget(self, words: Words) -> None:
        before = self._weight(words)
        del self._callers[words]
        self._weigh(words, self._weight(words) - before)
        if words not in self._named:
            self._written.pop(words, None)

    def likely_after(self, words: Words) -> Words | None:
        """What more than half of the callers who began so have said, if it is likely at all."""
        branch: _Branch | None = self._root
        for word in words:
            branch = branch.following.get(word) if branch else None
        if branch is None or not words:
            return None
        least = branch.weight / 2
        while branch.whole <= least:
            # Where more than half of them said the same, more than half went on with each of its words.
            following = next((each for each in branch.following.items() if each[1].weight > least), None)
            if following is None:
                return None
            word, branch = following
            words = (*words, word)
        return words if words in self._named or self._callers[words] >= self._after else None

    def may_end_with(self, words: Words) -> bool:
        """Whoever was cut off in the middle of a sentence did not mean to say just that."""
        return words in self._named or completeness(" ".join(words), self._language) is not Completeness.OPEN

    def written(self, words: Words) -> str | None:
        """A text as it was named, or said last; None where it was only said with hesitations in between."""
        return self._written.get(words)

    def _write(self, words: Words, text: str) -> None:
        parts = text.split()
        rests = (" ".join(parts[at:]) for at in range(len(parts)))
        # What a sentence began with was another caller's way to begin.
        if (rest := next((rest for rest in rests if words_of(rest) == words), None)) is not None:
            self._written[words] = rest

    def _weight(self, words: Words) -> int:
        """What was named counts as if it had just become likely."""
        least = max(1, self._after) if words in self._named else 0
        return max(least, self._callers.get(words, 0))

    def _weigh(self, words: Words, change: int) -> None:
        branch = self._root
        for word in words:
            following = branch.following.setdefault(word, _Branch())
            following.weight += change
            if not following.weight:
                del branch.following[word]
                return
            branch = following
        branch.whole += change


def _asked(text: str, language: str) -> Words:
    """What two texts that ask the same have in common; nothing where more would have to follow ("okay")."""
    words = without_hesitation(words_of(text), language)
    return () if is_lead(words, language) else words[lead(words, language) :]
