"""Pictures of the screen, for the snapshot tests and for the README."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.voicecli.scenes import SCENES, TALKING, TYPED, acted
from voicecli.talking.controls import Controls
from voicecli.talking.talkstate import TalkState
from voicecli.tui.app import TalkApp

FOLDER = Path(__file__).parent / "snapshots"


class Told:
    """Controls that only remember what they were told."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def mute(self, muted: bool) -> None:
        self.calls.append(("mute", muted))

    def talk(self, talking: bool) -> None:
        self.calls.append(("talk", talking))

    def interrupt(self) -> None:
        self.calls.append(("interrupt",))

    def say(self, text: str) -> None:
        self.calls.append(("say", text))

    def go_on(self) -> None:
        self.calls.append(("go_on",))

    def choose_input(self, name: str) -> None:
        self.calls.append(("choose_input", name))

    def choose_output(self, name: str) -> None:
        self.calls.append(("choose_output", name))

    def record(self, folder: Path | None) -> None:
        self.calls.append(("record", folder))

    def quit(self) -> None:
        self.calls.append(("quit",))


_: Controls = Told()


class Picture(NamedTuple):
    name: str
    state: TalkState
    size: tuple[int, int] = (80, 24)
    keys: tuple[str, ...] = ()
    theme: str = "dark"


def pictures() -> Iterator[Picture]:
    """Every state in the smallest terminal, the fullest one in all sizes and colours, and every page."""
    for name, script in SCENES.items():
        yield Picture(name, acted(script))
    yield Picture("push-to-talk", acted(TALKING, push_to_talk=True))
    yield Picture("typed", acted(TYPED))
    barge_in = acted(SCENES["barge-in"])
    yield Picture("barge-in-100x30", barge_in, (100, 30))
    yield Picture("barge-in-140x45", barge_in, (140, 45))
    yield Picture("barge-in-light", barge_in, theme="light")
    yield Picture("barge-in-terminal", barge_in, theme="terminal")
    speaking = acted(SCENES["speaking"])
    yield Picture("typing", speaking, keys=("t", *"hi there"))
    yield Picture("asking-where-to-record", speaking, keys=("r",))
    yield Picture("help", speaking, keys=("question_mark",))
    yield Picture("log", speaking, keys=("l",))
    yield Picture("turns", speaking, keys=("w", "left"))
    yield Picture("devices", speaking, keys=("d",))


async def drawn(picture: Picture) -> str:
    """The picture as SVG, the same each time."""
    app = TalkApp(Told(), picture.state, theme=picture.theme)
    async with app.run_test(size=picture.size) as pilot:
        await pilot.press(*picture.keys)
        await pilot.pause()
        return tidy(app.export_screenshot(title="voicecli talk"))


def tidy(svg: str) -> str:
    """Without Rich's random id and the font that it fetches from elsewhere; with its blanks."""
    svg = re.sub(r"terminal-\d+", "talk", svg)
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    svg = svg.replace(
        "Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
    )
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
