import asyncio
import re
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from tests.voicecli.scenes import BEFORE, INPUTS, OUTPUTS, SCENES, TALKING, At, acted, connected
from tests.voicecli.tui.pictures import FOLDER, Picture, Told, drawn, pictures
from voicecli.talking.talkstate import (
    DeviceOpened,
    DevicesListed,
    LevelMeasured,
    MuteChanged,
    RecordingBegan,
    Role,
    TalkChanged,
    TalkState,
    talked,
)
from voicecli.tui import app as app_module
from voicecli.tui.app import THEMES, TalkApp
from voicecli.tui.pane import Pane
from voicewire.clock import NS_PER_MS, NS_PER_S
from voicewire.messages import LlmToken

CELL_WIDTH = 12.2
"""Of Rich's SVG."""

Driven = Callable[[TalkApp, Pilot[None]], Awaitable[None]]


class HandClock:
    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        self.at_ns += NS_PER_S
        return self.at_ns


def drive(state: TalkState, main: Driven, size: tuple[int, int] = (80, 24)) -> list[tuple[object, ...]]:
    """Run the app without a terminal; what the controls were told."""
    told = Told()

    async def run() -> None:
        app = TalkApp(told, state, theme="dark", clock=HandClock())
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await main(app, pilot)

    asyncio.run(run())
    return told.calls


def pressed(state: TalkState, *keys: str) -> list[tuple[object, ...]]:
    async def press(app: TalkApp, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)

    return drive(state, press)


def screen(app: TalkApp) -> str:
    """All that is on the screen."""
    lines: dict[float, str] = {}
    for text in ET.fromstring(app.export_screenshot()).iter("{http://www.w3.org/2000/svg}text"):
        y, column = float(text.get("y", 0)), round(float(text.get("x", 0)) / CELL_WIDTH)
        lines[y] = lines.get(y, "").ljust(column) + (text.text or "").replace("\xa0", " ")
    return "\n".join(lines[y] for y in sorted(lines))


LISTENING = acted(connected())
SPEAKING = acted(SCENES["speaking"])


@pytest.fixture(autouse=True)
def _in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("picture", list(pictures()), ids=lambda picture: picture.name)
def test_the_screen_is_as_it_was_looked_at(picture: Picture, tmp_path: Path) -> None:
    svg = asyncio.run(drawn(picture))
    expected = FOLDER / f"{picture.name}.svg"
    if svg != expected.read_text(encoding="utf-8"):
        (tmp_path / expected.name).write_text(svg, encoding="utf-8")
        pytest.fail(f"{tmp_path / expected.name} is not {expected}; if it is better, run scripts/make_screens.py")


def test_every_picture_is_one_of_the_tests() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {picture.name for picture in pictures()}


def test_space_mutes_and_unmutes() -> None:
    assert pressed(LISTENING, "space") == [("mute", True)]
    assert pressed(talked(LISTENING, MuteChanged(True), 0), "space") == [("mute", False)]


def test_with_push_to_talk_space_begins_and_ends_an_utterance() -> None:
    assert pressed(acted(connected(), push_to_talk=True), "space") == [("talk", True)]
    assert pressed(acted(TALKING, push_to_talk=True), "space") == [("talk", False)]


def test_a_held_space_bar_ends_the_utterance_when_it_is_let_go() -> None:
    told = Told()

    class Held:
        at_ns = 0

        def now_ns(self) -> int:
            return self.at_ns

    clock = Held()

    async def run() -> None:
        app = TalkApp(told, acted(connected(), push_to_talk=True), clock=clock)
        async with app.run_test() as pilot:
            for at_ms in (0, 500, 533, 566):
                clock.at_ns = at_ms * NS_PER_MS
                await pilot.press("space")
                app.show(talked(app.state, TalkChanged(True), 0))
            assert told.calls == [("talk", True)]
            clock.at_ns = 900 * NS_PER_MS
            while len(told.calls) < 2:
                await pilot.pause(0.02)

    asyncio.run(run())
    assert told.calls == [("talk", True), ("talk", False)]


def test_i_stops_the_answer() -> None:
    assert pressed(SPEAKING, "i") == [("interrupt",)]


@pytest.mark.parametrize("keys", [["q"], ["ctrl+c"], ["ctrl+q"], ["l", "q"], ["t", "q", "ctrl+c"], ["d", "ctrl+c"]])
def test_q_and_ctrl_c_quit_from_everywhere(keys: list[str]) -> None:
    assert pressed(LISTENING, *keys) == [("quit",)]


def test_what_is_typed_is_said_and_typing_goes_on_until_escape() -> None:
    keys = ["t", *"q hi", "enter", "i", "enter", "escape", "i"]
    assert pressed(LISTENING, *keys) == [("say", "q hi"), ("say", "i"), ("interrupt",)]


def test_what_is_typed_right_after_t_is_text_and_no_command() -> None:
    async def burst(app: TalkApp, pilot: Pilot[None]) -> None:
        for key in "tqrdli":
            app.post_message(Key(key, key))
        await pilot.press("enter")

    assert drive(LISTENING, burst) == [("say", "qrdli")]


