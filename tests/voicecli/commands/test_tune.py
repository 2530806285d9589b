import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from voicecli.__main__ import main
from voicecli.exits import ExitCode

FIXTURES = Path(__file__).parents[3] / "fixtures"
PAUSE = str(FIXTURES / "pause-700ms")


def test_a_setting_that_keeps_the_tolerance_ends_with_0_and_none_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", PAUSE, "--sweep", "silence_ms=600,800"]) == ExitCode.GOOD
    told = capsys.readouterr().out
    assert "✓ choose silence_ms=800: 0 of 1 cut off (tolerance 5 %)" in told
    assert "600  pause-700ms  1.27 s in, about after “good morning”, 700 ms pause" in told
    assert "to listen to them: --html FILE or --save-audio DIR" in told
    assert main(["tune", PAUSE, "--sweep", "silence_ms=500,600"]) == ExitCode.EXPECTATION_FAILED
    assert "✗ no setting keeps to 5 %" in capsys.readouterr().out


def test_without_a_terminal_it_says_four_times_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", PAUSE, "--sweep", "silence_ms=450..800/50"]) == ExitCode.GOOD
    assert capsys.readouterr().err.splitlines() == [f"calls: {done} of 8" for done in (2, 4, 6, 8)]


def test_everything_that_is_asked_for_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--json", "-", "--svg", f"{tmp_path}/a.svg", "--html", f"{tmp_path}/a.html", "--save-audio"]
    assert main(["tune", PAUSE, "--sweep", "silence_ms=600,800", *arguments, f"{tmp_path}/deep/audio"]) == ExitCode.GOOD
    captured = capsys.readouterr()
    assert json.loads(captured.out)["chosen"] == 1
    assert "choose silence_ms=800" in captured.err
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<svg ")
    assert b"<audio " in (tmp_path / "a.html").read_bytes()
    (sound,) = (tmp_path / "deep" / "audio").iterdir()
    assert sound.name == "pause-700ms-1 silence_ms=600.wav"
    assert sound.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tolerance", "5"], "--tolerance: write a percentage below 100, such as 5%"),
        (["--tolerance", "100%"], "--tolerance: write a percentage below 100"),
        (["--json", "-", "--html", "-"], "--json and --html both want standard output; give one a file"),
        (["--svg", "/nowhere/at/all.svg"], "--svg /nowhere/at/all.svg: cannot be written"),
        (["--sweep", "port=1"], "--sweep: there is no setting port; there are barge_in"),
        (["--stt", "pocketsphinx"], "--stt pocketsphinx works in real time"),
        (["--vad", "nobody"], "--vad: there is no engine nobody"),
        (["--save-audio", __file__], "--save-audio "),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", PAUSE, *arguments]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert error.startswith(f"voicecli: {told}")
    assert error.count("\n") == 1


def test_engines_that_a_real_server_has_are_left_alone_but_for_its_vad(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "serve.toml"
    config.write_text("llm = 'openai'\nllm_url = 'http://127.0.0.1:1'\nvad = 'energy'")
    monkeypatch.setenv("VOICECLI_CONFIG", str(config))
    monkeypatch.setenv("VOICECLI_STT", "pocketsphinx")
    monkeypatch.setenv("VOICECLI_TTS", "espeak")
    monkeypatch.setenv("VOICECLI_SPECULATOIN", "no")
    assert main(["tune", PAUSE, "--sweep", "silence_ms=900", "--json", "-"]) == ExitCode.GOOD
    told = capsys.readouterr()
    engines = json.loads(told.out)["engines"]
    assert (engines["vad"]["name"], engines["stt"]["name"]) == ("energy", "scripted")
    assert "did you mean VOICECLI_SPECULATION?" in told.err


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "voicecli", "tune", *arguments]


ENV = {"PYTHONPATH": os.pathsep.join(sys.path), **os.environ}


def test_another_process_writes_the_same_document() -> None:
    arguments = [PAUSE, str(FIXTURES / "barge-in"), "--sweep", "silence_ms=300,800", "--json", "-"]
    told = [
        subprocess.run(
            command(*arguments, "--jobs", jobs),
            env={**ENV, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for jobs, seed in (("1", "1"), ("2", "2"))
    ]
    assert told[0] == told[1]
    assert json.loads(told[0])["schema"] == "voicecli.tune/1"


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal of a terminal to a group of processes")
@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize(
    ("sent", "code"),
    [("killpg(0, signal.SIGINT)", ExitCode.INTERRUPTED), ("kill(os.getpid(), signal.SIGTERM)", 128 + signal.SIGTERM)],
    ids=["ctrl-c", "a polite kill"],
)
def test_a_signal_ends_every_process_without_a_word(tmp_path: Path, sent: str, code: int) -> None:
    # It comes once the first call has come back.
    script = tmp_path / "sweep.py"
    script.write_text(
        "import os, signal, sys\n"
        "from voicecli.__main__ import main\n"
        "from voicecli.tuning import pool\n"
        "whole = pool._gathered\n"
        "def gathered(futures, tell):\n"
        f"    futures[0].add_done_callback(lambda _: os.{sent})\n"
        "    return whole(futures, tell)\n"
        "if __name__ == '__main__':\n"
        "    pool._gathered = gathered\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    ended = subprocess.run(
        [sys.executable, str(script), "tune", PAUSE, "--sweep", "silence_ms=200..1200/50", "--jobs", "2"],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    assert [line for line in ended.stderr.splitlines() if not line.startswith("calls: ")] == []
    assert "21 of 21" not in ended.stderr
