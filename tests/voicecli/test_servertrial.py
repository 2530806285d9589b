"""What a server would meet here is tried without serving."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from voicecli import servertrial
from voicecli.exits import CliError, ExitCode
from voicecli.servertrial import PortState, Trial, engine_trials, port_state, settings
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.tts import ScriptedTts
from voicewire.clock import SystemClock

SCRIPTED: dict[str, object] = {"vad": "energy", "stt": "scripted", "llm": "scripted", "tts": "scripted"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VOICECLI_"):
            monkeypatch.delenv(name)


def trials(flags: dict[str, object]) -> list[Trial]:
    async def collected() -> list[Trial]:
        return [trial async for trial in engine_trials(settings(flags), SystemClock())]

    return asyncio.run(collected())


def test_the_embedded_engines_all_work_here() -> None:
    found = {trial.role: trial for trial in trials({})}
    assert [(trial.role, trial.engine, trial.problem) for trial in found.values()] == [
        ("tts", "espeak", ""),
        ("vad", "silero", ""),
        ("stt", "pocketsphinx", ""),
        ("llm", "scripted", ""),
    ]
    assert found["tts"].told == "spoke 1.5 s"
    assert found["vad"].told.startswith("heard speech with 9") or found["vad"].told.endswith("100%")
    assert found["stt"].told.startswith('heard "')
    assert found["llm"].told.startswith('answered "')


def test_one_engine_that_fails_keeps_none_of_the_others_from_being_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: ScriptedTts) -> None:
        raise EngineError("the voices are gone; install them again")

    monkeypatch.setattr(ScriptedTts, "start", refuse)
    assert [trial.problem for trial in trials(SCRIPTED)] == ["the voices are gone; install them again", "", "", ""]


def test_whatever_an_engine_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def raise_(self: ScriptedTts) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(ScriptedTts, "start", raise_)
    assert trials(SCRIPTED)[0].problem == "it raised ZeroDivisionError: by zero"


def test_an_engine_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(self: ScriptedTts) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(servertrial, "TIMEOUT_S", 0.01)
    monkeypatch.setattr(ScriptedTts, "start", hang)
    assert trials(SCRIPTED)[0].problem == "no answer within 0.01 s"


def test_an_engine_that_does_not_exist_is_told() -> None:
    assert "there is no engine nope" in trials({**SCRIPTED, "tts": "nope"})[0].problem


def test_an_engine_that_may_be_left_out_is_tried_where_it_is_asked_for() -> None:
    found = trials({**SCRIPTED, "end_of_turn": "scripted(probability=0.75)"})
    assert [trial.role for trial in found] == ["tts", "vad", "stt", "end_of_turn", "llm"]
    assert (found[3].engine, found[3].told) == ("scripted", "takes it for finished with 75%")


def test_a_language_model_that_may_cost_money_is_not_asked() -> None:
    pytest.importorskip("openai")
    llm = trials({**SCRIPTED, "llm": "openai(url=http://127.0.0.1:9/v1,model=m)"})[-1]
    assert (llm.told, llm.problem) == ("loaded, and not asked: it may cost money", "")


def test_settings_of_the_environment_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_PORT", "9001")
    assert settings({"port": None}).port == 9001
    assert settings({"port": 9002}).port == 9002


def test_a_wrong_setting_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_PORT", "many")
    with pytest.raises(CliError, match="VOICECLI_PORT") as caught:
        settings({})
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_a_port_is_free_or_taken(taken_port: int) -> None:
    assert port_state("127.0.0.1", taken_port) is PortState.TAKEN
    assert port_state("127.0.0.1", 0) is PortState.FREE


def test_an_address_of_another_machine_is_none_of_this_one() -> None:
    assert port_state("192.0.2.1", 8080) is PortState.NO_SUCH_HOST


def test_variables_that_nobody_reads_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_SILNECE_MS", "3000")
    assert list(servertrial.misspelt_here()) == [("VOICECLI_SILNECE_MS", "VOICECLI_SILENCE_MS")]


def test_the_settings_are_those_of_the_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("port = 9000")
    monkeypatch.setenv("VOICECLI_CONFIG", str(config))
    assert settings({}).port == 9000
