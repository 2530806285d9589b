"""Which sound a conversation gets; devices are a PortAudio in memory, and files real ones."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests.voicecli.sound.portaudio import FakePortAudio, plug_in
from voicecli.fixtures import wavfile
from voicecli.sound import card as cards
from voicecli.sound.devices import Device, Direction
from voicecli.sound.echo import EchoMode
from voicecli.sound.errors import NoSuchDevice, SoundError
from voicecli.talking.talk import Sound
from voicecli.talking.talksound import SoundWish, opened
from voicecli.talking.talkstate import DeviceLost, DeviceOpened, DevicesListed, ProblemTold, Role, TalkEvent
from voicewire.clock import SystemClock


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    wavfile.write(path, np.zeros(1600, np.int16), 16_000)
    return path


def sounding(wish: SoundWish) -> tuple[Sound, list[TalkEvent]]:
    told: list[TalkEvent] = []

    async def main() -> Sound:
        async with opened(wish, SystemClock(), told.append) as sound:
            return sound

    return asyncio.run(main()), told


def test_a_sound_card_is_told_with_what_there_is_to_choose_from(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio("built-in", "headset"))
    sound, told = sounding(SoundWish(output_device="head", echo=EchoMode.GATE))
    assert told == [
        DevicesListed(("built-in", "headset"), ("built-in", "headset")),
        DeviceOpened(Role.SPEAKER, "headset"),
        DeviceOpened(Role.MICROPHONE, "built-in"),
    ]
    assert (sound.guard.kind, sound.is_over()) == (EchoMode.GATE, False)


def test_headphones_need_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio("headset"))
    sound, _ = sounding(SoundWish(headphones=True))
    assert (sound.guard.kind, sound.guard.note.startswith("Headphones")) == (EchoMode.NONE, True)


def test_files_need_no_sound_card_and_hear_no_echo(
    monkeypatch: pytest.MonkeyPatch, speech: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("voicecli.talking.talksound.devices", lambda: pytest.fail("nobody asked for a device"))
    sound, told = sounding(SoundWish(speech, tmp_path / "out.wav"))
    assert told == [
        DevicesListed((), ()),
        DeviceOpened(Role.SPEAKER, str(tmp_path / "out.wav")),
        DeviceOpened(Role.MICROPHONE, str(speech)),
    ]
    assert (sound.guard.kind, sound.guard.note) == (EchoMode.NONE, "")


def test_a_file_may_speak_and_a_loudspeaker_answer(monkeypatch: pytest.MonkeyPatch, speech: Path) -> None:
    library = plug_in(monkeypatch, FakePortAudio("built-in"))
    sound, told = sounding(SoundWish(speech))
    assert told[0] == DevicesListed((), ("built-in",))
    assert (sound.guard.kind, sound.speaker.name, library.streams) == (EchoMode.NONE, "built-in", [])


def test_without_a_microphone_one_can_type(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("loudspeaker"))
    query = library.query_devices
    monkeypatch.setattr(library, "query_devices", lambda: [each | {"max_input_channels": 0} for each in query()])
    sound, told = sounding(SoundWish())
    assert sound.microphone is None
    assert (type(told[0]), told[1:]) == (
        DeviceLost,
        [DevicesListed((), ("loudspeaker",)), DeviceOpened(Role.SPEAKER, "loudspeaker")],
    )


def test_who_hears_the_answers_in_a_file_can_type_without_portaudio(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> list[Device]:
        raise SoundError("PortAudio is not installed")

    monkeypatch.setattr("voicecli.talking.talksound.devices", missing)
    sound, told = sounding(SoundWish(output_file=tmp_path / "out.wav"))
    assert sound.microphone is None
    assert (type(told[0]), told[1:]) == (
        DeviceLost,
        [DevicesListed((), ()), DeviceOpened(Role.SPEAKER, str(tmp_path / "out.wav"))],
    )
    for needed in (SoundWish(), SoundWish(output_file=tmp_path / "other.wav", input_device="headset")):
        with pytest.raises(SoundError, match="PortAudio is not installed"):
            sounding(needed)


def test_a_microphone_that_was_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio("built-in"))
    with pytest.raises(NoSuchDevice, match="there is no input device 'headset'; there are 0 \\(built-in\\)"):
        sounding(SoundWish(input_device="headset"))


def test_without_any_device_files_are_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio())
    with pytest.raises(SoundError, match=r"--input FILE.wav and --output FILE.wav work without a sound card"):
        sounding(SoundWish())


def test_a_device_that_is_chosen_is_changed_to_and_one_that_is_not_there_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio("built-in", "headset"))
    monkeypatch.setattr(cards, "WATCH_S", 0.001)
    told: list[TalkEvent] = []

    async def main() -> None:
        async with opened(SoundWish(), SystemClock(), told.append) as sound:
            sound.choose(Direction.INPUT, "none such")
            sound.choose(Direction.INPUT, "headset")
            while DeviceOpened(Role.MICROPHONE, "headset") not in told:  # noqa: ASYNC110 - another thread's doing
                await asyncio.sleep(0.001)

    asyncio.run(main())
    [problem] = [event.problem for event in told if isinstance(event, ProblemTold)]
    assert problem.advice == "there is no input device 'none such'; there are 0 (built-in), 1 (headset)."
