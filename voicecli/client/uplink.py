"""Microphone audio on its way up: counted, held back and shed. Knows neither a socket nor a clock.

The rules are those of the page's `web/voicewire/uplink.js`.
"""

from collections import deque
from typing import NamedTuple

WINDOW_MS = 2_000.0
"""Sent and not acknowledged, at most. A stalled server swallows megabytes before a socket shows anything."""
QUEUE_MS = 1_000.0
"""Waiting behind a full window, at most: what is older is shed."""
RECOVERED_MS = 1_000.0
"""The network counts as slow until what is in flight is less than this."""
RATE = 48_000


class Packet(NamedTuple):
    """One Opus packet, as captured."""

    payload: bytes
    position: int
    """Of its first sample, in samples at RATE since the session's first one."""
    samples: int
    captured_ns: int

    @property
    def ms(self) -> float:
        return self.samples * 1000 / RATE


class End(NamedTuple):
    """The user stopped speaking."""


class Uplink:
    """A queue of packets and ends of speech, `feed` to `take`.

    While more than WINDOW_MS is unacknowledged nothing is taken. What waits is bounded to QUEUE_MS: packets past it are
    shed, oldest first, which shows to the server as a gap of the positions.
    """

    def __init__(self) -> None:
        self.is_slow = False
        self.shed_ms = 0.0
        self.in_flight_ms = 0.0
        """Sent and not acknowledged."""
        self.queued_ms = 0.0
        """Not sent yet."""
        self._queue: deque[Packet | End] = deque()
        self._flight: deque[Packet] = deque()

    def feed(self, packet: Packet) -> None:
        self._queue.append(packet)
        self.queued_ms += packet.ms
        self._shed()

    def end(self) -> None:
        """`audio_end` follows what was fed so far. Two ends with nothing between them say no more than one."""
        if not self._queue or not isinstance(self._queue[-1], End):
            self._queue.append(End())

    def acknowledged(self, position: int) -> None:
        """The server has decoded all packets up to the one at this position."""
        while self._flight and self._flight[0].position <= position:
            self.in_flight_ms -= self._flight.popleft().ms
        if self.in_flight_ms + self.queued_ms < RECOVERED_MS:
            self.is_slow = False

    def take(self) -> Packet | End | None:
        """What to send next; None where nothing waits, or nothing may be sent."""
        if not self._queue:
            return None
        if self.in_flight_ms >= WINDOW_MS and isinstance(self._queue[0], Packet):
            self.is_slow = True
            return None
        item = self._queue.popleft()
        if isinstance(item, Packet):
            self.queued_ms -= item.ms
            self.in_flight_ms += item.ms
            self._flight.append(item)
        return item

    def _shed(self) -> None:
        while self.queued_ms > QUEUE_MS:
            self.is_slow = True
            # At most one end stands before the oldest packet, and it makes one with an end behind that.
            ends = 1 if isinstance(self._queue[0], End) else 0
            oldest = self._queue[ends]
            assert isinstance(oldest, Packet)
            del self._queue[ends]
            if ends and isinstance(self._queue[ends], End):
                del self._queue[ends]
            self.queued_ms -= oldest.ms
            self.shed_ms += oldest.ms
