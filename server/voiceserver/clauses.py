"""Cuts the reply's text, as it streams in, into clauses that can be spoken."""

import re
from typing import NamedTuple

FIRST_CLAUSE_CHARS = 12
"""The first clause may end at a comma from here on: the sooner it ends, the sooner there is sound."""
FIRST_PHRASE_CHARS = 20
"""Without a comma it may end before a word that begins a phrase, from here on."""
LATER_CLAUSE_CHARS = 40
"""Later ones end at a sentence, or at a comma from here on: prosody is worth more once sound is playing."""
LONGEST_CLAUSE_CHARS = 240
"""Text without punctuation is cut at a word from here on."""
LONGEST_FIRST_CLAUSE_CHARS = 80

_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]”’]*(?=\s)|\n|[。！？]")
_CLAUSE_END = re.compile(r"[,;:—–]+[\"')\]”’]*(?=\s)|[，；：]")
_PHRASE_START = re.compile(
    r"\s+(?=(?:and|or|but|because|that|which|who|whose|what|when|where|while|how|if|so|as|than|with|for|from|about|since"
    r"|until|before|after)\W)",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(r"(?:\b(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|no|\w)|^\d+)\.$", re.IGNORECASE)


class Clause(NamedTuple):
    """`text` is the reply's characters `start_char:end_char`, outer white space included in neither."""

    text: str
    start_char: int
    end_char: int


class ClauseSplitter:
    """Text goes in piece by piece; a clause comes out once the character after it is known."""

    def __init__(self) -> None:
        self._pending = ""
        self._start_char = 0
        self._first = True

    def push(self, text: str) -> list[Clause]:
        self._pending += text
        clauses = []
        while end := self._end():
            clauses += self._take(end)
        return clauses

    def finish(self) -> list[Clause]:
        """What is left, punctuated or not."""
        return self._take(len(self._pending))

    def _take(self, end: int) -> list[Clause]:
        piece, self._pending = self._pending[:end], self._pending[end:]
        start_char = self._start_char + len(piece) - len(piece.lstrip())
        self._start_char += end
        text = piece.strip()
        if not text:
            return []
        self._first = False
        return [Clause(text, start_char, start_char + len(text))]

    def _end(self) -> int:
        """Where the next clause ends in the pending text; 0 when it is not all there yet."""
        ends = [
            match.end()
            for match in _SENTENCE_END.finditer(self._pending)
            if not _ABBREVIATION.search(self._pending[: match.end()].rstrip("\"')]”’"))
            and self._pending[: match.end()].strip()
        ]
        least = FIRST_CLAUSE_CHARS if self._first else LATER_CLAUSE_CHARS
        ends += [match.end() for match in _CLAUSE_END.finditer(self._pending) if match.end() >= least]
        if self._first:
            ends += [match.end() for match in _PHRASE_START.finditer(self._pending, FIRST_PHRASE_CHARS)]
        if ends:
            return min(ends)
        most = LONGEST_FIRST_CLAUSE_CHARS if self._first else LONGEST_CLAUSE_CHARS
        if len(self._pending) < most:
            return 0
        space = self._pending.rfind(" ", 1, most)
        return space if space > 0 else most
