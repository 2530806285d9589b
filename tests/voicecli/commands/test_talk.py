"""What the command makes of its arguments; `tests/terminal` has it talk."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from voicecli import __main__
from voicecli.commands.talk import farewell, has_screen
from voicecli.exits import ExitCode
from voicecli.fixtures import wavfile
from voicecli.talking.talkstate import Ending, RecordingEnded, TalkState

ROOT = Path(__file__).parents[3]
QUESTION = ROOT / "fixtures" / "question-weather" / "audio.wav"


def run(*arguments: object) -> int:
    return __main__.main(["talk", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "ws://h/voice", "--stt", "scripted"], "--stt is for the own server; leave it out"),
        (["--input", "a.wav", "--input-device", "1"], "--input-device and --input exclude each other"),
        (["--output", "a.wav", "--output-device", "1"], "--output-device and --output exclude each other"),
        (["--input", "none.wav", "--output", "out.wav"], "none.wav: there is no such file"),
        (["--push-to-talk", "--plain"], "--push-to-talk needs the space bar of the screen"),
        (["--echo", "loud"], "'loud' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == ExitCode.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("term", "stdin", "stdout", "has"),
    [
        ("xterm-256color", True, True, True),
        ("dumb", True, True, False),
        ("xterm-256color", False, True, False),
        ("xterm-256color", True, False, False),
    ],
)
def test_there_is_a_screen_in_a_terminal_that_can_draw(
    term: str, stdin: bool, stdout: bool, has: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: stdin))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: stdout))
    assert has_screen() is has


def test_where_the_newest_recording_is_and_what_to_do_with_it_is_said_when_the_screen_is_gone() -> None:
    ended = RecordingEnded("over there")
    told = "recorded to over there; voicecli replay 'over there' sends the same again"
    assert farewell(TalkState()) == ""
    assert [farewell(TalkState(recorded=ended._replace(ending=ending))) for ending in Ending] == [told, told, ""]


def test_the_file_that_speaks_is_not_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    speech = tmp_path / "speech.wav"
    speech.write_bytes(QUESTION.read_bytes())
    assert run("--input", speech, "--output", speech, "--url", "ws://127.0.0.1:1/voice") == ExitCode.USAGE
    assert "--output would overwrite" in capsys.readouterr().err
    assert speech.read_bytes() == QUESTION.read_bytes()


def test_a_folder_that_holds_something_is_not_recorded_into(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    assert run("--record", tmp_path) == ExitCode.USAGE
    assert "holds something already; record into a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [
        ("http://127.0.0.1:1/voice", ExitCode.USAGE, "is not a WebSocket URL"),
        ("ws://127.0.0.1:1/voice", ExitCode.NO_CONNECTION, "127.0.0.1"),
    ],
)
def test_a_server_that_cannot_be_had_ends_it(
    url: str,
    code: ExitCode,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    output = tmp_path / "out.wav"
    assert run("--url", url, "--input", QUESTION, "--output", output, "--plain") == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


def talked(tmp_path: Path, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Of a short utterance, which is understood as what it is not."""
    speech = tmp_path / "speech.wav"
    samples, rate = wavfile.read(QUESTION)
    wavfile.write(speech, samples[: 26 * rate // 10], rate)
    engines = ["--vad", "energy", "--stt", "scripted(text='what time is it, José')"]
    engines += ["--llm", "scripted", "--tts", "scripted"]
    files = ["--input", speech, "--output", tmp_path / "out.wav"]
    return subprocess.run(
        [sys.executable, "-m", "voicecli", "talk", *map(str, [*files, *arguments, *engines])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server"))), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_a_file_is_answered_into_a_file_in_lines_of_json_in_any_locale(tmp_path: Path) -> None:
    process = talked(tmp_path, "--json", PYTHONIOENCODING="ascii")
    assert (process.returncode, process.stderr) == (0, b"")
    told = [json.loads(line) for line in process.stdout.decode("utf-8").splitlines()]
    kinds = [each["type"] for each in told]
    assert kinds.index("session_ready") < kinds.index("transcript_final") < kinds.index("turn_end")
    assert told[kinds.index("transcript_final")]["text"] == "what time is it, José"
    played, _ = wavfile.read(tmp_path / "out.wav")
    assert np.abs(played).max() > 1_000


def test_lines_of_a_pipe_are_answered_one_after_another_and_the_last_answer_is_heard_to_its_end(tmp_path: Path) -> None:
    engines = ["--vad", "energy", "--stt", "scripted", "--tts", "scripted"]
    process = subprocess.run(
        [sys.executable, "-m", "voicecli", "talk", "--plain", "--output", str(tmp_path / "out.wav"), *engines],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server")))},
        input=b"repeat after me: one two\n\nrepeat after me: three",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (process.returncode, process.stderr) == (ExitCode.GOOD, b"")
    said = [line for line in process.stdout.decode().splitlines() if line.startswith(("you:", "assistant:", "cut"))]
    assert said == [
        "you: repeat after me: one two",
        "assistant: One two.",
        "you: repeat after me: three",
        "assistant: Three.",
    ]


def test_a_terminal_that_lacks_a_character_shows_another_one(tmp_path: Path) -> None:
    process = talked(tmp_path, "--plain", "--verbose", PYTHONIOENCODING="ascii")
    assert (process.returncode, process.stderr) == (0, b"")
    assert b"you: what time is it, Jos?" in process.stdout


@contextmanager
def in_a_terminal(*arguments: object) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """It talks in lines, connected; our end of its terminal is the caller's to close."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "voicecli", "talk", "--plain", *map(str, arguments)]
    command += ["--vad", "energy", "--stt", "scripted", "--llm", "scripted", "--tts", "scripted"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server")))},
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"connected" not in shown:
            shown += os.read(ours, 4096)
        try:
            yield process, ours
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_a_terminal_that_is_closed_ends_it_as_a_signal_does(tmp_path: Path) -> None:
    files = ["--input", QUESTION, "--output", tmp_path / "out.wav"]
    with in_a_terminal(*files, "--record", tmp_path / "session") as (process, ours):
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        _, told = process.communicate(timeout=30)
        assert (process.returncode, told) == (ExitCode.INTERRUPTED, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
def test_ctrl_d_ends_it_also_where_a_file_speaks(tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    wavfile.write(silence, np.zeros(16_000 * 60, np.int16), 16_000)
    with in_a_terminal("--input", silence, "--output", tmp_path / "out.wav") as (process, ours):
        os.write(ours, b"\x04")
        assert process.wait(timeout=30) == ExitCode.GOOD
        os.close(ours)
