"""Where the time of the newest turns went: as large as there is room."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from voicecli.figures.waterfall import BY_NAME, PARTS, Part
from voicecli.reports.waterfall_chart import waterfall_chart
from voicecli.talking.turnfalls import Medians, TurnFall, medians, saved_early, whole_ms
from voicewire.clock import NS_PER_MS

NOTHING_YET = "The waterfall of a turn appears here as it happens."
LEGEND_SHARE = 0.02
"""Of the whole, what a part needs to be named where there is little room."""
_FILLS = dict(zip((part.name for part in PARTS), "▄▓▀▌█▒░▐▚▞▖▝", strict=True))
"""By the part's name: where there are no colours, each has its own."""


class Stretch(NamedTuple):
    """Of a stacked bar."""

    part: Part
    length_ns: float


class StackedBar:
    """Parts behind each other in one line; `full_ns` is as long as there is room."""

    def __init__(self, stretches: Sequence[Stretch], full_ns: float, *, monochrome: bool) -> None:
        self._stretches = stretches
        self._full_ns = full_ns
        self._monochrome = monochrome

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        at, drawn_ns = 0, 0.0
        for part, length_ns in self._stretches:
            drawn_ns += max(0.0, length_ns)
            end = min(width, round(drawn_ns * width / max(1.0, self._full_ns)))
            fill = _FILLS[part.name] if self._monochrome else "█"
            yield Segment(fill * (end - at), Style.parse(part.colour))
            at = max(at, end)
        yield Segment(" " * (width - at))


def stretches(found: TurnFall) -> list[Stretch]:
    return [Stretch(bar.part, bar.critical.length_ns) for bar in found.fall.bars]


def median_stretches(of: Medians) -> list[Stretch]:
    return [Stretch(BY_NAME[name], length_ns) for name, length_ns in of.parts_ns.items()]


def total_ns(parts: Sequence[Stretch]) -> float:
    return sum(max(0.0, length_ns) for _, length_ns in parts)


def compact_falls(falls: Sequence[TurnFall], *, monochrome: bool) -> RenderableType:
    """Three lines: the newest turn and the medians of its like before it as stacked bars, and the figures."""
    if not falls:
        return Group(heading("voice-to-voice", ""), Text(f" {NOTHING_YET}", style="dim italic"))
    newest = falls[-1]
    before = medians(falls[:-1], newest.measure)
    own, usual = stretches(newest), median_stretches(before)
    full_ns = max(total_ns(own), total_ns(usual))
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, style="dim", width=9)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=8)
    table.add_row(
        f" turn {newest.number}",
        StackedBar(own, full_ns, monochrome=monochrome),
        _total(newest.fall.voice_to_voice_ns),
    )
    if before.n:
        table.add_row(" before", StackedBar(usual, full_ns, monochrome=monochrome), _total(before.total_ns))
    legend = Padding(_Legend(own, monochrome=monochrome), (0, 1))
    return Group(heading(newest.title, median_note(before)), Padding(table, (0, 1, 0, 0)), legend)


def full_falls(falls: Sequence[TurnFall]) -> RenderableType:
    """The newest turn as a chart, beside the medians of its like before it."""
    if not falls:
        return Group(heading("voice-to-voice", ""), Text(f" {NOTHING_YET}", style="dim italic"))
    return fall_chart(falls[-1], falls[:-1])


def fall_chart(found: TurnFall, others: Sequence[TurnFall]) -> RenderableType:
    of = medians(others, found.measure)
    known = None
    if of.total_ns is not None:
        known = {**of.parts_ns, "voice-to-voice": of.total_ns}
    chart = waterfall_chart(found.fall, total=found.title, medians_ns=known)
    notes = [note for note in (saved_early(found.turn), median_note(of)) if note]
    return Group(heading(f"turn {found.number}", " · ".join(notes)), Padding(chart, (0, 1)))


def fall_list(falls: Sequence[TurnFall], chosen: TurnFall | None, *, monochrome: bool) -> RenderableType:
    """A line for each turn, all on one scale."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True, width=9)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=8)
    full_ns = max((total_ns(stretches(each)) for each in falls), default=1.0)
    for each in falls:
        is_chosen = chosen is not None and each.key == chosen.key
        name = f"{'›' if is_chosen else ' '} turn {each.number}"
        bar = StackedBar(stretches(each), full_ns, monochrome=monochrome)
        table.add_row(Text(name, style="bold" if is_chosen else "dim"), bar, _total(each.fall.voice_to_voice_ns))
    return table


def heading(title: str, note: str) -> RenderableType:
    return _Heading(title, note)


class _Heading:
    """A rule with a title at its left and a note at its right."""

    def __init__(self, title: str, note: str) -> None:
        self._title, self._note = title, note

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left = Text.assemble(("─ ", "dim"), (self._title, "bold"), " ")
        right = Text.assemble(" ", (self._note, "dim"), (" ─", "dim")) if self._note else Text("")
        rule = Text("─" * max(0, options.max_width - left.cell_len - right.cell_len), style="dim")
        line = Text.assemble(left, rule, right)
        line.truncate(options.max_width)
        yield line


def median_note(of: Medians) -> str:
    return f"median {_figure(of.total_ns)}, n = {of.n}" if of.total_ns is not None else ""


class _Legend:
    """The parts behind their colours, as many in a line as fit; those that hardly count are summed up."""

    def __init__(self, parts: Sequence[Stretch], *, monochrome: bool) -> None:
        self._parts = parts
        self._monochrome = monochrome

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Text()
        for item in self._items():
            if line.cell_len and line.cell_len + 2 + item.cell_len > options.max_width:
                yield line
                line = Text()
            line.append("  " if line.cell_len else "").append_text(item)
        yield line

    def _items(self) -> Iterator[Text]:
        least_ns = LEGEND_SHARE * total_ns(self._parts)
        rest_ms = 0
        lengths_ms = whole_ms([length_ns for _, length_ns in self._parts])
        for (part, length_ns), length_ms in zip(self._parts, lengths_ms, strict=True):
            if abs(length_ns) < least_ns:
                rest_ms += length_ms
                continue
            fill = _FILLS[part.name] if self._monochrome else "█"
            yield Text.assemble((fill, part.colour), f" {part.title} {length_ms}")
        if rest_ms:
            yield Text(f"others {rest_ms}", style="dim")


def _total(length_ns: float | None) -> Text:
    return Text("" if length_ns is None else _figure(length_ns), style="bold")


def _figure(length_ns: float | None) -> str:
    return "–" if length_ns is None else f"{length_ns / NS_PER_MS:,.0f} ms"
