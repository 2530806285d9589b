"""`voicecli devices` over a PortAudio in memory, whose devices run by themselves."""

import json
import math
import threading
from typing import Any

import numpy as np
import pytest

from tests.voicecli.sound.portaudio import FakePortAudio, FakeStream, plug_in
from voiceaudio.level import rms_dbfs
from voicecli.__main__ import main
from voicecli.commands import devices as module
from voicecli.exits import ExitCode


class RunningStream(FakeStream):
    """Calls until it is closed, faster than real time. Its microphone hears what `loudness` says."""

    loudness = 0

    def start(self) -> None:
        super().start()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self, ignore_errors: bool) -> None:
        self._closed.set()
        self._thread.join()
        super().close(ignore_errors)

    def _run(self) -> None:
        while not self._closed.wait(0.001):
            if self.direction == "input":
                self.capture(np.full(self.blocksize, self.loudness, np.int16), age_s=0)
            else:
                self.play()


class RunningPortAudio(FakePortAudio):
    def RawInputStream(self, **options: Any) -> FakeStream:
        return RunningStream(self, "input", **options)

    def RawOutputStream(self, **options: Any) -> FakeStream:
        return RunningStream(self, "output", **options)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    monkeypatch.setattr(module, "LISTEN_FRAMES", 50)
    monkeypatch.setattr(module, "ECHO_S", 0)
    return plug_in(monkeypatch, RunningPortAudio("built-in", "headset"))


@pytest.mark.usefixtures("library")
def test_the_devices_are_listed_by_direction_and_the_default_ones_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices"]) == ExitCode.GOOD
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["inputs"],
        ["*", "0", "built-in", "ALSA", "48000", "Hz", "channels:", "1"],
        ["1", "headset", "ALSA", "48000", "Hz", "channels:", "1"],
        ["outputs"],
        ["*", "0", "built-in", "ALSA", "48000", "Hz", "channels:", "1"],
        ["1", "headset", "ALSA", "48000", "Hz", "channels:", "1"],
    ]


@pytest.mark.usefixtures("library")
def test_json_has_the_same_and_nothing_else_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json"]) == ExitCode.GOOD
    listed = json.loads(capsys.readouterr().out)
    form = {"host_api": "ALSA", "channels": 1, "rate": 48_000}
    both = [
        {"number": 0, "name": "built-in", "is_default": True, **form},
        {"number": 1, "name": "headset", "is_default": False, **form},
    ]
    assert listed == {"inputs": both, "outputs": both}


def test_without_a_device_the_list_says_what_works_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug_in(monkeypatch, FakePortAudio())
    assert main(["devices"]) == ExitCode.GOOD
    none = "  none (--input FILE.wav and --output FILE.wav work without a sound card)"
    assert capsys.readouterr().out.splitlines() == ["inputs", none, "outputs", none]


@pytest.mark.usefixtures("library")
def test_the_test_plays_a_tone_and_shows_lines_where_no_bar_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(RunningStream, "loudness", 3_277)
    assert main(["devices", "--test", "--output-device", "headset"]) == ExitCode.GOOD
    level = "  [####################          ]  -20.0 dBFS"
    assert capsys.readouterr().out.splitlines()[6:] == [
        "output headset: a soft tone ...",
        "input built-in: speak now ...",
        level,
        level,
        "at its loudest -20.0 dBFS: good",
    ]


@pytest.mark.usefixtures("library")
def test_a_test_as_json_tells_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(RunningStream, "loudness", 3_277)
    assert main(["devices", "--test", "--json"]) == ExitCode.GOOD
    assert json.loads(capsys.readouterr().out)["test"] == {"output_latency_ms": 40.0, "loudest_dbfs": -20.0}


@pytest.mark.usefixtures("library")
def test_an_unknown_device_is_an_error_of_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--test", "--input-device", "nope"]) == ExitCode.USAGE
    error = "voicecli: there is no input device 'nope'; there are 0 (built-in), 1 (headset)\n"
    assert capsys.readouterr().err == error


def test_nothing_to_test_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plug_in(monkeypatch, FakePortAudio())
    assert main(["devices", "--test"]) == ExitCode.SERVER_FAILED
    error = "voicecli: there is nothing to test: connect a microphone or a loudspeaker\n"
    assert capsys.readouterr().err == error


def test_a_device_that_stands_still_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    plug_in(monkeypatch, FakePortAudio("card"))
    assert main(["devices", "--test"]) == ExitCode.SERVER_FAILED
    error = "voicecli: the device stands still: connect it again, or choose another one\n"
    assert capsys.readouterr().err == error


@pytest.mark.parametrize(
    ("loudest_dbfs", "said"),
    [
        (-math.inf, "nothing at all came in: it is muted, or this program is not allowed to use the microphone"),
        (-50.1, "at its loudest -50.1 dBFS: if you spoke, turn the input up or choose another one"),
        (-50.0, "at its loudest -50.0 dBFS: good"),
    ],
)
def test_what_is_said_of_the_level(loudest_dbfs: float, said: str) -> None:
    assert module.verdict(loudest_dbfs) == said


def test_a_bar_is_as_long_as_it_is_loud() -> None:
    assert [module.bar(dbfs).count("#") for dbfs in (-math.inf, -60.0, -30.0, 0.0)] == [0, 0, 15, 30]


def test_the_tone_is_soft_and_begins_and_ends_without_a_click() -> None:
    pcm = module.tone()
    assert abs(rms_dbfs(pcm[len(pcm) // 4 : len(pcm) // 2]) - module.TONE_DBFS) < 0.1
    assert np.abs(np.diff(np.frombuffer(b"\0\0" + pcm + b"\0\0", np.int16).astype(int))).max() < 150
