"""A fixture that was replayed in a test: its turns and latencies, to be asked, and what was not as expected."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from msgspec import UNSET
from rich.console import Console

from voicecli.calls.take import Take
from voicecli.figures import run
from voicecli.figures.budget import LATENCIES, P95_SAMPLES, Asked, BudgetError, Statistic, Verdict, judged, parsed
from voicecli.figures.samples import Called, samples
from voicecli.reports.report import call_report, typical

REPORT_WIDTH = 100


class VoiceError(Exception):
    """A test asks for what cannot be; the message says what to do."""


class VoiceFailure(AssertionError):
    """The agent was not as expected; the message is a sentence for each thing."""


class Unreliable(VoiceFailure):
    """Nothing can be said of the agent: this machine was too busy to keep the pace of a live caller."""


@dataclass(frozen=True)
class Turn:
    """One turn of a call; what did not happen is None, or absent."""

    turn_id: int
    utterance: int | None
    """The utterance of the fixture that opened it, from 0."""
    transcript: str | None
    reply: str
    """All of it."""
    heard: str
    """What of it was heard."""
    outcome: str | None
    """`completed`, `cancelled`, ..., as in `turn_end`."""
    cancelled: str | None
    """Why: `barge_in`, ..."""
    latencies_ms: dict[str, float]
    """By the names of the latency vocabulary: `voice_to_voice`, `ttft`, ..."""
    parts_ms: dict[str, float]
    """Of the waterfall; they sum to voice-to-voice."""
    word_error_rate: float | None
    errors: tuple[str, ...]
    """Of engines."""

    @classmethod
    def of(cls, turn: run.Turn) -> "Turn":
        return cls(
            turn_id=turn.turn_id,
            utterance=None if turn.utterance is UNSET else turn.utterance,
            transcript=None if turn.transcript_final is UNSET else turn.transcript_final,
            reply=turn.reply_text,
            heard=turn.reply_heard_text,
            outcome=None if turn.outcome is UNSET else turn.outcome.value,
            cancelled=None if turn.cancelled is UNSET else turn.cancelled.value,
            latencies_ms={name.removesuffix("_ms"): value for name, value in turn.latencies.known().items()},
            parts_ms={part.part: part.ms for part in turn.parts},
            word_error_rate=None if turn.word_errors is UNSET else turn.word_errors.counted.rate,
            errors=tuple(error.message for error in turn.errors),
        )


@dataclass(frozen=True)
class Latency:
    """A latency over all turns of calls whose pace was kept, in ms. Figures without samples raise AssertionError."""

    name: str
    values_ms: tuple[float, ...]
    _missing: Callable[[str], BaseException]

    @property
    def n(self) -> int:
        return len(self.values_ms)

    @property
    def p50(self) -> float:
        return median(self._samples())

    @property
    def p95(self) -> float:
        """Of at least 20 samples."""
        return Statistic.P95.of(self._samples(P95_SAMPLES))

    @property
    def mean(self) -> float:
        return fmean(self._samples())

    @property
    def min(self) -> float:
        return min(self._samples())

    @property
    def max(self) -> float:
        return max(self._samples())

    def _samples(self, at_least: int = 1) -> Sequence[float]:
        __tracebackhide__ = True
        if self.n >= at_least:
            return self.values_ms
        told = f"n={self.n} of {at_least}; replay with repeat={at_least} or more" if self.n else "not measured (n=0)"
        raise self._missing(f"{self.name}: {told}")


class Replayed:
    """The calls with one fixture."""

    def __init__(
        self, takes: Sequence[Take], where: str, again: int = 0, skip: Callable[[str], BaseException] = Unreliable
    ) -> None:
        """`skip` makes the exception for what cannot be told, since this machine was late."""
        self.takes = tuple(takes)
        self.fixture = takes[0].fixture
        self.where = where
        self.again = again
        """Calls that were placed once more, because the pace of the one before was not kept."""
        self._skip = skip

    @property
    def name(self) -> str:
        return self.fixture.name

    @property
    def turns(self) -> list[Turn]:
        """Of all calls, one after the other."""
        return [Turn.of(turn) for take in self.takes for turn in take.document.turns]

    @property
    def calls(self) -> list[list[Turn]]:
        """The turns of each call."""
        return [[Turn.of(turn) for turn in take.document.turns] for take in self.takes]

    @property
    def unreliable(self) -> int:
        """Calls whose own pace was not kept: they have no part in latencies."""
        return sum(not take.document.reliable for take in self.takes)

    @property
    def called(self) -> list[Called]:
        """As budgets are judged by it."""
        return [Called(take.fixture, take.document) for take in self.takes]

    @property
    def failures(self) -> list[str]:
        """What the fixture expects and did not get; latencies only of calls whose pace was kept."""
        latencies = {f"{name} of each turn" for name in self.fixture.budgets_ms}
        return [
            f"run {number} of {len(self.takes)}: {failure}" if len(self.takes) > 1 else failure
            for number, take in enumerate(self.takes, start=1)
            for expectation in take.document.expectations
            if take.document.reliable or expectation.name not in latencies
            for failure in expectation.failures
        ]

    @property
    def report(self) -> str:
        """What `voicecli replay` would show of the call that went wrong, or else of the typical one."""
        failed = [take for take in self.takes if take.document.failures]
        shown = failed[0] if failed else typical(self.takes)
        title = f"{self.name}, run {self.takes.index(shown) + 1}" if len(self.takes) > 1 else self.name
        console = Console(file=io.StringIO(), width=REPORT_WIDTH, color_system=None, highlight=False)
        console.print(call_report(shown, title, self.where))
        assert isinstance(console.file, io.StringIO)
        return "\n".join(line.rstrip() for line in console.file.getvalue().strip("\n").splitlines())

    def latency(self, name: str) -> Latency:
        """One of the latency vocabulary, such as `voice_to_voice`. Raises VoiceError."""
        if name not in LATENCIES:
            raise VoiceError(f'"{name}" is no latency; use {", ".join(LATENCIES)}')
        return Latency(name, tuple(samples(self.called).latencies_ms[name]), self._missing)

    def check(self, *budgets: str) -> None:
        """Hold the calls to budgets such as "voice_to_voice p95 < 900ms". Raises VoiceFailure, VoiceError."""
        __tracebackhide__ = True
        hold(self.called, asked(budgets, "check"), self._skip)

    def check_expectations(self) -> None:
        """Hold the calls to what the fixture expects, its budgets too. Raises VoiceFailure."""
        __tracebackhide__ = True
        if failures := self.failures:
            raise VoiceFailure("\n".join([f"{self.name}: not as the fixture expects", *failures]))
        hold(self.called, self.fixture.asked_budgets, self._skip)
        if self.fixture.budgets_ms and self.unreliable == len(self.takes):
            raise self._skip(_late(f"{', '.join(self.fixture.budgets_ms)} of each turn", self.unreliable))

    def _missing(self, told: str) -> BaseException:
        return self._skip(_late(told, self.unreliable)) if self.unreliable else VoiceFailure(told)


def asked(budgets: Sequence[str], place: str) -> list[Asked]:
    """Raises VoiceError."""
    try:
        return [Asked(parsed(text, place), place) for text in budgets]
    except BudgetError as error:
        raise VoiceError(str(error)) from None


def hold(called: Sequence[Called], budgets: Sequence[Asked], skip: Callable[[str], BaseException]) -> None:
    """Hold calls together to budgets. Raises VoiceFailure; where only this machine is to blame, what `skip` makes."""
    __tracebackhide__ = True
    known = samples(called)
    results = [result for each in budgets if (result := judged(each, known)).failed]
    missed = [result.sentence for result in results if result.verdict is Verdict.MISSED or not known.left_out]
    if missed:
        raise VoiceFailure("\n".join(sentence.replace("with --repeat", "with repeat=20") for sentence in missed))
    if results:
        raise skip(_late("; ".join(result.budget for result in results), known.left_out))


def _late(what: str, calls: int) -> str:
    return (
        f"UNRELIABLE: {what}: {calls} call{'s' * (calls > 1)} said nothing about the agent, since this machine was too"
        " busy to keep a caller's pace; take fewer workers (-n), a quieter machine, or virtual time"
    )
