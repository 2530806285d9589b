"""`voicecli doctor`: each thing is looked at, and what is missing comes with what to do."""

import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from typing import Self

import pytest

from voicecli import servertrial
from voicecli.__main__ import main
from voicecli.client.transport import Refused
from voicecli.commands import doctor as module
from voicecli.exits import ExitCode
from voicecli.servertrial import Trial
from voicecli.sound import devices as sound_devices
from voicecli.sound import echometer
from voicecli.sound.chirp import Echo
from voicecli.sound.devices import Device
from voicecli.sound.echometer import Measured
from voicecli.sound.errors import SoundError
from voiceserver.settings import ServerSettings
from voicewire.clock import Clock

HEADSET = Device(0, "Headset", "ALSA", 1, 2, 48_000, is_default_input=True, is_default_output=True)
SPEAKERS = Device(1, "Speakers", "ALSA", 0, 2, 48_000, is_default_input=False, is_default_output=False)


class Machine:
    """What the doctor finds."""

    def __init__(self) -> None:
        self.devices: list[Device] | SoundError = [HEADSET, SPEAKERS]
        self.measured: Measured | SoundError = Measured((Echo(80.0, -12.0, 0.5),) * 3, 3, -60.0, False)
        self.opened: list[tuple[str, str]] = []
        self.trials = [Trial("tts", "espeak", 5.0, "spoke 1.5 s")]
        self.has_canceller = False
        self.missing: set[str] = set()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    for name in list(os.environ):
        if name.startswith("VOICECLI_"):
            monkeypatch.delenv(name)
    found = Machine()

    def devices() -> list[Device]:
        if isinstance(found.devices, SoundError):
            raise found.devices
        return found.devices

    async def trials(settings: ServerSettings, clock: Clock) -> AsyncIterator[Trial]:
        for trial in found.trials:
            yield trial

    class Card:
        def __init__(self, clock: Clock, *, microphone: Device, speaker: Device) -> None:
            self.microphone = self.speaker = object()
            found.opened.append((microphone.name, speaker.name))

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

    async def measure(microphone: object, speaker: object, clock: Clock) -> Measured:
        if isinstance(found.measured, SoundError):
            raise found.measured
        return found.measured

    def version(name: str) -> str:
        if name in found.missing:
            raise PackageNotFoundError(name)
        return metadata.version(name)

    monkeypatch.setattr(sound_devices, "devices", devices)
    monkeypatch.setattr(servertrial, "engine_trials", trials)
    monkeypatch.setattr(echometer, "measure", measure)
    monkeypatch.setattr(module, "Card", Card)
    monkeypatch.setattr(module, "version", version)
    monkeypatch.setattr(module, "PROBE_S", 0.2)
    monkeypatch.setattr(module, "canceller_is_installed", lambda: found.has_canceller)
    return found


def free_port() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return str(listener.getsockname()[1])


