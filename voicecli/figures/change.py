"""A change of one stage, as text: what a call would have been like with it.

llm.ttft=-200ms   so much less, and never below 0
llm.ttft=+50ms    so much more
llm.ttft=-20%     a share of it less, or more
llm.ttft=300ms    this much, whatever it was
stt=scripted(final=120ms)   another engine in the place of the recorded one
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Stage(StrEnum):
    """What can be changed."""

    FINAL = "stt.final"
    """From the end of a segment to its final transcript."""
    TTFT = "llm.ttft"
    PACE = "llm.pace"
    """From each token to the next."""
    TTFB = "tts.ttfb"
    SILENCE = "turn.silence"
    """That ends the user's turn."""


ROLES = {"stt": Stage.FINAL, "llm": Stage.TTFT, "tts": Stage.TTFB}
"""Engines that can be replaced, and the delay that each is known by."""

_AMOUNT = re.compile(r"(?P<sign>[+-]?)(?P<number>\d{1,6}(?:\.\d{1,3})?)\s*(?P<unit>ms|s|%)")
_STAGES = ", ".join(Stage)


class ChangeError(Exception):
    """A text is no change; the message says what is allowed."""


class Change(NamedTuple):
    """Of a delay, in ms: `share * delay + ms`, or `ms` alone."""

    text: str
    stage: Stage
    share: float
    ms: float

    def applied(self, delay_ms: float) -> float:
        return max(0.0, self._asked(delay_ms))

    def is_too_much(self, delay_ms: float) -> bool:
        """Whether it takes off more than there is."""
        return self._asked(delay_ms) < 0

    def _asked(self, delay_ms: float) -> float:
        return self.share * delay_ms + self.ms


class Replacement(NamedTuple):
    """Another engine for a role."""

    text: str
    role: str
    engine: str
    """Such as `scripted(final=120ms)`."""


def parsed(texts: Sequence[str]) -> list[Change | Replacement]:
    """Raises ChangeError."""
    changes = [_parsed(text) for text in texts]
    changed = [_of(change) for change in changes]
    for index, stage in enumerate(changed):
        if stage in changed[:index]:
            raise ChangeError(f'"{texts[index]}" changes what another change does already; leave one out')
    return changes


def _parsed(text: str) -> Change | Replacement:
    name, equals, value = (part.strip() for part in text.partition("="))
    if equals and name in ROLES:
        if not re.match(r"scripted\b", value):
            raise ChangeError(f'"{text}": only a scripted engine has known delays; write {name}=scripted(delay=120ms)')
        return Replacement(text, name, value)
    if not equals or name not in list(Stage):
        raise ChangeError(
            f'"{text}" is no change; write "llm.ttft=-200ms" or "stt=scripted(delay=120ms)" with {_STAGES}'
        )
    found = _AMOUNT.fullmatch(value)
    if found is None or (found["unit"] == "%" and not found["sign"]):
        raise ChangeError(
            f'"{text}": "{value}" is no amount; write -200ms, +50ms, -20% or, for what it shall be, 300ms'
        )
    number = float(found["sign"] + found["number"])
    if found["unit"] == "%":
        return Change(text, Stage(name), 1 + number / 100, 0.0)
    return Change(text, Stage(name), 1.0 if found["sign"] else 0.0, number * (1000 if found["unit"] == "s" else 1))


def _of(change: Change | Replacement) -> str:
    """What it changes: a replaced engine has no delay that could be changed besides."""
    return change.role if isinstance(change, Replacement) else change.stage.partition(".")[0] + _pace(change.stage)


def _pace(stage: Stage) -> str:
    return ".pace" if stage is Stage.PACE else ""
