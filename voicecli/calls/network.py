"""A bad mobile link, as text and as decisions: when bytes that are handed to it come out at its other end.

    rtt=80ms jitter=20ms bandwidth=64kbps stall=300ms/5s

`rtt` is the round trip, half of it each way. `jitter` delays each segment by up to so much more, each way. `bandwidth`
is that of each direction. `stall` stops both directions for so long, about once in so long. Like TCP, the link loses
nothing and keeps the order. What it decides depends on the seed and on when the bytes came, and on nothing else.
"""

import re
from random import Random
from typing import NamedTuple

from voicewire.clock import NS_PER_MS, NS_PER_S

SEGMENT_BYTES = 1400
"""What is sent in one go, as on most links; more is delayed and throttled piece by piece."""

QUEUE_BYTES = 65_536
"""On their way in one direction; what comes in addition waits at the sender, as with a full send window."""

LONGEST_NS = 60 * NS_PER_S

_EXAMPLE = "rtt=80ms jitter=20ms bandwidth=64kbps stall=300ms/5s"
_TIME = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s)")
_RATE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(kbps|Mbps)")
_UNITS = {"ms": NS_PER_MS, "s": NS_PER_S, "kbps": 1_000, "Mbps": 1_000_000}


class NetworkError(Exception):
    """A text describes no link; the message says what is allowed."""


class LinkSettings(NamedTuple):
    rtt_ns: int = 0
    jitter_ns: int = 0
    bandwidth_bps: int | None = None
    """Bits a second; None is without limit."""
    stall_ns: int = 0
    stall_every_ns: int = 0
    """From the beginning of a stall to that of the next, on average; 0 is never."""


class Delivery(NamedTuple):
    """Bytes, and when they come out at the other end."""

    at_ns: int
    data: bytes


def parsed(text: str) -> LinkSettings:
    """Raises NetworkError."""
    values: dict[str, str] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals or key not in ("rtt", "jitter", "bandwidth", "stall"):
            raise NetworkError(f'"{word}" is nothing that a link has; write it as "{_EXAMPLE}"')
        if key in values:
            raise NetworkError(f'"{key}" is given twice; leave one out')
        values[key] = value
    if not values:
        raise NetworkError(f'nothing is said of the link; write it as "{_EXAMPLE}"')
    stall_ns, stall_every_ns = _stall(values["stall"]) if "stall" in values else (0, 0)
    return LinkSettings(
        rtt_ns=_duration_ns("rtt", values.get("rtt", "0ms")),
        jitter_ns=_duration_ns("jitter", values.get("jitter", "0ms")),
        bandwidth_bps=_bandwidth_bps(values["bandwidth"]) if "bandwidth" in values else None,
        stall_ns=stall_ns,
        stall_every_ns=stall_every_ns,
    )


def _duration_ns(key: str, text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise NetworkError(f'{key} "{text}" is no time; write it as 80ms or 0.3s')
    duration_ns = round(float(found[1]) * _UNITS[found[2]])
    if duration_ns > LONGEST_NS:
        raise NetworkError(f"{key} {text} is too long; use at most {LONGEST_NS // NS_PER_S}s")
    return duration_ns


def _bandwidth_bps(text: str) -> int:
    found = _RATE.fullmatch(text)
    bandwidth_bps = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if bandwidth_bps < 1_000:
        raise NetworkError(f'bandwidth "{text}" is none; write it as 64kbps or 1.5Mbps, and use at least 1kbps')
    return bandwidth_bps


def _stall(text: str) -> tuple[int, int]:
    length, _, every = text.partition("/")
    length_ns, every_ns = _duration_ns("stall", length), _duration_ns("stall", every)
    if not 0 < 2 * length_ns <= every_ns:
        raise NetworkError(f"stall {text} leaves no time to send; use a length up to half of its interval: 300ms/5s")
    return length_ns, every_ns


class Stalls:
    """When a link stands still. The intervals vary between half and one and a half of the average."""

    def __init__(self, settings: LinkSettings, seed: str, origin_ns: int) -> None:
        self._length_ns = settings.stall_ns
        self._every_ns = settings.stall_every_ns
        self._random = Random(f"{seed} stalls")
        self._start_ns = origin_ns + self._interval_ns() if self._every_ns else 0

    def moves_at_ns(self, now_ns: int) -> int:
        """When the link moves again; `now_ns` itself where it does not stand. Never ask for an earlier instant."""
        if not self._every_ns:
            return now_ns
        while self._start_ns + self._length_ns <= now_ns:
            self._start_ns += self._interval_ns()
        return self._start_ns + self._length_ns if self._start_ns <= now_ns else now_ns

    def _interval_ns(self) -> int:
        return round(self._random.uniform(0.5, 1.5) * self._every_ns)


class Link:
    """One direction of a link. Not told of what time it is but by the instants it is given, which never go back."""

    def __init__(self, settings: LinkSettings, seed: str, direction: str, origin_ns: int) -> None:
        self._settings = settings
        self._random = Random(f"{seed} {direction}")
        # The same in both directions: what stands still is the link.
        self._stalls = Stalls(settings, seed, origin_ns)
        self._free_ns = origin_ns
        """When the last byte handed to it will have left."""
        self._last_ns = origin_ns
        self._underway = 0

    @property
    def is_full(self) -> bool:
        """Hand it no more before something was delivered."""
        return self._underway >= QUEUE_BYTES

    def sent(self, data: bytes, now_ns: int) -> list[Delivery]:
        """Hand over bytes: what comes out and when, in order."""
        self._underway += len(data)
        return [
            self._delivery(data[start : start + SEGMENT_BYTES], now_ns) for start in range(0, len(data), SEGMENT_BYTES)
        ]

    def delivered(self, delivery: Delivery) -> None:
        """It came out, which makes room."""
        self._underway -= len(delivery.data)

    def _delivery(self, segment: bytes, now_ns: int) -> Delivery:
        started_ns = self._stalls.moves_at_ns(max(now_ns, self._free_ns))
        self._free_ns = started_ns + self._sending_ns(len(segment))
        jitter_ns = self._random.randint(0, self._settings.jitter_ns)
        # TCP hands nothing to its user before what was sent earlier.
        self._last_ns = max(self._last_ns, self._free_ns + self._settings.rtt_ns // 2 + jitter_ns)
        return Delivery(self._last_ns, segment)

    def _sending_ns(self, size: int) -> int:
        bandwidth_bps = self._settings.bandwidth_bps
        return 0 if bandwidth_bps is None else size * 8 * NS_PER_S // bandwidth_bps
