"""Leads the workers through a level, and ends it when its calls are over, somebody interrupts it, or all has died."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from msgspec import UNSET

from voicecli.calls.call import CallSettings
from voicecli.figures.verdict import MIN_SAMPLES
from voicecli.load import level as levels
from voicecli.load.arrivals import Poisson, offered_rate, staggered_ns
from voicecli.load.level import Level, WorkerLevel
from voicecli.load.shift import Progress, Shift, Window, Worker, WorkerDied
from voicewire.clock import NS_PER_S, Clock

LOOK_S = 0.1
DRAIN_CALLS = 2
"""After the last call began, the others are waited for so many lengths of a call, and the patience with a reply."""

LEAST_CALLS = MIN_SAMPLES + 1
"""Of a level, however short it is meant to be: without, there is nothing to compare."""

NONE_YET = Progress(open=0, calls=0, bad=0, pending=0, window_over=False)


class Asked(NamedTuple):
    """What all levels have in common."""

    url: str
    settings: CallSettings
    silence_ms: int | None
    duration_ns: int
    call_ns: int
    """How long a call takes that is alone."""
    is_open: bool
    rate: float | None
    """Calls a second for open arrivals; None for what Little's law gives."""
    seed: int

    def window(self, sessions: int) -> Window:
        """After the time of one call as many are open as will be. Few callers are given time for LEAST_CALLS."""
        least_ns = LEAST_CALLS * self.call_ns // sessions
        return Window(self.call_ns, self.call_ns + max(self.duration_ns, least_ns))

    @property
    def patience_ns(self) -> int:
        return DRAIN_CALLS * self.call_ns + round(self.settings.timeout_s * NS_PER_S)

    def rate_of(self, sessions: int) -> float | None:
        if not self.is_open:
            return None
        return self.rate or offered_rate(sessions, self.call_ns)


class Standing(NamedTuple):
    """How a level stands."""

    sessions: int
    elapsed_ns: int
    planned_ns: int
    """Until the last call of the window begins."""
    progress: Progress


def shifts(asked: Asked, number: int, sessions: int, workers: int) -> list[Shift]:
    """Each worker's part of a level. A worker without callers has a shift all the same: it looks after its loop."""
    seed = f"{asked.seed} level {sessions}"
    rate = asked.rate_of(sessions)
    # In the order of their beginnings, dealt like cards.
    callers_ns = [] if rate else staggered_ns(sessions, asked.call_ns, seed)
    return [
        Shift(
            number=number,
            url=asked.url,
            settings=asked.settings,
            silence_ms=asked.silence_ms,
            window=asked.window(sessions),
            callers_ns=tuple(callers_ns[share::workers]),
            arrivals=Poisson(rate, seed) if rate else None,
            share=share,
            shares=workers,
        )
        for share in range(workers)
    ]


def total(parts: Sequence[Progress]) -> Progress:
    """Of several workers."""
    return Progress(
        open=sum(part.open for part in parts),
        calls=sum(part.calls for part in parts),
        bad=sum(part.bad for part in parts),
        pending=sum(part.pending for part in parts),
        window_over=all(part.window_over for part in parts),
    )


async def level(
    asked: Asked,
    number: int,
    sessions: int,
    workers: Sequence[Worker],
    clock: Clock,
    interrupted: asyncio.Event,
    watch: Callable[[Standing], None],
) -> Level:
    """Run one level. A worker that dies costs its calls, and is told of in the level."""
    began_ns = clock.now_ns()
    window = asked.window(sessions)
    progress = dict.fromkeys(range(len(workers)), NONE_YET)
    done: dict[int, WorkerLevel] = {}

    async def attend(index: int, worker: Worker, shift: Shift) -> None:
        def tell(told: Progress) -> None:
            progress[index] = told

        try:
            done[index] = WorkerLevel(name=worker.name, report=await worker.run(shift, tell))
        except WorkerDied as died:
            done[index] = WorkerLevel(name=worker.name, died=str(died))
            del progress[index]

    def is_over(elapsed_ns: int) -> bool:
        now = total(list(progress.values()))
        watch(Standing(sessions, elapsed_ns, window.end_ns, now))
        return (now.window_over and not now.pending) or elapsed_ns >= window.end_ns + asked.patience_ns

    async with asyncio.TaskGroup() as group:
        for index, (worker, shift) in enumerate(
            zip(workers, shifts(asked, number, sessions, len(workers)), strict=True)
        ):
            group.create_task(attend(index, worker, shift))
        while len(done) < len(workers) and not interrupted.is_set() and not is_over(clock.now_ns() - began_ns):
            # Time may be all that passes.
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await interrupted.wait()
        ended_ns = clock.now_ns() - began_ns
        for worker in workers:
            worker.stop(number, interrupted=interrupted.is_set())
    measured_ns = max(1, min(ended_ns, window.end_ns) - window.start_ns)
    return levels.concluded(
        sessions, measured_ns, [done[index] for index in range(len(workers))], asked.rate_of(sessions) or UNSET
    )
