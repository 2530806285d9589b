from typing import Any

import msgspec
import pytest

from tests.voicecli.peer import made, spoken
from voicecli.figures.run import CallRun, Latencies, MarkDocument, PacingDocument, ReplyAudio, Turn
from voicecli.figures.samples import Called, samples
from voicecli.figures.wer import WordErrors
from voicecli.fixtures.fixture import Kind, When
from voicewire.marks import ClockSide, Mark
from voicewire.messages import CancelReason, TurnOutcome

PACING = PacingDocument(frames=1, late_frames=0, worst_late_ms=0.0, median_late_ms=0.0)
FIXTURE = made(
    spoken("hello there"), spoken("good day", audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.AFTER_REPLY)
)
COMMITTED = (MarkDocument(mark=Mark.TURN_COMMITTED, t_ms=1.0, clock=ClockSide.SERVER),)


TAKEN_BACK: dict[str, Any] = {"outcome": TurnOutcome.CANCELLED, "cancelled": CancelReason.RESUMED}
HEARD = ReplyAudio(heard_ms=80.0, underruns=0, underrun_ms=0.0)


def turn(turn_id: int, utterance: int, text: str = "", **fields: object) -> Turn:
    given: dict[str, object] = {"outcome": TurnOutcome.COMPLETED, "latencies": Latencies(ttft_ms=100.0 * turn_id)}
    return Turn(turn_id=turn_id, utterance=utterance, transcript_final=text, **given | fields)  # type: ignore[arg-type]


def call(*turns: Turn, reliable: bool = True) -> CallRun:
    return CallRun(reliable=reliable, pacing=PACING, turns=turns)


GOOD = call(turn(1, 0, "hello there"), turn(2, 1, "good day"))


def test_latencies_are_those_of_all_turns_of_reliable_calls() -> None:
    late = msgspec.structs.replace(GOOD, reliable=False)
    gathered = samples([Called(FIXTURE, GOOD), Called(FIXTURE, late), Called(FIXTURE, GOOD)])
    assert gathered.latencies_ms["ttft"] == [100.0, 200.0, 100.0, 200.0]
    assert gathered.latencies_ms["voice_to_voice"] == []
    assert gathered.left_out == 1
    assert gathered.words == WordErrors(0, 0, 0, 12)


def test_the_wait_for_an_answer_that_was_taken_back_is_none() -> None:
    waited = Latencies(voice_to_voice_ms=400.0, ttft_ms=100.0)
    joined = call(turn(1, 0, **TAKEN_BACK, reply_audio=HEARD, latencies=waited), turn(2, 0, latencies=waited))
    gathered = samples([Called(FIXTURE, joined)])
    assert (gathered.latencies_ms["voice_to_voice"], gathered.latencies_ms["ttft"]) == ([400.0], [100.0, 100.0])


def test_words_are_compared_by_utterance_and_those_unheard_are_errors() -> None:
    split = call(turn(1, 0, "hello"), turn(2, 0, "there"))
    assert samples([Called(FIXTURE, split)]).words == WordErrors(0, 2, 0, 4)


def test_words_of_a_turn_that_was_taken_back_are_those_of_the_next() -> None:
    joined = call(turn(1, 0, "hello", **TAKEN_BACK), turn(2, 0, "hello there"))
    assert samples([Called(FIXTURE, joined)]).words.errors == 2  # those of the second utterance


@pytest.mark.parametrize(
    ("turns", "cutoffs", "utterances"),
    [
        ((), 0, 0),
        ((turn(1, 0), turn(2, 1)), 0, 2),
        ((turn(1, 0, outcome=TurnOutcome.CANCELLED), turn(2, 0), turn(3, 0)), 2, 1),
        ((turn(1, 0, outcome=TurnOutcome.NO_SPEECH), turn(2, 0)), 0, 1),
        ((turn(1, 0, outcome=TurnOutcome.FAILED, marks=COMMITTED), turn(2, 0)), 1, 1),
        ((turn(1, 0, **TAKEN_BACK), turn(2, 0)), 0, 1),
        ((turn(1, 0, **TAKEN_BACK, reply_audio=HEARD), turn(2, 0)), 1, 1),
    ],
)
def test_a_turn_that_leaves_some_of_the_utterance_to_another_is_a_false_cutoff(
    turns: tuple[Turn, ...], cutoffs: int, utterances: int
) -> None:
    gathered = samples([Called(FIXTURE, call(*turns))])
    assert (gathered.false_cutoffs, gathered.utterances) == (cutoffs, utterances)


def test_what_is_no_speech_cannot_be_cut() -> None:
    hummed = made(spoken("", kind=Kind.BACKCHANNEL))
    gathered = samples([Called(hummed, call(turn(1, 0), turn(2, 0)))])
    assert (gathered.false_cutoffs, gathered.utterances) == (0, 0)
