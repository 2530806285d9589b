"""Run documents, as replays would have written them."""

from collections.abc import Sequence

import msgspec

from tests.voicecli.peer import ENGINES
from voicecli.figures import run
from voicecli.figures.run import CallRun, FixtureRuns, Latencies, PacingDocument, PartDocument, Run, Server, Turn
from voicewire.messages import Engines

PACING = PacingDocument(frames=70, late_frames=0, worst_late_ms=1.0, median_late_ms=0.1)
MACHINE = run.Machine(system="Linux 6", architecture="x86_64", cpus=2, python="3.11.9")


def turn(at: int, /, **parts_ms: float) -> Turn:
    """The answer to utterance `at`; voice-to-voice is the sum of the parts."""
    parts = tuple(PartDocument(part=name, start_ms=0, ms=part_ms) for name, part_ms in parts_ms.items())
    return Turn(
        turn_id=at + 1,
        utterance=at,
        latencies=Latencies(voice_to_voice_ms=sum(parts_ms.values())),
        parts=parts,
    )


def call(*turns: Turn, reliable: bool = True, failures: tuple[str, ...] = ()) -> CallRun:
    return CallRun(reliable=reliable, pacing=PACING, turns=turns, failures=failures)


def calls(count: int, **parts_ms: float) -> list[CallRun]:
    """Calls of one turn, of which no two are alike by up to `count` ms."""
    return [call(turn(0, endpointing=500.0 + number, **parts_ms)) for number in range(count)]


def fixture(runs: Sequence[CallRun], **fields: str) -> FixtureRuns:
    known = {"name": "tone", "digest": "a" * 64, "script": "5" * 64, "input": "opus 48 kHz", "output": "opus 48 kHz"}
    return msgspec.convert(known | fields | {"runs": tuple(runs)}, FixtureRuns)


def document(*fixtures: FixtureRuns, **fields: object) -> Run:
    known: dict[str, object] = {
        "schema": run.SCHEMA,
        "voicecli": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "server": Server(in_process=True, pipeline="overlapped", silence_ms=600),
        "engines": {role: getattr(ENGINES, role) for role in Engines.__struct_fields__},
        "machine": MACHINE,
        "fixtures": fixtures,
    }
    return Run(**(known | fields))  # type: ignore[arg-type]
