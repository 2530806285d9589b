"""What a caller is about to say, where it is one of the things that callers of this server are likely to say.

Whoever builds an agent knows what most of its callers ask for. A text that goes on after another ("play some music by
Queen") is not counted on where the shorter one is likely, too.
"""

from collections.abc import Iterable

from voiceserver.completeness import lead, without_hesitation
from voiceserver.words import Words, words_of

LEAST_WORDS = 2
"""One word alone may become anything."""


class Anticipation:
    """Knows those texts. "please tell me a" is followed by what "tell me a story" goes on with."""

    def __init__(self, texts: Iterable[str], locale: str = "en") -> None:
        self._locale = locale
        known = ((without_hesitation(words_of(text), locale), text.strip()) for text in texts)
        self._texts = {words: text for words, text in known if words}

    def completed(self, said: Words) -> str | None:
        """All that will have been said, where only one of the texts can follow; None where several can, or none."""
        begins = lead(said, self._locale) if self._texts else 0
        words = said[begins:]
        if len(words) < LEAST_WORDS or words in self._texts:
            return None
        follow = [text for known, text in self._texts.items() if known[: len(words)] == words]
        return " ".join((*said[:begins], follow[0])) if len(follow) == 1 else None
