"""When callers are meant to call. Decided before the level begins, and so by nothing that the server does."""

import math
import re
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from voicewire.clock import NS_PER_MS, NS_PER_S

LONGEST_NS = 24 * 3600 * NS_PER_S

_DURATION = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,3})?)(ms|s|m)?")
_UNITS = {"ms": NS_PER_MS, "s": NS_PER_S, "m": 60 * NS_PER_S, None: NS_PER_S}


class Poisson(NamedTuple):
    """Calls that arrive independent of each other, and of how the calls before them go."""

    rate: float
    """Calls a second, on average."""
    seed: str

    def starts_ns(self, share: int = 0, shares: int = 1) -> Iterator[int]:
        """When the calls of one of several workers begin, without end; all shares together are the same for any number
        of workers."""
        random = Random(self.seed)
        at_s = 0.0
        number = 0
        while True:
            # 1 - random() is never 0.
            at_s -= math.log(1.0 - random.random()) / self.rate
            if number % shares == share:
                yield round(at_s * NS_PER_S)
            number += 1


def staggered_ns(callers: int, over_ns: int, seed: str) -> list[int]:
    """When each of so many callers begins first: one in each equal part of `over_ns`, somewhere in it.

    Callers that began together would speak together, call after call.
    """
    random = Random(seed)
    return [round((number + random.random()) * over_ns / callers) for number in range(callers)]


def offered_rate(sessions: int, call_ns: int) -> float:
    """Calls a second that keep so many sessions busy on average, by Little's law."""
    return sessions * NS_PER_S / call_ns


def parsed_sessions(text: str) -> list[int]:
    """From `1,10,50`. Raises ValueError with a sentence."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts):
        raise ValueError(f'"{text}" is no list of numbers of sessions; write it as 1,10,50')
    levels = [int(part) for part in parts]
    if 0 in levels:
        raise ValueError("0 sessions measure nothing; begin with 1")
    if levels != sorted(set(levels)):
        raise ValueError(f'"{text}" does not rise; each level is compared with the first, so name the smallest first')
    return levels


def parsed_duration_ns(text: str) -> int:
    """From `30s`, `2m`, `500ms` or `30`. Raises ValueError with a sentence."""
    found = _DURATION.fullmatch(text.strip())
    duration_ns = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if not 0 < duration_ns <= LONGEST_NS:
        raise ValueError(f'"{text}" is no duration; write it as 30s or 2m')
    return duration_ns
