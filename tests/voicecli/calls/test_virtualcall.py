from pathlib import Path

import pytest

from tests.voicecli.peer import made, spoken
from voicecli.calls.call import CallSettings
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import Tried, VirtualServer, hearing, in_effect, tried, tunable
from voicecli.exits import CliError, ExitCode
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import Kind, When
from voicecli.fixtures.microphone import record
from voiceserver.engines.registry import Role
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.tts import ScriptedTts
from voiceserver.engines.spec import EngineSpec
from voicewire.messages import TurnDetection

FIXTURES = Path(__file__).parents[3] / "fixtures"


def called(name: str, **flags: object) -> Take:
    fixture = fixtures.load(FIXTURES / name)
    return VirtualServer(flags, {}).take(fixture, record(fixture), CallSettings())


def test_each_stage_takes_what_its_engine_declares_and_nothing_else_takes_any() -> None:
    (turn,) = called("numbers", llm="scripted(ttft=70ms)").turns
    # The server's instants are rounded to the microsecond on the wire.
    parts = {part.part: round(part.ms, 2) for part in turn.document.parts if part.part not in ("speech_end", "lead_in")}
    assert parts == {
        "endpointing": 600.0,
        "stt": 0.0,  # the silence is longer
        "handover": 0.0,
        "llm": 70.0,
        "clause": 0.0,
        "tts": 100.0,
        "sending": 0.0,
        "network": 0.0,
        "buffer": 0.0,
        "unattributed": 0.0,
    }


def test_a_server_hears_each_fixture_afresh() -> None:
    server = VirtualServer({"vad": "energy"}, {})
    fixture = fixtures.load(FIXTURES / "barge-in")
    recording = record(fixture)
    first, second = (server.take(fixture, recording, CallSettings()) for _ in range(2))
    assert [turn.document.transcript_final for turn in first.turns] == [
        "please tell me a long story",
        "what time is it",
    ]
    assert first.document == second.document


def test_words_and_times_that_are_given_are_kept_and_others_are_not_told_of_as_settings() -> None:
    given = called("numbers", stt="scripted(text='one two')", llm="scripted(now='2026-01-05T22:00')")
    assert given.turns[0].document.transcript_final == "one two"
    assert given.ready.engines.stt.settings["text"] == "one two"
    assert given.ready.engines.llm.settings["now"] == "2026-01-05T22:00"
    assert "text" not in called("silence").ready.engines.stt.settings


def test_a_recogniser_is_told_the_words_of_each_utterance_and_how_long_a_word_is() -> None:
    fixture = made(
        spoken("what time is it", audio_ms=(0, 3000), segments_ms=((200, 900), (1700, 2300))),
        spoken("mm hm", audio_ms=(3000, 5000), segments_ms=((3200, 4200),), when=When.AFTER_REPLY),
    )
    assert hearing(fixture) == {"text": "what time is it|mm hm", "word": 375}


def test_where_nobody_speaks_nothing_is_heard() -> None:
    fixture = made(spoken("", kind=Kind.SILENCE, segments_ms=()))
    assert hearing(fixture) == {"text": "", "word": 0}


@pytest.mark.parametrize(
    ("flags", "env", "told"),
    [
        ({"stt": "pocketsphinx"}, {}, "--stt pocketsphinx works in real time"),
        ({}, {"VOICECLI_TTS": "espeak"}, "--tts espeak works in real time"),
        ({"llm": "openai(model=x)"}, {}, r"choose --llm scripted, whose delays are settings, such as 'scripted\(ttft="),
        ({"vad": "nobody"}, {}, "there is no engine nobody"),
        ({"tts": "scripted(rate=1)"}, {}, "rate must be"),
        ({"pipeline": "sideways"}, {}, "--pipeline"),
    ],
)
def test_what_cannot_run_on_a_virtual_clock_is_refused(
    flags: dict[str, object], env: dict[str, str], told: str
) -> None:
    with pytest.raises(CliError, match=told) as caught:
        VirtualServer(flags, env)
    assert caught.value.exit_code is ExitCode.USAGE


