"""What a page shows of a run, as its script reads it. Instants are ms of the microphone audio, on the client's clock.

Names are in camel case there; what is not known is absent.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.budget import BudgetResult, Verdict
from voicecli.figures.comparison import Comparison
from voicecli.figures.run import CallRun, FixtureRuns, Run, Turn
from voicecli.figures.verdict import Finding
from voicecli.figures.waterfall import BY_NAME, CLAUSE, LLM, NETWORK, PARTS, SENDING, STT, TTS, Extent, waterfall
from voicecli.reports.html.sound import slowest, typical
from voicecli.reports.trace import placed_marks
from voicewire.clock import ms, ns
from voicewire.marks import SPANS, Mark

_BESIDE = (STT, LLM, CLAUSE, TTS, SENDING, NETWORK)
"""Parts whose stage may also be at work while others are waited for."""
_SAME_MS = 0.005
"""Instants of a run document are rounded to a µs."""


class Named(Struct, frozen=True, rename="camel"):
    """A part of the waterfall or a latency."""

    name: str
    title: str
    meaning: str
    colour: str | UnsetType = UNSET


class Bar(Struct, frozen=True, kw_only=True, rename="camel"):
    """One part of a turn's waterfall, in ms after the end of the user's speech."""

    part: str
    start_ms: float
    ms: float
    whole: tuple[float, float] | UnsetType = UNSET
    """From when to when its stage was at work, where that is more than what it adds."""


class PageTurn(Struct, frozen=True, kw_only=True, rename="camel"):
    id: int
    utterance: int
    """From 0; for a turn that none is known of, its number among the turns."""
    outcome: str | UnsetType
    cancelled: str | UnsetType
    transcript: str | UnsetType
    word_errors: tuple[int, int] | UnsetType
    """Errors, and of how many words."""
    heard: str
    unheard: str
    heard_ms: float | UnsetType
    underruns: int
    latencies: dict[str, float]
    start_ms: float | UnsetType
    """The end of the user's speech, from which the bars count."""
    bars: tuple[Bar, ...]
    marks: tuple[tuple[str, float], ...]
    """In the order of time."""
    notes: tuple[str, ...]
    """Witnesses that disagree, and what engines failed at."""


