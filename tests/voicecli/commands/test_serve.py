"""`voicecli serve`: its settings reach the server, it tells what it runs on, and it ends as it should."""

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.request import ProxyHandler, build_opener

import pytest

from voicecli import __version__
from voicecli.__main__ import main
from voicecli.commands import serve as module
from voicecli.exits import ExitCode
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import EngineSpec, SpecError
from voiceserver.server import ServerError
from voiceserver.settings import LogLevel, Pipeline, ServerSettings
from voicewire.clock import Clock
from voicewire.messages import EngineInfo, Engines

SCRIPTED = ["--vad", "scripted", "--stt", "scripted", "--llm", "scripted", "--tts", "scripted"]


class StoppedServer:
    """Takes the place of the server: is ready at once, and then a signal comes."""

    started: list[ServerSettings]
    logging: list[tuple[str, str]]
    by = signal.SIGTERM
    failure: Exception | None = None
    url = "ws://127.0.0.1:4000/voice"
    engines = Engines(
        vad=EngineInfo("silero"), stt=EngineInfo("pocketsphinx"), llm=EngineInfo("scripted"), tts=EngineInfo("espeak")
    )

    def __init__(self, settings: ServerSettings, clock: Clock) -> None:
        self.started.append(settings)

    async def __aenter__(self) -> Self:
        if self.failure:
            raise self.failure
        signal.raise_signal(self.by)
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[StoppedServer]:
    for name in list(os.environ):
        if name.startswith("VOICECLI_"):
            monkeypatch.delenv(name)

    class Server(StoppedServer):
        pass

    Server.started, Server.logging = [], []

    monkeypatch.setattr(module, "VoiceServer", Server)
    monkeypatch.setattr(
        "voicecli.commands.serve.logs.configure", lambda level, name: Server.logging.append((level, name))
    )
    return Server


def test_every_setting_is_a_flag() -> None:
    assert set(ServerSettings.__struct_fields__) <= set(inspect.signature(module.serve).parameters)


def test_without_flags_the_server_has_its_defaults(server: type[StoppedServer]) -> None:
    assert main(["serve"]) == ExitCode.GOOD
    assert server.started == [ServerSettings()]


def test_flags_reach_the_server(server: type[StoppedServer]) -> None:
    flags = "--host ::1 --port 0 --tts espeak(rate=165) --pipeline sequential --lead-ms 100 --no-barge-in"
    assert main(["serve", *flags.split(), "--log-level", "error"]) == ExitCode.GOOD
    assert server.started == [
        ServerSettings(
            host="::1",
            port=0,
            tts=EngineSpec("espeak", {"rate": 165}),
            pipeline=Pipeline.SEQUENTIAL,
            lead_ms=100,
            barge_in=False,
            log_level=LogLevel.ERROR,
        )
    ]


@pytest.mark.parametrize("by", ["flag", "environment"])
def test_the_toml_file_is_named_by_flag_or_environment(
    by: str, server: type[StoppedServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("port = 9000\n")
    if by == "environment":
        monkeypatch.setenv("VOICECLI_CONFIG", str(config))
    assert main(["serve", *(["--config", str(config)] if by == "flag" else [])]) == ExitCode.GOOD
    assert server.started == [ServerSettings(port=9000)]


def test_logging_is_set_up_as_the_settings_say(server: type[StoppedServer]) -> None:
    main(["serve", "--log-level", "debug", "--log-format", "json"])
    assert server.logging == [("debug", "json")]


def test_a_wrong_value_in_the_toml_file_is_told_with_its_path(
    server: type[StoppedServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("prot = 9000\n")
    assert main(["serve", "--config", str(config)]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"voicecli: {config}: unknown key `prot`, did you mean `port`?\n"
    assert server.started == []


def test_a_toml_file_that_is_not_there_is_told(
    server: type[StoppedServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.toml"
    assert main(["serve", "--config", str(path)]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"voicecli: --config: {path}: No such file or directory\n"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (SpecError("--stt: there is no engine nope"), ExitCode.USAGE),
        (EngineError("engine espeak needs a library"), ExitCode.SERVER_FAILED),
        (ServerError("port 8080 is taken"), ExitCode.SERVER_FAILED),
    ],
)
def test_a_server_that_cannot_start_is_one_line_and_an_exit_code(
    failure: Exception, code: ExitCode, server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    server.failure = failure
    assert main(["serve"]) == code
    assert tuple(capsys.readouterr()) == ("", f"voicecli: {failure}\n")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well_and_leaves_the_handlers_as_they_were(
    by: signal.Signals, server: type[StoppedServer]
) -> None:
    before = signal.getsignal(by)
    server.by = by
    assert main(["serve"]) == ExitCode.GOOD
    assert signal.getsignal(by) == before


def test_it_tells_on_stderr_where_it_is_and_what_it_runs_on(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", "--tts", "espeak(rate=165)"])
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.rstrip() for line in told.err.splitlines()] == [
        f"voicecli {__version__} serves voicewire.v1",
        "  voice     ws://127.0.0.1:4000/voice",
        "  health    http://127.0.0.1:4000/healthz",
        "  vad       silero",
        "  stt       pocketsphinx",
        "  llm       scripted",
        "  tts       espeak(rate=165)",
        "  pipeline  overlapped",
        "Try it:  voicecli replay fixtures/question-weather --url ws://127.0.0.1:4000/voice",
        "Ctrl-C stops it.",
    ]


def test_with_json_stdout_is_one_line_of_addresses_and_engines(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "url": "ws://127.0.0.1:4000/voice",
        "health_url": "http://127.0.0.1:4000/healthz",
        "engines": {
            "vad": {"name": "silero", "settings": {}},
            "stt": {"name": "pocketsphinx", "settings": {}},
            "llm": {"name": "scripted", "settings": {}},
            "tts": {"name": "espeak", "settings": {}},
        },
    }


def test_a_real_server_serves_until_the_signal_and_its_port_is_taken_meanwhile() -> None:
    command = [sys.executable, "-m", "voicecli", "serve", *SCRIPTED]
    with subprocess.Popen(
        [*command, "--port", "0", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            with build_opener(ProxyHandler({})).open(ready["health_url"], timeout=30) as health:
                assert (health.status, health.read()) == (200, b"ok\n")
            port = ready["url"].rpartition(":")[2].partition("/")[0]
            second = subprocess.run([*command, "--port", port], capture_output=True, text=True, timeout=60)
            assert (second.returncode, second.stdout, second.stderr) == (
                ExitCode.SERVER_FAILED,
                "",
                f"voicecli: port {port} on 127.0.0.1 is taken; choose another with --port\n",
            )
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            assert (process.returncode, out, "Traceback" in err) == (ExitCode.GOOD, "", False)
        finally:
            process.kill()
