"""What calls came to, as budgets are judged by it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import UNSET

from voicecli.calls.expectation import utterance_errors
from voicecli.figures.budget import LATENCIES, Samples
from voicecli.figures.run import CallRun, Turn
from voicecli.figures.wer import WordErrors
from voicecli.fixtures.fixture import Fixture, Kind
from voicewire.marks import Mark
from voicewire.messages import TurnOutcome


class Called(NamedTuple):
    """A call, and what was acted out in it."""

    fixture: Fixture
    call: CallRun


def samples(calls: Sequence[Called]) -> Samples:
    """Latencies of calls whose own pace was kept, words and cutoffs of all."""
    kept = [called.call for called in calls if called.call.reliable]
    known = [turn.counted_ms() for call in kept for turn in call.turns]
    cutoffs, utterances = _cutoffs(calls)
    return Samples(
        latencies_ms={name: [each[f"{name}_ms"] for each in known if f"{name}_ms" in each] for name in LATENCIES},
        words=sum(_errors(calls), WordErrors(0, 0, 0, 0)),
        false_cutoffs=cutoffs,
        utterances=utterances,
        left_out=len(calls) - len(kept),
    )


def _errors(calls: Iterable[Called]) -> Iterator[WordErrors]:
    for fixture, call in calls:
        for index, utterance in enumerate(fixture.utterances):
            if utterance.expects_transcript:
                yield utterance_errors(utterance, [turn for turn in call.turns if turn.utterance == index])


def _cutoffs(calls: Iterable[Called]) -> tuple[int, int]:
    """Turns of an utterance beyond its first, and utterances that had a turn at all.

    One that was taken back before anything of its answer was heard is no turn of its own: the user was not cut off.
    """
    committed = [
        sum(turn.utterance == index and _is_committed(turn) for turn in call.turns)
        for fixture, call in calls
        for index, utterance in enumerate(fixture.utterances)
        if utterance.kind is Kind.SPEECH
    ]
    taken = [turns for turns in committed if turns]
    return sum(taken) - len(taken), len(taken)


def _is_committed(turn: Turn) -> bool:
    if turn.is_taken_back and (turn.reply_audio is UNSET or not turn.reply_audio.heard_ms):
        return False
    answered = turn.outcome in (TurnOutcome.COMPLETED, TurnOutcome.CANCELLED)
    return answered or any(mark.mark is Mark.TURN_COMMITTED for mark in turn.marks)
