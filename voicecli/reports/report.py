"""What is told about replays when they are over: a waterfall for each turn, and a summary of several."""

from collections.abc import Iterator, Sequence
from statistics import median, quantiles

from msgspec import UNSET
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from voicecli.calls.pacing import LATE_NS, PacingReport
from voicecli.calls.take import Take
from voicecli.figures.budget import P95_SAMPLES, BudgetResult, Verdict
from voicecli.figures.run import ExaminedTurn, Turn
from voicecli.figures.wer import WordErrors
from voicecli.fixtures.fixture import Fixture
from voicecli.reports.waterfall_chart import waterfall_chart
from voicewire.clock import NS_PER_MS
from voicewire.marks import SPANS, VOICE_TO_VOICE
from voicewire.messages import CancelReason, Speculation, TurnOutcome

MAX_REPLY_CHARS = 400
"""Longer replies are cut in the report; the document has them whole."""

GOOD, BAD, WARNING = "green", "bold red", "yellow"


def printable(text: str) -> str:
    """A text of the other end, without what could steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def call_report(take: Take, title: str, details: str = "") -> RenderableType:
    """One call: every turn, then what was not as expected, then how far the figures can be trusted."""
    parts: list[RenderableType] = [Text(""), Rule(Text(title, style="bold"), align="left", style="dim")]
    if details:
        parts.append(Text(f"{details}\n", style="dim"))
    for turn in take.turns:
        parts.append(Padding(Group(*_turn(turn)), (0, 0, 1, 0)))
    if not take.turns:
        parts.append(Text("no turn", style="dim"))
    parts += [Text(f"✗ {printable(failure)}", style=BAD) for failure in take.document.failures]
    if not take.document.failures:
        parts.append(Text("✓ as the fixture expects", style=GOOD))
    parts.append(_trust(take))
    return Group(*parts)


def heading(label: str) -> RenderableType:
    """Above what is told of one of two servers."""
    return Group(Text(""), Text(printable(label), style="bold reverse"))


def call_line(take: Take, number: int, label: str = "") -> Text:
    """One call of many in one line; `label` says to which of two servers."""
    falls = [_ms(turn.document, "voice_to_voice_ms") for turn in take.turns]
    voice_to_voice = " ".join(f"{value:.0f}" for value in falls if value is not None)
    line = Text(f"  run {number}{f', {printable(label)}' if label else ''}: ")
    line.append(f"voice-to-voice {voice_to_voice} ms" if voice_to_voice else "nothing heard")
    if take.document.failures:
        line.append(f"  ✗ {printable(take.document.failures[0])}", style=BAD)
    if not take.document.reliable:
        line.append("  unreliable: the harness was late", style=WARNING)
    return line


def typical(takes: Sequence[Take]) -> Take:
    """Of several calls with one fixture, the one in the middle by voice-to-voice; reliable ones before others."""
    candidates = [take for take in takes if take.document.reliable] or list(takes)
    ranked = sorted(candidates, key=_total_voice_to_voice)
    return ranked[(len(ranked) - 1) // 2]


def fixture_summary(fixture: Fixture, takes: Sequence[Take]) -> RenderableType:
    """Median and range of each latency over several calls with a fixture."""
    trusted = [take for take in takes if take.document.reliable]
    turns = [turn.document for take in trusted for turn in take.turns]
    samples = {span: [v for turn in turns if (v := _ms(turn, f"{span.name}_ms")) is not None] for span in SPANS}
    with_p95 = max(map(len, samples.values()), default=0) >= P95_SAMPLES
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("ms", no_wrap=True)
    for heading in ("median", "min", "max", *(["p95"] if with_p95 else []), "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for span, values in samples.items():
        if values:
            table.add_row(span.title, *_statistics(values, with_p95), style="bold" if span is VOICE_TO_VOICE else "")
    left_out = len(takes) - len(trusted)
    note = f"; {left_out} unreliable left out" if left_out else ""
    title = Text(f"{fixture.name}, {len(trusted)} runs{note}", style="bold")
    return Group(Text(""), title, table)


def summary(takes: Sequence[Take]) -> RenderableType:
    """One line for each fixture of several."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column("fixture", overflow="fold")
    for heading in ("calls", "WER", "words", "voice-to-voice", "turns"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("", no_wrap=True)
    by_name: dict[str, list[Take]] = {}
    for take in takes:
        by_name.setdefault(take.fixture.name, []).append(take)
    for name, group in by_name.items():
        turns = [turn.document for take in group for turn in take.turns]
        errors = total_errors(turns)
        heard = [value for turn in turns if (value := _ms(turn, "voice_to_voice_ms")) is not None]
        failed = sum(bool(take.document.failures) for take in group)
        table.add_row(
            name,
            str(len(group)),
            f"{errors.rate:.1%}" if errors.words else "",
            str(errors.words) if errors.words else "",
            f"{median(heard):.0f} ms" if heard else "",
            str(len(heard)) if heard else "",
            Text(f"✗ {failed} failed", style=BAD) if failed else Text("✓", style=GOOD),
        )
    return Group(Text(""), table)


def budgets(results: Sequence[BudgetResult]) -> RenderableType:
    """One line for each budget; nothing where there are none."""
    lines = [Text("")] if results else []
    for result in results:
        whose = "" if result.fixture is UNSET else f"{printable(result.fixture)}: "
        if result.failed:
            lines.append(Text(f"✗ {whose}{result.sentence}", style=BAD))
        elif result.verdict is Verdict.MET:
            lines.append(Text(f"✓ {whose}{result.sentence}", style=GOOD))
        else:
            lines.append(Text(f"- {whose}{result.sentence}", style=WARNING))
    return Group(*lines)


def total_errors(turns: Sequence[Turn]) -> WordErrors:
    """Word errors of all turns that were compared."""
    total = WordErrors(0, 0, 0, 0)
    for turn in turns:
        if turn.word_errors is not UNSET:
            total += turn.word_errors.counted
    return total


def _total_voice_to_voice(take: Take) -> float:
    return sum(_ms(turn.document, "voice_to_voice_ms") or 0.0 for turn in take.turns)


def _turn(turn: ExaminedTurn) -> Iterator[RenderableType]:
    document = turn.document
    yield _said(document)
    if document.reply_text or document.reply_audio is not UNSET:
        yield _answered(document)
    if turn.waterfall is not None and turn.waterfall.bars:
        yield Padding(waterfall_chart(turn.waterfall), (0, 0, 0, 2))
    known = document.latencies.known()
    named = [
        f"{span.title} {value:.0f} ms"
        for span in SPANS
        if span is not VOICE_TO_VOICE
        if (value := known.get(f"{span.name}_ms")) is not None
    ]
    if named:
        yield Padding(Columns([Text(latency, style="dim") for latency in named], padding=(0, 2)), (0, 0, 0, 2))
    if document.speculation is not UNSET:
        yield Padding(Text(begun_early(document.speculation), style="dim"), (0, 0, 0, 2))
    if len(document.counted_ms()) < len(known):
        yield Padding(Text("the user had not finished: this wait does not count", style="dim"), (0, 0, 0, 2))
    for disagreement in document.disagreements:
        yield Padding(Text(f"! {printable(disagreement)}", style=WARNING), (0, 0, 0, 2))


def begun_early(early: Speculation) -> str:
    """What beginning answers before the commit has saved and cost."""
    waste = f"{early.wasted_input_tokens + early.wasted_tokens} tokens, {early.wasted_tts_ms / 1000:.1f} s of speech"
    parts = [f"saved {early.saved_ms:.0f} ms"] if early.hit else []
    parts += [f"{early.cancelled} thrown away ({waste})"] if early.cancelled else []
    return f"begun early: {'; '.join(parts) or 'nothing came of it'}"


def _said(turn: Turn) -> RenderableType:
    line = Text(f"turn {turn.turn_id}  ", style="bold")
    if turn.transcript_final is UNSET:
        line.append("no transcript", style="dim")
    else:
        line.append(f"“{printable(turn.transcript_final)}”", style="not bold")
    if turn.word_errors is not UNSET:
        counted = turn.word_errors
        line.append(
            f"  WER {counted.counted.rate:.1%} (n={counted.words} words)",
            style="not bold green" if not counted.errors else "not bold yellow",
        )
    if turn.outcome is not UNSET and turn.outcome is not TurnOutcome.COMPLETED:
        line.append(f"  {turn.outcome.value.replace('_', ' ')}", style="not bold dim")
    return line


def _answered(turn: Turn) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    text = printable(turn.reply_heard_text)
    shown = text if len(text) <= MAX_REPLY_CHARS else f"{text[:MAX_REPLY_CHARS].rstrip()} …"
    heard = Text(f"“{shown}”", style="dim italic")
    unheard = turn.reply_text.removeprefix(turn.reply_heard_text)
    if turn.cancelled is not UNSET:
        is_resumed = turn.cancelled is CancelReason.RESUMED
        cut = "taken back" if is_resumed else f"cut by {turn.cancelled.value.replace('_', '-')}"
        heard.append(f" {cut}", style="not italic")
    if unheard != turn.reply_text and unheard.strip():
        heard.append(f", {len(unheard.split())} words unheard", style="not italic")
    if turn.reply_audio is not UNSET:
        audio = turn.reply_audio
        times = f"{audio.underruns} underrun{'s' * (audio.underruns > 1)}"
        underruns = f", {times} ({audio.underrun_ms:.0f} ms)" if audio.underruns else ""
        pauses = f", paused {audio.paused_ms / 1000:.1f} s" if audio.pauses else ""
        heard.append(f"  {audio.heard_ms / 1000:.1f} s{underruns}{pauses}", style="not italic")
    grid.add_row(Text(" reply", style="dim"), heard)
    return grid


def _trust(take: Take) -> Text:
    pacing: PacingReport = take.record.pacing
    kept = (
        f"pace: {pacing.frames} frames, {pacing.late_frames} later than {LATE_NS // NS_PER_MS} ms, "
        f"worst {pacing.worst_late_ms:.1f} ms, median {pacing.median_late_ms:.1f} ms"
    )
    line = Text(kept, style="dim")
    if take.document.clock is not UNSET:
        line.append(f" · round trip {take.document.clock.round_trip_ms:.2f} ms")
    else:
        line.append(" · the server answers no pings, so its stages cannot be placed", style=WARNING)
    if not pacing.reliable:
        line.append("\nUNRELIABLE: the harness itself was late; close what keeps this machine busy and repeat", BAD)
    return line


def _ms(turn: Turn, name: str) -> float | None:
    return turn.counted_ms().get(name)


def _statistics(values: Sequence[float], with_p95: bool) -> list[str]:
    p95 = f"{quantiles(values, n=20, method='inclusive')[-1]:.1f}" if len(values) >= P95_SAMPLES else ""
    cells = [f"{median(values):.1f}", f"{min(values):.1f}", f"{max(values):.1f}"]
    return [*cells, *([p95] if with_p95 else []), str(len(values))]
