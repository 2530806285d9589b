"""Two runs compared: whether they can be, what else differs, and a verdict on each turn of each fixture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.run import FixtureRuns, Run, Server, Turn
from voicecli.figures.verdict import Answer, Sample, Side, Tolerance, Verdict, judge
from voicewire.marks import BARGE_IN_STOP, VOICE_TO_VOICE, Span

SCHEMA: Literal["voicecli.comparison/1"] = "voicecli.comparison/1"

COMPARED = (VOICE_TO_VOICE, BARGE_IN_STOP)
"""What a person notices. The stages explain it, and have no verdict of their own."""

_ORDER = tuple(Answer)


class Incomparable(Exception):
    """Comparing these runs would mean nothing; the message names each difference."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


class Identity(NamedTuple):
    """Of a fixture: what must be the same for its calls to be compared."""

    name: str
    digest: str
    script: str | UnsetType


class ComparedTurn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    fixture: str
    utterance: int
    """From 0; for a turn that none is known of, its number among the turns."""
    latency: str
    verdict: Verdict


class Comparison(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: Literal["voicecli.comparison/1"] = msgspec.field()
    answer: Answer
    tolerance: Tolerance
    exact: bool = False
    """Both runs were made in virtual time."""
    forced: tuple[str, ...] = ()
    """Why the runs cannot be compared, where that was asked for all the same."""
    notes: tuple[str, ...] = ()
    """What else differs, and may be why."""
    turns: tuple[ComparedTurn, ...] = msgspec.field()

    def serialize(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def compare(baseline: Run, candidate: Run, tolerance: Tolerance | None = None, *, force: bool = False) -> Comparison:
    """Raises Incomparable, with `force` only where the runs have no fixture in common."""
    tolerance = tolerance or Tolerance()
    differences = tuple(_obstacles(baseline, candidate))
    pairs = list(_pairs(baseline, candidate))
    if not pairs or (differences and not force):
        raise Incomparable(differences)
    exact = baseline.server.virtual and candidate.server.virtual
    sides = {key: sides for pair in pairs for key, sides in _turns(*pair).items()}
    judged = sum(bool(before.samples and after.samples) for before, after in sides.values())
    turns = tuple(
        ComparedTurn(
            fixture=key.fixture,
            utterance=key.utterance,
            latency=key.latency,
            verdict=judge(before, after, tolerance, comparisons=max(1, judged), exact=exact),
        )
        for key, (before, after) in sides.items()
    )
    return Comparison(
        schema=SCHEMA,
        answer=min((turn.verdict.answer for turn in turns), key=_ORDER.index, default=Answer.NOT_ENOUGH_RUNS),
        tolerance=tolerance,
        exact=exact,
        forced=differences,
        notes=tuple(_notes(baseline, candidate)),
        turns=turns,
    )


def _pairs(baseline: Run, candidate: Run) -> Iterator[tuple[FixtureRuns, FixtureRuns]]:
    before = {fixture.name: fixture for fixture in baseline.fixtures}
    return ((before[after.name], after) for after in candidate.fixtures if after.name in before)


def fixture_obstacles(baseline: Run, fixtures: Sequence[Identity]) -> Iterator[str]:
    """What makes calls with these fixtures incomparable with the baseline's, as can be told before they are made."""
    known = {fixture.name: fixture for fixture in baseline.fixtures}
    if not any(fixture.name in known for fixture in fixtures):
        yield f"no fixture in common: {_names(baseline.fixtures)} against {_names(fixtures)}"
    for after in fixtures:
        before = known.get(after.name)
        if before is None:
            continue
        if before.digest != after.digest:
            digests = f"SHA-256 {before.digest[:8]} against {after.digest[:8]}"
            yield f"{after.name}: other audio, or the same in another codec ({digests})"
        if UNSET not in (before.script, after.script) and before.script != after.script:
            yield f"{after.name}: fixture.toml asks for another session or other utterances"


def _obstacles(baseline: Run, candidate: Run) -> Iterator[str]:
    fixtures = [Identity(fixture.name, fixture.digest, fixture.script) for fixture in candidate.fixtures]
    yield from fixture_obstacles(baseline, fixtures)
    for before, after in _pairs(baseline, candidate):
        for way, one, other in (("sent", before.input, after.input), ("heard", before.output, after.output)):
            if one != other:
                yield f"{after.name}: {way} as {one} against {other}"
    for role in dict.fromkeys((*baseline.engines, *candidate.engines)):
        one, other = (run.engines[role].name if role in run.engines else "none" for run in (baseline, candidate))
        if one != other:
            yield f"{role}: {one} against {other}"
    if baseline.server.virtual != candidate.server.virtual:
        yield f"pacing: {_pacing(baseline.server)} against {_pacing(candidate.server)}"
    networks = [run.server.network or "none" for run in (baseline, candidate)]
    if networks[0] != networks[1]:
        yield f"network: {networks[0]} against {networks[1]}"


def _names(fixtures: Sequence[FixtureRuns] | Sequence[Identity]) -> str:
    return ", ".join(fixture.name for fixture in fixtures) or "none"


def _pacing(server: Server) -> str:
    return "virtual time" if server.virtual else "real time"


def _notes(baseline: Run, candidate: Run) -> Iterator[str]:
    for role, after in candidate.engines.items():
        before = baseline.engines.get(role)
        if before is not None and before.name == after.name:
            yield from _changed(before.settings, after.settings, f"{role} {after.name}: ")
    yield from _changed(_fields(baseline.server), _fields(candidate.server), "server: ")
    if not (baseline.server.virtual and candidate.server.virtual):
        yield from _changed(_fields(baseline.machine), _fields(candidate.machine), "machine: ")
    yield from _changed({"version": baseline.voicecli}, {"version": candidate.voicecli}, "voicecli ")
    names = [{fixture.name for fixture in run.fixtures} for run in (baseline, candidate)]
    for whose, missing in (("baseline", names[0] - names[1]), ("candidate", names[1] - names[0])):
        if missing:
            yield f"only in the {whose}, not compared: {', '.join(sorted(missing))}"
    for whose, run in (("baseline", baseline), ("candidate", candidate)):
        failed = sum(bool(call.failures) for fixture in run.fixtures for call in fixture.runs)
        if failed:
            yield f"{failed} call{'s' * (failed > 1)} of the {whose} did not go as expected"


def _fields(struct: Struct) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(struct)
    for refused in ("virtual", "network"):
        fields.pop(refused, None)
    return fields


def _changed(before: Mapping[str, object], after: Mapping[str, object], of: str) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name, "not given"), after.get(name, "not given")
        if one != other:
            yield f"{of}{name} {one} → {other}"


class _Key(NamedTuple):
    fixture: str
    utterance: int
    latency: str


def _turns(baseline: FixtureRuns, candidate: FixtureRuns) -> dict[_Key, tuple[Side, Side]]:
    before, after = _sides(baseline), _sides(candidate)
    nothing = Side(())
    return {key: (before.get(key, nothing), after.get(key, nothing)) for key in sorted(before | after)}


def _sides(fixture: FixtureRuns) -> dict[_Key, Side]:
    """The samples of each utterance's latencies, without those of calls whose own pacing was bad."""
    samples: dict[_Key, list[Sample]] = {}
    left_out: dict[_Key, int] = {}
    for call in fixture.runs:
        for number, turn in enumerate(call.turns):
            for span in COMPARED:
                sample = _sample(turn, span)
                if sample is None:
                    continue
                key = _Key(fixture.name, number if turn.utterance is UNSET else turn.utterance, span.name)
                samples.setdefault(key, [])
                if call.reliable:
                    samples[key].append(sample)
                else:
                    left_out[key] = left_out.get(key, 0) + 1
    return {key: Side(tuple(each), left_out.get(key, 0)) for key, each in samples.items()}


def _sample(turn: Turn, span: Span) -> Sample | None:
    value_ms = turn.latencies.known().get(f"{span.name}_ms")
    if value_ms is None:
        return None
    return Sample(value_ms, {part.part: part.ms for part in turn.parts} if span is VOICE_TO_VOICE else {})
