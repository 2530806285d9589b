import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest

from voicecli.__main__ import main
from voicecli.exits import ExitCode
from voicecli.fixtures import wavfile
from voicecli.load.document import LoadRun
from voicecli.load.shift import Outcome

TOML = """
schema = "voicecli.fixture/1"
name = "tone"
description = "A tone of 300 ms."
made_with = "a test"
licence = "none"
[session.turn_detection]
silence_ms = 200
[[utterances]]
kind = "speech"
text = "hello there"
audio_ms = [0, 600]
segments_ms = [[200, 500]]
when = "start"
[expect]
turns = 1
"""

ENGINES = [
    *("--vad", "scripted"),
    *("--stt", "scripted(text='hello there',final=20ms)"),
    *("--llm", "scripted(text='Yes.')"),
    *("--tts", "scripted(char=20ms)"),
]


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    folder = tmp_path / "tone"
    folder.mkdir()
    (folder / "fixture.toml").write_text(TOML)
    samples = np.zeros(9600, np.int16)
    samples[3200:8000] = (8000 * np.sin(np.arange(4800) / 5)).astype(np.int16)
    wavfile.write(folder / "audio.wav", samples, 16_000)
    return folder


def test_levels_are_measured_on_an_own_server_and_the_document_stands_alone_on_stdout(
    tone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--sessions", "1,3", "--duration", "3s", "--workers", "1", "--json", "-"]
    assert main(["load", "--fixture", str(tone), *ENGINES, *arguments]) == ExitCode.GOOD
    out, err = capfd.readouterr()
    run = msgspec.json.decode(out, type=LoadRun)
    assert [level.sessions for level in run.levels] == [1, 3]
    assert {outcome for level in run.levels for outcome in level.outcomes} == {Outcome.COMPLETED}
    assert (run.server.url, run.server.pipeline) == (msgspec.UNSET, "overlapped")
    assert (run.fixtures[0].name, run.arrival, len(run.workers)) == ("tone", "closed", 1)
    for level in run.levels:
        assert all(sample.turns[0].latencies_ms["voice_to_voice"] > 200 for sample in level.samples)
    assert "callers and own server share the processors" in err
    assert "3 sessions: " in err


def test_open_arrivals_and_a_budget_that_is_missed(tone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sessions", "2", "--duration", "3s", "--arrival", "open", "--rate", "3"]
    budget = ["--budget", "voice_to_voice p50 < 1ms"]
    ended = main(["load", "--fixture", str(tone), *ENGINES, *arguments, *budget])
    assert ended == ExitCode.EXPECTATION_FAILED
    assert "✗ 2 sessions: voice_to_voice p50 < 1ms: " in capfd.readouterr().out


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_ctrl_c_ends_it_politely_with_what_there_is(tone: Path, tmp_path: Path) -> None:
    kept = tmp_path / "load.json"
    command = ["load", "--fixture", str(tone), *ENGINES, "--sessions", "1,2", "--duration", "60s", "--json", str(kept)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = subprocess.Popen(
        [sys.executable, "-m", "voicecli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert running.stderr is not None
    told = ""
    while "1 session: " not in told:
        told += running.stderr.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(5)
    # As a terminal does: all processes of the group hear it.
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, "Traceback" in err) == (ExitCode.INTERRUPTED, False), err
    run = msgspec.json.decode(kept.read_bytes(), type=LoadRun)
    assert run.interrupted
    assert [level.sessions for level in run.levels] == [1]
    assert run.levels[0].calls > 0
    assert "voice-to-voice" in out
    # The tracker of multiprocessing goes a moment after the process that started it.
    with suppress(ProcessLookupError):
        for _ in range(100):
            os.killpg(running.pid, 0)
            threading.Event().wait(0.05)
        pytest.fail("a process is left")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--sessions", "10,1"], "--sessions: .*smallest first"),
        (["--duration", "soon"], "--duration: .*write it as 30s"),
        (["--rate", "2"], "--rate is for --arrival open and one level"),
        (["--arrival", "open", "--rate", "2", "--sessions", "1,2"], "--rate is for --arrival open and one level"),
        (["--on", "ray"], "--on ray needs --url"),
        (["--ray-address", "here:1"], "--ray-address is for --on ray"),
        (["--sessions", "99999"], "use at most 10000"),
        (["--sessions", "2000", "--workers", "2"], "use 3 or more"),
        (["--url", "http://x"], "is not a WebSocket URL"),
        (["--url", "ws://x/voice", "--stt", "scripted"], "--stt is for the own server"),
        (["--budget", "speed < 1"], "cannot be budgeted"),
        (["--stt", "nobody"], "nobody"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(
    arguments: list[str], told: str, tone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["load", "--fixture", str(tone), *arguments]) == ExitCode.USAGE
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("Careful")]
    assert len(lines) == 1
    assert re.search(told, lines[0]), lines[0]


def test_a_fixture_that_is_none_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["load", "--fixture", str(tmp_path / "nothing")]) == ExitCode.USAGE
    assert "nothing" in capfd.readouterr().err


def test_nobody_at_the_url_is_no_connection(tone: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ["--url", "ws://127.0.0.1:9/voice", "--sessions", "1", "--workers", "1"]
    assert main(["load", "--fixture", str(tone), *arguments]) == ExitCode.NO_CONNECTION
    assert "nothing listens at ws://127.0.0.1:9/voice" in capfd.readouterr().err
