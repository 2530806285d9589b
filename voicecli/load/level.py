"""What a level of concurrency came to: its calls counted, and quantiles of each stage, from what the workers saw."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.budget import LATENCIES, Samples
from voicecli.figures.verdict import Sample
from voicecli.figures.wer import WordErrors
from voicecli.load.bottleneck import bottleneck, is_late_start
from voicecli.load.shift import CallSample, Outcome, WorkerReport
from voicecli.load.statistic import Quantiles, quantiles
from voicewire.clock import NS_PER_S

SETUP = "setup"
"""A stage of a call's first turn: from when the call was meant to begin to its first sample of microphone audio."""


class Failure(Struct, frozen=True):
    """A reason why calls were not answered as expected."""

    outcome: Outcome
    told: str
    calls: int


class WorkerLevel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A level as one worker saw it."""

    name: str
    report: WorkerReport | UnsetType = UNSET
    """Absent for a worker that died."""
    died: str | UnsetType = UNSET


class Level(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One level. Figures are of calls that kept their own pace."""

    sessions: int
    """Callers at once, or the average number that the arrivals amount to while the server keeps up."""
    rate: float | UnsetType = UNSET
    """Calls a second that were meant to arrive; absent where callers wait for the call before."""
    window_s: float
    calls: int
    """Meant to begin in the window, and over."""
    outcomes: dict[Outcome, int]
    failures: tuple[Failure, ...] = ()
    """The most frequent first."""
    cut: int = 0
    """Calls that were open when the run was interrupted. They are not among `calls`."""
    late_starts: int = 0
    """Calls that the generator began late, or not at all. Their latencies count from when they were meant to begin."""
    left_out: int = 0
    """Calls whose own pace was not kept."""
    calls_per_s: float
    """Answered, of those meant to begin in the window."""
    mean_open: float
    """Calls open at once, on average."""
    stages_ms: dict[str, Quantiles]
    """By name, of all turns."""
    replies: int
    broken_replies: int
    """Replies with an underrun: they were heard with a gap."""
    generator_bound: tuple[str, ...] = ()
    """Why the generator was what was measured, and not the server."""
    workers: tuple[WorkerLevel, ...]

    @property
    def samples(self) -> list[CallSample]:
        return [sample for worker in self.workers if worker.report is not UNSET for sample in worker.report.samples]

    @property
    def measures_server(self) -> bool:
        return not self.generator_bound

    @property
    def answered(self) -> int:
        return sum(calls for outcome, calls in self.outcomes.items() if outcome.is_answered)

    @property
    def bad(self) -> int:
        """Calls that were not answered as expected."""
        return self.calls - self.outcomes.get(Outcome.COMPLETED, 0)


def concluded(
    sessions: int,
    window_ns: int,
    workers: Sequence[WorkerLevel],
    rate: float | UnsetType = UNSET,
    *,
    cut_at_ns: int = 0,
) -> Level:
    """`window_ns` is what there was of the window."""
    reports = {worker.name: worker.report for worker in workers if worker.report is not UNSET}
    samples = [sample for report in reports.values() for sample in report.samples]
    bound = [reason for name, report in reports.items() for reason in bottleneck(name, report)]
    bound += [f"{worker.name} died, and its callers with it: {worker.died}" for worker in workers if worker.died]
    turns = [turn for sample in kept(samples) for turn in sample.turns]
    replies = [turn for turn in turns if "voice_to_voice" in turn.latencies_ms]
    answered = sum(sample.outcome.is_answered for sample in samples)
    window_s = window_ns / NS_PER_S
    return Level(
        sessions=sessions,
        rate=rate,
        window_s=round(window_s, 3),
        calls=len(samples),
        outcomes=dict(Counter(sample.outcome for sample in samples)),
        failures=_failures(samples),
        cut=sum(report.cut for report in reports.values()),
        late_starts=sum(map(is_late_start, samples)),
        left_out=len(samples) - len(kept(samples)),
        calls_per_s=round(answered / window_s, 3),
        mean_open=round(sum(report.health.mean_open for report in reports.values()), 2),
        stages_ms={name: found for name, values in stages_ms(samples).items() if (found := quantiles(values))},
        replies=len(replies),
        broken_replies=sum(turn.underruns > 0 for turn in replies),
        generator_bound=tuple(bound),
        workers=tuple(workers),
    )


def kept(samples: Sequence[CallSample]) -> list[CallSample]:
    """Calls in which the generator was not late itself."""
    return [sample for sample in samples if sample.reliable]


def stages_ms(samples: Sequence[CallSample]) -> dict[str, list[float]]:
    """Each stage's latencies, `setup` and then the vocabulary's."""
    trusted = kept(samples)
    turns = [turn for sample in trusted for turn in sample.turns]
    setup = [sample.setup_ms for sample in trusted if sample.setup_ms is not UNSET]
    latencies = {name: [turn.latencies_ms[name] for turn in turns if name in turn.latencies_ms] for name in LATENCIES}
    return {SETUP: setup, **latencies}


def waits(samples: Sequence[CallSample]) -> list[Sample]:
    """Voice-to-voice of each turn, with the parts that sum to it."""
    found = []
    for sample in kept(samples):
        for number, turn in enumerate(sample.turns):
            if (wait_ms := turn.latencies_ms.get("voice_to_voice")) is None:
                continue
            setup: Mapping[str, float] = {}
            if number == 0 and sample.setup_ms is not UNSET:
                setup = {SETUP: sample.setup_ms}
            found.append(Sample(wait_ms, {**setup, **{part.part: part.ms for part in turn.parts}}))
    return found


def budgeted(samples: Sequence[CallSample]) -> Samples:
    """As budgets are judged by it."""
    words = [sample.words.counted for sample in samples if sample.words is not UNSET]
    return Samples(
        latencies_ms={name: values for name, values in stages_ms(samples).items() if name != SETUP},
        words=sum(words, WordErrors(0, 0, 0, 0)),
        false_cutoffs=sum(sample.false_cutoffs for sample in samples),
        utterances=sum(sample.utterances for sample in samples),
        left_out=len(samples) - len(kept(samples)),
    )


def _failures(samples: Sequence[CallSample]) -> tuple[Failure, ...]:
    """By reason; those that differ in their numbers, or in what comes after a semicolon, are one."""
    alike: dict[tuple[Outcome, str], list[str]] = {}
    for sample in samples:
        if sample.outcome is not Outcome.COMPLETED:
            reason = sample.told.partition(";")[0]
            alike.setdefault((sample.outcome, re.sub(r"[0-9]+", "#", reason)), []).append(reason)
    failures = [Failure(outcome, told[0], len(told)) for (outcome, _), told in alike.items()]
    return tuple(sorted(failures, key=lambda failure: -failure.calls))
