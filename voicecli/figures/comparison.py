"""Two runs compared: whether they can be, what else differs, and a verdict on each turn of each fixture."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.evidence import COMPARED, STAGES, Key, paired, unpaired
from voicecli.figures.run import FixtureRuns, Run, Server
from voicecli.figures.verdict import Answer, Tolerance, Verdict, judge
from voicewire.marks import VOICE_TO_VOICE, Span
from voicewire.messages import EngineInfo

SCHEMA: Literal["voicecli.comparison/1"] = "voicecli.comparison/1"

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
    interleaved: bool = False
    """Their calls alternated, and each is judged against the one made next to it."""
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
    interleaved = _interleaved(baseline, candidate)
    gathered = paired if interleaved else unpaired
    sides = {key: sides for pair in pairs for key, sides in gathered(*pair).items()}

    def verdicts(spans: Sequence[Span]) -> dict[Key, Verdict]:
        chosen = {key: both for key, both in sides.items() if key.latency in {span.name for span in spans}}
        judged = max(1, sum(bool(before.samples and after.samples) for before, after in chosen.values()))
        return {
            key: judge(before, after, tolerance, comparisons=judged, exact=exact, paired=interleaved)
            for key, (before, after) in chosen.items()
        }

    noticed = verdicts(COMPARED)
    slower = {key for key, verdict in noticed.items() if verdict.answer is Answer.REGRESSION}
    hidden = {
        key: verdict
        for key, verdict in verdicts(STAGES).items()
        if verdict.answer is Answer.REGRESSION and key._replace(latency=VOICE_TO_VOICE.name) not in slower
    }
    turns = tuple(
        ComparedTurn(fixture=key.fixture, utterance=key.utterance, latency=key.latency, verdict=verdict)
        for key, verdict in (noticed | hidden).items()
    )
    return Comparison(
        schema=SCHEMA,
        answer=min((turn.verdict.answer for turn in turns), key=_ORDER.index, default=Answer.NOT_ENOUGH_RUNS),
        tolerance=tolerance,
        exact=exact,
        interleaved=interleaved,
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


def setting_obstacles(baseline: Run, server: Server) -> Iterator[str]:
    """What makes calls to this server incomparable with the baseline's, as can be told before they are made."""
    if baseline.server.virtual != server.virtual:
        yield f"pacing: {_pacing(baseline.server)} against {_pacing(server)}"
    networks = [each.network or "none" for each in (baseline.server, server)]
    if networks[0] != networks[1]:
        yield f"network: {networks[0]} against {networks[1]}"


def engine_obstacles(baseline: Run, engines: Mapping[str, EngineInfo]) -> Iterator[str]:
    """What makes answers of these engines incomparable with the baseline's, as can be told once a session is open."""
    for role in dict.fromkeys((*baseline.engines, *engines)):
        one, other = (each[role].name if role in each else "none" for each in (baseline.engines, engines))
        if one != other:
            yield f"{role}: {one} against {other}"


def format_obstacles(baseline: Run, fixture: str, input_: str, output: str) -> Iterator[str]:
    """Likewise of the formats that a session with this fixture has."""
    for before in baseline.fixtures:
        for way, one, other in (("sent", before.input, input_), ("heard", before.output, output)):
            if before.name == fixture and one != other:
                yield f"{fixture}: {way} as {one} against {other}"


def _obstacles(baseline: Run, candidate: Run) -> Iterator[str]:
    fixtures = [Identity(fixture.name, fixture.digest, fixture.script) for fixture in candidate.fixtures]
    yield from fixture_obstacles(baseline, fixtures)
    if not _interleaved(baseline, candidate):  # whose engines were chosen to be compared
        yield from _session_obstacles(baseline, candidate)
    yield from setting_obstacles(baseline, candidate.server)


def _session_obstacles(baseline: Run, candidate: Run) -> Iterator[str]:
    for fixture in candidate.fixtures:
        yield from format_obstacles(baseline, fixture.name, fixture.input, fixture.output)
    yield from engine_obstacles(baseline, candidate.engines)


def _interleaved(baseline: Run, candidate: Run) -> bool:
    return baseline.series is not UNSET and baseline.series == candidate.series


def _names(fixtures: Sequence[FixtureRuns] | Sequence[Identity]) -> str:
    return ", ".join(fixture.name for fixture in fixtures) or "none"


def _pacing(server: Server) -> str:
    return "virtual time" if server.virtual else "real time"


def _notes(baseline: Run, candidate: Run) -> Iterator[str]:
    if _interleaved(baseline, candidate):
        yield from _session_obstacles(baseline, candidate)
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
