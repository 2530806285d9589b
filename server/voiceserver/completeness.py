"""Whether what was said sounds finished: by its punctuation, by its last words where their language is known, and in
English by its grammar.

A person who pauses after "and", "my" or "um", or in the middle of a number, is going on; after a whole question or
order, or after what they say they want, they are most likely not. After a statement ("I lost my card") many are: its
reason comes, or what they want. Of everything else nothing is known. Words cannot tell it all ("what time is it" may go
on with "in London"), so what is said here only moves the silence that is waited for.
"""

import re
from enum import Enum
from functools import lru_cache

from voiceserver.languages import Language, language_of
from voiceserver.words import Words, word_list, words_of


class Completeness(Enum):
    COMPLETE = "complete"
    STATED = "stated"
    """A whole sentence, and an answer can be given to it; but it asks for none."""
    UNKNOWN = "unknown"
    OPEN = "open"
    """More is to come."""


_ENGLISH = language_of("en")
_UNFINISHED = (
    ("well",),
    ("let", "me", "think"), ("let", "me", "see"), ("let's", "see"), ("you", "know"), ("i", "mean"), ("hold", "on"),
    ("one", "moment"), ("kind", "of"), ("sort", "of"), ("i", "think"), ("i", "guess"),
    ("tell", "me"), ("show", "me"), ("give", "me"), ("send", "me"), ("remind", "me"), ("let", "me"), ("call", "my"),
    ("in", "eighteen"), ("in", "nineteen"), ("in", "twenty"),
)  # fmt: skip
_ENDS_ELLIPSIS = word_list(
    "to be do does did can could will would have has had was were am please like too who what how why so"
)
"""Of the words that a sentence does not end with, what may end a short answer or a question: "of course I can",
"I would like to", "why"."""
_ANSWERS = frozenset(
    {
        *("yes please", "no thanks", "thanks", "thank you", "no thank you", "please do", "not really"),
        *("i don't know", "i do not know"),
        *("stop", "stop it", "stop that", "wait", "enough", "quiet", "be quiet", "cancel", "cancel that", "never mind"),
        *("go on", "go ahead", "continue", "say that again", "repeat that", "that's all", "that is all", "goodbye"),
    }
)
"""What people say alone, and need say no more. After "no" or "okay" many go on."""
_PARTICLES = word_list("in on off over out up down around through")
"""After a verb they end a sentence ("turn it on"), before a noun they do not."""
_PREPOSITIONS = word_list("about at for from of to with")
"""At the end of a question: "what is it for"."""
_PRONOUNS = word_list("he she it we you they that this there these those")
_LEADS = word_list("well so okay ok but and no yes yeah oh um uh er actually now then right please hey hello hi")
_BEGINS_CLAUSE = word_list("if when while because although though unless until since as after before")
"""A sentence that begins so has a second part."""
_ASKS = word_list("what what's who who's where where's when when's why how how's which whose")
_BEGINS_REQUEST = _ASKS | word_list("""
    is are am was were do does did can could will would should shall may have has
    tell give show make play set turn open close call send read write find book order add remove remind translate
    count explain describe start stop stops begin repeat spell say sing let's please
    wake call cancel change move check put pay take bring help look search switch lock unlock dim text email schedule
    reserve
    """)
"""A question or an order."""
_WANTS = tuple(
    (who, *what)
    for who in ("i", "we")
    for what in (("want",), ("wanted",), ("need",), ("would", "like"), ("would", "love"), ("would", "rather"))
) + tuple((who, what) for who in ("i'd", "we'd") for what in ("like", "love", "rather"))
"""A statement that begins so says what is wanted, as a question or an order does."""
_THANKS = (("thank", "you"), ("thanks",), ("please",))
"""Who ends a sentence so has said it all."""
_BEGINS_STATEMENT = word_list("""
    i i'm i'd i'll i've we we're we'd we'll we've you you're he he's she she's they they're it it's that that's there
    there's this these those
    """)
_BEGINS_NOUN = word_list("the a an my our your his her their")
"""Of a statement, or of no more than a noun: "the blue one"."""
_BEFORE_TO = word_list("want wanted wants like love need needed needs have has had going used able try how")
"""What "to" ends: "I would like to". After everything else it goes somewhere: "a flight to"."""
_NUMBERS = word_list("""
    ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty
    seventy eighty ninety hundred thousand million point
    """)
_LONG_NUMBER = 7
"""Digits of a telephone number without its area code: a dictation may end from here on."""
_ENOUGH_WORDS = 3
"""A sentence has as many words, or more."""

_SENTENCE_END = re.compile(r"[.!?。！？]['\")\]”’]*\s*$")
_QUESTION_END = re.compile(r"[?？]['\")\]”’]*\s*$")
"""Nobody dictates a number so: "What is 15 plus 27?"."""
_GOING_ON = re.compile(r"([,;:，；：–—-]|\.\.\.|…)\s*$")


