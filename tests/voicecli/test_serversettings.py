from pathlib import Path

import pytest

from voicecli.serversettings import settled, warn_of_misspelt
from voiceserver.engines.spec import EngineSpec
from voiceserver.settings import CONFIG_ENV, SettingsError


def written(folder: Path, toml: str, name: str = "serve.toml") -> str:
    path = folder / name
    path.write_text(toml)
    return str(path)


def test_the_file_that_the_environment_names_is_read_where_no_other_is_named(tmp_path: Path) -> None:
    env = {CONFIG_ENV: written(tmp_path, "silence_ms = 900\nhangover_ms = 300")}
    settings = settled({"hangover_ms": "100"}, env)
    assert (settings.silence_ms, settings.hangover_ms) == (900, 100)
    other = written(tmp_path, "silence_ms = 700", "other.toml")
    assert settled({}, env, config=other).silence_ms == 700
    assert settled({}, {}).silence_ms == 600


@pytest.mark.parametrize("by", ["--config", CONFIG_ENV])
def test_a_file_that_cannot_be_read_is_told_by_who_named_it(by: str, tmp_path: Path) -> None:
    missing, binary = tmp_path / "none.toml", tmp_path / "binary.toml"
    binary.write_bytes(b"\xff")
    for path, reason in ((missing, "No such file or directory"), (binary, "is not UTF-8 text")):
        named = {"env": {CONFIG_ENV: str(path)}} if by == CONFIG_ENV else {"env": {}, "config": str(path)}
        with pytest.raises(SettingsError) as refused:
            settled({}, **named)
        assert str(refused.value) == f"{by}: {path}: {reason}"


def test_defaults_give_way_to_the_file_and_some_fields_hear_flags_alone(tmp_path: Path) -> None:
    env = {CONFIG_ENV: written(tmp_path, "tts = 'espeak'\nllm = 'openai'"), "VOICECLI_STT": "pocketsphinx"}
    defaults = {"stt": "scripted", "llm": "scripted", "vad": "energy"}
    settings = settled({}, env, defaults=defaults, flags_alone=("stt", "llm"))
    assert [settings.stt, settings.llm, settings.vad, settings.tts] == list(
        map(EngineSpec, ("scripted", "scripted", "energy", "espeak"))
    )
    assert settled({"llm": "openai"}, {}, defaults=defaults, flags_alone=("llm",)).llm == EngineSpec("openai")


def test_a_variable_that_nobody_reads_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_misspelt({"VOICECLI_SILNECE_MS": "3000", "VOICECLI_SILENCE_MS": "300"})
    assert capsys.readouterr().err == (
        "voicecli: no setting is called VOICECLI_SILNECE_MS; did you mean VOICECLI_SILENCE_MS?\n"
    )