class Audio(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where in the page the call's sound is, and how it looks."""

    id: str
    bytes: int
    peaks: str
    """Base64."""


class PageCall(Struct, frozen=True, kw_only=True, rename="camel"):
    reliable: bool
    typical: bool
    slowest: bool
    failures: tuple[str, ...]
    gave_up: str | UnsetType
    pace: str
    round_trip_ms: float | UnsetType
    duration_ms: float
    turns: tuple[PageTurn, ...]
    audio: Audio | UnsetType


class PageFixture(Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    formats: str
    calls: tuple[PageCall, ...]


class PageBudget(Struct, frozen=True, kw_only=True, rename="camel"):
    sign: str
    """`met`, `missed` or `unknown`."""
    sentence: str
    whose: str
    place: str


class PageRun(Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    facts: tuple[tuple[str, str], ...]
    """What ran where: titles and texts."""
    failed: bool
    budgets: tuple[PageBudget, ...]
    audio_note: str
    fixtures: tuple[PageFixture, ...]


class PageFinding(Struct, frozen=True, kw_only=True, rename="camel"):
    percent: int
    level: float
    baseline_ms: float
    candidate_ms: float
    difference_ms: float
    low_ms: float
    high_ms: float
    size_ms: float
    """What a change must reach to count."""
    answer: str
    stages: tuple[tuple[str, float], ...]
    """Those that explain a change: their part, and what they add to it."""


class PageVerdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """On one turn of one fixture."""

    fixture: str
    utterance: int
    latency: str
    answer: str
    counts: tuple[int, int]
    runs_needed: int | UnsetType
    findings: tuple[PageFinding, ...]


class PageComparison(Struct, frozen=True, kw_only=True, rename="camel"):
    answer: str
    tolerance: str
    exact: bool
    forced: tuple[str, ...]
    notes: tuple[str, ...]
    verdicts: tuple[PageVerdict, ...]


class Content(Struct, frozen=True, kw_only=True, rename="camel"):
    """All that the page's script reads."""

    title: str
    peak_ms: int
    parts: tuple[Named, ...]
    spans: tuple[Named, ...]
    runs: tuple[PageRun, ...]
    """The run, and the baseline where there is one."""
    comparison: PageComparison | UnsetType
    not_compared: str | UnsetType
    """Why there is a baseline and no comparison."""


PART_NAMES = tuple(Named(part.name, part.title, part.meaning, part.colour) for part in PARTS)
SPAN_NAMES = tuple(Named(span.name, span.title, f"{span.start.value} → {span.end.value}") for span in SPANS)


def page_run(
    name: str,
    run: Run,
    audio_note: str,
    audio: Mapping[tuple[int, int], Audio],
    durations_ms: Mapping[str, float],
) -> PageRun:
    """`audio` by the place of the fixture and of the call; `durations_ms` by the id of the audio."""
    return PageRun(
        name=name,
        facts=tuple(_facts(run)),
        failed=any(call.failures for fixture in run.fixtures for call in fixture.runs)
        or any(result.failed for result in run.budgets),
        budgets=tuple(map(_budget, run.budgets)),
        audio_note=audio_note,
        fixtures=tuple(
            _fixture(fixture, {number: each for (place, number), each in audio.items() if place == at}, durations_ms)
            for at, fixture in enumerate(run.fixtures)
        ),
    )


def page_comparison(comparison: Comparison) -> PageComparison:
    tolerance = comparison.tolerance
    return PageComparison(
        answer=comparison.answer.value,
        tolerance=f"{tolerance.relative * 100:g} % and {tolerance.absolute_ms:g} ms",
        exact=comparison.exact,
        forced=comparison.forced,
        notes=comparison.notes,
        verdicts=tuple(
            PageVerdict(
                fixture=turn.fixture,
                utterance=turn.utterance,
                latency=turn.latency,
                answer=turn.verdict.answer.value,
                counts=turn.verdict.counts,
                runs_needed=UNSET if turn.verdict.runs_needed is None else turn.verdict.runs_needed,
                findings=tuple(_finding(each, tolerance.size_ms(each.baseline_ms)) for each in turn.verdict.findings),
            )
            for turn in comparison.turns
        ),
    )


def _finding(finding: Finding, size_ms: float) -> PageFinding:
    return PageFinding(
        percent=finding.percent,
        level=finding.level,
        baseline_ms=finding.baseline_ms,
        candidate_ms=finding.candidate_ms,
        difference_ms=finding.difference_ms,
        low_ms=finding.low_ms,
        high_ms=finding.high_ms,
        size_ms=round(size_ms, 3),
        answer=finding.answer.value,
        stages=tuple((stage.part, stage.ms) for stage in finding.stages),
    )


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    server = run.server
    where = "own, on a virtual clock" if server.virtual else "own, in the client's process"
    details = [where if server.in_process else str(server.url or "")]
    details += [server.pipeline] if isinstance(server.pipeline, str) else []
    details += [f"silence {server.silence_ms} ms"] if isinstance(server.silence_ms, int) else []
    details += [f"{server.endpointing} endpointing"] if isinstance(server.endpointing, str) else []
    if isinstance(server.speculation, bool):
        details += ["answers begun early" if server.speculation else "no answers begun early"]
    yield "Server", " · ".join(details)
    if isinstance(server.network, str):
        yield "Network", server.network
    for role, engine in run.engines.items():
        settings = ", ".join(f"{name}={value}" for name, value in engine.settings.items())
        yield role.upper(), f"{engine.name}({settings})" if settings else engine.name
    machine = run.machine
    processor = [machine.processor] if isinstance(machine.processor, str) else []
    cpus = f"{machine.cpus} CPU{'s' * (machine.cpus > 1)}"
    yield "Machine", " · ".join([*processor, cpus, machine.architecture, machine.system, f"Python {machine.python}"])
    if isinstance(run.created, str):
        yield "Made", run.created
    yield "voicecli", run.voicecli


def _budget(result: BudgetResult) -> PageBudget:
    sign = "missed" if result.failed else "met" if result.verdict is Verdict.MET else "unknown"
    whose = result.fixture if isinstance(result.fixture, str) else "all calls"
    return PageBudget(sign=sign, sentence=result.sentence, whose=whose, place=result.place)


def _fixture(fixture: FixtureRuns, audio: Mapping[int, Audio], durations_ms: Mapping[str, float]) -> PageFixture:
    middle, last = typical(fixture.runs), slowest(fixture.runs)
    return PageFixture(
        name=fixture.name,
        formats=f"sent as {fixture.input}, heard as {fixture.output}",
        calls=tuple(
            _call(call, audio.get(number), durations_ms, is_typical=number == middle, is_slowest=number == last)
            for number, call in enumerate(fixture.runs)
        ),
    )


def _call(
    call: CallRun, audio: Audio | None, durations_ms: Mapping[str, float], *, is_typical: bool, is_slowest: bool
) -> PageCall:
    pacing = call.pacing
    marks = [t_ms for turn in call.turns for t_ms in placed_marks(turn, call).values()]
    return PageCall(
        reliable=call.reliable,
        typical=is_typical,
        slowest=is_slowest,
        failures=call.failures,
        gave_up=call.gave_up,
        pace=f"{pacing.frames} frames, {pacing.late_frames} late, worst {pacing.worst_late_ms:.1f} ms",
        round_trip_ms=UNSET if call.clock is UNSET else call.clock.round_trip_ms,
        duration_ms=max(marks, default=0.0) + 500 if audio is None else durations_ms[audio.id],
        turns=tuple(_turn(turn, number, call) for number, turn in enumerate(call.turns)),
        audio=UNSET if audio is None else audio,
    )


def _turn(turn: Turn, number: int, call: CallRun) -> PageTurn:
    marks = placed_marks(turn, call)
    counted, sound = turn.word_errors, turn.reply_audio
    unheard = turn.reply_text.removeprefix(turn.reply_heard_text)
    # Where the server words it otherwise, nobody can say what follows on what was heard.
    is_cut = turn.cancelled is not UNSET and turn.reply_text.startswith(turn.reply_heard_text)
    return PageTurn(
        id=turn.turn_id,
        utterance=number if turn.utterance is UNSET else turn.utterance,
        outcome=UNSET if turn.outcome is UNSET else turn.outcome.value.replace("_", " "),
        cancelled=UNSET if turn.cancelled is UNSET else turn.cancelled.value.replace("_", "-"),
        transcript=turn.transcript_final,
        word_errors=UNSET if counted is UNSET else (counted.errors, counted.words),
        heard=turn.reply_heard_text if turn.cancelled is not UNSET else turn.reply_text,
        unheard=unheard if is_cut else "",
        heard_ms=UNSET if sound is UNSET else sound.heard_ms,
        underruns=0 if sound is UNSET else sound.underruns,
        latencies={name.removesuffix("_ms"): value for name, value in turn.counted_ms().items()},
        start_ms=marks.get(Mark.MIC_SPEECH_END, UNSET),
        bars=tuple(_bars(turn, marks)),
        marks=tuple(sorted(((mark.value, round(t_ms, 3)) for mark, t_ms in marks.items()), key=lambda each: each[1])),
        notes=(*turn.disagreements, *(f"{error.code.value}: {error.message}" for error in turn.errors)),
    )


def _bars(turn: Turn, marks: Mapping[Mark, float]) -> Iterator[Bar]:
    """The parts of the document with what their stages did beside others; without an answer, what is known."""
    fall = waterfall({mark: ns(t_ms) for mark, t_ms in marks.items()})
    known = fall.bars if fall else ()
    wholes = {bar.part.name: bar.whole or bar.critical for bar in known if bar.part in _BESIDE}
    if not turn.parts:
        for bar in known:
            start_ms, length_ms = ms(bar.critical.start_ns), ms(bar.critical.length_ns)
            yield _bar(bar.part.name, start_ms, length_ms, wholes.get(bar.part.name))
    for part in turn.parts:
        if part.part in BY_NAME:
            yield _bar(part.part, part.start_ms, part.ms, wholes.get(part.part))


def _bar(part: str, start_ms: float, length_ms: float, whole: Extent | None) -> Bar:
    if whole is None:
        return Bar(part=part, start_ms=start_ms, ms=length_ms)
    from_ms, to_ms = ms(whole.start_ns), ms(whole.end_ns)
    is_same = abs(from_ms - start_ms) < _SAME_MS and abs(to_ms - start_ms - length_ms) < _SAME_MS
    return Bar(part=part, start_ms=start_ms, ms=length_ms, whole=UNSET if is_same else (from_ms, to_ms))


def title(fixtures: Sequence[FixtureRuns]) -> str:
    """Of three fixtures or fewer their names."""
    names = [fixture.name for fixture in fixtures]
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} fixtures"
