import asyncio
import logging
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from voicecli.calls.call import CallSettings
from voicecli.calls.localserver import LocalServer, LogFile, elsewhere, local_server
from voicecli.client.transport import websocket
from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import Server
from voiceserver.server import VoiceServer
from voiceserver.settings import ServerSettings
from voicewire.clock import Clock

SCRIPTED: dict[str, object] = dict.fromkeys(("vad", "stt", "llm", "tts"), "scripted")


async def served(flags: dict[str, object]) -> LocalServer:
    async with local_server(flags) as local, websocket(local.url):
        return local


def test_a_server_of_its_own_listens_on_a_free_port_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_PORT", "80")
    monkeypatch.setenv("VOICECLI_SILENCE_MS", "450")
    local = asyncio.run(served(SCRIPTED | {"pipeline": "sequential", "endpointing": "fixed"}))
    assert local.url.startswith("ws://127.0.0.1:")
    assert not local.url.startswith("ws://127.0.0.1:80/")
    assert local.told == Server(
        in_process=True, pipeline="sequential", silence_ms=450, endpointing="fixed", speculation=False
    )
    assert local.told.fixed_silence_ms == 450


def test_it_is_as_the_file_says_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("silence_ms = 450\nhost = '0.0.0.0'\nport = 80\ntoken = 'one'")
    monkeypatch.setenv("VOICECLI_CONFIG", str(config))
    assert asyncio.run(served(SCRIPTED)).told.silence_ms == 450
    monkeypatch.setenv("VOICECLI_CONFIG", "none.toml")
    with pytest.raises(CliError, match=r"^VOICECLI_CONFIG: none.toml: No such file or directory$") as refused:
        asyncio.run(served(SCRIPTED))
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_silence_that_depends_on_the_words_is_none_that_ends_every_turn() -> None:
    told = asyncio.run(served(SCRIPTED)).told
    assert (told.endpointing, told.silence_ms, told.fixed_silence_ms) == ("adaptive", 600, None)


@pytest.mark.parametrize(
    ("asked", "fixed_silence_ms"),
    [
        ({}, None),
        ({"silence_ms": 400}, None),  # it may be adaptive
        ({"endpointing": "fixed"}, None),
        ({"silence_ms": 400, "endpointing": "fixed", "barge_in": False}, 400),
        ({"silence_ms": 400, "endpointing": "adaptive"}, None),
    ],
)
def test_of_a_server_elsewhere_what_it_is_asked_for_is_told(
    asked: dict[str, bool | int | str], fixed_silence_ms: int | None
) -> None:
    local = elsewhere("ws://me:secret@x/voice", CallSettings(turn_detection=asked))
    told = {name: value for name, value in asked.items() if name != "barge_in"}
    assert msgspec.to_builtins(local.told) == {"url": "ws://x/voice", **told}
    assert local.told.fixed_silence_ms == fixed_silence_ms


def test_the_own_server_asks_its_only_client_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_TOKEN", "one two")
    monkeypatch.setenv("VOICECLI_TLS", "self-signed")
    monkeypatch.setenv("VOICECLI_JWT_SECRET", "hush")
    assert asyncio.run(served(SCRIPTED)).url.startswith("ws://127.0.0.1:")


def test_it_learns_from_its_only_client_where_a_flag_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[int] = []

    class Recorded(VoiceServer):
        def __init__(self, settings: ServerSettings, clock: Clock) -> None:
            learned.append(settings.anticipate_after)
            super().__init__(settings, clock)

    monkeypatch.setattr("voiceserver.server.VoiceServer", Recorded)
    monkeypatch.setenv("VOICECLI_ANTICIPATE_AFTER", "2")
    for flags in (SCRIPTED, {**SCRIPTED, "anticipate_after": 3}):
        asyncio.run(served(flags))
    assert learned == [0, 3]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"stt": "nobody"}, "nobody"),
        ({"tts": "scripted(ttfb=soon)"}, "ttfb"),
        ({"pipeline": "sideways"}, "--pipeline"),
    ],
)
def test_a_wrong_setting_is_a_matter_of_usage(flags: dict[str, object], told: str) -> None:
    with pytest.raises(CliError, match=told) as caught:
        asyncio.run(served(SCRIPTED | flags))
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_log_file_is_made_for_the_first_line_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told: list[str] = []
    with closing(LogFile(told.append)) as log:
        assert (told, list(tmp_path.iterdir())) == ([], [])
        for text in ("one", "two"):
            log.handle(logging.makeLogRecord({"msg": text}))
        [path] = tmp_path.iterdir()
        assert (told, path.read_text()) == ([str(path)], "one\ntwo\n")
