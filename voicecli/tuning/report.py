"""A sweep as it is told in a terminal: the table, the plot, the setting to choose, and who was cut off."""

from collections.abc import Iterator

from msgspec import UNSET
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicecli.reports.report import BAD, GOOD, WARNING, printable
from voicecli.tuning.document import CutUtterance, Tuning, cut_utterances
from voicecli.tuning.pareto import Figures, needed
from voicecli.tuning.scatter import CHOSEN, Scatter
from voicecli.tuning.sweep import shown

MAX_ROWS = 24
"""Of a longer table only the rows that matter are shown."""

MAX_CUTS = 10
"""Of more utterances the document and the page tell."""


def report(document: Tuning) -> Iterator[RenderableType]:
    yield Text("")
    yield _table(document)
    if left_out := len(document.settings) - len(_rows(document)):
        yield Text(f"{left_out} settings that others better are left out; --json and --html have them", style="dim")
    yield Text("")
    yield Padding(Scatter(document), (0, 0, 1, 0))
    yield from (Text(sentence, style=style) for sentence, style in verdict(document))
    yield from _cuts(document)


def verdict(document: Tuning) -> Iterator[tuple[str, str]]:
    """Sentences and their styles: what to choose, how sure that is, and what it changes."""
    tolerance = _percent(document.tolerance)
    if document.chosen is UNSET:
        yield f"✗ no setting keeps to {tolerance} of utterances cut off; {_advice(document)}", BAD
        return
    best = document.settings[document.chosen].figures
    yield (
        f"✓ choose {printable(document.title(document.chosen))}: {best.cut} of {best.utterances} cut off"
        f" (tolerance {tolerance}), waiting {_ms(best.waiting_p50_ms)} ms (p50)",
        GOOD,
    )
    if best.interval[1] > document.tolerance:
        enough = needed(document.tolerance)
        more = f"; {enough} uncut utterances would show {tolerance}" if enough and not best.cut else ""
        more = more or "; more utterances would tell"
        yield f"  {best.cut} of {best.utterances} cut: up to {_percent(best.interval[1])} is possible{more}", WARNING
    if lost := best.missed + best.unspoken:
        yield (
            f"  {lost} of {best.utterances + best.unspoken} utterances were never answered, whatever the setting",
            WARNING,
        )
    if document.current is not UNSET and document.current != document.chosen:
        now = document.settings[document.current].figures
        yield (
            f"  the server's own {printable(document.title(document.current))}: {now.cut} of {now.utterances} cut off,"
            f" waiting {_ms(now.waiting_p50_ms)} ms",
            "dim",
        )


def _advice(document: Tuning) -> str:
    slowest = max(
        (each.figures.waiting_p50_ms for each in document.settings if each.figures.waiting_p50_ms is not UNSET),
        default=None,
    )
    if slowest is None:
        return "no utterance was taken for a turn at all: look whether the VAD hears them"
    return "try settings that wait longer"


def _table(document: Tuning) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    several = len(document.names) > 1
    table.add_column("", no_wrap=True)
    if several:
        table.add_column("", justify="right", no_wrap=True)
    for name in document.names:
        table.add_column(name, justify="right", overflow="fold")
    with_missed = any(each.figures.missed or each.figures.unspoken for each in document.settings)
    with_p95 = any(each.figures.waiting_p95_ms is not UNSET for each in document.settings)
    headings = ["cut off", "rate", "95 % interval", *(["missed"] if with_missed else [])]
    for heading in [*headings, "waiting p50", *(["p95"] if with_p95 else [])]:
        table.add_column(heading, justify="right", overflow="fold")
    for index in _rows(document):
        each = document.settings[index]
        is_chosen = index == document.chosen
        mark = "◆" if is_chosen else "●" if each.on_front else ""
        cells = [mark, *([f"#{index + 1}"] if several else [])]
        cells += [printable(shown(value)) for value in each.values.values()]
        cells += _cells(each.figures, with_missed, with_p95)
        style = CHOSEN if is_chosen else "" if each.on_front else "dim"
        table.add_row(*cells[:1], *cells[1:], style=style)
    return table


def _rows(document: Tuning) -> list[int]:
    everything = range(len(document.settings))
    if len(everything) <= MAX_ROWS:
        return list(everything)
    kept = {document.chosen, document.current}
    return [index for index in everything if document.settings[index].on_front or index in kept]


def _cells(of: Figures, with_missed: bool, with_p95: bool) -> list[str]:
    low, high = of.interval
    cells = [f"{of.cut} of {of.utterances}", _percent(of.rate), f"{low * 100:.1f}–{high * 100:.1f} %"]
    if with_missed:
        cells.append(str(of.missed + of.unspoken))
    cells.append(f"{_ms(of.waiting_p50_ms)} ms" if of.waiting_p50_ms is not UNSET else "–")
    if with_p95:
        cells.append(f"{_ms(of.waiting_p95_ms)} ms" if of.waiting_p95_ms is not UNSET else "–")
    return cells


def _cuts(document: Tuning) -> Iterator[RenderableType]:
    listed = cut_utterances(document)
    of_chosen = [each for each in listed if each.by_chosen]
    others = [each for each in listed if not each.by_chosen]
    for heading, group in (("cut off all the same", of_chosen), ("cut off by faster settings", others)):
        if not group:
            continue
        yield Text(f"\n{heading}", style="bold")
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, show_header=False)
        table.add_column("setting", justify="right", no_wrap=True)
        table.add_column("utterance", no_wrap=True)
        table.add_column("cut", overflow="fold")
        for each in group[:MAX_CUTS]:
            number = f" {each.utterance + 1}" if each.utterance else ""
            table.add_row(printable(document.label(each.setting)), f"{printable(each.fixture)}{number}", place(each))
        yield Padding(table, (0, 0, 0, 2))
        if len(group) > MAX_CUTS:
            yield Text(f"  and {len(group) - MAX_CUTS} more: --html and --json have them all", style="dim")


def place(each: CutUtterance) -> str:
    """`1.11 s in, after “good morning”, 700 ms pause, 340 ms of reply heard`."""
    cut = each.cut
    said = f"about after “{printable(_tail(cut.said))}”" if cut.said else "before a word"
    pause = "" if cut.pause_ms is UNSET else f", {cut.pause_ms:.0f} ms pause"
    heard = f", {cut.heard_ms:.0f} ms of reply heard" if cut.heard_ms else ""
    return f"{cut.into_ms / 1000:.2f} s in, {said}{pause}{heard}"


def _tail(text: str) -> str:
    words = text.split()
    return " ".join(words) if len(words) <= 4 else f"… {' '.join(words[-4:])}"


def _ms(value: float | object) -> str:
    return f"{value:.0f}" if isinstance(value, float | int) else "–"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