def test_an_engine_that_does_not_start_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(self: ScriptedTts) -> None:
        raise EngineError("no voice today")

    monkeypatch.setattr(ScriptedTts, "start", start)
    with pytest.raises(CliError, match="no voice today") as caught:
        called("silence")
    assert caught.value.exit_code is ExitCode.SERVER_FAILED


def test_a_token_in_the_environment_is_for_other_clients() -> None:
    fixture = fixtures.load(FIXTURES / "silence")
    take = VirtualServer({}, {"VOICECLI_TOKEN": "one", "VOICECLI_TLS": "self-signed"}).take(
        fixture, record(fixture), CallSettings()
    )
    assert take.document.failures == ()


def test_what_the_server_sends_can_be_watched() -> None:
    fixture = fixtures.load(FIXTURES / "silence")
    seen: list[tuple[str | bytes, int]] = []
    VirtualServer({}, {}).take(
        fixture, record(fixture), CallSettings(), lambda data, now_ns: seen.append((data, now_ns))
    )
    assert '"session_ready"' in str(seen[0][0])
    assert {now_ns % (20 * 10**6) for _, now_ns in seen} == {0}  # answers to what comes each 20 ms


def test_what_is_tried_reaches_the_session_the_server_or_an_engine() -> None:
    values = {"silence_ms": 400, "barge_in": False, "hangover_ms": 300, "vad.threshold": 0.4, "stt.final": 80}
    assert tried(values, {"stt": "scripted(partial=0)"}) == Tried(
        {"silence_ms": 400, "barge_in": False},
        {"hangover_ms": "300", "vad": "silero(threshold=0.4)", "stt": "scripted(partial=0,final=80)"},
    )


@pytest.mark.parametrize(
    ("values", "flags", "told"),
    [
        ({"silence": 400}, {}, "--sweep: there is no setting silence, did you mean silence_ms"),
        ({"mode": "manual"}, {}, "--sweep: there is no setting mode"),
        ({"port": 80}, {}, "--sweep: there is no setting port"),
        ({"llm.ttft": 80}, {}, "--sweep: there is no setting llm.ttft"),
        ({"vad.threshold": 0.4}, {"vad": "energy"}, "there is no setting vad.threshold.* vad.level, vad.margin"),
        ({"silence_ms": 99}, {}, "--sweep: silence_ms must be between 100 and 10000, got 99"),
        ({"silence_ms": "x"}, {}, "--sweep: silence_ms must be a whole number"),
        ({"commit_timeout_ms": 30_001}, {}, "--sweep: commit_timeout_ms must be between 0 and 30000"),
        ({"vad.threshold": 2}, {}, "--vad silero: threshold must be between 0.05 and 0.95, got 2"),
        ({}, {"vad": "nobody"}, "--vad: there is no engine nobody"),
    ],
)
def test_what_there_is_not_to_try_is_refused(values: dict[str, int], flags: dict[str, str], told: str) -> None:
    with pytest.raises(CliError, match=told) as caught:
        tried(values, flags)
    assert caught.value.exit_code is ExitCode.USAGE


def test_every_setting_of_turn_detection_can_be_tried_and_none_of_the_network() -> None:
    names = tunable({Role.VAD: EngineSpec("silero")})
    assert {*TurnDetection.__struct_fields__} - {"mode"} <= set(names)
    assert {"hangover_ms", "commit_timeout_ms", "vad.threshold"} <= set(names)
    assert {"mode", "port", "host", "sessions", "tls", "token"} & set(names) == set()


def test_what_is_in_effect_comes_from_the_environment_the_engine_or_the_default() -> None:
    env = {"VOICECLI_SILENCE_MS": "700"}
    names = ["silence_ms", "barge_in", "vad.level", "stt.final"]
    assert in_effect(names, {"vad": "energy(level=-30)"}, env) == {
        "silence_ms": 700,
        "barge_in": True,
        "vad.level": -30.0,
        "stt.final": 150.0,
    }
