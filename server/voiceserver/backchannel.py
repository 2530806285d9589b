"""Words over a reply that are no interruption: what listeners say to show that they listen."""

from voiceserver.languages import SOUNDS, language_of
from voiceserver.words import Words

LONGEST_NODDING = 3
"""More words than this say something, whatever they are."""


def is_backchannel(words: Words, locale: str = "en", *, is_partial: bool = False) -> bool:
    """Whether this is a nod ("mm-hm", "yeah, okay", "I see"); no words are one too. A partial transcript is one while
    it may become one: "I"."""
    language = language_of(locale)
    says_nothing = SOUNDS | language.hesitations | language.nothing_yet
    if len(words) > LONGEST_NODDING:
        return all(word in says_nothing for word in words)
    at = 0
    while at < len(words):
        if words[at : at + 2] in language.nod_phrases:
            at += 2
        elif words[at] in says_nothing or words[at] in language.nods:
            at += 1
        else:
            is_last = at == len(words) - 1
            return is_partial and is_last and any(words[at] == phrase[0] for phrase in language.nod_phrases)
    return True


def is_order(words: Words, locale: str = "en") -> bool:
    """Whether these words are meant for the one who answers, and no rest of what was asked: "stop", "no, wait"."""
    language = language_of(locale)
    leads = SOUNDS | language.hesitations | language.nods | language.courtesies
    at = 0
    while at < len(words) - 1 and words[at] in leads:
        at += 1
    return words[at : at + 1] in language.orders or words[at : at + 2] in language.orders
