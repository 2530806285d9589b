from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from voicecli.calls.call import CallSettings
from voicecli.calls.plan import Planned, planned
from voicecli.calls.take import Take, document
from voicecli.calls.virtualcall import VirtualServer
from voicecli.calls.whatif import what_if
from voicecli.figures.change import parsed
from voicecli.figures.run import Run, Server
from voicecli.figures.whatif import Felt
from voicewire.messages import EngineInfo

FIXTURES = Path(__file__).parents[3] / "fixtures"
ENGINES = {"stt": "scripted(final=150ms)", "llm": "scripted(ttft=300ms, pace=20ms)", "tts": "scripted(ttfb=100ms)"}


def plan(*names: str) -> list[Planned]:
    return planned(FIXTURES / name for name in names)


def recorded(fixtures: Sequence[Planned], flags: Mapping[str, str] | None = None, server: Server | None = None) -> Run:
    """In virtual time, so that the truth is known to the microsecond."""
    flags = {"endpointing": "fixed", "speculation": "false", "resume_ms": "0", **(flags or {})}
    virtual = VirtualServer({**ENGINES, **flags}, {})
    takes: list[Take] = [virtual.take(*each, CallSettings()) for each in fixtures]
    return document(takes, server or virtual.told)


def felt(run: Run, fixtures: Sequence[Planned], *changes: str) -> list[Felt]:
    return list(what_if(run, fixtures, parsed(changes)).turns)


def voice_to_voice(run: Run) -> list[float]:
    turns = [turn.latencies for fixture in run.fixtures for call in fixture.runs for turn in call.turns]
    return [round(latencies.known()["voice_to_voice_ms"]) for latencies in turns]


def test_a_call_acted_out_again_takes_what_it_took_whatever_its_server_waits_for() -> None:
    fixtures = plan("barge-in", "conversation-three-turns", "pause-700ms")
    flags = {"silence_ms": "740", "hangover_ms": "320", "llm": "scripted(ttft=410ms, pace=35ms)"}
    for turn in felt(recorded(fixtures, flags), fixtures):
        assert turn.reproduced_ms == pytest.approx(turn.recorded_ms, abs=1), turn


def test_so_does_one_whose_server_begins_answers_early_and_waits_for_what_the_words_need() -> None:
    fixtures = plan("barge-in", "conversation-three-turns", "numbers")
    flags = {"endpointing": "adaptive", "speculation": "true", "llm": "scripted(ttft=410ms, pace=35ms)"}
    for turn in felt(recorded(fixtures, flags), fixtures):
        # When a partial comes, within a frame of the VAD, depends on how long the replies before it were.
        assert turn.reproduced_ms == pytest.approx(turn.recorded_ms, abs=64 if turn.utterance else 1), turn


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        ("llm.ttft=-200ms", {"llm": "scripted(ttft=100ms, pace=20ms)"}),
        ("llm.pace=+30ms", {"llm": "scripted(ttft=300ms, pace=50ms)"}),
        ("tts.ttfb=250ms", {"tts": "scripted(ttfb=250ms)"}),
        ("stt.final=+100%", {"stt": "scripted(final=300ms)"}),
        ("stt.final=+600ms", {"stt": "scripted(final=750ms)"}),
        ("stt=scripted(delay=750ms)", {"stt": "scripted(final=750ms)"}),
        ("turn.silence=-350ms", {"silence_ms": "250"}),
    ],
)
def test_what_is_foretold_of_a_change_is_what_the_changed_engine_then_does(change: str, flags: dict[str, str]) -> None:
    fixtures = plan("numbers", "conversation-three-turns")
    foretold = [turn.changed_ms for turn in felt(recorded(fixtures), fixtures, change)]
    truth = voice_to_voice(recorded(fixtures, flags))
    assert foretold[0] == pytest.approx(truth[0], abs=2)
    # Where within a frame of the VAD a later utterance ends depends on how long the replies before it were.
    assert foretold == pytest.approx(truth, abs=64 if change.startswith(("stt", "turn")) else 2)


def test_a_faster_transcript_that_endpointing_outlasts_is_not_felt() -> None:
    fixtures = plan("numbers")
    (turn,) = felt(recorded(fixtures), fixtures, "stt.final=-100ms")
    assert (round(turn.asked_ms), round(turn.felt_ms), turn.hidden_by) == (-100, 0, "endpointing")


def test_what_is_not_known_is_told() -> None:
    fixtures = plan("numbers", "silence")
    run = recorded(fixtures, server=Server(url="ws://there/"))
    elsewhere = msgspec.structs.replace(run, engines=run.engines | {"vad": EngineInfo("webrtc")})
    assert what_if(elsewhere, fixtures, []).notes == (
        "the VAD webrtc is not here: Silero hears in its place",
        "numbers: the silence that ends a turn was not told: by the marks it is 600 ms",
        "silence: the silence that ends a turn is not known: taken for 600 ms",
        "silence: the silence that ends a segment is not known: taken for 200 ms",
    )


def test_a_change_that_takes_off_more_than_there_is_is_told() -> None:
    fixtures = plan("numbers")
    run = recorded(fixtures)
    told = what_if(run, fixtures, parsed(["llm.ttft=-50s"]))
    assert [round(turn.asked_ms) for turn in told.turns] == [-300]
    assert told.notes == (
        "llm.ttft=-50s: nothing gets below 0, and in 1 of 1 turns the delay was shorter, so that all of it is taken off"
        " and no more is asked for",
    )
    assert what_if(run, fixtures, parsed(["llm.ttft=-300ms", "tts.ttfb=0ms"])).notes == ()


def test_calls_that_were_paced_badly_are_left_out_and_what_they_lack_is_said() -> None:
    fixtures = plan("numbers")
    run = recorded(fixtures)
    (call,) = run.fixtures[0].runs
    late = msgspec.structs.replace(call, reliable=False)
    nameless = msgspec.structs.replace(
        call,
        turns=tuple(
            msgspec.structs.replace(turn, latencies=msgspec.structs.replace(turn.latencies, ttft_ms=msgspec.UNSET))
            for turn in call.turns
        ),
    )
    calls = msgspec.structs.replace(run.fixtures[0], runs=(call, late, nameless))
    told = what_if(msgspec.structs.replace(run, fixtures=(calls,)), fixtures, [])
    assert [turn.calls for turn in told.turns] == [2]
    assert told.notes == (
        "llm.ttft was not recorded in 1 of 2 turns: the median of the others (300 ms) is taken",
        "1 of 3 calls left out: the harness itself was late",
    )
