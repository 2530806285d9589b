"""A persona made of rules: what it answers to a conversation. The format of its rules is told in `persona.toml`."""

import random
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from voiceserver.engines.roles import ChatMessage, Speaker
from voiceserver.engines.scripted import spoken

COUNT_LIMIT = 100
SPEECHLESS = "I have nothing to say to that."
HEARD_WORDS = 6
MAX_RESUMPTIONS = 50

_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_CLAUSE_END = re.compile(r"[.!?;:,]['\")]*$")
_WALL: dict[str, Callable[[datetime], str]] = {
    "time": spoken.time_in_words,
    "date": spoken.date_in_words,
    "day": spoken.day_in_words,
    "greeting": spoken.greeting,
}


class PersonaError(ValueError):
    """The rules are no rules: one sentence that names the one at fault."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    match: Annotated[list[str], Meta(min_length=1)]
    reply: Annotated[list[str], Meta(min_length=1)]


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rule: Annotated[list[Rule], Meta(min_length=1)]


class _Answer(NamedTuple):
    text: str
    goes_on: bool
    """It takes up an earlier answer that was cut short."""
    is_aside: bool
    """It tells where an answer was cut short, and is not gone on with itself."""


class Persona:
    """Answers depend on the conversation, the seed and the wall time, and on nothing else.

    So an answer that was cut short can be worked out again, to go on with what of it was not heard.
    """

    def __init__(self, rules: Sequence[Rule], *, seed: int = 0) -> None:
        """Raises PersonaError for patterns and placeholders that mean nothing."""
        self._seed = seed
        self._rules = [(_compiled(number, rule), rule.reply) for number, rule in enumerate(rules, start=1)]

    @classmethod
    def parse(cls, toml: str, *, seed: int = 0) -> "Persona":
        """Raises PersonaError."""
        try:
            rules = msgspec.toml.decode(toml, type=_Rules)
        except msgspec.DecodeError as error:
            raise PersonaError(str(error)) from None
        return cls(rules.rule, seed=seed)

    def answer(self, conversation: Sequence[ChatMessage], now: datetime) -> str:
        """What it says to the last message, which is the user's."""
        return self._answer(conversation, now, 0).text

    def _answer(self, conversation: Sequence[ChatMessage], now: datetime, depth: int) -> _Answer:
        said = normalise(conversation[-1].text) if conversation else ""
        turn = sum(message.speaker is Speaker.USER for message in conversation)
        chance = random.Random(f"{self._seed}/{turn}/{said}")
        for patterns, replies in self._rules:
            found = next(filter(None, (pattern.search(said) for pattern in patterns)), None)
            if found is None:
                continue
            needed = {name for reply in replies for name, _ in _PLACEHOLDER.findall(reply)}
            values = {name: value for name, value in found.groupdict().items() if value}
            values |= {name: wall(now) for name, wall in _WALL.items()}
            if needed & {"rest", "heard"}:
                values |= self._unheard(conversation[:-1], now, depth)
            filled = [(text, reply) for reply in replies if (text := _fill(reply, values)) is not None]
            if filled:
                text, reply = chance.choice(filled)
                return _Answer(text, goes_on="{rest" in reply, is_aside="{heard" in reply)
        return _Answer(SPEECHLESS, goes_on=False, is_aside=False)

    def _unheard(self, earlier: Sequence[ChatMessage], now: datetime, depth: int) -> dict[str, str]:
        """Of the last answer that was cut short: its last words that were heard, and the rest."""
        if depth == MAX_RESUMPTIONS:
            return {}
        for end in range(len(earlier), 0, -1):
            message = earlier[end - 1]
            if message.speaker is Speaker.USER and end < len(earlier) and earlier[end].speaker is Speaker.ASSISTANT:
                continue
            heard = message.text if message.speaker is Speaker.ASSISTANT else ""
            asked = earlier[: end - 1] if message.speaker is Speaker.ASSISTANT else earlier[:end]
            if not asked:
                break
            full = self._answer(asked, now, depth + 1)
            if full.is_aside:
                continue
            if rest := remainder(full.text, heard):
                return {"rest": rest, "heard": " ".join(heard.split()[-HEARD_WORDS:]).rstrip(".,;:!?")}
            if full.goes_on:
                break
        return {}


def normalise(text: str) -> str:
    """Lower case, words parted by one space, no punctuation, and no apostrophes: "what's" is "whats"."""
    return re.sub(r"[\W_]+", " ", re.sub(r"['’]", "", text.lower())).strip()


def remainder(full: str, heard: str) -> str:
    """What of an answer was not heard, from the beginning of the clause that was cut; "" if it was not cut, or if what
    was heard is another text."""
    words = full.split()
    heard_words = normalise(heard).split()
    at = 0
    while heard_words and at < len(words):
        parts = normalise(words[at]).split()
        if heard_words[: len(parts)] != parts:
            break
        heard_words = heard_words[len(parts) :]
        at += 1
    # The last word may have been cut in the middle.
    if len(heard_words) > 1 or (
        heard_words and (at == len(words) or not normalise(words[at]).startswith(heard_words[0]))
    ):
        return ""
    if at == len(words):
        return ""
    while at > 0 and not _CLAUSE_END.search(words[at - 1]):
        at -= 1
    return " ".join(words[at:])


def _compiled(number: int, rule: Rule) -> list[re.Pattern[str]]:
    patterns = []
    for pattern in rule.match:
        try:
            patterns.append(re.compile(pattern))
        except re.error as error:
            raise PersonaError(f"rule {number}: the pattern {pattern!r} is wrong: {error}") from None
    known = {"rest", "heard", *_WALL} | {name for pattern in patterns for name in pattern.groupindex}
    for reply in rule.reply:
        for name, form in _PLACEHOLDER.findall(reply):
            if name not in known:
                raise PersonaError(f"rule {number}: nothing fills {{{name}}}; there is {', '.join(sorted(known))}")
            if form not in ("", "title", "count"):
                raise PersonaError(f"rule {number}: {{{name}:{form}}} is no form; there is title and count")
    return patterns


def _fill(reply: str, values: dict[str, str]) -> str | None:
    """The reply with its placeholders filled in, capitals where sentences begin; None where one has no value."""
    parts = []
    at = 0
    for place in _PLACEHOLDER.finditer(reply):
        value = _formed(values.get(place[1]), place[2])
        if value is None:
            return None
        before = reply[: place.start()].rstrip()
        if not before or before[-1] in ".!?":
            value = value[:1].upper() + value[1:]
        parts += [reply[at : place.start()], value]
        at = place.end()
    return "".join([*parts, reply[at:]])


def _formed(value: str | None, form: str | None) -> str | None:
    if value is None or form is None:
        return value
    if form == "title":
        return value.title()
    number = spoken.number_from_words(value)
    if number is None or not 1 <= number <= COUNT_LIMIT:
        return None
    return ", ".join(spoken.number_in_words(each) for each in range(1, number + 1))
