"""What a fixture expects of a call, and the sentences that say where the call fell short."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from voicecli.figures.run import Expectation, Turn
from voicecli.figures.wer import WordErrors, word_errors
from voicecli.fixtures.fixture import Fixture, Utterance
from voicewire.messages import TurnOutcome

_GIVEN = (TurnOutcome.COMPLETED, TurnOutcome.CANCELLED)
"""Outcomes of a turn that was answered."""


def examined(fixture: Fixture, turns: Sequence[Turn], events: Sequence[str], gave_up: str | None) -> list[Expectation]:
    """All expectations of a fixture; those that were not met have failures, each a sentence."""
    expected = [_expectation("all is said and answered", [gave_up] if gave_up else [])]
    for index, utterance in enumerate(fixture.utterances):
        opened = [turn for turn in turns if turn.utterance == index]
        expected += _of_utterance(index, utterance, opened, turns)
    expected.append(_expectation("no engine fails", _engine_failures(turns)))
    if fixture.expect.turns is not None:
        expected.append(_expectation("number of turns", _turn_failures(fixture.expect.turns, turns)))
    if fixture.expect.events:
        expected.append(_expectation("order of events", _event_failures(fixture.expect.events, events)))
    for name, budget_ms in fixture.budgets_ms.items():
        expected.append(_expectation(f"{name} of each turn", _budget_failures(name, budget_ms, turns)))
    return expected


def _expectation(name: str, failed: Sequence[str]) -> Expectation:
    return Expectation(name=name, failures=tuple(failed))


def utterance_errors(utterance: Utterance, opened: Sequence[Turn]) -> WordErrors:
    """Of the transcripts of all turns that an utterance opened, one after the other. Those of a turn that was taken
    back come again in the next."""
    kept = [turn for turn in opened if not turn.is_taken_back]
    heard = " ".join(turn.transcript_final for turn in kept if isinstance(turn.transcript_final, str))
    return word_errors(utterance.text, heard)


def _of_utterance(
    index: int, utterance: Utterance, opened: Sequence[Turn], turns: Sequence[Turn]
) -> Iterator[Expectation]:
    name = f"utterance {index + 1}"
    if utterance.expects_transcript:
        yield _expectation(f"{name}: transcript", _transcript_failures(name, utterance, opened))
    answered = any(turn.reply_audio is not UNSET and turn.reply_audio.heard_ms > 0 for turn in opened)
    if utterance.expects_reply:
        yield _expectation(f"{name}: reply", [] if answered else [f"{name}: no reply was heard"])
    else:
        heard = f"{name}: a reply was heard where none was expected"
        yield _expectation(f"{name}: no reply", [heard] if answered else [])
    before = [turn for turn in turns if turn.utterance is not UNSET and turn.utterance < index]
    if utterance.into_reply_ms is not None:
        cut = bool(before) and before[-1].outcome is TurnOutcome.CANCELLED
        if utterance.expect.cancels_reply:
            missed = f"{name}: did not cancel the reply it was spoken into"
            yield _expectation(f"{name}: cancels the reply", [missed] if before and not cut else [])
        else:
            missed = f"{name}: cancelled the reply it was spoken into"
            yield _expectation(f"{name}: lets the reply go on", [missed] if cut else [])


def _transcript_failures(name: str, utterance: Utterance, opened: Sequence[Turn]) -> list[str]:
    heard = [turn.transcript_final for turn in opened if isinstance(turn.transcript_final, str)]
    if not heard:
        return [f'{name}: no final transcript; "{utterance.text}" was said']
    errors = utterance_errors(utterance, opened)
    if errors.rate <= utterance.expect.max_wer:
        return []
    return [
        f"{name}: word error rate {errors.rate:.1%} (n={errors.words} words) is above "
        f'{utterance.expect.max_wer:.1%}; heard "{" / ".join(heard)}", said "{utterance.text}"'
    ]


def _engine_failures(turns: Sequence[Turn]) -> list[str]:
    return [f"turn {turn.turn_id}: {error.message} ({error.code.value})" for turn in turns for error in turn.errors]


def _turn_failures(expected: int, turns: Sequence[Turn]) -> list[str]:
    given = sum(turn.outcome in _GIVEN and not turn.is_taken_back for turn in turns)
    return [] if given == expected else [f"{given} turn{'s' * (given != 1)} instead of {expected}"]


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


def _budget_failures(name: str, budget_ms: float, turns: Sequence[Turn]) -> list[str]:
    taken = [(turn.turn_id, turn.counted_ms().get(f"{name}_ms", 0.0)) for turn in turns]
    return [
        f"turn {turn_id}: {name} took {taken_ms:.0f} ms; the budget is {budget_ms:g} ms"
        for turn_id, taken_ms in taken
        if taken_ms > budget_ms
    ]