def examined(
    capsys: pytest.CaptureFixture[str], *arguments: str, code: ExitCode = ExitCode.GOOD
) -> dict[str, dict[str, object]]:
    """The findings by subject."""
    port = () if "--port" in arguments else ("--port", free_port())
    assert main(["doctor", "--json", *port, *arguments]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "voicecli.doctor/1"
    found: dict[str, dict[str, object]] = {finding["subject"]: finding for finding in document["findings"]}
    return found


def test_everything_is_looked_at(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    found = examined(capsys)
    port = next(subject for subject in found if subject.startswith("port"))
    assert {"Python", "libraries", "tts espeak", port, "PortAudio", "input device", "output device"} <= set(found)
    assert found["echo"] == {
        "subject": "echo",
        "verdict": "good",
        "found": "80 ms after the callback at -12 dB (3 of 3 chirps)",
        "advice": "",
        "measured": {
            "chirps": 3.0,
            "heard": 3.0,
            "noise_dbfs": -60.0,
            "delay_ms": 80.0,
            "spread_ms": 0.0,
            "level_db": -12.0,
        },
    }
    assert machine.opened == [("Headset", "Headset")]


def test_a_variable_that_nobody_reads_is_told(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICECLI_SILNECE_MS", "3000")
    found = examined(capsys)["VOICECLI_SILNECE_MS"]
    assert (found["verdict"], found["advice"]) == ("warning", "did you mean VOICECLI_SILENCE_MS?")


def test_every_extra_is_told_by_the_name_to_install_it_by(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.missing = {"segno"}
    found = examined(capsys)
    assert found["extra tls"]["advice"] == "pip install 'voicecli[tls]' adds it"
    assert found["extra tls"]["verdict"] == "good"


def test_lines_for_people_tell_the_verdict_and_the_advice(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--port", free_port()]) == ExitCode.GOOD
    printed = capsys.readouterr().out
    assert "good    tts espeak: spoke 1.5 s, in 5 ms\n" in printed
    assert "warning echo canceller: not installed" in printed
    assert "          pip install 'voicecli[aec]'" in printed
    assert printed.endswith("1 warning\n")


def test_an_engine_that_does_not_work_is_bad_and_fails_the_command(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.trials = [Trial("stt", "pocketsphinx", 1.0, "", "the model is missing")]
    found = examined(capsys, code=ExitCode.EXPECTATION_FAILED)
    assert (found["stt pocketsphinx"]["verdict"], found["stt pocketsphinx"]["found"]) == ("bad", "the model is missing")
    assert "--stt" in str(found["stt pocketsphinx"]["advice"])
    machine.trials = [Trial("end_of_turn", "scripted", 1.0, "", "--end-of-turn scripted: probability must be a number")]
    found = examined(capsys, code=ExitCode.EXPECTATION_FAILED)
    assert found["end_of_turn scripted"]["found"] == "probability must be a number"
    assert found["end_of_turn scripted"]["advice"] == "choose another one of `voicecli engines` with --end-of-turn"


def test_a_library_that_is_missing_is_bad(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.missing = {"msgspec"}
    found = examined(capsys, code=ExitCode.EXPECTATION_FAILED)
    assert found["libraries"]["found"] == "msgspec missing"


def test_a_machine_without_sound_still_works_with_files(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.devices = SoundError("the library PortAudio is missing: install it")
    found = examined(capsys)
    assert (found["PortAudio"]["found"], found["PortAudio"]["advice"]) == (
        "the library PortAudio is missing",
        "install it",
    )
    assert "echo" not in found
    assert machine.opened == []


def test_devices_are_chosen_as_for_a_conversation(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    examined(capsys, "--output-device", "speakers")
    assert machine.opened == [("Headset", "Speakers")]
    found = examined(capsys, "--output-device", "nope", code=ExitCode.EXPECTATION_FAILED)
    assert found["output device"]["verdict"] == "bad"
    assert len(machine.opened) == 1


@pytest.mark.parametrize("flag", ["--input-device", "--output-device"])
def test_who_names_a_device_needs_sound(flag: str, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.devices = SoundError("the library PortAudio is missing: install it")
    found = examined(capsys, flag, "headset", code=ExitCode.EXPECTATION_FAILED)
    assert found["PortAudio"]["verdict"] == "bad"


def test_without_sound_nothing_is_played(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    found = examined(capsys, "--no-sound")
    assert found["input device"]["found"] == "Headset (ALSA)"
    assert "echo" not in found
    assert machine.opened == []


def test_a_device_that_cannot_be_opened_is_bad(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.measured = SoundError("the input device Headset cannot be opened (busy): close what holds it")
    found = examined(capsys, code=ExitCode.EXPECTATION_FAILED)["echo"]
    assert found["advice"] == "close what holds it"


def test_a_port_that_another_program_has_is_told_before_the_server_fails(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        found = examined(capsys, "--port", port)[f"port {port}"]
    assert found["verdict"] == "warning"
    assert "another program" in str(found["found"])
    assert "--port" in str(found["advice"])


@pytest.fixture
def voice_server(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def websocket(url: str) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(module, "websocket", websocket)


@pytest.mark.usefixtures("voice_server")
def test_a_voice_server_on_the_port_is_told_with_its_url(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        found = examined(capsys, "--port", port)[f"port {port}"]
    assert (found["verdict"], found["found"]) == ("warning", "a voicecli server runs there")
    assert f"--url ws://127.0.0.1:{port}/voice" in str(found["advice"])


@pytest.mark.usefixtures("voice_server")
def test_a_server_that_takes_a_session_is_good_and_one_that_refuses_is_bad(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def greeted(transport: None, clock: Clock, token: str | None) -> None:
        if token != "sesame":
            raise Refused("the token is not accepted; give its token with --token or in VOICECLI_TOKEN")

    monkeypatch.setattr(module, "greeted", greeted)
    url, subject = ("--url", "ws://host/voice"), "server ws://host/voice"
    found = examined(capsys, *url, "--token", "sesame")[subject]
    assert found["verdict"] == "good"
    assert str(found["found"]).startswith("speaks voicewire.v1, in ")
    refused = examined(capsys, *url, code=ExitCode.EXPECTATION_FAILED)[subject]
    assert [refused[key] for key in ("verdict", "found", "advice")] == [
        "bad",
        "the token is not accepted",
        "give its token with --token or in VOICECLI_TOKEN",
    ]
    monkeypatch.setenv("VOICECLI_TOKEN", "sesame,old")
    assert examined(capsys, *url)[subject]["verdict"] == "good"


def test_a_server_that_is_not_there_is_bad(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"ws://127.0.0.1:{free_port()}/voice"
    found = examined(capsys, "--url", url, code=ExitCode.EXPECTATION_FAILED)
    assert "nothing listens" in str(found[f"server {url}"]["found"])


def test_a_url_of_something_else_is_refused_before_anything_is_looked_at(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--url", "http://127.0.0.1/"]) == ExitCode.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "is not a WebSocket URL" in told.err
