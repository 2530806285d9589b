"""The marks of one turn, of both ends, each on its own side's clock."""

from voicewire import clock
from voicewire.marks import ORDER, SPANS, ClockSide, Mark

WITHDRAWN_BY_SPEECH = (Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED, Mark.STT_FINAL, Mark.MIC_SPEECH_END)
"""Marks of the end of speech, which are void when the user goes on before the turn is committed."""

_DEFINED = {mark: number for number, mark in enumerate(Mark)}


def _all_before() -> dict[Mark, frozenset[Mark]]:
    """For each mark, all that can never come after it: `ORDER`, closed over what follows from it."""
    before: dict[Mark, set[Mark]] = {mark: set() for mark in Mark}
    for _ in Mark:
        for earlier, later in ORDER:
            before[later] |= {earlier} | before[earlier]
    return {mark: frozenset(marks) for mark, marks in before.items()}


_BEFORE = _all_before()


class TimelineError(ValueError):
    """A mark that cannot be true: set twice, or in an order that cannot happen."""


class Timeline:
    """The marks of one turn. It never subtracts an instant of one side's clock from one of the other's."""

    def __init__(self, turn_id: int) -> None:
        self.turn_id = turn_id
        self._marks: dict[Mark, int] = {}

    def mark(self, mark: Mark, t_ns: int) -> None:
        """Note that `mark` happened at `t_ns` on the clock of `mark.side`.

        Raises TimelineError, and notes nothing, where the turn has this mark already or the order is impossible.
        """
        if mark in self._marks:
            raise TimelineError(f"turn {self.turn_id} has {mark.value} already")
        for other, other_ns in self._marks.items():
            if (other in _BEFORE[mark] and other_ns > t_ns) or (mark in _BEFORE[other] and t_ns > other_ns):
                early, late = (mark, other) if other_ns > t_ns else (other, mark)
                by_ms = clock.ms(abs(other_ns - t_ns))
                raise TimelineError(f"turn {self.turn_id}: {early.value} cannot be {by_ms} ms before {late.value}")
        self._marks[mark] = t_ns

    def reopen(self) -> None:
        """Speech resumed: withdraw the marks of its end. Raises TimelineError once the turn is committed."""
        if Mark.TURN_COMMITTED in self._marks:
            raise TimelineError(f"turn {self.turn_id} is committed and cannot be reopened")
        for mark in WITHDRAWN_BY_SPEECH:
            self._marks.pop(mark, None)

    def at(self, mark: Mark) -> int | None:
        """When `mark` happened, on the clock of its side; None where it did not."""
        return self._marks.get(mark)

    def marks(self) -> list[tuple[Mark, int]]:
        """The server's marks by time, then the client's by time; those of one instant in the order of `Mark`."""
        return sorted(
            self._marks.items(), key=lambda item: (item[0].side is ClockSide.CLIENT, item[1], _DEFINED[item[0]])
        )

    def latencies_ms(self) -> dict[str, float]:
        """The spans by name, in the order of `SPANS`; one whose mark is missing is absent."""
        return {
            span.name: clock.ms(self._marks[span.end] - self._marks[span.start])
            for span in SPANS
            if span.start in self._marks and span.end in self._marks
        }
