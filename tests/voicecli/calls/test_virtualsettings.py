from pathlib import Path

import pytest

from voicecli.calls.virtualsettings import (
    Tried,
    delay_ms,
    in_effect,
    known_vad,
    own_vad,
    scripted,
    tried,
    tunable,
    words,
    words_of_first_clause,
)
from voicecli.exits import CliError, ExitCode
from voiceserver.engines.registry import Role
from voiceserver.engines.spec import EngineSpec
from voicewire.messages import EngineInfo, TurnDetection


def test_a_scripted_engine_is_written_with_what_it_does_not_say_itself() -> None:
    assert scripted("stt", "scripted(delay=120ms)", {"text": "a, b"}) == "scripted(text='a, b',final=120ms)"
    assert delay_ms("stt", scripted("stt", "scripted(delay=120ms)", {})) == 120
    assert delay_ms("llm", "scripted") == 0
    with pytest.raises(CliError, match=r"tts: .*there is no setting pace"):
        scripted("tts", "scripted(pace=1ms)", {})


def test_a_vad_is_known_where_it_is_here() -> None:
    assert known_vad(EngineInfo("energy", {})) == "energy"
    assert (known_vad(EngineInfo("webrtc", {})), known_vad(EngineInfo("energy", {"x": 1})), known_vad(None)) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "count", "of_first_clause"),
    [("Yes.", 1, 1), ("Yes. No.", 2, 1), ("It is noon now, I think.", 6, 4), ("well", 1, 1), ("", 0, 0)],
)
def test_words_are_counted_up_to_the_first_clause(text: str, count: int, of_first_clause: int) -> None:
    assert (words(text), words_of_first_clause(text)) == (count, of_first_clause)


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
    assert {"mode", "port", "host", "sessions", "tls", "token", "anticipate_after"} & set(names) == set()


def test_what_is_in_effect_comes_from_the_environment_the_engine_or_the_default() -> None:
    env = {"VOICECLI_SILENCE_MS": "700"}
    names = ["silence_ms", "barge_in", "vad.level", "stt.final"]
    assert in_effect(names, {"vad": "energy(level=-30)"}, env) == {
        "silence_ms": 700,
        "barge_in": True,
        "vad.level": -30.0,
        "stt.final": 150.0,
    }


def test_the_vad_of_a_server_here_is_asked_for_without_its_other_engines(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("vad = {engine = 'energy', level = -50}\nstt = 'pocketsphinx'")
    assert own_vad({}) == "silero"
    assert own_vad({"VOICECLI_VAD": "energy", "VOICECLI_LLM_URL": "x"}) == "energy"
    assert own_vad({"VOICECLI_CONFIG": str(config)}).startswith("energy(level=")
    with pytest.raises(CliError, match=r"VOICECLI_CONFIG: none\.toml") as refused:
        own_vad({"VOICECLI_CONFIG": "none.toml"})
    assert refused.value.exit_code is ExitCode.USAGE
