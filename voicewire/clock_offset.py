"""How far the peer's clock is from ours, measured by `clock` messages."""

from collections import OrderedDict, deque
from typing import NamedTuple

from voicewire import clock
from voicewire.messages import Clock

_HISTORY = 16


class _Sample(NamedTuple):
    round_trip_ns: int
    offset_ns: int


class ClockOffset:
    """The offset between two clocks, from the exchange with the smallest round trip among the last 16.

    The error of an offset is at most half its round trip, reached when all of the delay was on one way. Old exchanges
    fall out of the history, so that a drift between the clocks is followed.
    """

    def __init__(self) -> None:
        self._next_id = 0
        self._sent_ns: OrderedDict[int, int] = OrderedDict()
        self._samples: deque[_Sample] = deque(maxlen=_HISTORY)

    def ping(self, now_ns: int) -> Clock:
        """A question to send now. Of more than 16 unanswered ones the oldest is forgotten."""
        ping = Clock(ping_id=self._next_id, sent_ms=clock.ms(now_ns))
        self._sent_ns[self._next_id] = now_ns
        self._next_id += 1
        if len(self._sent_ns) > _HISTORY:
            self._sent_ns.popitem(last=False)
        return ping

    @staticmethod
    def answer(ping: Clock, received_ns: int, now_ns: int) -> Clock:
        """The answer, to send now, to a ping that arrived at `received_ns`."""
        return Clock(
            ping_id=ping.ping_id,
            sent_ms=ping.sent_ms,
            received_ms=clock.ms(received_ns),
            replied_ms=clock.ms(now_ns),
        )

    def observe(self, pong: Clock, now_ns: int) -> None:
        """Learn from an answer that arrived now. What answers none of the last 16 pings, or cannot be true (it took
        the peer longer to answer than it took us to get the answer), is ignored."""
        if pong.received_ms is None or pong.replied_ms is None:
            return
        sent_ns = self._sent_ns.pop(pong.ping_id, None)
        if sent_ns is None:
            return
        received_ns, replied_ns = clock.ns(pong.received_ms), clock.ns(pong.replied_ms)
        held_ns = replied_ns - received_ns
        round_trip_ns = now_ns - sent_ns - held_ns
        # Both of the peer's times were rounded to the microsecond.
        if held_ns < 0 or round_trip_ns < -1_000:
            return
        offset_ns = (received_ns - sent_ns + replied_ns - now_ns) // 2
        self._samples.append(_Sample(max(round_trip_ns, 0), offset_ns))

    @property
    def offset_ns(self) -> int | None:
        """The peer's clock minus ours; None before the first answer."""
        return self._best.offset_ns if self._samples else None

    @property
    def round_trip_ns(self) -> int | None:
        """The round trip that the offset was measured by, the peer's own time to answer taken out."""
        return self._best.round_trip_ns if self._samples else None

    def to_own_ns(self, peer_ms: float) -> int:
        """An instant of the peer's clock on ours. Needs an offset."""
        assert self._samples, "no answer has been observed"
        return clock.ns(peer_ms) - self._best.offset_ns

    @property
    def _best(self) -> _Sample:
        return min(self._samples, key=lambda sample: sample.round_trip_ns)
