"""Word error rate: words of the reference that were replaced, lost or added, against how many there were."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))

_GROUPED = re.compile(r"(?<=\d),(?=\d{3}\b)")
_DECIMAL = re.compile(r"(\d)[.](?=\d)")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_DIGITS = re.compile(r"(\d+)")


class WordErrors(NamedTuple):
    """Errors against a reference of `words` words."""

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """0 is perfect; above 1 where more was added than there was to hear."""
        if not self.words:
            return float(self.errors > 0)
        return self.errors / self.words

    def __add__(self, other: "WordErrors") -> "WordErrors":  # type: ignore[override]
        return WordErrors(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def normalised(text: str) -> list[str]:
    """The words of a text as they are spoken: lower case, no punctuation, whole numbers in words, "-" as a space."""
    text = unicodedata.normalize("NFKC", text).lower().replace("’", "'").replace("%", " percent ")
    text = _DECIMAL.sub(r"\1 point ", _GROUPED.sub("", text))
    words: list[str] = []
    for word in _WORD.findall(text):
        for piece in (piece.strip("'") for piece in _DIGITS.split(word)):
            words += _spoken(piece) if piece.isdecimal() and piece.isascii() else [piece] if piece else []
    return words


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The fewest edits that make the words of `reference` those of `hypothesis`."""
    return _edits(normalised(reference), normalised(hypothesis))


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    # A row of the Levenshtein table; each cell is (edits, substitutions, deletions, insertions).
    row = [(added, 0, 0, added) for added in range(len(hypothesis) + 1)]
    for lost, expected in enumerate(reference, start=1):
        above, row = row, [(lost, 0, lost, 0)]
        for at, heard in enumerate(hypothesis, start=1):
            edits, subs, dels, ins = above[at - 1]
            same = expected == heard
            best = (edits, subs, dels, ins) if same else (edits + 1, subs + 1, dels, ins)
            edits, subs, dels, ins = above[at]
            best = min(best, (edits + 1, subs, dels + 1, ins), key=lambda cell: cell[0])
            edits, subs, dels, ins = row[at - 1]
            best = min(best, (edits + 1, subs, dels, ins + 1), key=lambda cell: cell[0])
            row.append(best)
    _, subs, dels, ins = row[-1]
    return WordErrors(subs, dels, ins, len(reference))


def _spoken(digits: str) -> list[str]:
    """A number in words; digit by digit where it begins with 0 or is too long to be said as one."""
    if len(digits) > 12 or (len(digits) > 1 and digits.startswith("0")):
        return [_ONES[int(digit)] for digit in digits]
    return _cardinal(int(digits))


def _cardinal(number: int) -> list[str]:
    for size, name in _SCALES:
        if number >= size:
            rest = number % size
            return [*_cardinal(number // size), name, *(_cardinal(rest) if rest else [])]
    if number < 20:
        return [_ONES[number]]
    return [_TENS[number // 10], *([_ONES[number % 10]] if number % 10 else [])]
