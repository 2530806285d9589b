"""What is told of a load run in a terminal: a line for each level, their stages, and the knee."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET, UnsetType
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from voicecli.load.conductor import Standing
from voicecli.load.document import LoadRun
from voicecli.load.knee import Bend
from voicecli.load.level import SETUP, Level
from voicecli.load.statistic import Quantiles
from voicecli.reports.report import BAD, GOOD, WARNING, printable
from voicewire.clock import NS_PER_S
from voicewire.marks import SPANS, VOICE_TO_VOICE

MAX_FAILURES = 3
"""Reasons told of a level; the document has them all."""


def standing(now: Standing) -> Text:
    """A level while it goes on."""
    progress = now.progress
    line = Text(counted(now.sessions, "session"), style="bold")
    seconds = f"{min(now.elapsed_ns, now.planned_ns) / NS_PER_S:.0f} of {now.planned_ns / NS_PER_S:.0f} s"
    line.append(f"  {seconds}  {progress.open} calls open, {progress.calls} measured", style="not bold")
    if progress.bad:
        line.append(f", {progress.bad} not as expected", style=f"not bold {WARNING}")
    if progress.window_over:
        line.append(f"  waiting for {progress.pending} to end", style="not bold dim")
    return line


def counted(count: int, noun: str) -> str:
    """`1 session`, `2 sessions`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def level_line(level: Level) -> str:
    """A level that is over, as plain text."""
    waited = level.stages_ms.get(VOICE_TO_VOICE.name)
    told = "no answer" if waited is None else f"voice-to-voice {_shown(waited)} ms (n={waited.n})"
    bad = f", {level.bad} not as expected" if level.bad else ""
    bound = "; generator-bound" if level.generator_bound else ""
    return f"{counted(level.sessions, 'session')}: {counted(level.calls, 'call')}{bad}; {told}{bound}"


def load_report(run: LoadRun) -> RenderableType:
    """All levels, then what was wrong in them, then the knee, then the budgets."""
    if not run.levels:
        return Text("no level was measured\n", style=WARNING)
    what = Text("\nvoice-to-voice in ms, from when each call was meant to begin", style="bold")
    stages = Text("\nstages in ms, median · p95", style="bold")
    parts: list[RenderableType] = [what, _overview(run.levels), stages, _stages(run.levels)]
    notes = [Text(note, style=style) for level in run.levels for note, style in _notes(level)]
    if notes:
        parts += [Text(""), *notes]
    if run.knee is not UNSET:
        style = {Bend.NONE: GOOD, Bend.UNKNOWN: WARNING}.get(run.knee.bend, BAD)
        parts += [Text(""), Text(printable(run.knee.sentence), style=style)]
    parts += [Text("")] if run.budgets else []
    for each in run.budgets:
        sign, style = ("✗", BAD) if each.result.failed else ("✓", GOOD)
        parts.append(Text(f"{sign} {counted(each.sessions, 'session')}: {each.result.sentence}", style=style))
    return Group(*parts)


def _overview(levels: Sequence[Level]) -> Table:
    table = _table(gap=1)
    for heading in ("calls", "bad", "late", "calls/s", "open", "p50", "p95", "p99", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for level in levels:
        waited = level.stages_ms.get(VOICE_TO_VOICE.name)
        cells = ["", "", "", "0"]
        if waited is not None:
            cells = [*map(_cell, (waited.p50, waited.p95, waited.p99)), str(waited.n)]
        table.add_row(
            str(level.sessions),
            str(level.calls),
            Text(str(level.bad), style=BAD if level.bad else ""),
            Text(str(level.late_starts), style=WARNING if level.late_starts else ""),
            f"{level.calls_per_s:.2f}",
            f"{level.mean_open:.1f}",
            *cells,
            Text("generator-bound" if level.generator_bound else "", style=WARNING),
        )
    return table


def _stages(levels: Sequence[Level]) -> Table:
    """The median and the p95 of each stage."""
    titles = {SETUP: SETUP, **{span.name: span.title for span in SPANS if span is not VOICE_TO_VOICE}}
    told = {name: title for name, title in titles.items() if any(name in level.stages_ms for level in levels)}
    table = _table()
    for title in told.values():
        table.add_column(title, justify="right")
    for level in levels:
        cells = [_shown(found) if (found := level.stages_ms.get(name)) else "" for name in told]
        table.add_row(str(level.sessions), *cells)
    return table


def _notes(level: Level) -> Iterator[tuple[str, str]]:
    at = f"{counted(level.sessions, 'session')}: "
    for failure in level.failures[:MAX_FAILURES]:
        yield f"{at}{failure.calls} × {failure.outcome.value.replace('_', ' ')}: {printable(failure.told)}", BAD
    if len(level.failures) > MAX_FAILURES:
        yield f"{at}{len(level.failures) - MAX_FAILURES} other reasons; --json has them", BAD
    if level.broken_replies:
        yield f"{at}{level.broken_replies} of {level.replies} replies were heard with a gap", WARNING
    if level.left_out:
        yield f"{at}{level.left_out} calls left out of the latencies: their own pace was not kept", WARNING
    if level.cut:
        yield f"{at}{level.cut} calls cut off by the interruption, and not counted", WARNING
    for reason in level.generator_bound:
        yield f"{at}generator-bound, not a measurement of the server: {printable(reason)}", WARNING


def _table(gap: int = 2) -> Table:
    table = Table(box=None, padding=(0, gap, 0, 0), header_style="dim", show_edge=False)
    table.add_column("sessions", justify="right", no_wrap=True)
    return table


def _shown(found: Quantiles) -> str:
    return _cell(found.p50) if found.p95 is UNSET else f"{_cell(found.p50)} · {_cell(found.p95)}"


def _cell(value: float | UnsetType) -> str:
    return "" if value is UNSET else f"{value:.0f}"
