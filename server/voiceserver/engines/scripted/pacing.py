"""Waiting out declared delays, without drift."""

import asyncio
import random


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
