from msgspec.structs import replace

from scripts import rebase_virtual
from scripts.rebase_virtual import ACCEPT, ROOT, FixtureFigures, TurnFigures, differences, measured, recorded
from voicecli.fixtures import fixture as fixtures

TURN = TurnFigures("completed", "hello", 7, {"endpointing": 600.0, "tts": 100.0, "tts_ttfb_ms": 100.0})
CALL = FixtureFigures("d1", 400, ("speech_started", "turn_end"), (), (TURN, TURN))


def test_the_fixtures_have_in_virtual_time_the_figures_of_the_baseline() -> None:
    moved = differences(recorded(), measured(fixtures.found_in(ROOT / "fixtures")))
    assert not moved, "\n".join(["figures in virtual time moved:", *moved, ACCEPT])


def test_what_moved_is_named_with_its_turn_and_stage_and_by_how_much() -> None:
    numbers = [ROOT / "fixtures/numbers"]
    fixed = {"endpointing": "fixed", "speculation": "false"}
    fast, slow = (measured(numbers, fixed | {"tts": f"scripted(ttfb={ttfb}ms)"}) for ttfb in (100, 160))
    assert differences(fast, slow) == [
        "numbers: frames sent 407 -> 410",
        "numbers, turn 1: TTS first audio 100.000 ms -> 160.000 ms (+60.000 ms)",
        "numbers, turn 1: voice to voice 1113.292 ms -> 1173.292 ms (+60.000 ms)",
        "numbers, turn 1: tts ttfb 100.000 ms -> 160.000 ms (+60.000 ms)",
        "numbers, turn 1: server turnaround 1100.000 ms -> 1160.000 ms (+60.000 ms)",
        "numbers, turn 1: tts.done 760.000 ms -> 820.000 ms (+60.000 ms)",
    ]


def test_how_far_ahead_of_the_playhead_audio_is_sent_is_a_figure_too() -> None:
    numbers = [ROOT / "fixtures/numbers"]
    far, near = (measured(numbers, {"lead_ms": str(lead)}) for lead in (500, 300))
    assert differences(far, near) == ["numbers, turn 1: audio sent 4000.000 ms -> 4200.000 ms (+200.000 ms)"]


def test_figures_that_agree_differ_in_nothing() -> None:
    assert differences({"a": CALL}, {"a": CALL}) == []


def test_fixtures_that_come_and_go_are_named() -> None:
    assert differences({"a": CALL, "b": CALL}, {"b": CALL, "c": CALL}) == ["a: is not there any more", "c: is new"]


def test_what_else_a_call_consists_of_is_compared_too() -> None:
    other = replace(
        CALL,
        digest="d2",
        events=("speech_started", "turn_start", "turn_end"),
        failures=("0 turns instead of 1",),
        turns=(TURN,),
    )
    assert differences({"a": CALL}, {"a": other}) == [
        "a: its audio is another",
        "a: events from number 2 on turn_end -> turn_start, turn_end",
        "a: failures none -> 0 turns instead of 1",
        "a: turns 2 -> 1",
    ]


def test_what_a_turn_has_no_more_and_what_it_has_now_is_told() -> None:
    turn = TurnFigures("cancelled", "", 6, {"endpointing": 600.0, "tts": 100.0, "barge_in_stop_ms": 20.0})
    assert differences({"a": CALL}, {"a": replace(CALL, turns=(TURN, turn))}) == [
        "a, turn 2: outcome 'completed' -> 'cancelled'",
        "a, turn 2: transcript 'hello' -> ''",
        "a, turn 2: audio messages 7 -> 6",
        "a, turn 2: tts ttfb 100.000 ms -> none",
        "a, turn 2: barge in stop none -> 20.000 ms",
    ]


def test_a_baseline_that_is_not_there_is_empty() -> None:
    assert recorded(ROOT / "nowhere.json") == {}
    assert rebase_virtual.BASELINE.is_file()
