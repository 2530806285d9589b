"""Runs made for a test: what the outputs of a run are written from."""

import msgspec

from voicecli.figures.budget import BudgetResult, Verdict
from voicecli.figures.run import (
    SCHEMA,
    CallRun,
    ClockDocument,
    Expectation,
    FixtureRuns,
    Latencies,
    Machine,
    MarkDocument,
    PacingDocument,
    PartDocument,
    Run,
    Server,
    Turn,
    WordErrorsDocument,
)
from voicewire.marks import Mark
from voicewire.messages import EngineInfo, TurnOutcome

PACING = PacingDocument(frames=1, late_frames=0, worst_late_ms=0.0, median_late_ms=0.0)
OFFSET_MS = 5_000.0


def mark(which: Mark, at_ms: float) -> MarkDocument:
    """At `at_ms` of the microphone audio."""
    ahead_ms = OFFSET_MS if which.side == "server" else 0.0
    return MarkDocument(mark=which, t_ms=at_ms + ahead_ms, clock=which.side)


TURN = Turn(
    turn_id=1,
    utterance=0,
    outcome=TurnOutcome.COMPLETED,
    transcript_final="hello there",
    word_errors=WordErrorsDocument(errors=1, words=8, substitutions=1, deletions=0, insertions=0),
    reply_text="Good day.",
    latencies=Latencies(voice_to_voice_ms=720.0),
    parts=(
        PartDocument(part="speech_end", start_ms=0.0, ms=-10.0),
        PartDocument(part="endpointing", start_ms=-10.0, ms=610.0),
        PartDocument(part="llm", start_ms=600.0, ms=120.0),
        PartDocument(part="buffer", start_ms=720.0, ms=0.0),
    ),
    marks=(
        mark(Mark.AUDIO_LAST_SPEECH, 690.0),
        mark(Mark.TURN_COMMITTED, 1300.0),
        mark(Mark.MIC_SPEECH_END, 700.0),
        mark(Mark.REPLY_FIRST_AUDIBLE, 1420.0),
    ),
)


def call(*turns: Turn, reliable: bool = True, **failures: tuple[str, ...]) -> CallRun:
    """`failures` by expectation."""
    return CallRun(
        reliable=reliable,
        pacing=PACING,
        clock=ClockDocument(offset_ms=OFFSET_MS, round_trip_ms=0.1),
        turns=turns or (TURN,),
        failures=tuple(failure for each in failures.values() for failure in each),
        expectations=tuple(Expectation(name=name, failures=each) for name, each in failures.items()),
    )


def fixture_runs(name: str, *calls: CallRun) -> FixtureRuns:
    return FixtureRuns(name=name, digest="00", input="in", output="out", runs=calls)


def run(*fixtures: FixtureRuns, budgets: tuple[BudgetResult, ...] = ()) -> Run:
    return Run(
        schema=SCHEMA,
        voicecli="1.0",
        created="2026-01-02T03:04:05+00:00",
        server=Server(in_process=True),
        engines={"vad": EngineInfo("v"), "stt": EngineInfo("s")},
        machine=Machine(system="s", architecture="a", cpus=2, python="3"),
        fixtures=fixtures,
        budgets=budgets,
    )


MISSED = BudgetResult(
    budget="wer < 5%",
    place="--budget",
    verdict=Verdict.MISSED,
    value=12.5,
    n=8,
    failed=True,
    sentence="wer < 5%: 12.5 %, 7.5 % too much (n=8 words)",
)
MET = msgspec.structs.replace(
    MISSED, verdict=Verdict.MET, value=2.5, failed=False, fixture="tone", sentence="wer < 5%: 2.5 % (n=8 words)"
)
NOT_MEASURED = BudgetResult(
    budget="ttft max < 1ms",
    place="voicecli.toml",
    verdict=Verdict.NOT_MEASURED,
    n=0,
    failed=False,
    sentence="ttft max < 1ms: not measured (n=0)",
)
