"""Waiting out declared delays, without drift."""

import asyncio
import random
import re
from collections.abc import Sequence

_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s)?")


def delays(name: str, text: str | None) -> tuple[float | None, ...]:
    """A setting of several times, `320|1.5s||280ms`, in ms; None where nothing stands. Raises ValueError."""
    found = []
    for part in text.split("|") if text else ():
        read = _DELAY.fullmatch(part.strip())
        if read is None and part.strip():
            raise ValueError(f"{name} must be times between |, such as 320ms|280ms, got {part.strip()!r}")
        found.append(None if read is None else float(read[1]) * (1000 if read[2] == "s" else 1))
    return tuple(found)


def delay_of(number: int, each: Sequence[float | None], otherwise: float) -> float:
    """The time of this number (from 0), which begin anew after the last one; `otherwise` where none is given."""
    given = each[number % len(each)] if each else None
    return otherwise if given is None else given


class Pacing:
    """The delays of one stream, counted from its creation on the running loop's clock.

    Each delay is added to the instant that the one before it was due, so that late wake-ups never add up. `jitter_ms`
    moves each instant by at most so much, either way, and moves none after it; `key` makes it repeatable.
    """

    def __init__(self, *, jitter_ms: float = 0.0, key: str = "") -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._jitter_s = jitter_ms / 1000
        self._random = random.Random(key)

    async def wait(self, delay_ms: float) -> None:
        """Until `delay_ms` after the last instant; lets other tasks run even where there is nothing to wait for."""
        self._due += delay_ms / 1000
        jitter_s = self._random.uniform(-self._jitter_s, self._jitter_s) if self._jitter_s else 0.0
        await asyncio.sleep(max(0.0, self._due + jitter_s - self._loop.time()))

    def restart(self) -> None:
        """Count from now on: what went before took as long as it took."""
        self._due = self._loop.time()
