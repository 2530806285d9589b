"""What a fixture expects of a call, and the sentences that say where the call fell short."""

from collections.abc import Sequence

from msgspec import UNSET

from voicecli.fixture import Fixture, Utterance
from voicecli.run import Turn
from voicecli.wer import WordErrors, word_errors
from voicewire.messages import TurnOutcome

_GIVEN = (TurnOutcome.COMPLETED, TurnOutcome.CANCELLED)
"""Outcomes of a turn that was answered."""


def failures(fixture: Fixture, turns: Sequence[Turn], events: Sequence[str], gave_up: str | None) -> list[str]:
    """The expectations that were not met, each as a sentence; none for a good call."""
    failed = [gave_up] if gave_up else []
    for index, utterance in enumerate(fixture.utterances):
        opened = [turn for turn in turns if turn.utterance == index]
        failed += _utterance_failures(index, utterance, opened, turns)
    failed += _turn_failures(fixture, turns)
    failed += _event_failures(fixture.expect.events, events)
    for turn in turns:
        failed += _budget_failures(fixture, turn)
    return failed


def utterance_errors(utterance: Utterance, opened: Sequence[Turn]) -> WordErrors:
    """Of the transcripts of all turns that an utterance opened, one after the other."""
    heard = " ".join(turn.transcript_final for turn in opened if isinstance(turn.transcript_final, str))
    return word_errors(utterance.text, heard)


def _utterance_failures(index: int, utterance: Utterance, opened: Sequence[Turn], turns: Sequence[Turn]) -> list[str]:
    failed = []
    name = f"utterance {index + 1}"
    if utterance.expects_transcript:
        errors = utterance_errors(utterance, opened)
        if not any(isinstance(turn.transcript_final, str) for turn in opened):
            failed.append(f'{name}: no final transcript; "{utterance.text}" was said')
        elif errors.rate > utterance.expect.max_wer:
            heard = " / ".join(turn.transcript_final for turn in opened if isinstance(turn.transcript_final, str))
            failed.append(
                f"{name}: word error rate {errors.rate:.1%} (n={errors.words} words) is above "
                f'{utterance.expect.max_wer:.1%}; heard "{heard}", said "{utterance.text}"'
            )
    answered = any(turn.reply_audio is not UNSET and turn.reply_audio.heard_ms > 0 for turn in opened)
    if utterance.expects_reply and not answered:
        failed.append(f"{name}: no reply was heard")
    if not utterance.expects_reply and answered:
        failed.append(f"{name}: a reply was heard where none was expected")
    before = [turn for turn in turns if turn.utterance is not UNSET and turn.utterance < index]
    if utterance.into_reply_ms is not None and before:
        cut = before[-1].outcome is TurnOutcome.CANCELLED
        if utterance.expect.cancels_reply and not cut:
            failed.append(f"{name}: did not cancel the reply it was spoken into")
        if not utterance.expect.cancels_reply and cut:
            failed.append(f"{name}: cancelled the reply it was spoken into")
    return failed


def _turn_failures(fixture: Fixture, turns: Sequence[Turn]) -> list[str]:
    failed = [f"turn {turn.turn_id}: {error.message} ({error.code.value})" for turn in turns for error in turn.errors]
    given = sum(turn.outcome in _GIVEN for turn in turns)
    expected = fixture.expect.turns
    if expected is not None and given != expected:
        failed.append(f"{given} turn{'s' * (given != 1)} instead of {expected}")
    return failed


def _event_failures(expected: Sequence[str], events: Sequence[str]) -> list[str]:
    """Each expected message must come, after the one expected before it."""
    at = 0
    for place, event in enumerate(expected):
        try:
            at = events.index(event, at) + 1
        except ValueError:
            after = f" after {' '.join(expected[:place])}" if place else ""
            return [f"no {event} came{after}"]
    return []


def _budget_failures(fixture: Fixture, turn: Turn) -> list[str]:
    latencies = turn.latencies.known()
    return [
        f"turn {turn.turn_id}: {name} took {latencies[f'{name}_ms']:.0f} ms; the budget is {budget_ms:g} ms"
        for name, budget_ms in fixture.budgets_ms.items()
        if latencies.get(f"{name}_ms", 0.0) > budget_ms
    ]
