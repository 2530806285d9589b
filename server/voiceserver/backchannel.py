"""Words over a reply that are no interruption: what listeners say to show that they listen."""

from voiceserver.words import Words, word_list

_SOUNDS = word_list(
    "ah aha ahh eh em er erm ha hah haha heh hm hmm huh hum mhm mm mmhm mmhmm mmm oh ooh uh uhhuh uhuh um wow"
)
_NODS = word_list(
    "alright cool exactly good great indeed interesting nice okay ok right sure true yea yeah yep yes yup"
)
_NOTHING_YET = word_list("a an and but i'm ma'am so the to")
"""Words that say nothing alone: more comes, or the recogniser heard a hum."""
_PHRASES = frozenset({("i", "see"), ("got", "it"), ("of", "course"), ("all", "right"), ("very", "good"), ("go", "on")})

LONGEST_NODDING = 3
"""More words than this say something, whatever they are."""


def is_backchannel(words: Words, *, is_partial: bool = False) -> bool:
    """Whether this is a nod ("mm-hm", "yeah, okay", "I see"); no words are one too. A partial transcript is one while
    it may become one: "I"."""
    if len(words) > LONGEST_NODDING:
        return all(word in _SOUNDS or word in _NOTHING_YET for word in words)
    at = 0
    while at < len(words):
        if words[at : at + 2] in _PHRASES:
            at += 2
        elif words[at] in _SOUNDS or words[at] in _NODS or words[at] in _NOTHING_YET:
            at += 1
        else:
            return is_partial and at == len(words) - 1 and any(words[at] == phrase[0] for phrase in _PHRASES)
    return True


_ORDERS = frozenset(
    {("stop",), ("wait",), ("no",), ("cancel",), ("quiet",), ("enough",), ("hold", "on"), ("shut", "up")}
)


def is_order(words: Words) -> bool:
    """Whether these words are meant for the one who answers, and no rest of what was asked: "stop", "no, wait"."""
    at = 0
    while at < len(words) - 1 and (words[at] in _SOUNDS or words[at] in _NODS or words[at] == "please"):
        at += 1
    return words[at : at + 1] in _ORDERS or words[at : at + 2] in _ORDERS
