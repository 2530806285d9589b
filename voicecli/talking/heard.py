"""What of a reply was heard, when it was cut short; and whose words a turn has that was taken back."""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from voicecli.client.viewstate import TurnView
from voicewire.messages import CancelReason, TurnOutcome

SHOWN_CHARS = 160
"""Of what was not heard, so many characters are shown: a whole page of what nobody heard helps nobody."""

USUAL_CHARS = 15
"""Of English speech, a second: some 165 words a minute."""

CUT = {
    CancelReason.BARGE_IN: "You cut in",
    CancelReason.INTERRUPT: "You stopped it",
    CancelReason.TEXT_INPUT: "You typed something else",
    CancelReason.RESUMED: "Taken back as you went on",
    CancelReason.FAILED: "It could not be finished",
}


class Unanswered(Enum):
    """Words that are in no turn."""

    TYPED_OVER = "typed_over"
    """The user typed something else."""
    ASIDE = "aside"
    """The answer over which they were spoken went on."""
    NOT_UNDERSTOOD = "not_understood"


_WORD = re.compile(r"[^\W_](?:[^\W_]|['’-])*")


class Split(NamedTuple):
    """Joined, the two are the reply."""

    heard: str
    unheard: str


class Joined(NamedTuple):
    """A turn, and what of the words of others it shows."""

    turn: TurnView
    earlier: str
    """Words of the turn before, which was taken back, and goes on in this one."""
    folded: bool
    """It was taken back itself, and its words are in the turn behind it."""


def joined(turns: Sequence[TurnView]) -> Iterator[Joined]:
    """The turns of a call. One that was taken back, as the user went on, gives its words to the next one."""
    earlier = ""
    for turn, after in zip(turns, (*turns[1:], None), strict=False):
        words = turn.transcript if turn.cancelled is CancelReason.RESUMED else None
        folded = bool(words) and after is not None and _goes_on(after, words or "")
        yield Joined(turn, earlier, folded)
        is_added = folded and after is not None and after.transcript is None
        earlier = words or "" if is_added and after and not begins_with(after.partial, words or "") else ""


def _goes_on(turn: TurnView, words: str) -> bool:
    if turn.transcript is None:
        return turn.outcome is None and bool(turn.partial)
    return begins_with(turn.transcript, words)


def begins_with(text: str, beginning: str) -> bool:
    """Whether a text begins with the words of another one, whatever white space, case and punctuation are."""
    first = _WORD.findall(beginning.casefold())
    return _WORD.findall(text.casefold())[: len(first)] == first


def unanswered(turn: TurnView) -> Unanswered | None:
    """Why nothing came of words that were heard; None where something did, or there were none."""
    if turn.outcome is not TurnOutcome.NO_SPEECH or not turn.partial:
        return None
    if turn.typed_over:
        return Unanswered.TYPED_OVER
    return Unanswered.ASIDE if turn.aside else Unanswered.NOT_UNDERSTOOD


def split(reply: str, heard_text: str) -> Split:
    """The reply, split after the last word heard.

    The server's `heard_text` begins the reply; where white space, case or punctuation differ (a speech engine may say
    so), the words decide.
    """
    at = len(heard_text) if reply.startswith(heard_text) else _end_of_words(reply, word_count(heard_text))
    while 0 < at < len(reply) and reply[at].isspace():
        at += 1
    return Split(reply[:at], reply[at:])


def spoken(reply: str, playhead_ms: float) -> float:
    """About how much of a reply the voice has spoken, from 0 to 1."""
    return min(1.0, playhead_ms * USUAL_CHARS / 1000 / len(reply)) if reply else 0.0


def abridged(unheard: str) -> tuple[str, int]:
    """What is shown of a text that nobody heard, up to a word's end, and how many words are not."""
    if len(unheard) <= SHOWN_CHARS * 3 // 2:
        return unheard, 0
    shown = re.sub(r"\s+\S*$", "", unheard[:SHOWN_CHARS])
    return shown, word_count(unheard[len(shown) :])


def word_count(text: str) -> int:
    return len(_WORD.findall(text))


def _end_of_words(text: str, count: int) -> int:
    ends = [found.end() for found in _WORD.finditer(text)]
    if count == 0:
        return 0
    return len(text) if count >= len(ends) else ends[count - 1]
