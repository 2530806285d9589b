"""What was said, as words that can be compared: recognisers differ in case, punctuation and apostrophes.

Signs that are spoken are words: "15 - 27" is not "15 + 27". "3.5" is one word, and so is "C++".
"""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

Words = tuple[str, ...]

_BETWEEN_NUMBERS = frozenset("+*/=<>×÷^")
_BEFORE_NUMBERS = frozenset("-$€£")
_BEHIND_NUMBERS = frozenset("%")
_SIGNS = _BETWEEN_NUMBERS | _BEFORE_NUMBERS | _BEHIND_NUMBERS
_SUFFIXES = ("++", "#")


@lru_cache(256)
def words_of(text: str) -> Words:
    """The words of a text in lower case, without punctuation; two texts that say the same have the same."""
    parts = list(_parts(unicodedata.normalize("NFKC", text).casefold().replace("’", "'")))
    around = zip(["", *parts], parts, [*parts[1:], ""], strict=False)
    return tuple(part for before, part, after in around if part not in _SIGNS or _is_spoken(before, part, after))


def _parts(text: str) -> Iterator[str]:
    """Words, and signs that may be spoken."""
    word = ""
    for at, char in enumerate(text):
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if _is_of_word(char) or (char in ".,:" and before.isdecimal() and after.isdecimal()):
            word += char
        elif char == "-" and word and _is_of_word(after):
            pass  # a hyphen joins
        else:
            suffix = next((each for each in _SUFFIXES if text.startswith(each, at)), "") if before.isalpha() else ""
            if whole := word.strip("'") + suffix:
                yield whole
            word = ""
            if char in _SIGNS and not suffix:
                yield char
    if whole := word.strip("'"):
        yield whole


def _is_of_word(char: str) -> bool:
    """Also the vowel signs of writing that has them."""
    return char.isalnum() or char == "'" or (char != "" and unicodedata.category(char)[0] == "M")


def _is_spoken(before: str, sign: str, after: str) -> bool:
    is_behind, is_before = before[-1:].isdecimal(), after[:1].isdecimal()
    if sign in _BETWEEN_NUMBERS:
        return is_behind and is_before
    return is_behind if sign in _BEHIND_NUMBERS else is_before


def word_list(text: str) -> frozenset[str]:
    """The words of a list that is kept as text, for its readers."""
    return frozenset(text.split())
