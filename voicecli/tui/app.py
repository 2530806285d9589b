"""The conversation's screen. It draws what `show` was last given and tells `Controls` what was pressed."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import Resize
from textual.reactive import Reactive
from textual.widgets import ContentSwitcher, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from voicecli.reports.report import printable
from voicecli.talking.controls import Controls
from voicecli.talking.recorder import first_free
from voicecli.talking.spacebar import SpaceBar
from voicecli.talking.talkstate import Phase, Role, TalkState
from voicecli.talking.turnfalls import TurnFall, TurnFalls
from voicecli.tui.conversation import conversation_blocks
from voicecli.tui.falls import compact_falls, fall_list, full_falls, heading
from voicecli.tui.lines import Key, figure_lines, keys_line, problems_text, recording_line, state_line
from voicecli.tui.pages import help_blocks, log_blocks, turn_blocks
from voicecli.tui.pane import Block, Pane
from voicewire.clock import NS_PER_S, Clock, SystemClock
from voicewire.messages import MAX_TEXT_INPUT

FRAME_S = 1 / 12
"""Drawing costs a few ms of the loop that measures, so it happens so often and not at each change."""

THEMES = {"terminal": "ansi-dark", "dark": "textual-dark", "light": "textual-light"}
"""By name: the terminal's own colours, whatever they are; and two that bring their own."""

MAX_LISTED = 20
"""Turns beside a wide conversation."""

WIDE, TALL, LOW = 120, 28, 18
"""Columns from which the waterfall is beside the conversation; lines from which it is whole below it; lines from which
it is there at all."""

_BACK: tuple[Key, ...] = (("esc", "back"), ("↑↓", "scroll"), ("q", "quit"))
_TURNS: tuple[Key, ...] = (("←→", "earlier, later"), ("↑↓", "scroll"), ("esc", "back"), ("q", "quit"))
_DEVICES: tuple[Key, ...] = (("↑↓ enter", "choose"), ("esc", "back"), ("q", "quit"))
_TYPING: tuple[Key, ...] = (("enter", "send"), ("esc", "done"))
_CLOSED: tuple[Key, ...] = (
    ("enter", "go on"),
    ("t", "type"),
    ("d", "devices"),
    ("w", "turns"),
    ("l", "log"),
    ("?", "help"),
    ("q", "quit"),
)
_ASKING: tuple[Key, ...] = (("enter", "record there"), ("esc", "do not record"))


