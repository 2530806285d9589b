"""Samples between two threads, without a lock."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


class SampleRing:
    """One thread writes, one other reads. Positions count samples from the start and never wrap.

    `written` is changed by the writer only, `taken` by the reader only, each after the samples are in place; a plain
    int is read and replaced at once. When full it refuses the newest, as the reader's position is not the writer's to
    move.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.written = 0
        self.taken = 0
        self._samples: Samples = np.zeros(capacity, np.int16)

    @property
    def available(self) -> int:
        return self.written - self.taken

    @property
    def room(self) -> int:
        return self.capacity - self.available

    # --- the writer

    def write(self, samples: Samples) -> bool:
        """All of them, or none where there is no room."""
        count = len(samples)
        if count > self.room:
            return False
        start = self.written % self.capacity
        first = min(count, self.capacity - start)
        self._samples[start : start + first] = samples[:first]
        if first < count:
            self._samples[: count - first] = samples[first:]
        self.written += count
        return True

    # --- the reader

    def peek(self, out: Samples) -> int:
        """Copy as many as there are, and as `out` takes; returns how many. They stay."""
        count = min(len(out), self.available)
        start = self.taken % self.capacity
        first = min(count, self.capacity - start)
        out[:first] = self._samples[start : start + first]
        if first < count:
            out[first:count] = self._samples[: count - first]
        return count

    def read(self, out: Samples) -> int:
        """Like `peek`, and they are taken."""
        count = self.peek(out)
        self.taken += count
        return count

    def skip_to(self, position: int) -> None:
        """Take, unread, all before a position that was written."""
        assert self.taken <= position <= self.written, "skips what is there"
        self.taken = position
