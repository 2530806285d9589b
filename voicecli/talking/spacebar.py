"""A key that switches when it is tapped and, while it is held, for as long as it is held.

A terminal tells when a key goes down and never when it is let go; a key that is held comes again and again, first
after a pause, then quickly. So a second press soon after the first may be a tap or the first repetition, and only what
follows tells which.
"""

from voicewire.clock import NS_PER_MS

FIRST_REPEAT_NS = 800 * NS_PER_MS
"""A key that is held comes for the second time within this."""
REPEAT_NS = 150 * NS_PER_MS
"""And from then on within this."""
LET_GO_NS = 300 * NS_PER_MS
"""A held key that did not come for so long was let go; over a network, repetitions may bunch."""


class SpaceBar:
    """Decides when to switch; whoever feeds it does so when it returns True, and calls `due` at `deadline_ns`."""

    def __init__(self) -> None:
        self.deadline_ns: int | None = None
        self._switched_ns: int | None = None
        """When a press switched; None once another one came."""
        self._held = False

    def pressed(self, now_ns: int) -> bool:
        if self._held or self.deadline_ns is not None:
            self._held = True
            self._switched_ns = None
            self.deadline_ns = now_ns + LET_GO_NS
            return False
        if self._switched_ns is not None and now_ns - self._switched_ns <= FIRST_REPEAT_NS:
            self._switched_ns = None
            self.deadline_ns = now_ns + REPEAT_NS
            return False
        self._switched_ns = now_ns
        return True

    def due(self, now_ns: int) -> bool:
        """The second tap was one, or the held key was let go: either switches back."""
        if self.deadline_ns is None or now_ns < self.deadline_ns:
            return False
        self.deadline_ns = None
        self._held = False
        return True
