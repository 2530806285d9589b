"""When the messages of a recorded caller were captured and sent; and the even grid of every other one.

Instants count from the capture of the first sample. A caller without a recording (`EVEN`) captures without a gap, and
sends each 20 ms once they are captured.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from voicecli.journal import AudioSent, Journal, MessageSent
from voicewire.clock import NS_PER_MS, ms, ns
from voicewire.formats import FRAME_MS
from voicewire.messages import AudioEnd, Interrupt, TextInput

FRAME_NS = FRAME_MS * NS_PER_MS
GAP_NS = 10 * NS_PER_MS
"""Packets captured further apart than this were not captured in one go."""

UserAct = AudioEnd | Interrupt | TextInput
"""What a user does besides speaking."""


class Sending(NamedTuple):
    """One message of the caller: packets, or an act."""

    sent_ns: int
    captured_ns: int = 0
    """When the first sample of its packets was captured."""
    packets: int = 0
    act: UserAct | None = None


class Stretch(NamedTuple):
    """Microphone audio captured without a gap; ms of the microphone audio, and since the first sample's capture."""

    position_ms: float
    end_ms: float
    captured_ms: float


class Schedule:
    """The sendings in order, and from them when each position of the microphone audio was captured."""

    def __init__(self, sendings: Sequence[Sending] = ()) -> None:
        self.sendings = tuple(sendings)
        self._captured_ns = [
            sending.captured_ns + number * FRAME_NS for sending in sendings for number in range(sending.packets)
        ]

    @property
    def packets(self) -> int:
        return len(self._captured_ns)

    def captured_ns(self, position_ms: float, *, is_end: bool = False) -> int:
        """When this position of the microphone audio was captured.

        At a gap, the end of a sound lies before it and anything else behind it.
        """
        position_ns = ns(position_ms)
        index = (position_ns - is_end) // FRAME_NS
        if index < 0 or not self._captured_ns:
            return position_ns
        # What comes after the recording follows it without a gap.
        index = min(index, len(self._captured_ns) - 1)
        return self._captured_ns[index] + position_ns - index * FRAME_NS

    def stretches(self, start_ms: int, end_ms: int) -> Iterator[Stretch]:
        """The pieces of a region of the microphone audio, whose ends lie between packets."""
        inner = range(start_ms // FRAME_MS + 1, end_ms // FRAME_MS)
        gaps = [index * FRAME_MS for index in inner if abs(self._gap_ns(index)) > GAP_NS]
        for start, end in pairwise([start_ms, *gaps, end_ms]):
            yield Stretch(start, end, ms(self.captured_ns(start)))

    def _gap_ns(self, index: int) -> int:
        """What lies between a packet and the one before it."""
        return self.captured_ns(index * FRAME_MS) - self.captured_ns(index * FRAME_MS, is_end=True)


EVEN = Schedule()


def recorded(journal: Journal, packets: int) -> Schedule:
    """The schedule of a recording whose audio file holds so many packets: what came after the last of them is left out.

    Raises ValueError where the journal knows of fewer.
    """
    origin_ns = next((ns(entry.captured_ms) for entry in journal.audio), 0)
    sendings: list[Sending] = []
    left = packets
    for entry in journal.entries:
        match entry:
            case AudioSent(t_ms=t_ms, captured_ms=captured_ms, packets=count):
                count = min(count, left)
                left -= count
                if count:
                    sendings.append(Sending(ns(t_ms) - origin_ns, ns(captured_ms) - origin_ns, count))
            case MessageSent(t_ms=t_ms, message=AudioEnd() | Interrupt() | TextInput() as act):
                sendings.append(Sending(ns(t_ms) - origin_ns, act=act))
    if left:
        raise ValueError(
            f"tells of {packets - left} packets, and audio.opus holds {packets}; they are of two recordings"
        )
    return Schedule(sendings)
