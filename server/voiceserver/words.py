"""What was said, as words that can be compared: recognisers differ in case, punctuation and apostrophes."""

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[\w']+")

Words = tuple[str, ...]


@lru_cache(256)
def words_of(text: str) -> Words:
    """The words of a text in lower case, without punctuation; two texts that say the same have the same."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("-", "")
    return tuple(word for match in _WORD.findall(plain) if (word := match.strip("'")))


def word_list(text: str) -> frozenset[str]:
    """The words of a list that is kept as text, for its readers."""
    return frozenset(text.split())
