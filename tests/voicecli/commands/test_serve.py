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
from voiceserver.settings import AuthMode, LogLevel, Pipeline, ServerSettings, TlsMode
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
    page_url = "http://127.0.0.1:4000/"
    network_url: str | None = None
    has_page = True
    fingerprint: str | None = None
    auth = AuthMode.NONE
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
        "  page      http://127.0.0.1:4000/",
        "  voice     ws://127.0.0.1:4000/voice",
        "  health    http://127.0.0.1:4000/healthz",
        "  auth      none",
        "  vad       silero",
        "  stt       pocketsphinx",
        "  llm       scripted",
        "  tts       espeak(rate=165)",
        "  pipeline  overlapped",
        "  turns     adaptive, 600 ms · answers begun early",
        "Try it:",
        "  voicecli replay fixtures/question-weather --url ws://127.0.0.1:4000/voice",
        "Ctrl-C stops it.",
    ]


def test_what_to_try_has_a_token_where_one_is_asked_for(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    server.auth = AuthMode.TOKEN
    main(["serve", "--token", "0123456789abcdef"])
    assert f"fixtures/question-weather --url {server.url} --token TOKEN\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--endpointing", "fixed", "--silence-ms", "400"], "fixed, 400 ms · answers begun early"),
        (["--no-speculation", "--no-barge-in"], "adaptive, 600 ms · answers begun at the end · no barge-in"),
        (["--pipeline", "sequential"], "adaptive, 600 ms · answers begun at the end"),
    ],
)
def test_it_tells_how_turns_are_taken(
    flags: list[str], told: str, server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", *flags])
    assert f"  turns     {told}" in [line.rstrip() for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--anticipate", "who are you|go on"], "2 named"),
        (["--anticipate-after", "3"], "what 3 callers have said"),
        (["--anticipate", "go on", "--anticipate-after", "1"], "1 named, and what 1 caller has said"),
        ([], None),
        (["--anticipate", "go on", "--no-speculation"], None),
    ],
)
def test_it_tells_what_it_counts_on(
    flags: list[str], told: str | None, server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", *flags])
    lines = [line.split("  likely    ")[-1] for line in capsys.readouterr().err.splitlines() if "  likely " in line]
    assert [line.rstrip() for line in lines] == ([told] if told else [])


def test_a_role_that_may_be_left_out_is_told_where_it_is_filled(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", "--end-of-turn", "scripted(probability=0.9|0.2)"])
    assert server.started[0].end_of_turn == EngineSpec("scripted", {"probability": "0.9|0.2"})
    assert "  end of turn  scripted(probability=0.9|0.2)" in [
        line.rstrip() for line in capsys.readouterr().err.splitlines()
    ]


def test_without_a_page_it_tells_of_none(server: type[StoppedServer], capsys: pytest.CaptureFixture[str]) -> None:
    server.has_page = False
    server.network_url = "http://192.168.1.5:4000/"
    main(["serve", "--json"])
    told = capsys.readouterr()
    assert "page" not in told.err
    assert "network" not in told.err
    assert (json.loads(told.out)["page_url"], json.loads(told.out)["network_url"]) == (None, None)


def on_the_network(server: type[StoppedServer]) -> None:
    server.url = "wss://127.0.0.1:4000/voice"
    server.page_url = "https://127.0.0.1:4000/"
    server.network_url = "https://192.168.1.5:4000/"
    server.fingerprint = "A1:B2"
    server.auth = AuthMode.TOKEN


PHONE = ["serve", "--host", "0.0.0.0", "--tls", "self-signed", "--token", "correct horse"]


def test_on_the_network_it_tells_where_a_phone_finds_it_and_not_its_token(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    on_the_network(server)
    assert main([*PHONE[:-1], "correct-horse-battery"]) == ExitCode.GOOD
    told = capsys.readouterr().err
    lines = [line.rstrip() for line in told.splitlines()]
    assert lines[1:7] == [
        "  page      https://127.0.0.1:4000/",
        "  network   https://192.168.1.5:4000/",
        "  voice     wss://127.0.0.1:4000/voice",
        "  health    https://127.0.0.1:4000/healthz",
        "  auth      token",
        "  SHA-256   A1:B2",
    ]
    for untold in ("Careful", "Try it", "horse"):
        assert untold not in told


def test_on_a_terminal_a_phone_reads_the_address_and_the_token_from_a_code(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def draw(text: str) -> str:
        drawn.append(text)
        return "#\n"

    monkeypatch.setattr("voicecli.qrcode.draw", draw)
    on_the_network(server)
    main(PHONE)
    assert drawn == []
    monkeypatch.setenv("FORCE_COLOR", "1")
    main([*PHONE[:-1], "a/b"])
    server.auth = AuthMode.NONE
    main([*PHONE[:-2], "--auth", "none", "--insecure-no-auth"])
    assert drawn == ["https://192.168.1.5:4000/#token=a%2Fb", "https://192.168.1.5:4000/"]
    told = capsys.readouterr().err
    assert "On a phone in this network: (the code holds the token)\n" in told
    assert "On a phone in this network:\n" in told


@pytest.mark.parametrize(
    ("flags", "auth", "told"),
    [
        (
            "--host 0.0.0.0 --auth none --insecure-no-auth --trust-proxy",
            AuthMode.NONE,
            "everybody who can reach this machine may use the server (--insecure-no-auth).",
        ),
        (
            "--host 0.0.0.0 --token 0123456789abcdef",
            AuthMode.TOKEN,
            "without TLS, what is said can be listened to on the way, and browsers of other machines give the page no "
            "microphone: --tls self-signed, --tls-cert, or a proxy in front with --trust-proxy.",
        ),
        (
            "--tls self-signed",
            AuthMode.NONE,
            "only this machine can reach 127.0.0.1; for a phone on the same network add --host 0.0.0.0.",
        ),
        (
            "--trust-proxy",
            AuthMode.NONE,
            "everybody whom the proxy lets through may use the server (--trust-proxy without --token or --auth jwt).",
        ),
        (
            "--allow-origin *",
            AuthMode.NONE,
            "every web page that somebody here opens may use the server (--allow-origin *).",
        ),
        (
            "--anticipate hello --anticipate goodbye",
            AuthMode.NONE,
            "'hello' is not counted on in English, since most people go on after it (--anticipate).",
        ),
        (
            "--token 0123456789abcdef --token short",
            AuthMode.TOKEN,
            "a token of fewer than 16 characters can be guessed; openssl rand -hex 16 makes a good one.",
        ),
    ],
)
def test_what_is_dangerous_is_told(
    flags: str, auth: AuthMode, told: str, server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    server.auth = auth
    assert main(["serve", *flags.split()]) == ExitCode.GOOD
    careful = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Careful")]
    assert careful == [f"Careful: {told}"]


def test_a_variable_that_is_no_setting_is_told(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECLI_SILENCEMS", "400")
    assert main(["serve"]) == ExitCode.GOOD
    told = "Careful: no setting is called VOICECLI_SILENCEMS; did you mean VOICECLI_SILENCE_MS?"
    assert told in capsys.readouterr().err.splitlines()


def test_flags_of_whom_it_is_meant_for_reach_the_server(server: type[StoppedServer]) -> None:
    flags = "--auth none --insecure-no-auth --token a --token b --allow-origin https://a.example --trust-proxy"
    limits = "--sessions-per-address 2 --session-length-ms 60000 --max-message-bytes 65536 --tls self-signed"
    assert main(["serve", *flags.split(), *limits.split()]) == ExitCode.GOOD
    assert server.started == [
        ServerSettings(
            auth=AuthMode.NONE,
            insecure_no_auth=True,
            token=("a", "b"),
            allow_origin=("https://a.example",),
            trust_proxy=True,
            tls=TlsMode.SELF_SIGNED,
            sessions_per_address=2,
            session_length_ms=60_000,
            max_message_bytes=65_536,
        )
    ]


def test_tokens_of_the_environment_hold_where_no_flag_gives_one(
    server: type[StoppedServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECLI_TOKEN", "one,two")
    main(["serve"])
    main(["serve", "--token", "three"])
    assert [settings.token for settings in server.started] == [("one", "two"), ("three",)]


def test_help_names_every_setting_and_no_way_to_say_the_default_twice(capsys: pytest.CaptureFixture[str]) -> None:
    main(["serve", "--help"])
    told = capsys.readouterr().out
    for field in ServerSettings.__struct_fields__:
        assert f"--{field.replace('_', '-')}" in told
    assert "--no-trust-proxy" not in told
    assert "--auth token|jwt|none" in " ".join(told.split())


def test_a_server_that_does_not_say_whom_it_is_for_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", *SCRIPTED]) == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "voicecli: other machines can reach 0.0.0.0, so say who may use the server: --token (or VOICECLI_TOKEN), "
        "--auth jwt, or --auth none --insecure-no-auth for everybody\n"
    )


def test_with_json_stdout_is_one_line_of_addresses_and_engines(
    server: type[StoppedServer], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["serve", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "url": "ws://127.0.0.1:4000/voice",
        "page_url": "http://127.0.0.1:4000/",
        "network_url": None,
        "health_url": "http://127.0.0.1:4000/healthz",
        "fingerprint": None,
        "auth": "none",
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
