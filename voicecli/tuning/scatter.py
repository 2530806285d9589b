"""The plot in a terminal: waiting to the right, utterances cut off upwards."""

from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from voicecli.reports.report import printable
from voicecli.tuning.document import Tuning
from voicecli.tuning.scale import Extent, Point, across, label, points, ticks, upwards

HEIGHT = 12
MAX_WIDTH = 100
_LEFT = 7


class Marks(NamedTuple):
    chosen: str
    front: str
    other: str
    tolerance: str
    corner: str
    wall: str
    floor: str
    tick: str


UNICODE = Marks("◆", "●", "·", "┄", "└", "│", "─", "┬")
ASCII = Marks("#", "o", ".", "-", "+", "|", "-", "+")

CHOSEN, FRONT, OTHER = "bold green", "bold cyan", "dim"


class Scatter:
    """Nothing where no setting has a wait."""

    def __init__(self, document: Tuning) -> None:
        self._document = document
        self._points = points(document)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(40, MAX_WIDTH)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._points:
            return
        marks = ASCII if options.ascii_only else UNICODE
        width = max(20, min(options.max_width, MAX_WIDTH) - _LEFT - 2)
        x, y = across(self._points), upwards(self._points, self._document.tolerance)
        rows = _Canvas(width, HEIGHT)
        level = _row(y, self._document.tolerance)
        rows.put(level, 0, marks.tolerance * width, "yellow")
        placed = [(point, _row(y, point.share), _column(x, point.waiting_ms, width)) for point in self._points]
        for point, row, column in placed:
            mark, style = _marked(point, marks)
            rows.put(row, column, mark, style)
        named: set[tuple[int, int]] = set()
        for point, row, column in reversed(placed):
            if (point.on_front or point.is_chosen) and (row, column) not in named:
                named.add((row, column))
                name = printable(label(self._document, self._points, point))
                rows.label(row, column, name, _marked(point, marks)[1])
        labels = {_row(y, share): share for share in ticks(y, 5)}
        yield Text("utterances cut off", style="dim")
        for row in range(HEIGHT):
            edge = f"{_percent(labels[row]):>{_LEFT - 1}} " if row in labels else " " * _LEFT
            note = "" if row != level else " tolerance"
            yield Text.assemble((edge, "dim"), (marks.wall, "dim"), rows.line(row, note))
        yield from self._axis(x, width, marks)
        yield self._legend(marks)

    def _axis(self, x: Extent, width: int, marks: Marks) -> RenderResult:
        line, numbers = [marks.floor] * width, [" "] * (width + _LEFT + 8)
        for tick in ticks(x, max(2, width // 10)):
            column = _column(x, tick, width)
            line[column] = marks.tick
            text = f"{tick:g}"
            start = column + _LEFT + 1 - len(text) // 2
            numbers[start : start + len(text)] = text
        yield Text(f"{' ' * _LEFT}{marks.corner}{''.join(line)}", style="dim")
        told = "".join(numbers).rstrip()
        yield Text(told, style="dim")

    def _legend(self, marks: Marks) -> Text:
        parts: list[str | tuple[str, str]] = [("  waiting p50, ms   ", "dim")]
        if any(point.is_chosen for point in self._points):
            parts += [(marks.chosen, CHOSEN), (" to choose  ", "dim")]
        parts += [(marks.front, FRONT), (" on the front  ", "dim")]
        if any(not point.on_front and not point.is_chosen for point in self._points):
            parts += [(marks.other, OTHER), (" others", "dim")]
        return Text.assemble(*parts)


class _Canvas:
    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._cells = [[(" ", "")] * width for _ in range(height)]
        self._taken = [[False] * width for _ in range(height)]

    def put(self, row: int, column: int, text: str, style: str) -> None:
        for at, char in enumerate(text, column):
            self._cells[row][at] = (char, style)
            self._taken[row][at] = len(text) == 1

    def label(self, row: int, column: int, text: str, style: str) -> None:
        """Beside its point, above it or below it, where there is room; left out where there is none."""
        right, left, middle = column + 2, column - 1 - len(text), column - len(text) // 2
        for at_row, at in ((row, right), (row - 1, middle), (row - 1, right), (row, left), (row + 1, middle)):
            # A label needs a blank on either side, too.
            around = range(at - 1, at + len(text) + 1)
            if not 0 <= at_row < len(self._cells) or at < 0 or at + len(text) > self._width:
                continue
            if any(self._taken[at_row][cell] for cell in around if 0 <= cell < self._width and cell != column):
                continue
            if at_row == row and any(self._taken[row][cell] for cell in range(at, at + len(text))):
                continue
            self.put(at_row, at, text, style)
            self._taken[at_row][at : at + len(text)] = [True] * len(text)
            return

    def line(self, row: int, note: str) -> Text:
        cells = self._cells[row]
        if note and not any(self._taken[row][-len(note) :]):
            cells = cells[: -len(note)] + [(char, "yellow") for char in note]
        return Text.assemble(*cells)


def _marked(point: Point, marks: Marks) -> tuple[str, str]:
    if point.is_chosen:
        return marks.chosen, CHOSEN
    return (marks.front, FRONT) if point.on_front else (marks.other, OTHER)


def _row(y: Extent, share: float) -> int:
    """From the top."""
    return HEIGHT - 1 - min(HEIGHT - 1, max(0, round(y.part(share) * (HEIGHT - 1))))


def _column(x: Extent, waiting_ms: float, width: int) -> int:
    return min(width - 1, max(0, round(x.part(waiting_ms) * (width - 1))))


def _percent(share: float) -> str:
    return f"{share * 100:g} %"