def test_what_is_typed_right_after_r_takes_the_place_of_the_offer() -> None:
    async def burst(app: TalkApp, pilot: Pilot[None]) -> None:
        for key in "rqrdli":
            app.post_message(Key(key, key))
        await pilot.press("enter")

    assert drive(LISTENING, burst) == [("record", Path("qrdli"))]


def test_blanks_alone_are_not_said() -> None:
    assert pressed(LISTENING, "t", "space", "enter") == []


def test_recording_asks_for_a_folder_and_offers_one() -> None:
    assert pressed(LISTENING, "r", "enter", "i") == [("record", Path("recordings/2026-01-30-0915")), ("interrupt",)]
    assert pressed(LISTENING, "r", "ctrl+a", "ctrl+k", *"~/a", "enter") == [("record", Path("~/a").expanduser())]
    assert pressed(LISTENING, "r", "escape", "i") == [("interrupt",)]


def test_the_folder_of_an_earlier_recording_is_not_offered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / LISTENING.recording_offer).mkdir(parents=True)
    assert pressed(LISTENING, "r", "enter") == [("record", Path(f"{LISTENING.recording_offer}-2"))]


def test_a_folder_in_the_home_of_nobody_is_one_of_that_name() -> None:
    assert pressed(LISTENING, "r", "ctrl+a", "ctrl+k", *"~nobody0/a", "enter", "i") == [
        ("record", Path("~nobody0/a")),
        ("interrupt",),
    ]


def test_r_ends_a_recording() -> None:
    assert pressed(talked(LISTENING, RecordingBegan("x"), 0), "r") == [("record", None)]


