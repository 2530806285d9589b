from msgspec.structs import replace

from voicecli.figures.whatif import Felt, PartGap, WhatIf
from voicecli.reports.whatif_report import whatif_lines

TURN = Felt(
    fixture="tone",
    utterance=0,
    calls=12,
    recorded_ms=1015.2,
    reproduced_ms=1010.0,
    gaps=(PartGap("network", 4.0), PartGap("lead_in", 1.2)),
    changed_ms=815.2,
    asked_ms=-200.0,
    felt_ms=-200.0,
)


def told(turn: Felt = TURN, *changes: str, notes: tuple[str, ...] = ()) -> list[str]:
    return [line.plain for line in whatif_lines(WhatIf(run="main", changes=changes, turns=(turn,), notes=notes))]


def test_what_would_have_been_felt_comes_first_and_then_how_far_to_trust_it() -> None:
    assert told(TURN, "llm.ttft=-200ms", notes=("the silence is not known",)) == [
        "\nwhat if: llm.ttft=-200ms  (the delays of main, in virtual time)",
        "  tone, utterance 1, voice-to-voice: 1015 → 815 ms, felt -200 ms  (n=12)",
        "      all of the -200 ms asked for is felt",
        "      without the change, virtual time gives 1010 ms: +5 ms to the record (network +4, silent lead-in +1)",
        "  note: the silence is not known",
    ]


def test_what_hides_a_change_is_named() -> None:
    nothing = replace(TURN, felt_ms=0.2, hidden_by="endpointing")
    assert told(nothing, "x")[2] == (
        "      nothing of the -200 ms asked for is felt: it is hidden behind endpointing, which takes as long anyway"
    )
    by_whom = replace(TURN, felt_ms=0.2)
    assert told(by_whom, "x")[2] == "      nothing of the -200 ms asked for is felt: it is hidden"
    some = replace(TURN, felt_ms=-50.0, hidden_by="stt")
    assert told(some, "x")[2] == "      of the -200 ms asked for, -150 ms are hidden behind STT"


def test_more_than_what_was_asked_for_is_not_told_as_hidden() -> None:
    assert told(replace(TURN, felt_ms=-380.0), "x")[2] == (
        "      more than the -200 ms asked for is felt: other waits change with it"
    )


def test_without_a_change_only_the_reproduction_is_told() -> None:
    assert told(replace(TURN, gaps=()))[1:] == [
        "  tone, utterance 1, voice-to-voice: 1015 ms  (n=12)",
        "      without the change, virtual time gives 1010 ms: +5 ms to the record",
    ]


def test_a_record_without_an_answer_is_told_to_be_one() -> None:
    lines = whatif_lines(WhatIf(run="main", changes=(), turns=()))
    assert [line.plain for line in lines][1] == "  no answer was heard in the record"
