"""Calls, reports and levels as a load run would have them."""

import asyncio
from collections.abc import Sequence

from msgspec import UNSET

from tests.voicecli.peer import PCM_16K, made, memory_pair, recorded, spoken, virtually
from voicecli.calls.call import CallRecord, CallSettings, place_call
from voicecli.calls.take import Take
from voicecli.calls.take import concluded as concluded_call
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.figures.run import PartDocument, machine
from voicecli.load.document import SCHEMA, LoadRun, LoadServer, LoadWorker
from voicecli.load.knee import knee
from voicecli.load.level import Level, WorkerLevel, concluded
from voicecli.load.shift import CallSample, Outcome, TurnSample, WorkerHealth, WorkerReport, place
from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voicewire.clock import NS_PER_S
from voicewire.messages import EngineInfo

FIXTURE = made(spoken())
ENGINES = {
    "vad": "scripted",
    "stt": "scripted(text='hello there', final=50ms)",
    "llm": "scripted(text='Good morning.', ttft=120ms)",
    "tts": "scripted(ttfb=80ms)",
}

HEALTHY = WorkerHealth(cpu_share=0.2, lag_p95_ms=0.4, lag_max_ms=2.0, beats=600, mean_open=1.0)


def answered(wait_ms: float = 900.0, *, setup_ms: float = 5.0, stt_ms: float = 100.0, underruns: int = 0) -> CallSample:
    """A call of one turn, whose voice-to-voice is `wait_ms` with the setup in it."""
    parts = (
        PartDocument(part="stt", start_ms=0.0, ms=stt_ms),
        PartDocument(part="llm", start_ms=stt_ms, ms=wait_ms - setup_ms - stt_ms),
    )
    turn = TurnSample(
        latencies_ms={"voice_to_voice": wait_ms, "stt_finalization": stt_ms}, parts=parts, underruns=underruns
    )
    return CallSample(due_ms=0.0, outcome=Outcome.COMPLETED, setup_ms=setup_ms, turns=(turn,), frames=200)


def refused(told: str = "all 50 sessions are in use") -> CallSample:
    return CallSample(due_ms=0.0, outcome=Outcome.REFUSED, told=told)


def report(samples: Sequence[CallSample], health: WorkerHealth = HEALTHY, cut: int = 0) -> WorkerReport:
    return WorkerReport(samples=tuple(samples), health=health, cut=cut)


def level(
    sessions: int, samples: Sequence[CallSample], health: WorkerHealth = HEALTHY, died: str | None = None, cut: int = 0
) -> Level:
    """A level of 30 s with one worker, and another that died where it is said how."""
    workers = [WorkerLevel(name="worker 1", report=report(samples, health, cut))]
    if died is not None:
        workers.append(WorkerLevel(name="worker 2", died=died))
    return concluded(sessions, 30 * NS_PER_S, workers, UNSET)


def taken() -> Take:
    """A call that went well, on a virtual clock."""

    async def main(loop: VirtualLoop) -> CallRecord:
        client_end, server_end = memory_pair()
        settings = ServerSettings(**ENGINES)  # type: ignore[arg-type]
        async with Service(settings, loop) as service, asyncio.TaskGroup() as group:
            group.create_task(service.converse(server_end))
            record = await place_call(FIXTURE, recorded(FIXTURE), client_end, loop, CallSettings(output=PCM_16K))
            await client_end.close()
        return record

    return concluded_call(FIXTURE, virtually(main))


def load_run(*more: Level, levels: Sequence[Level] | None = None) -> LoadRun:
    """Of 1 and 10 sessions, of which the latter wait twice as long, and of more levels."""
    if levels is None:
        levels = [level(1, [answered()] * 20), level(10, [answered(1800.0, stt_ms=1000.0)] * 20), *more]
    engine = EngineInfo("scripted")
    return LoadRun(
        schema=SCHEMA,
        voicecli="0",
        created="2026-01-05T10:00:00+00:00",
        server=LoadServer(pipeline="overlapped", silence_ms=600),
        engines={"vad": engine},
        machine=machine(),
        on="local",
        workers=(LoadWorker(name="worker 1", place=place()),),
        arrival="closed",
        seed=1,
        duration_s=30.0,
        ramp_s=5.0,
        fixtures=(),
        levels=tuple(levels),
        knee=knee(levels) if levels else UNSET,
    )
