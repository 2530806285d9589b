import json
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET

from tests.voicecli.documents import TURN, call, fixture_runs, mark, run
from voicecli.figures.run import Run
from voicecli.reports.trace import trace
from voicewire.marks import Mark


def events(document: Run, phase: str) -> list[dict[str, Any]]:
    told: Iterable[dict[str, Any]] = json.loads(trace(document))["traceEvents"]
    return [event for event in told if event["ph"] == phase]


def tracks(document: Run) -> dict[tuple[int, int], str]:
    """Titles by process and thread; thread 0 stands for the process."""
    named = [event for event in events(document, "M") if event["name"] in ("process_name", "thread_name")]
    return {(event["pid"], event["tid"]): event["args"]["name"] for event in named}


def slices(document: Run) -> list[tuple[str, str, int, int]]:
    """Track, name, µs of the beginning and of the end."""
    titles = tracks(document)
    return [
        (titles[event["pid"], event["tid"]], event["name"], event["ts"], event["ts"] + event["dur"])
        for event in events(document, "X")
    ]


def test_a_call_is_a_process_with_a_track_for_the_turns_and_one_for_each_stage() -> None:
    assert slices(run(fixture_runs("tone", call()))) == [
        ("turns", "turn 1", 690_000, 1_420_000),
        ("speech end", "speech end", 690_000, 700_000),
        ("endpointing", "endpointing", 690_000, 1_300_000),
        ("LLM first token", "LLM first token", 1_300_000, 1_420_000),
    ]


def test_a_turn_tells_its_words_and_latencies() -> None:
    (turn, *_) = events(run(fixture_runs("tone", call())), "X")
    assert turn["args"] == {
        "turn": 1,
        "reply": "Good day.",
        "outcome": "completed",
        "transcript": "hello there",
        "voice_to_voice_ms": 720.0,
    }


def test_each_call_has_its_process() -> None:
    document = run(fixture_runs("tone", call(), call(reliable=False)), fixture_runs("other", call()))
    processes = [title for (_, thread), title in tracks(document).items() if thread == 0]
    assert processes == ["tone, run 1", "tone, run 2 (unreliable)", "other"]


def test_marks_are_instants_on_the_clients_clock() -> None:
    document = run(fixture_runs("tone", call()))
    assert [(event["name"], event["ts"]) for event in events(document, "i")] == [
        ("audio.last_speech", 690_000),
        ("turn.committed", 1_300_000),
        ("mic.speech_end", 700_000),
        ("reply.first_audible", 1_420_000),
    ]
    unplaced = run(fixture_runs("tone", msgspec.structs.replace(call(), clock=UNSET)))
    assert [event["name"] for event in events(unplaced, "i")] == ["mic.speech_end", "reply.first_audible"]


def test_turns_that_overlap_stand_in_rows_of_their_own() -> None:
    later = msgspec.structs.replace(TURN, turn_id=2, parts=(), marks=(mark(Mark.MIC_SPEECH_END, 1419.0),))
    after = msgspec.structs.replace(TURN, turn_id=3, parts=(), marks=(mark(Mark.MIC_SPEECH_END, 1420.0),))
    document = run(fixture_runs("tone", call(TURN, later, after)))
    rows = {event["name"]: event["tid"] for event in events(document, "X") if event["cat"] == "turn"}
    assert rows == {"turn 1": 1, "turn 2": 2, "turn 3": 1}
    assert [tracks(document)[1, thread] for thread in (1, 2)] == ["turns", "turns"]


def test_a_turn_of_which_nothing_is_known_is_left_out() -> None:
    empty = msgspec.structs.replace(TURN, marks=(), parts=())
    assert slices(run(fixture_runs("tone", call(empty)))) == []
