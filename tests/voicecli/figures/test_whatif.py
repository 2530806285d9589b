import json

from msgspec.structs import replace

from tests.voicecli.documents import call
from tests.voicecli.runs import turn
from voicecli.figures.change import parsed
from voicecli.figures.whatif import Felt, PartGap, WhatIf, felt
from voicewire.messages import Speculation

CHANGE = parsed(["llm.ttft=-200ms"])


def test_the_change_is_what_it_does_in_virtual_time_and_the_record_what_it_is_done_to() -> None:
    found = felt(
        "tone",
        [call(turn(0, endpointing=600.0 + at, llm=300.0, network=9.0)) for at in range(3)],
        [call(turn(0, endpointing=600.0 + at, llm=300.0)) for at in range(3)],
        [call(turn(0, endpointing=600.0 + at, llm=100.0)) for at in range(3)],
        [{0: -200.0}] * 3,
        CHANGE,
    )
    assert found.turns == [
        Felt(
            fixture="tone",
            utterance=0,
            calls=3,
            recorded_ms=910.0,
            reproduced_ms=901.0,
            gaps=(PartGap("network", 9.0),),
            changed_ms=710.0,
            asked_ms=-200.0,
            felt_ms=-200.0,
        )
    ]
    assert found.notes == []


def hidden_by(text: str, asked_ms: float, before: dict[str, float], after: dict[str, float]) -> tuple[float, str]:
    same = [call(turn(0, **before))]
    (only,) = felt("tone", same, same, [call(turn(0, **after))], [{0: asked_ms}], parsed([text])).turns
    return only.hidden_ms, only.hidden_by


def test_what_takes_longer_instead_hides_a_change() -> None:
    shorter = hidden_by("turn.silence=-400ms", -400.0, {"endpointing": 600.0}, {"endpointing": 200.0, "stt": 150.0})
    assert shorter == (-150.0, "stt")


def test_a_transcript_that_nothing_waited_for_is_hidden_by_endpointing() -> None:
    for text in ("stt.final=-100ms", "stt=scripted(delay=50ms)"):
        assert hidden_by(text, -100.0, {"endpointing": 600.0}, {"endpointing": 600.0}) == (-100.0, "endpointing")


def test_an_answer_that_was_begun_early_waits_for_the_commit() -> None:
    early = replace(turn(0, endpointing=600.0, llm=0.0), speculation=Speculation(started=1, hit=1, saved_ms=500.0))
    same = [call(early)]
    (only,) = felt("tone", same, same, same, [{0: -200.0}], CHANGE).turns
    assert (only.hidden_ms, only.hidden_by) == (-200.0, "endpointing")


def test_more_than_what_was_asked_for_is_hidden_by_nothing() -> None:
    assert hidden_by("turn.silence=-300ms", -300.0, {"endpointing": 1200.0}, {"endpointing": 600.0}) == (300.0, "")


def test_what_is_smaller_than_a_frame_is_rounding_and_hidden_by_nothing() -> None:
    assert hidden_by("llm.ttft=-100ms", -100.0, {"llm": 300.0}, {"llm": 204.0})[1] == ""


def test_an_answer_that_virtual_time_does_not_have_is_left_out_and_told() -> None:
    answered = call(turn(0, llm=300.0), turn(1, llm=400.0))
    found = felt("tone", [answered] * 2, [answered, call(turn(0, llm=300.0))], [answered] * 2, [{}, {}], CHANGE)
    assert [(each.utterance, each.calls) for each in found.turns] == [(0, 2), (1, 1)]
    assert found.notes == ["utterance 2 has no answer in virtual time in 1 of 2 calls: left out"]


def test_it_is_a_document() -> None:
    document = json.loads(WhatIf(run="main", changes=("llm.ttft=-200ms",), turns=()).serialize())
    assert document == {
        "schema": "voicecli.whatif/1",
        "run": "main",
        "changes": ["llm.ttft=-200ms"],
        "turns": [],
        "notes": [],
    }
