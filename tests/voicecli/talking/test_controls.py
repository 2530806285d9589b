from tests.voicecli.scenes import SCENES, TALKING, acted, connected
from tests.voicecli.tui.test_app import pressed
from voicecli.talking.controls import Controls


def test_the_keyboard_reaches_every_control() -> None:
    controls = {name for name, member in vars(Controls).items() if callable(member) and not name.startswith("_")}
    listening = ("space", "i", "t", "x", "enter", "escape", "r", "enter", "d", "enter")
    reached = [
        *pressed(acted(connected()), *listening),
        *pressed(acted(connected()), "d", *["down"] * 4, "enter", "q"),
        *pressed(acted(TALKING, push_to_talk=True), "space"),
        *pressed(acted(SCENES["closed"]), "enter"),
    ]
    assert {call[0] for call in reached} == controls - {"Protocol"}
