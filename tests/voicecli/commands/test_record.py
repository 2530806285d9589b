import asyncio
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.voicecli.peer import virtually
from voiceaudio.opus import OpusEncoder
from voicecli import __main__
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.commands.record import Meter, listen, meter_line
from voicecli.exits import ExitCode
from voicecli.fixtures import fixture, lint, oggopus
from voicecli.fixtures.journal import read
from voicecli.fixtures.tape import record_into
from voicecli.sound.roles import Captured

ROOT = Path(__file__).parents[3]
NUMBERS = ROOT / "fixtures" / "numbers" / "audio.wav"
MS = 1_000_000


def run(*arguments: object) -> int:
    return __main__.main(["record", *map(str, arguments)])


def started(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "voicecli", "record", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server")))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class FakeMicrophone:
    """Frames of silence, 20 ms apart and one lost, on the virtual clock."""

    name = "a fake"

    def __init__(self, loop: VirtualLoop, frames: int) -> None:
        self._loop = loop
        self._frames = frames

    async def frames(self) -> AsyncGenerator[Captured, None]:
        for index in range(self._frames):
            captured_ns = self._loop.now_ns()
            await asyncio.sleep(0.02 if index != 10 else 0.04)
            yield Captured(bytes(1920), captured_ns, 960 * (index == 11))


@pytest.mark.parametrize(("wanted", "packets"), [(None, 30), (20, 20), (99, 30)])
def test_each_frame_is_a_packet_with_the_time_it_was_captured(tmp_path: Path, wanted: int | None, packets: int) -> None:
    folder = tmp_path / "new"

    async def main(loop: VirtualLoop) -> None:
        encoder = OpusEncoder(48_000)
        with record_into(folder, loop.now_ns(), pre_skip=encoder.delay_samples) as tape:
            await listen(FakeMicrophone(loop, 30), encoder, tape, loop, Meter(), wanted)

    virtually(main)
    audio = read(folder).audio
    assert [entry.captured_ms for entry in audio] == [20.0 * (index + (index > 10)) for index in range(packets)]
    assert [entry.t_ms - entry.captured_ms for entry in audio if entry is not audio[10]] == [20.0] * (packets - 1)
    assert oggopus.read_packets(folder / "audio.opus").pre_skip == 120
    assert fixture.load(folder).utterances[0].kind is fixture.Kind.SILENCE


def test_a_sound_file_becomes_a_sound_fixture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    assert run(folder, "--input", NUMBERS, "--seconds", "1", "--json") == ExitCode.GOOD
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert (document["fixture"], document["seconds"], document["problems"]) == (str(folder), 1.0, [])
    assert err.startswith(f"recording audio.wav into {folder}; ")
    (segment,) = document["segments_ms"]
    assert abs(segment[0] - 400) <= 10
    assert lint.lint(folder) == []


def test_people_are_told_what_to_do_next(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new"
    assert run(folder, "--input", NUMBERS, "--seconds", "0.6") == ExitCode.GOOD
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines()[1:] == [
        f"{folder}: 0.6 s, 1 stretch of sound",
        f"write what is said into {folder / 'fixture.toml'}, then: voicecli replay {folder}",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason", "code"),
    [
        (["--input", "nothing.wav"], "nothing.wav: there is no such file", ExitCode.USAGE),
        (["--input", str(NUMBERS), "--input-device", "1"], "--input-device and --input exclude each", ExitCode.USAGE),
        (["--finish", "--seconds", "3"], "--finish records nothing; leave the other options out", ExitCode.USAGE),
        (["--finish"], "session.jsonl: missing", ExitCode.USAGE),
    ],
)
def test_what_cannot_be_recorded_is_said_in_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], reason: str, code: ExitCode
) -> None:
    assert run(tmp_path / "new", *arguments) == code
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("voicecli: ")
    assert reason in line
    assert not (tmp_path / "new").exists()


def test_a_folder_that_holds_something_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").touch()
    assert run(tmp_path, "--input", NUMBERS) == ExitCode.USAGE
    assert capfd.readouterr().err == f"voicecli: {tmp_path}: holds something already; record into a new folder\n"


def grown(folder: Path, recorder: "subprocess.Popen[str]") -> None:
    """Wait until a page or two are written."""
    opus = folder / "audio.opus"
    while not opus.exists() or opus.stat().st_size < 1500:
        assert recorder.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            recorder.wait(0.05)


@pytest.fixture
def recorder(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    with started(tmp_path / "new", "--input", NUMBERS) as process:
        yield process
        process.kill()


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_recording_is_whole_however_it_is_stopped(
    tmp_path: Path, recorder: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    grown(tmp_path / "new", recorder)
    recorder.send_signal(number)
    _, err = recorder.communicate(timeout=60)
    assert recorder.returncode == ExitCode.GOOD
    assert re.search(r"new: \d\.\d s, 1 stretch of sound", err)
    assert lint.lint(tmp_path / "new") == []


def test_a_recording_that_was_killed_is_finished_when_asked(
    tmp_path: Path, recorder: "subprocess.Popen[str]", capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    grown(folder, recorder)
    recorder.kill()
    recorder.wait(60)
    assert not (folder / "fixture.toml").exists()
    assert run(folder, "--finish") == ExitCode.GOOD
    assert "1 stretch of sound" in capfd.readouterr().err
    assert lint.lint(folder) == []
    assert run(folder, "--finish") == ExitCode.USAGE


@pytest.mark.parametrize(
    ("elapsed_ms", "dbfs", "line"),
    [
        (0, -math.inf, f"00:00.0  {'·' * 30}  silence"),
        (61_540, -30.0, f"01:01.5  {'█' * 15}{'·' * 15}  -30 dBFS"),
        (3_600_000, -6.1, f"60:00.0  {'█' * 27}{'·' * 3}  -6 dBFS"),
        (20, -6.0, f"00:00.0  {'█' * 27}{'·' * 3}  -6 dBFS  too loud"),
        (20, 0.0, f"00:00.0  {'█' * 30}  0 dBFS  too loud"),
        (20, -99.0, f"00:00.0  {'·' * 30}  -99 dBFS"),
    ],
)
def test_the_meter_shows_time_and_level(elapsed_ms: int, dbfs: float, line: str) -> None:
    assert meter_line(elapsed_ms, dbfs) == line