class TalkApp(App[None]):
    """Run it with `run_async` beside the conversation, in one event loop; it ends when the user quits.

    `show` is given each new state, from the loop's own thread. Nothing it shows is markup: texts of the other end are
    drawn as they are.
    """

    TITLE = "voicecli talk"
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "app.tcss"
    # Textual looks at it once, when the app is made: whether NO_COLOR takes all colours away, or leaves greys that on a
    # terminal's own background cannot be seen.
    theme = Reactive(THEMES["terminal"])
    # With priority each key is acted on before the next one is looked at: what is typed right after t, as over a slow
    # line, is text and no command. `check_action` lets the keys through to the line for typing.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, priority=True)
        for key, action in (
            ("ctrl+c,ctrl+q", "leave_now"),
            ("escape", "close"),
            ("q", "leave"),
            ("enter", "go_on"),
            ("space", "space"),
            ("i", "interrupt"),
            ("t", "type"),
            ("d", "page('devices')"),
            ("r", "record"),
            ("w", "page('turns')"),
            ("l", "page('log')"),
            ("question_mark", "page('help')"),
            ("c", "colours"),
            ("left", "turn(-1)"),
            ("right", "turn(1)"),
        )
    ]

    def __init__(
        self, controls: Controls, state: TalkState, *, theme: str = "terminal", clock: Clock | None = None
    ) -> None:
        super().__init__()
        self.theme = THEMES[theme]
        self.animation_level = "none"
        self._controls = controls
        self._state = state
        self._drawn: TalkState | None = None
        self._clock = clock or SystemClock()
        self._space = SpaceBar()
        self._falls = TurnFalls()
        self._chosen: tuple[int, int] | None = None
        """Whose waterfall is shown among the earlier ones; None: the newest one's."""
        self._asking: Literal["", "say", "folder"] = ""
        """What the line for typing is open for."""
        self._listed: dict[str, tuple[Role, str]] = {}
        """Devices, as they were when their list was opened."""
        self._falls_height = 0
        self._put_texts: dict[str, Text | None] = {}

    @property
    def state(self) -> TalkState:
        """The newest."""
        return self._state

    def show(self, state: TalkState) -> None:
        """Keep it; it is drawn with the next frame."""
        self._state = state

    async def run_async(self, **options: Any) -> None:
        """As Textual's, with the same options. Raises what the screen could not draw: the terminal is whole by then."""
        await super().run_async(**options)
        running = asyncio.current_task()
        if running is not None and running.cancelling():
            # Textual takes it for a wish to quit, and returns.
            raise asyncio.CancelledError
        if self._exception is not None:
            raise self._exception

    def _fatal_error(self) -> None:
        # Textual would print a traceback with every variable, what was said among them.
        self._close_messages_no_wait()

    def compose(self) -> ComposeResult:
        yield Static(id="state")
        yield Static(id="recording")
        yield Static(id="problems")
        with ContentSwitcher(initial="talk", id="pages"):
            with Horizontal(id="talk"):
                yield Pane(id="conversation", follows=True)
                yield Pane(id="falls")
            yield OptionList(id="devices", markup=False)
            yield Pane(id="turns")
            yield Pane(id="log", follows=True)
            yield Pane(id="help")
        with Horizontal(id="typing"):
            yield Label(id="prompt")
            # To be selected on focus would be late: what is typed at once, as over a slow line, would be selected too.
            yield Input(id="input", compact=True, max_length=MAX_TEXT_INPUT, select_on_focus=False)
        yield Static(id="figures")
        yield Static(id="keys")

    def on_mount(self) -> None:
        # From Python 3.12 on Textual makes the loop's tasks eager; the conversation shares the loop, and is to run the
        # same on every Python.
        asyncio.get_running_loop().set_task_factory(None)
        self.query_one(Input).cursor_blink = False
        self.query_one("#conversation").focus()
        self.set_interval(FRAME_S, self._frame)

    def on_resize(self, event: Resize) -> None:
        self.screen.set_class(event.size.width >= WIDE, "-wide")
        self._falls_height = 0
        self.call_after_refresh(self.draw)

    def _frame(self) -> None:
        if self._state is not self._drawn:
            self.draw()

    # --- drawing

    def draw(self) -> None:
        """What is shown now, all of it; widgets that show the same as before are left alone."""
        state = self._drawn = self._state
        width = self.size.width
        self._put("state", state_line(state, width))
        self._put("recording", recording_line(state, width))
        self._put("problems", problems_text(state, width))
        self._put("figures", figure_lines(state, width))
        self._put("keys", keys_line(self._keys(), width))
        falls = self._falls.of(state)
        match self._page:
            case "talk":
                self._pane("conversation", conversation_blocks(state))
                self._draw_falls(falls)
            case "turns":
                self._pane("turns", turn_blocks(falls, self._chosen_of(falls), monochrome=self.no_color))
            case "log":
                self._pane("log", log_blocks(state))
            case "help":
                self._pane("help", help_blocks(push_to_talk=state.push_to_talk))

    def _draw_falls(self, falls: tuple[TurnFall, ...]) -> None:
        pane = self.query_one("#falls", Pane)
        pane.display = self.size.height >= LOW
        drawn = [each.drawn for each in falls]
        if self.size.width >= WIDE:
            pane.show([Block(("beside", *drawn), partial(_falls_beside, falls, self.no_color))])
            pane.styles.height = "1fr"
            return
        is_tall = self.size.height >= TALL
        draw = partial(full_falls, falls) if is_tall else partial(compact_falls, falls, monochrome=self.no_color)
        pane.show([Block((is_tall, *drawn), draw)])
        # It does not shrink when a new turn begins: the conversation would jump.
        self._falls_height = max(self._falls_height, pane.lines)
        pane.styles.height = self._falls_height

    def _put(self, id: str, text: Text | None) -> None:
        before = self._put_texts.get(id)
        if text is not None and before is not None and (text.plain, text.spans) == (before.plain, before.spans):
            return
        widget = self.query_one(f"#{id}", Static)
        widget.display = text is not None
        if text is not None:
            widget.update(text, layout=id == "problems")
        self._put_texts[id] = text

    def _pane(self, id: str, blocks: Sequence[Block]) -> None:
        self.query_one(f"#{id}", Pane).show(blocks)

    # --- pages

    @property
    def _page(self) -> str:
        return self.query_one(ContentSwitcher).current or "talk"

    def _open(self, page: str) -> None:
        self.query_one(ContentSwitcher).current = page
        self.screen.set_focus(self.query_one("#conversation" if page == "talk" else f"#{page}"))
        # What was hidden may have another size now.
        self.call_after_refresh(self.draw)

    def _keys(self) -> tuple[Key, ...]:
        if self._asking:
            return _TYPING if self._asking == "say" else _ASKING
        if self._page != "talk":
            choosing = {"turns": _TURNS, **({"devices": _DEVICES} if self._listed else {})}
            return choosing.get(self._page, _BACK)
        state = self._state
        if state.phase is Phase.CLOSED:
            return _CLOSED
        off, on = ("finish", "talk") if state.push_to_talk else ("unmute", "mute")
        space = off if (state.talking if state.push_to_talk else state.muted) else on
        record = "end recording" if state.recording else "record"
        return (
            ("space", space),
            ("i", "stop"),
            ("t", "type"),
            ("d", "devices"),
            ("r", record),
            ("w", "turns"),
            ("l", "log"),
            ("?", "help"),
            ("q", "quit"),
        )

    def _ask(self, asking: Literal["", "say", "folder"]) -> None:
        """Open the line for typing, for a text or a folder; "" closes it."""
        self._asking = asking
        self.query_one("#typing").display = bool(asking)
        field = self.query_one(Input)
        if asking:
            self.query_one("#prompt", Label).update(Text(" type › " if asking == "say" else " record to › ", "bold"))
            field.value = str(first_free(Path(self._state.recording_offer))) if asking == "folder" else ""
            field.select_all()
            self.screen.set_focus(field)
            self.draw()
        else:
            self._open(self._page)

    def _list_devices(self) -> None:
        """All there are, the one in use marked; the list is made when it is opened."""
        state = self._state
        options: list[Option] = []
        self._listed = {}
        for role, title, names in (
            (Role.MICROPHONE, "microphone", state.inputs),
            (Role.SPEAKER, "loudspeaker", state.outputs),
        ):
            options.append(Option(Text(title, "bold"), disabled=True))
            device = state.device(role)
            for name in names:
                in_use = device is not None and device.is_open and device.name == name
                id = str(len(self._listed))
                self._listed[id] = (role, name)
                options.append(Option(Text(f"{'●' if in_use else '○'} {printable(name)}"), id=id))
            if not names:
                # A file in the place of a device is in use, and there is nothing to choose.
                used = f"● {printable(device.name)}" if device is not None and device.is_open else "  none"
                options.append(Option(Text(used, "dim"), disabled=True))
        devices = self.query_one("#devices", OptionList)
        devices.set_options(options)
        devices.highlighted = next((at for at, option in enumerate(options) if not option.disabled), None)

    def _chosen_of(self, falls: Sequence[TurnFall]) -> TurnFall | None:
        newest = falls[-1] if falls else None
        return next((each for each in falls if each.key == self._chosen), newest)

    # --- what is pressed

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        if self._asking:
            return action in ("leave_now", "close")
        is_closed = self._state.phase is Phase.CLOSED
        if action == "go_on":
            # On the page of devices the same key chooses one.
            return is_closed and self._page != "devices"
        return not (is_closed and action in ("space", "interrupt", "record"))

    def action_leave(self) -> None:
        self.action_leave_now()

    def action_leave_now(self) -> None:
        self._controls.quit()
        self.exit()

    def action_go_on(self) -> None:
        self._controls.go_on()

    def action_space(self) -> None:
        if self._space.pressed(self._clock.now_ns()):
            self._switch()
        if self._space.deadline_ns is not None:
            self.set_timer(max(0, self._space.deadline_ns - self._clock.now_ns()) / NS_PER_S, self._space_due)

    def _space_due(self) -> None:
        if self._space.due(self._clock.now_ns()):
            self._switch()

    def _switch(self) -> None:
        if self._state.push_to_talk:
            self._controls.talk(not self._state.talking)
        else:
            self._controls.mute(not self._state.muted)

    def action_interrupt(self) -> None:
        self._controls.interrupt()

    def action_type(self) -> None:
        self._open("talk")
        self._ask("say")

    def action_record(self) -> None:
        if self._state.recording is not None:
            self._controls.record(None)
        else:
            self._ask("folder")

    def action_page(self, page: str) -> None:
        """Open it, or close it where it is open."""
        if self._page == page:
            page = "talk"
        if page == "devices":
            self._list_devices()
        self._chosen = None
        self._open(page)

    def action_turn(self, step: int) -> None:
        falls = self._falls.of(self._state)
        chosen = self._chosen_of(falls)
        if self._page == "turns" and chosen is not None:
            keys = [each.key for each in falls]
            at = min(max(0, keys.index(chosen.key) + step), len(keys) - 1)
            self._chosen = None if at == len(keys) - 1 else keys[at]
            self.draw()

    def action_colours(self) -> None:
        names = list(THEMES.values())
        self.theme = names[(names.index(self.theme) + 1) % len(names)]

    def action_close(self) -> None:
        if self._asking:
            self._ask("")
        else:
            self._open("talk")

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        asked, event.input.value = self._asking, ""
        if asked == "folder":
            self._ask("")
            if text:
                self._controls.record(_folder(text))
        elif text:
            self._controls.say(text)

    @on(OptionList.OptionSelected)
    def _choose_device(self, event: OptionList.OptionSelected) -> None:
        role, name = self._listed[event.option_id or ""]
        if role is Role.MICROPHONE:
            self._controls.choose_input(name)
        else:
            self._controls.choose_output(name)
        self._open("talk")


def _folder(text: str) -> Path:
    """As a shell would take it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # nobody of that name has a home
        return Path(text)


def _falls_beside(falls: tuple[TurnFall, ...], monochrome: bool) -> RenderableType:
    """Of the wide screen: the newest turn, and all of them in a line each."""
    if not falls:
        return full_falls(falls)
    listed = Padding(fall_list(falls[-MAX_LISTED:], None, monochrome=monochrome), (0, 1))
    return Group(full_falls(falls), Text(""), heading("turns", ""), listed)
