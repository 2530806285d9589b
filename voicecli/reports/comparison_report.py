"""A comparison as it is told: the verdict first, then the figures, then what else differs."""

from collections.abc import Iterator

from rich.text import Text

from voicecli.figures.comparison import ComparedTurn, Comparison
from voicecli.figures.evidence import STAGES
from voicecli.figures.verdict import Answer, Finding, StageChange, Tolerance, Verdict
from voicecli.figures.waterfall import BY_NAME
from voicecli.reports.report import BAD, GOOD, WARNING, printable
from voicewire.marks import SPANS

STYLES = {
    Answer.REGRESSION: BAD,
    Answer.UNRELIABLE: WARNING,
    Answer.NOT_ENOUGH_RUNS: WARNING,
    Answer.IMPROVEMENT: GOOD,
    Answer.NO_CHANGE: GOOD,
}
SIGNS = {
    Answer.REGRESSION: "✗",
    Answer.UNRELIABLE: "?",
    Answer.NOT_ENOUGH_RUNS: "?",
    Answer.IMPROVEMENT: "✓",
    Answer.NO_CHANGE: "✓",
}

_TITLES = {span.name: span.title for span in SPANS}


def comparison_lines(comparison: Comparison, baseline: str) -> Iterator[Text]:
    """`baseline` is what it was asked for by."""
    answer = comparison.answer
    head = Text(f"\n{SIGNS[answer]} {answer.value}", style=STYLES[answer])
    head.append(f" against {printable(baseline)}; what counts is {_size(comparison.tolerance)}", style="not bold")
    yield head
    if comparison.interleaved:
        yield Text("  calls alternated; each is compared with the one made next to it", style="dim")
    for turn in comparison.turns:
        yield from _turn(turn)
    yield from (Text(f"  FORCED: {printable(difference)}", style=BAD) for difference in comparison.forced)
    yield from (Text(f"  differs: {printable(note)}", style="dim") for note in comparison.notes)


def _size(tolerance: Tolerance) -> str:
    return f"a change of {tolerance.relative * 100:g} % and {tolerance.absolute_ms:g} ms or more"


def _turn(turn: ComparedTurn) -> Iterator[Text]:
    verdict = turn.verdict
    before, after = verdict.counts
    line = Text(f"  {SIGNS[verdict.answer]} ", style=STYLES[verdict.answer])
    line.append(
        f"{printable(turn.fixture)}, utterance {turn.utterance + 1}, {_TITLES[turn.latency]}: {verdict.answer.value}"
    )
    line.append(f"  (n={before} and {after})", style="not bold dim")
    yield line
    if turn.latency in {span.name for span in STAGES}:
        yield Text("      voice-to-voice does not show it: the stage was at work before it was waited for")
    for finding in verdict.findings:
        yield Text(f"      {sentence(finding)}")
    if advice := _advice(verdict):
        yield Text(f"      {advice}")


def _advice(verdict: Verdict) -> str:
    """What would get a verdict, where there is none."""
    if verdict.answer is Answer.UNRELIABLE:
        if verdict.unreliable == ("baseline",):
            return "the baseline was made on a machine that was too busy to measure; make it again on a quiet one"
        whose = " of the candidate" if verdict.unreliable == ("candidate",) else ""
        return f"the harness itself{whose} was late too often; close what keeps the machine busy, and repeat"
    if verdict.answer is Answer.NOT_ENOUGH_RUNS and not all(verdict.counts):
        whose = " and ".join(
            name for name, count in zip(("baseline", "candidate"), verdict.counts, strict=True) if not count
        )
        return f"nothing of it was measured in the {whose}; see why its calls went another way"
    if verdict.runs_needed is not None:
        return f"about {verdict.runs_needed} calls on each side would tell: --repeat {verdict.runs_needed}"
    return ""


def sentence(finding: Finding) -> str:
    """`p50 812 → 1024 ms, +212 ms (95 % interval +180 to +240), of which TTS first audio +180`."""
    told = f"p{finding.percent} {finding.baseline_ms:.0f} → {finding.candidate_ms:.0f} ms, {_signed(finding)} ms"
    if finding.level < 1:
        digits = 1 if finding.high_ms - finding.low_ms < 10 else 0
        interval = f"{finding.low_ms:+.{digits}f} to {finding.high_ms:+.{digits}f}"
        told += f" ({finding.level * 100:.4g} % interval {interval})"
    if finding.percent != 50 and finding.answer is Answer.NOT_ENOUGH_RUNS:
        told += ", not told from chance"
    return told + (f", of which {', '.join(map(_stage, finding.stages))}" if finding.stages else "")


def _signed(finding: Finding) -> str:
    return f"{finding.difference_ms:+.{1 if abs(finding.difference_ms) < 10 else 0}f}"


def _stage(change: StageChange) -> str:
    title = BY_NAME[change.part].title if change.part in BY_NAME else printable(change.part)
    return f"{title} {change.ms:+.0f}"
