"""What takes the conversation's place for a while: help, event log, waterfalls of earlier turns."""

from collections.abc import Sequence
from functools import partial

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicecli.figures.waterfall import PARTS
from voicecli.reports.report import printable
from voicecli.talking.eventlog import entry_line
from voicecli.talking.talkstate import Entry, TalkState
from voicecli.talking.turnfalls import TurnFall, begun_early
from voicecli.tui.falls import NOTHING_YET, fall_chart, fall_list, heading
from voicecli.tui.pane import Block

SHOWN_ENTRIES = 200

_KEYS = (
    ("i", "stop the answer"),
    ("t", "type instead of speaking; Escape ends it"),
    ("d", "choose microphone and loudspeaker"),
    ("r", "record what is said and heard; once more to end it"),
    ("w", "waterfalls of earlier turns: ← → choose one"),
    ("l", "event log"),
    ("c", "colours: the terminal's own, dark, light"),
    ("↑ ↓", "scroll, also Page Up, Page Down, Home, End"),
    ("?", "this help; Escape leads back to the conversation"),
    ("enter", "go on, where the session has ended"),
    ("q", "quit, also Ctrl-C"),
)


def help_blocks(*, push_to_talk: bool) -> list[Block]:
    return [Block((push_to_talk,), partial(_help, push_to_talk))]


def _help(push_to_talk: bool) -> RenderableType:
    space = "talk; once more when you have finished" if push_to_talk else "mute the microphone; once more to be heard"
    held = "talk while you hold it" if push_to_talk else "while you hold it, the microphone is the other way"
    keys = Table.grid(padding=(0, 2))
    keys.add_column(justify="right", style="bold", width=7)
    keys.add_column()
    keys.add_row("space", space)
    keys.add_row("", Text(f"A terminal does not tell when a key is let go, but most repeat it: {held}.", style="dim"))
    for key, does in _KEYS:
        keys.add_row(key, does)
    colours = Table.grid(padding=(0, 1))
    colours.add_column(no_wrap=True)
    colours.add_column(no_wrap=True)
    colours.add_column(style="dim")
    for part in PARTS:
        colours.add_row(Text(" ██", style=part.colour), part.title, part.meaning)
    return Group(heading("keys", ""), keys, Text(""), heading("waterfall", "of voice-to-voice"), colours)


def log_blocks(state: TalkState) -> list[Block]:
    """The newest entries; Pane draws only those that are new."""
    began_ns = state.began_ns or 0
    return [Block((entry,), partial(_entry, entry, began_ns)) for entry in state.log[-SHOWN_ENTRIES:]]


def _entry(entry: Entry, began_ns: int) -> Text:
    at, name, rest = entry_line(entry, began_ns)
    line = Text.assemble((f" {at:>9}  ", "dim"), (f"{name:<22}", "bold"), " ", rest)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def turn_blocks(falls: Sequence[TurnFall], chosen: TurnFall | None, *, monochrome: bool) -> list[Block]:
    """The chosen turn's chart beside the medians of the others, and all turns in a line each."""
    if chosen is None:
        return [Block((), lambda: Text(f"\n {NOTHING_YET}", style="dim italic"))]

    def draw() -> RenderableType:
        said = Text(f" “{printable(chosen.turn.transcript or chosen.turn.partial)}”", style="italic", no_wrap=True)
        said.overflow = "ellipsis"
        early = [Text(f" {note}", style="dim")] if (note := begun_early(chosen.turn)) else []
        others = [each for each in falls if each.key != chosen.key]
        listed = Padding(fall_list(falls, chosen, monochrome=monochrome), (0, 1))
        return Group(fall_chart(chosen, others), said, *early, heading("turns", ""), listed)

    source = (*(each.drawn for each in falls), chosen.key, chosen.turn.transcript, chosen.turn.partial)
    return [Block(source, draw)]
