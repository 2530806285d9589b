"""A waterfall drawn in a terminal: a row for each part, all on one time axis."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from voicecli.figures.waterfall import SPEECH_END, STT, UNATTRIBUTED, Bar, Extent, Waterfall
from voicewire.clock import NS_PER_MS

_MIN_WIDTH = 10
_AXIS_STEPS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
_TICK_CELLS = 9


class Axis(NamedTuple):
    """The stretch of time that all bars are drawn on."""

    start_ns: int
    end_ns: int

    @classmethod
    def of(cls, fall: Waterfall) -> "Axis":
        ends = [bar.critical.end_ns for bar in fall.bars]
        start_ns = min([0, *(min(bar.critical) for bar in fall.bars)])
        end_ns = max([1, *ends]) if fall.voice_to_voice_ns is None else max(1, fall.voice_to_voice_ns)
        return cls(start_ns, end_ns)

    def half_cells(self, t_ns: int, width: int) -> int:
        """Where an instant lies, in halves of a cell; outside of the axis at its end."""
        inside_ns = min(max(t_ns, self.start_ns), self.end_ns)
        return round((inside_ns - self.start_ns) * 2 * width / (self.end_ns - self.start_ns))


class _AxisLine:
    """Ticks with their ms."""

    def __init__(self, axis: Axis) -> None:
        self._axis = axis

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        span_ms = (self._axis.end_ns - self._axis.start_ns) / NS_PER_MS
        room = max(1, width // _TICK_CELLS)
        step_ms = next((step for step in _AXIS_STEPS_MS if span_ms / step <= room), _AXIS_STEPS_MS[-1])
        line = Text(style="dim")
        tick_ms = 0
        while tick_ms * NS_PER_MS <= self._axis.end_ns:
            at = self._axis.half_cells(tick_ms * NS_PER_MS, width) // 2
            label = f"{'|' if options.ascii_only else '╷'}{tick_ms}"
            if at >= cell_len(line.plain) and at + len(label) <= width:
                line.append(" " * (at - cell_len(line.plain)) + label)
            tick_ms += step_ms
        yield line

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(_MIN_WIDTH, options.max_width)


class _BarLine:
    """One bar: what it adds is solid; what its stage did beside others is light."""

    def __init__(self, bar: Bar, axis: Axis) -> None:
        self._bar = bar
        self._axis = axis

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        style = Style.parse(self._bar.part.colour)
        cells = list(_cells(self._bar, self._axis, width, ascii_only=options.ascii_only))
        line = "".join(cells).rstrip()
        bar = line.lstrip()
        yield Segment(" " * (len(line) - len(bar)))
        yield Segment(bar, style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(_MIN_WIDTH, options.max_width)


def _cells(bar: Bar, axis: Axis, width: int, *, ascii_only: bool) -> Iterator[str]:
    solid, light = ("#", ".") if ascii_only else ("█", "░")
    left_half, right_half, sliver = ("#", "#", "|") if ascii_only else ("▌", "▐", "▏")
    first, last = _halves(bar.critical, axis, width)
    whole = _halves(bar.whole, axis, width) if bar.whole else (0, 0)
    is_sliver = first == last and bar.critical.length_ns != 0
    sliver_at = min(first // 2, width - 1)
    for cell in range(width):
        begin, end = cell * 2, cell * 2 + 2
        has_left, has_right = first <= begin < last, first < end <= last
        if has_left and has_right:
            yield solid
        elif has_left:
            yield left_half
        elif has_right:
            yield right_half
        elif is_sliver and cell == sliver_at:
            yield sliver
        elif whole[0] < end and begin < whole[1]:
            yield light
        else:
            yield " "


def _halves(extent: Extent, axis: Axis, width: int) -> tuple[int, int]:
    return axis.half_cells(min(extent), width), axis.half_cells(max(extent), width)


def waterfall_chart(
    fall: Waterfall, *, total: str = "voice-to-voice", medians_ns: Mapping[str, float] | None = None
) -> Table:
    """The rows, the axis above, and the sum below, which is named `total`; as wide as there is room.

    With `medians_ns`, by the part's name and `total`, a column of them.
    """
    axis = Axis.of(fall)
    chart = Table.grid(padding=(0, 1), expand=True)
    chart.add_column(no_wrap=True, min_width=15)
    chart.add_column(ratio=1, no_wrap=True)
    chart.add_column(justify="right", no_wrap=True, min_width=9)
    if medians_ns is not None:
        chart.add_column(justify="right", no_wrap=True, min_width=7, style="dim")

    def median_of(name: str) -> list[str]:
        if medians_ns is None:
            return []
        return [f"{medians_ns[name] / NS_PER_MS:.1f}" if name in medians_ns else ""]

    chart.add_row("", _AxisLine(axis), Text("ms", style="dim"), *([] if medians_ns is None else ["median"]))
    for bar in fall.bars:
        quiet = bar.critical.length_ns == 0
        title_style = "bold red" if bar.part is UNATTRIBUTED and abs(bar.critical.length_ns) >= NS_PER_MS else ""
        chart.add_row(
            Text(bar.part.title, style="dim" if quiet else title_style),
            _BarLine(bar, axis),
            Text(_length(bar), style="dim" if quiet else ""),
            *median_of(bar.part.name),
        )
    if fall.voice_to_voice_ns is not None:
        length = f"{fall.voice_to_voice_ns / NS_PER_MS:.1f}"
        chart.add_row(Text(total, style="bold"), _Rule(), Text(length, style="bold"), *median_of(total))
    return chart


class _Rule:
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(("-" if options.ascii_only else "─") * options.max_width, Style(dim=True))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(_MIN_WIDTH, options.max_width)


def _length(bar: Bar) -> str:
    """What the bar adds, with its sign where it may have either; in brackets what was done wholly beside others."""
    length = bar.critical.length_ns / NS_PER_MS
    if bar.part is STT and bar.critical.length_ns == 0 and bar.whole is not None:
        return f"({bar.whole.length_ns / NS_PER_MS:.1f})"
    return f"{length:+.1f}" if bar.part is SPEECH_END else f"{length:.1f}"
