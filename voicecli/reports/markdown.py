"""A run as Markdown, short enough for a comment on a pull request."""

import re
from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import UNSET

from voicecli.figures.budget import P95_SAMPLES, Statistic
from voicecli.figures.run import CallRun, FixtureRuns, Run
from voicecli.reports.report import total_errors

MAX_FAILURES = 20
"""Of each fixture; what are more is only counted."""

_MARKUP = re.compile(r"[\\`*_\[\]()|~<>&:]")
_REFERENCE = re.compile("[@#]")
_ZERO_WIDTH_SPACE = "\u200b"


def markdown(run: Run) -> str:
    """A table with a row for each fixture; then the budgets; then what was not as expected."""
    failed = any(call.failures for fixture in run.fixtures for call in fixture.runs)
    failed = failed or any(result.failed for result in run.budgets)
    lines = [f"### voicecli: {'❌ failed' if failed else '✅ good'}", ""]
    lines += _table(
        ["fixture", "calls", "voice-to-voice", "p95", "turns", "WER", ""],
        [_fixture_row(fixture) for fixture in run.fixtures],
    )
    if run.budgets:
        rows = [
            [_sign(result.failed, result.value is UNSET), _sentence(result.sentence), _whose(result.fixture)]
            for result in run.budgets
        ]
        lines += ["", *_table(["", "budget", "of"], rows)]
    for fixture in run.fixtures:
        lines += _failures(fixture)
    engines = " · ".join(f"{role} {escaped(engine.name)}" for role, engine in run.engines.items())
    known = (run.server.network, f"voicecli {run.voicecli}", run.created)
    details = [engines, *(escaped(each) for each in known if isinstance(each, str))]
    lines += ["", f"<sub>{' · '.join(details)}</sub>"]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """A text of the other end that is shown as it is: no markup, no link, no mention of anybody."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    unreferring = _REFERENCE.sub(lambda found: found[0] + _ZERO_WIDTH_SPACE, plain)
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", unreferring)


def _fixture_row(fixture: FixtureRuns) -> list[str]:
    kept = [call for call in fixture.runs if call.reliable]
    counted = [turn.counted_ms() for call in kept for turn in call.turns]
    values = [each["voice_to_voice_ms"] for each in counted if "voice_to_voice_ms" in each]
    left_out = len(fixture.runs) - len(kept)
    errors = total_errors([turn for call in fixture.runs for turn in call.turns])
    return [
        escaped(fixture.name),
        str(len(fixture.runs)) + (f", {left_out} unreliable left out" if left_out else ""),
        _spread(values),
        f"{Statistic.P95.of(values):.0f} ms" if len(values) >= P95_SAMPLES else "",
        str(len(values)) if values else "",
        f"{errors.rate:.1%} of {errors.words}" if errors.words else "",
        _sign(any(call.failures for call in fixture.runs), False),
    ]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = f"{median(values):.0f} ms"
    return middle if len(values) == 1 else f"{middle} ({min(values):.0f} to {max(values):.0f})"


def _failures(fixture: FixtureRuns) -> Iterator[str]:
    failures = [
        f"- {_call_name(number, fixture.runs)}{escaped(failure)}"
        for number, call in enumerate(fixture.runs, start=1)
        for failure in call.failures
    ]
    if not failures:
        return
    yield from ("", f"**{escaped(fixture.name)}**", "", *failures[:MAX_FAILURES])
    if len(failures) > MAX_FAILURES:
        yield f"- and {len(failures) - MAX_FAILURES} more"


def _call_name(number: int, calls: Sequence[CallRun]) -> str:
    return f"run {number}: " if len(calls) > 1 else ""


def _sentence(text: str) -> str:
    budget, _, figure = text.partition(": ")
    return f"`{budget}`: {escaped(figure)}"


def _whose(fixture: object) -> str:
    return escaped(fixture) if isinstance(fixture, str) else "all calls"


def _sign(failed: bool, unknown: bool) -> str:
    return "❌" if failed else "➖" if unknown else "✅"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield f"| {' | '.join(row)} |"
