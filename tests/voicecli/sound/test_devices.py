import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.voicecli.sound.portaudio import FakePortAudio, plug_in
from voicecli.sound.devices import Device, Direction, choose, devices, portaudio, rescan, same_again
from voicecli.sound.errors import NoSuchDevice, SoundError


def device(number: int, name: str, host_api: str = "ALSA", *, inputs: int = 2, default: bool = False) -> Device:
    return Device(number, name, host_api, inputs, 2, 48_000, default and inputs > 0, default)


HEADSET = device(0, "USB Headset")
BUILT_IN = device(1, "Built-in Audio", default=True)
HDMI = device(2, "HDMI", inputs=0)
FOUND = [HEADSET, BUILT_IN, HDMI]


def refusal(wanted: str | None, direction: Direction = Direction.INPUT, found: list[Device] = FOUND) -> str:
    with pytest.raises(SoundError) as raised:
        choose(found, direction, wanted)
    assert isinstance(raised.value, NoSuchDevice) == (wanted is not None)
    return str(raised.value)


def test_without_a_wish_the_default_device_is_chosen() -> None:
    assert choose(FOUND, Direction.INPUT) == BUILT_IN


def test_without_a_default_the_first_usable_device_is_chosen() -> None:
    assert choose([HDMI, HEADSET], Direction.INPUT) == HEADSET


@pytest.mark.parametrize("wanted", ["0", "USB Headset", "usb", "headset, alsa"])
def test_a_device_is_chosen_by_its_number_or_by_letters_of_its_name(wanted: str) -> None:
    assert choose(FOUND, Direction.INPUT, wanted) == HEADSET


def test_a_whole_name_goes_before_parts_of_others() -> None:
    assert choose([device(0, "pulse monitor"), device(1, "pulse")], Direction.INPUT, "pulse").number == 1


def test_of_equal_names_the_one_of_the_default_device_s_system_is_meant() -> None:
    both = [device(0, "Mic", "MME"), device(1, "Mic", "WASAPI"), device(2, "Line", "WASAPI", default=True)]
    assert choose(both, Direction.INPUT, "mic").number == 1


def test_an_unknown_device_is_told_with_the_names_there_are() -> None:
    assert refusal("nope") == "there is no input device 'nope'; there are 0 (USB Headset), 1 (Built-in Audio)"
    assert refusal("2").startswith("there is no input device '2';")


def test_an_ambiguous_name_is_told_with_the_numbers() -> None:
    assert refusal("u") == (
        "'u' may be any of several input devices; say its number: 0 (USB Headset, ALSA), 1 (Built-in Audio, ALSA)"
    )


def test_no_device_at_all_is_told_with_the_way_without() -> None:
    assert refusal(None, found=[HDMI]) == (
        "there is no sound input here: connect one, or do without: "
        "--input FILE.wav and --output FILE.wav work without a sound card"
    )


def test_a_device_is_known_again_by_its_name_and_system_under_any_number() -> None:
    moved = HEADSET._replace(number=5)
    assert same_again([BUILT_IN, HEADSET._replace(host_api="OSS"), moved], Direction.INPUT, HEADSET) == moved
    assert same_again([BUILT_IN], Direction.INPUT, HEADSET) is None
    assert same_again([HDMI], Direction.INPUT, HDMI) is None


def test_the_list_is_portaudio_s(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in(monkeypatch, FakePortAudio("one", "two", rates=(44_100,), channels=(2,)))
    assert devices() == [
        Device(0, "one", "ALSA", 2, 2, 44_100, True, True),
        Device(1, "two", "ALSA", 2, 2, 44_100, False, False),
    ]


def test_a_rescan_sees_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio())
    library.plugged.append("headset")
    assert devices() == []
    rescan()
    assert [device.name for device in devices()] == ["headset"]


def test_a_missing_portaudio_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unloadable:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Unloadable(), *sys.meta_path])
    with pytest.raises(SoundError, match=r"^the library PortAudio is missing: install it .*libportaudio2.*FILE.wav"):
        portaudio()


HUSHED = """
import os, sys
from voicecli.sound.devices import libraries_hushed
with libraries_hushed():
    os.write(2, b"library ")
    print("python", file=sys.stderr)
    print("original", file=sys.__stderr__)
os.write(2, b"after\\n")
print("python after", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("debug", "seen"),
    [("", "python\noriginal\nafter\npython after\n"), ("1", "library python\noriginal\nafter\npython after\n")],
)
def test_what_c_libraries_print_goes_nowhere_and_python_s_own_goes_on(debug: str, seen: str) -> None:
    environment = {**os.environ, "PYTHONPATH": ".:server", "VOICECLI_DEBUG": debug}
    ended = subprocess.run([sys.executable, "-c", HUSHED], env=environment, capture_output=True, text=True, check=True)
    assert SimpleNamespace(out=ended.stdout, err=ended.stderr) == SimpleNamespace(out="", err=seen)