@lru_cache(256)
def completeness(text: str, locale: str = "en") -> Completeness:
    """How finished a transcript sounds, with punctuation and case as the recogniser gives them."""
    words = words_of(text)
    if not words:
        return Completeness.UNKNOWN
    if _GOING_ON.search(text):
        return Completeness.OPEN
    is_punctuated = _SENTENCE_END.search(text) is not None
    language = language_of(locale)
    digits = _digits_at_end(words, language)
    is_dictated = 2 <= digits < _LONG_NUMBER and not _QUESTION_END.search(text)
    if _hesitates(words, language) or is_dictated or _is_spelled(words):
        return Completeness.OPEN
    sentence = words[lead(words) :] if language is _ENGLISH else words
    if is_answer(words, locale) or is_answer(sentence, locale):
        return Completeness.COMPLETE
    if is_punctuated:
        is_stated = language is _ENGLISH and _states(sentence) and not _QUESTION_END.search(text)
        return Completeness.STATED if is_stated else Completeness.COMPLETE
    if digits >= _LONG_NUMBER:
        return Completeness.UNKNOWN
    if language is _ENGLISH:
        return _by_grammar(sentence, is_asked="please" in words[: lead(words)])
    return Completeness.OPEN if words[-1] in language.goes_on else Completeness.UNKNOWN


def without_hesitation(words: Words, locale: str = "en") -> Words:
    """Two texts that ask the same have the same, whatever sounds were made in between."""
    hesitations = language_of(locale).hesitations
    return tuple(word for word in words if word not in hesitations)


def lead(words: Words, locale: str = "en") -> int:
    """How many words a sentence begins with before it begins: "okay please"."""
    if language_of(locale) is not _ENGLISH:
        return 0
    return next((at for at, word in enumerate(words) if word not in _LEADS), max(0, len(words) - 1))


def is_lead(words: Words, locale: str = "en") -> bool:
    """Whether the sentence has yet to begin: "okay so"."""
    return language_of(locale) is _ENGLISH and all(word in _LEADS for word in words)


def is_answer(words: Words, locale: str = "en") -> bool:
    """Whether this is what people say alone, and need say no more: "yes please"."""
    return language_of(locale) is _ENGLISH and " ".join(words) in _ANSWERS


def _hesitates(words: Words, language: Language) -> bool:
    if words[-1] in language.hesitations:
        return True
    return language is _ENGLISH and any(words[-len(phrase) :] == phrase for phrase in _UNFINISHED)


def _digits_at_end(words: Words, language: Language) -> int:
    """How many digits, or words of a number, were said last: more than one are being dictated."""
    digits = 0
    for word in reversed(words):
        is_number = word in language.digits or (language is _ENGLISH and word in _NUMBERS)
        if not is_number and not word.isdigit():
            break
        digits += len(word) if word.isdigit() else 1
    return digits


def _is_spelled(words: Words) -> bool:
    """Whether the last words are letters: "that is b r"."""
    return len(words) > 1 and all(len(word) == 1 and word.isascii() and word.isalpha() for word in words[-2:])


def _by_grammar(words: Words, *, is_asked: bool) -> Completeness:
    """`is_asked`: "please" stood before it."""
    last = words[-1]
    if len(words) >= _ENOUGH_WORDS and any(words[-len(thanks) :] == thanks for thanks in _THANKS):
        return Completeness.COMPLETE
    is_long = len(words) > 2 * _ENOUGH_WORDS
    if last in ("is", "are"):  # "what time is", but "I know what time it is"
        is_whole = len(words) > _ENOUGH_WORDS and words[-2] in _PRONOUNS
        return _whole(words) if is_whole else Completeness.OPEN
    if last in _PARTICLES:
        return Completeness.UNKNOWN
    if last in _ENGLISH.goes_on:
        return Completeness.UNKNOWN if _may_end_with(last, words) else Completeness.OPEN
    if words[0] in _BEGINS_CLAUSE and len(words) < 2 * _ENOUGH_WORDS and words[0] != "when":
        return Completeness.OPEN
    if len(words) < _ENOUGH_WORDS:
        return Completeness.UNKNOWN
    if is_asked:
        return Completeness.COMPLETE
    return _whole(words) if words[0] in _BEGINS_REQUEST | _BEGINS_STATEMENT or is_long else Completeness.UNKNOWN


def _states(sentence: Words) -> bool:
    is_long = len(sentence) > _ENOUGH_WORDS
    return is_long and sentence[0] in _BEGINS_STATEMENT | _BEGINS_NOUN and not _wants(sentence)


def _whole(sentence: Words) -> Completeness:
    is_request = sentence[0] in _BEGINS_REQUEST or _wants(sentence)
    return Completeness.COMPLETE if is_request else Completeness.STATED


def _wants(sentence: Words) -> bool:
    return any(sentence[: len(wants)] == wants for wants in _WANTS)


def _may_end_with(last: str, words: Words) -> bool:
    """Whether a sentence that ends with this word, as few do, may be whole all the same."""
    if len(words) < _ENOUGH_WORDS:
        return False
    if words[0] in _ASKS and last in _PREPOSITIONS:
        return len(words) > _ENOUGH_WORDS  # "where are you from"
    return last in _ENDS_ELLIPSIS and (last != "to" or words[-2] in _BEFORE_TO)
