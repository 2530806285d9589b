"""How long to wait before the next attempt to connect."""

from collections.abc import Callable

from voicewire.clock import NS_PER_MS

FIRST_NS = 250 * NS_PER_MS
LONGEST_NS = 8_000 * NS_PER_MS
MAX_ATTEMPTS = 20
"""Two minutes."""


class Backoff:
    """Doubles from a quarter of a second to eight, each time with jitter, so that not all clients come back at once."""

    def __init__(self, random: Callable[[], float]) -> None:
        """`random` gives numbers from 0 to 1."""
        self.attempt = 0
        self._random = random

    def next_ns(self) -> int | None:
        """How long to wait before the next attempt; None when it is time to give up."""
        if self.attempt >= MAX_ATTEMPTS:
            return None
        longest_ns = min(LONGEST_NS, FIRST_NS << self.attempt)
        self.attempt += 1
        return round(longest_ns * (0.5 + self._random() / 2))

    def reset(self) -> None:
        """A connection was made."""
        self.attempt = 0
