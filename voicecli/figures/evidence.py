"""What runs say of each latency: the samples that a verdict is made of, without those that are no evidence."""

from typing import NamedTuple

from msgspec import UNSET

from voicecli.figures.run import CallRun, FixtureRuns, Run, Turn
from voicecli.figures.verdict import Sample, Side
from voicewire.marks import BARGE_IN_STOP, STT_FINALIZATION, TTFT, TTS_TTFB, VOICE_TO_VOICE, Span

COMPARED = (VOICE_TO_VOICE, BARGE_IN_STOP)
"""What a person notices. The stages explain it."""

STAGES = (STT_FINALIZATION, TTFT, TTS_TTFB)
"""What may have got slower without anybody noticing yet: where answers are begun early, a stage that waits for the
commit anyway hides it. It is told, and counts, where voice-to-voice does not show it."""


class Key(NamedTuple):
    fixture: str
    utterance: int
    latency: str


def weakness(run: Run) -> str | None:
    """Why nothing could be told from this run, should another be compared with it; None where something can."""
    calls = [call for fixture in run.fixtures for call in fixture.runs]
    sides = {fixture.name: _noticed(fixture) for fixture in run.fixtures}
    if not all(side.reliable for of_fixture in sides.values() for side in of_fixture):
        late = sum(not call.reliable for call in calls)
        return f"this machine was too busy to keep a caller's pace in {late} of {len(calls)} calls"
    if not any(sides.values()):
        return "nothing that could be compared was measured"
    silent = [
        fixture.name
        for fixture in run.fixtures
        if not sides[fixture.name] and all(call.failures for call in fixture.runs)
    ]
    return f"nothing was measured of {', '.join(silent)}, whose calls all failed" if silent else None


def _noticed(fixture: FixtureRuns) -> list[Side]:
    """What a person notices of its calls."""
    noticed = {span.name for span in COMPARED}
    return [side for key, side in _side(fixture).items() if key.latency in noticed]


def unpaired(baseline: FixtureRuns, candidate: FixtureRuns) -> dict[Key, tuple[Side, Side]]:
    """The samples of both by latency, without those of calls whose own pacing was bad."""
    before, after = _side(baseline), _side(candidate)
    nothing = Side(())
    return {key: (before.get(key, nothing), after.get(key, nothing)) for key in sorted(before | after)}


def _side(fixture: FixtureRuns) -> dict[Key, Side]:
    """The samples of each utterance's latencies, without those of calls whose own pacing was bad."""
    samples: dict[Key, list[Sample]] = {}
    left_out: dict[Key, int] = {}
    for call in fixture.runs:
        for key, found in _samples(fixture.name, call).items():
            samples.setdefault(key, []).extend(found if call.reliable else ())
            left_out[key] = left_out.get(key, 0) + (0 if call.reliable else len(found))
    return {key: Side(tuple(each), left_out[key]) for key, each in samples.items()}


def paired(baseline: FixtureRuns, candidate: FixtureRuns) -> dict[Key, tuple[Side, Side]]:
    """Likewise, without those whose pair is missing or had bad pacing."""
    pairs: dict[Key, list[tuple[Sample, Sample]]] = {}
    left_out: dict[Key, int] = {}
    for one, other in zip(baseline.runs, candidate.runs, strict=False):
        before, after = _samples(baseline.name, one), _samples(candidate.name, other)
        is_reliable = one.reliable and other.reliable
        for key in before | after:
            found = list(zip(before.get(key, ()), after.get(key, ()), strict=False))
            pairs.setdefault(key, []).extend(found if is_reliable else ())
            left_out[key] = left_out.get(key, 0) + (0 if is_reliable else len(found))
    return {
        key: (
            Side(tuple(before for before, _ in pairs[key]), left_out[key]),
            Side(tuple(after for _, after in pairs[key]), left_out[key]),
        )
        for key in sorted(pairs)
    }


def _samples(fixture: str, call: CallRun) -> dict[Key, list[Sample]]:
    samples: dict[Key, list[Sample]] = {}
    for number, turn in enumerate(call.turns):
        for span in (*COMPARED, *STAGES):
            if (sample := _sample(turn, span)) is not None:
                key = Key(fixture, number if turn.utterance is UNSET else turn.utterance, span.name)
                samples.setdefault(key, []).append(sample)
    return samples


def _sample(turn: Turn, span: Span) -> Sample | None:
    value_ms = turn.counted_ms().get(f"{span.name}_ms")
    if value_ms is None:
        return None
    return Sample(value_ms, {part.part: part.ms for part in turn.parts} if span is VOICE_TO_VOICE else {})
