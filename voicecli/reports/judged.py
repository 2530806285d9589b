"""Whether a comparison came to a verdict, and what would get one where it did not."""

from typing import NamedTuple

from voicecli.figures.comparison import ComparedTurn, Comparison
from voicecli.figures.verdict import Answer
from voicewire.marks import SPANS

NO_VERDICT = (Answer.UNRELIABLE, Answer.NOT_ENOUGH_RUNS)

_TITLES = {span.name: span.title for span in SPANS}
_VIRTUALLY = "with --virtual, where the speed of engines is not the question"


class Judged(NamedTuple):
    """A comparison, as other programs are to be told of it."""

    against: str
    """What the other run was asked for by."""
    comparison: Comparison
    required: bool
    """No verdict is a failure."""


def called(turn: ComparedTurn) -> str:
    return f"{turn.fixture}, utterance {turn.utterance + 1}, {_TITLES[turn.latency]}"


def missing(comparison: Comparison) -> str | None:
    """A sentence where there is no verdict: why, and what would get one."""
    if comparison.answer not in NO_VERDICT:
        return None
    if comparison.answer is Answer.UNRELIABLE:
        if {whose for turn in comparison.turns for whose in turn.verdict.unreliable} == {"baseline"}:
            return (
                "no verdict: the baseline was made on a machine that was too busy to keep a caller's pace in more than"
                f" a quarter of the calls; make it again on a quieter one, or both runs {_VIRTUALLY}"
            )
        return (
            "no verdict: this machine was too busy to keep a caller's pace in more than a quarter of the calls; repeat"
            f" them on a quieter one, or {_VIRTUALLY}"
        )
    lacking = [turn for turn in comparison.turns if turn.verdict.answer is Answer.NOT_ENOUGH_RUNS]
    unmeasured = [turn for turn in lacking if min(turn.verdict.counts) == 0]
    if unmeasured or not lacking:
        what = called(unmeasured[0]) if unmeasured else "everything that could be compared"
        return f"no verdict: {what} is missing from one of the runs; see why its calls went another way"
    needed = max(turn.verdict.runs_needed or 0 for turn in lacking)
    return (
        "no verdict: there are too few calls to tell a change from chance; about"
        f" {needed} on each side would probably do (replay --repeat {needed}), fewer on a quieter machine, and one"
        f" {_VIRTUALLY}"
    )
