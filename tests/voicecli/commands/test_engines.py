"""`voicecli engines`: every engine that is declared is listed, with its settings or with why it cannot be used."""

import json

import pytest

from voicecli.__main__ import main
from voicecli.commands import engines as module
from voicecli.exits import ExitCode
from voiceserver.engines.registry import EngineClass, Role, engine_class
from voiceserver.engines.roles import EngineError


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, object]]]:
    assert main(["engines", "--json"]) == ExitCode.GOOD
    listed: dict[str, list[dict[str, object]]] = json.loads(capsys.readouterr().out)
    return listed


def test_the_engines_that_come_with_voicecli_are_listed_by_role(capsys: pytest.CaptureFixture[str]) -> None:
    assert {role: [engine["name"] for engine in found] for role, found in as_json(capsys).items()} == {
        "vad": ["energy", "scripted", "silero"],
        "stt": ["pocketsphinx", "scripted"],
        "llm": ["openai", "scripted"],
        "tts": ["espeak", "scripted"],
        "end_of_turn": ["scripted", "smart-turn"],
    }


def test_a_setting_has_its_name_its_default_and_what_it_expects(capsys: pytest.CaptureFixture[str]) -> None:
    scripted = next(engine for engine in as_json(capsys)["tts"] if engine["name"] == "scripted")
    assert isinstance(scripted["settings"], list)
    assert {"name": "rate", "default": 24000, "expects": "a whole number between 8000 and 48000"} in scripted[
        "settings"
    ]


def test_an_engine_that_cannot_be_loaded_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without_openai(role: Role, name: str) -> EngineClass:
        if name == "openai":
            raise EngineError("engine openai needs the library openai, which is not installed")
        return engine_class(role, name)

    monkeypatch.setattr(module, "engine_class", without_openai)
    assert as_json(capsys)["llm"][0] == {
        "name": "openai",
        "problem": "engine openai needs the library openai, which is not installed",
    }
    assert main(["engines"]) == ExitCode.GOOD
    assert "  openai: engine openai needs the library openai, which is not installed\n" in capsys.readouterr().out


def test_the_table_has_a_row_for_each_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == ExitCode.GOOD
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "--tts  text to speech" in lines
    assert "    rate           24000  a whole number between 8000 and 48000" in lines


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        (None, ""),
        (True, "true"),
        (10_000.0, "10000"),
        (0.5, "0.5"),
        (3, "3"),
        ("a " * 40, "a a a a a a a a a a a a a a a a a a ..."),
    ],
)
def test_a_default_is_shown_short(default: str | float | bool | None, shown: str) -> None:
    assert module._shown(default) == shown


def test_a_narrow_terminal_has_the_whole_name_of_each_setting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["engines"]) == ExitCode.GOOD
    told = capsys.readouterr().out
    assert "…" not in told
    assert all(name in told for name in ("max_utterance_ms", "fault_streams"))