def test_the_recording_is_told_on_every_page() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        for key in ("l", "w", "d", "question_mark", "escape", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert "● recording to here" in screen(app)

    drive(talked(LISTENING, RecordingBegan("here"), 0), look)


CLOSED = acted(SCENES["closed"])


@pytest.mark.parametrize("page", ["", "w", "l", "question_mark"])
def test_enter_goes_on_where_the_session_is_over(page: str) -> None:
    assert pressed(CLOSED, *([page] if page else []), "enter") == [("go_on",)]
    assert pressed(LISTENING, *([page] if page else []), "enter") == []


def test_what_a_session_is_needed_for_is_not_offered_and_does_nothing_once_it_is_over() -> None:
    assert pressed(CLOSED, "space", "i", "r", *"x", "escape") == []

    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        keys = screen(app).splitlines()[-1]
        assert keys.rstrip() == " enter go on  t type  d devices  w turns  l log  ? help  q quit"

    drive(CLOSED, look)


def test_once_the_session_is_over_one_can_still_type_and_choose_a_device() -> None:
    keys = ["t", *"hi", "enter", "escape", "d", "down", "enter"]
    assert pressed(CLOSED, *keys) == [("say", "hi"), ("choose_input", INPUTS[1])]


def test_a_file_in_the_place_of_a_device_is_in_use_and_leaves_nothing_to_choose() -> None:
    files = [At(0, DevicesListed((), ())), At(0, DeviceOpened(Role.MICROPHONE, "mic.wav"))]

    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        await pilot.press("d")
        await pilot.pause()
        lines = [line.strip() for line in screen(app).splitlines() if line.strip()]
        assert lines[lines.index("microphone") + 1] == "● mic.wav"
        assert lines[lines.index("loudspeaker") + 1] == "none"
        assert "choose" not in lines[-1]

    drive(acted(files), look)


def test_devices_are_chosen_from_the_list() -> None:
    assert pressed(LISTENING, "d", "down", "down", "enter", "i") == [("choose_input", INPUTS[2]), ("interrupt",)]
    assert pressed(LISTENING, "d", "down", "down", "down", "enter") == [("choose_output", OUTPUTS[0])]


def test_a_device_is_what_stood_in_the_list_when_it_was_opened() -> None:
    async def change(app: TalkApp, pilot: Pilot[None]) -> None:
        await pilot.press("d", "down")
        app.show(acted([]))
        await pilot.press("enter")

    assert drive(LISTENING, change) == [("choose_input", INPUTS[1])]


def test_a_page_is_closed_by_its_own_key_or_escape() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        for key in ("l", "w", "d", "question_mark"):
            for closing in (key, "escape"):
                await pilot.press(key)
                assert not app.query_one("#talk").display
                await pilot.press(closing)
                assert app.query_one("#talk").display

    drive(SPEAKING, look)


def test_turns_are_gone_through_and_stay_at_the_ends() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        await pilot.press("w")
        for key, chosen in (("left", 2), ("left", 1), ("left", 1), ("right", 2), ("right", 3), ("right", 3)):
            await pilot.press(key)
            await pilot.pause()
            assert f"› turn {chosen}" in screen(app)

    drive(SPEAKING, look)


def test_a_new_state_is_drawn_with_the_next_frame() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        app.show(talked(SPEAKING, LlmToken(turn_id=3, index=99, text=" [red]small[/red] \x1b[2Jboat"), 0))
        while "small" not in screen(app):
            await pilot.pause(0.02)
        assert "evening a [red]small[/red]  [2Jboat" in " ".join(screen(app).split("\n   "))

    drive(SPEAKING, look)


def test_an_unchanged_state_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings: list[int] = []
    draw = TalkApp.draw

    def counted(app: TalkApp) -> None:
        drawings.append(1)
        draw(app)

    monkeypatch.setattr(TalkApp, "draw", counted)
    monkeypatch.setattr(app_module, "FRAME_S", 0.01)

    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        await pilot.pause(0.05)
        before = len(drawings)
        await pilot.pause(0.1)
        assert len(drawings) == before
        app.show(talked(LISTENING, LevelMeasured(-20.0), 0))
        while len(drawings) == before:
            await pilot.pause(0.01)

    drive(LISTENING, look)


def test_it_follows_the_terminals_size() -> None:
    async def resize(app: TalkApp, pilot: Pilot[None]) -> None:
        for size in ((140, 45), (80, 24), (100, 30), (40, 12), (20, 5), (140, 45), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "TTS first audio 52" in screen(app)

    drive(SPEAKING, resize)


def test_a_resized_screen_is_the_one_that_was_opened_so_large() -> None:
    async def resized() -> str:
        app = TalkApp(Told(), SPEAKING, theme="dark")
        async with app.run_test(size=(140, 45)) as pilot:
            await pilot.pause()
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            return screen(app)

    async def opened() -> str:
        app = TalkApp(Told(), SPEAKING, theme="dark")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            return screen(app)

    assert asyncio.run(resized()) == asyncio.run(opened())


def test_the_conversation_stays_where_it_was_scrolled_to() -> None:
    async def scroll(app: TalkApp, pilot: Pilot[None]) -> None:
        pane = app.query_one("#conversation", Pane)
        for number in range(4, 12):
            app.show(talked(app.state, LlmToken(turn_id=number, index=0, text="more"), 0))
        app.draw()
        await pilot.pause()
        assert pane.scroll_offset.y == pane.max_scroll_y > 0
        await pilot.press("home")
        await pilot.pause()
        app.show(talked(app.state, LlmToken(turn_id=12, index=0, text="more"), 0))
        app.draw()
        await pilot.pause()
        assert pane.scroll_offset.y == 0

    drive(SPEAKING, scroll)


def test_colours_are_the_terminals_own_dark_or_light() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        seen = [app.theme]
        for _ in THEMES:
            await pilot.press("c")
            seen.append(app.theme)
        assert seen == ["textual-dark", "textual-light", "ansi-dark", "textual-dark"]

    drive(LISTENING, look)


def test_without_colours_the_parts_of_a_bar_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        (bar,) = [line for line in screen(app).splitlines() if "turn 3" in line]
        assert bar.split()[2] == "▄" + "▓" * 36 + "█" * 11 + "▒▒░░░▐▞▞"
        assert "▓ endpointing 622" in screen(app)

    drive(SPEAKING, look)


@pytest.mark.parametrize("theme", THEMES)
def test_without_colours_all_is_in_the_terminals_own_two(theme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def run() -> str:
        app = TalkApp(Told(), talked(SPEAKING, RecordingBegan("x"), 0), theme=theme)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            return app.export_screenshot()

    foreground, background, dim = "#c5c8c6", "#292929", "#868887"
    fills = set(re.findall(r"fill: (#\w+)|rect fill=\"(#\w+)\"", asyncio.run(run())))
    assert {one or other for one, other in fills} <= {foreground, background, dim}


def test_a_device_that_comes_back_takes_its_problem_with_it() -> None:
    lost = acted(SCENES["device-lost"])

    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        assert "The microphone is gone." in screen(app)
        app.show(talked(lost, DeviceOpened(Role.MICROPHONE, "default"), 0))
        app.draw()
        await pilot.pause()
        assert "gone" not in screen(app)

    drive(lost, look)


def test_what_the_screen_cannot_draw_ends_it_without_a_word_of_what_was_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("defect")

    monkeypatch.setattr(app_module, "figure_lines", fail)

    async def run() -> None:
        await TalkApp(Told(), acted(BEFORE)).run_async(headless=True, size=(80, 24))

    with pytest.raises(ValueError, match="defect"):
        asyncio.run(run())
    assert capsys.readouterr() == ("", "")


def test_the_loop_it_shares_makes_tasks_as_ever() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        assert asyncio.get_running_loop().get_task_factory() is None

    drive(LISTENING, look)


def test_it_ends_when_its_task_is_cancelled() -> None:
    async def run() -> None:
        app = TalkApp(Told(), LISTENING)
        mounted = asyncio.Event()
        app.call_later(mounted.set)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(app.run_async(headless=True, size=(80, 24)))
            await mounted.wait()
            running.cancel()
        assert running.cancelled()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_typing_is_bounded() -> None:
    async def look(app: TalkApp, pilot: Pilot[None]) -> None:
        assert app.query_one(Input).max_length == 4000

    drive(LISTENING, look)
