"""The waterfalls of all turns of a conversation, and the medians of those that are over."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

from voicecli.client.viewstate import TurnView, ViewState
from voicecli.figures.waterfall import PARTS, Waterfall, turnaround, waterfall
from voicecli.reports import report
from voicecli.talking.talkstate import TalkState
from voicewire.clock import NS_PER_MS
from voicewire.marks import BARGE_IN_STOP, Mark
from voicewire.messages import CancelReason, TurnOutcome


class Measure(StrEnum):
    """From where a turn is measured. The wholes of two measures are not compared."""

    VOICE_TO_VOICE = "voice_to_voice"
    """From the end of speech that the client itself found, or will have found by the commit."""
    SERVER_DATED = "server_dated"
    """From the end of speech as the server dates it."""
    TYPED = "typed"
    """From the commit: there was no speech."""


class TurnFall(NamedTuple):
    turn: TurnView
    fall: Waterfall
    measure: Measure
    key: tuple[int, int]
    """Number of the connection, and turn id: unique in a conversation."""
    number: int
    """Of the turn in the conversation, from 1; ids begin again with each connection."""

    @property
    def is_taken_back(self) -> bool:
        """The user went on speaking: what they had waited for was no answer to what they said."""
        return self.turn.cancelled is CancelReason.RESUMED

    @property
    def drawn(self) -> tuple[object, ...]:
        """All that is drawn of it. While the reply is heard its playhead moves, which does not count."""
        return (self.key, self.number, self.fall, self.measure, self.is_taken_back, self.turn.speculation)

    @property
    def title(self) -> str:
        """Of the sum."""
        return "voice-to-voice" if self.measure is Measure.VOICE_TO_VOICE else "turnaround"


class Medians(NamedTuple):
    """Of complete turns of one measure, without those taken back; empty and None of none."""

    n: int
    total_ns: float | None
    parts_ns: Mapping[str, float]
    """By the part's name; of the turns that have it."""


def turn_fall(call: ViewState, turn: TurnView, connection: int = 0, turns_before: int = 0) -> TurnFall | None:
    """None where nothing is known yet, or nothing was said. `turns_before` is how many earlier connections had."""
    if turn.outcome is TurnOutcome.NO_SPEECH:
        return None
    marks = call.own_marks(turn)
    witnessed = waterfall(marks, reply_play_ns=turn.reply_play_ns)
    fall = witnessed or turnaround(marks, reply_play_ns=turn.reply_play_ns)
    if fall is None or not fall.bars:
        return None
    measure = Measure.TYPED
    if witnessed is not None or Mark.TURN_COMMITTED not in marks:
        measure = Measure.VOICE_TO_VOICE
    elif Mark.AUDIO_LAST_SPEECH in marks:
        measure = Measure.SERVER_DATED
    return TurnFall(turn, fall, measure, (connection, turn.turn_id), turns_before + turn.turn_id)


def medians(falls: Sequence[TurnFall], measure: Measure) -> Medians:
    counted = [each.fall for each in falls if each.measure is measure and not each.is_taken_back]
    totals = [(fall, fall.voice_to_voice_ns) for fall in counted]
    complete = [(fall, total_ns) for fall, total_ns in totals if total_ns is not None]
    if not complete:
        return Medians(0, None, {})
    parts_ns: dict[str, float] = {}
    for part in PARTS:
        lengths_ns = [length_ns for fall, _ in complete if (length_ns := fall.length_ns(part)) is not None]
        if lengths_ns:
            parts_ns[part.name] = median(lengths_ns)
    return Medians(len(complete), median(total_ns for _, total_ns in complete), parts_ns)


def whole_ms(lengths_ns: Sequence[float]) -> list[int]:
    """Lengths behind each other, each in whole ms, so that their sum is that of the whole: ends are rounded, not
    lengths."""
    ends_ms = [round(end_ns / NS_PER_MS) for end_ns in accumulate(lengths_ns, initial=0.0)]
    return [end_ms - start_ms for start_ms, end_ms in pairwise(ends_ms)]


def barge_in_stop_ns(turn: TurnView) -> int | None:
    start_ns, end_ns = turn.marks.get(BARGE_IN_STOP.start), turn.marks.get(BARGE_IN_STOP.end)
    return None if start_ns is None or end_ns is None else end_ns - start_ns


def saved_early(turn: TurnView) -> str:
    """What beginning its answer before the commit has saved, in a few words; "" where it has nothing."""
    early = turn.speculation
    return f"begun early: saved {early.saved_ms:.0f} ms" if early is not None and early.hit else ""


def begun_early(turn: TurnView) -> str:
    """What beginning answers before the commit has saved and cost; "" where none was."""
    return "" if turn.speculation is None or not turn.speculation.started else report.begun_early(turn.speculation)


class TurnFalls:
    """Keeps what was computed for a turn until the turn, or the clocks' offset, is another one."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int], tuple[TurnView, int | None, TurnFall | None]] = {}

    def of(self, state: TalkState) -> tuple[TurnFall, ...]:
        """In the order of the turns; those of which nothing is known are left out."""
        self._kept, before = {}, self._kept
        turns_before = 0
        for connection, call in enumerate((*state.earlier, state.call)):
            for turn in call.turns:
                key = (connection, turn.turn_id)
                kept = before.get(key)
                if kept is None or kept[0] is not turn or kept[1] != call.offset_ns:
                    kept = (turn, call.offset_ns, turn_fall(call, turn, connection, turns_before))
                self._kept[key] = kept
            turns_before += call.turns[-1].turn_id if call.turns else 0
        return tuple(self._known())

    def _known(self) -> Iterator[TurnFall]:
        return (fall for _, _, fall in self._kept.values() if fall is not None)
