"""A worker at its shift: one event loop that carries many callers."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import UNSET

from voicecli.calls.call import first_of
from voicecli.calls.take import Take, take
from voicecli.client.transport import CallError, Refused
from voicecli.client.viewstate import ViewState
from voicecli.figures.run import WordErrorsDocument
from voicecli.figures.samples import Called, samples
from voicecli.load.shift import CallSample, Outcome, Progress, Script, Shift, TurnSample, WorkerHealth, WorkerReport
from voicecli.load.statistic import percentile
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock, cpu_ns, ms

MAX_OPEN = 900
"""Calls at once in one worker: `select` knows 1,024 sockets."""

RETRY_NS = 1 * NS_PER_S
"""A caller that was refused or lost calls again after this: at once, it would be a load of its own."""

BEAT_NS = 50 * NS_PER_MS
TELL_NS = 250 * NS_PER_MS


class Stop:
    """Told to a shift from its own loop."""

    def __init__(self) -> None:
        self.interrupted = False
        self._told = asyncio.Event()

    def set(self, *, interrupted: bool) -> None:
        self.interrupted = interrupted
        self._told.set()

    async def wait(self) -> None:
        await self._told.wait()


class _Beat(NamedTuple):
    lag_ns: int
    open: int


class _Worker:
    def __init__(self, scripts: Sequence[Script], shift: Shift, clock: Clock) -> None:
        self._scripts = scripts
        self._shift = shift
        self._clock = clock
        self._origin_ns = clock.now_ns()
        self._begun = 0
        self._open: dict[int, int] = {}
        """When each call that is open was meant to begin, by its number."""
        self._samples: list[CallSample] = []
        self._beats: list[_Beat] = []
        self._cpu: list[tuple[int, int]] = []
        """Processor time and instant, at each beat of the window."""

    # --- who calls when

    async def call(self) -> None:
        """Without end."""
        async with asyncio.TaskGroup() as group:
            for start_ns in self._shift.callers_ns:
                group.create_task(self._call_again_and_again(start_ns))
            arrivals = self._shift.arrivals
            if arrivals is None:
                return
            for start_ns in arrivals.starts_ns(self._shift.share, self._shift.shares):
                await self._until(start_ns)
                # Whatever became of the calls before it.
                group.create_task(self._one_call(start_ns))

    async def _call_again_and_again(self, due_ns: int) -> None:
        while True:
            await self._until(due_ns)
            outcome = await self._one_call(due_ns)
            due_ns = self._now_ns() + (0 if outcome.is_answered else RETRY_NS)

    async def _until(self, due_ns: int) -> None:
        await asyncio.sleep(max(0, due_ns - self._now_ns()) / NS_PER_S)

    # --- one call

    async def _one_call(self, due_ns: int) -> Outcome:
        number = self._begun
        self._begun += 1
        started_ns = self._now_ns()
        if len(self._open) >= MAX_OPEN:
            told = f"the worker has {MAX_OPEN} calls open, which is all it can carry"
            sample = CallSample(due_ms=ms(due_ns), outcome=Outcome.NOT_STARTED, told=told)
        else:
            self._open[number] = due_ns
            try:
                sample = await self._placed(self._scripts[number % len(self._scripts)], due_ns, started_ns)
            finally:
                del self._open[number]
        if self._shift.window.holds(due_ns):
            self._samples.append(sample)
        return sample.outcome

    async def _placed(self, script: Script, due_ns: int, started_ns: int) -> CallSample:
        shift = self._shift
        is_open = False

        def watch(view: ViewState, now_ns: int) -> None:
            nonlocal is_open
            is_open = is_open or view.ready is not None

        try:
            taken = await take(
                shift.url, script.fixture, script.recording, self._clock, shift.settings, watch, shift.silence_ms
            )
        except (CallError, BaseExceptionGroup) as error:
            outcome, told = _failure(error, is_open)
            return CallSample(due_ms=ms(due_ns), late_ms=ms(started_ns - due_ns), outcome=outcome, told=told)
        return sampled(taken, due_ns, started_ns, self._origin_ns)

    # --- how it goes

    async def beat(self) -> None:
        """Without end: looks how late the loop is, and how much processor time the process has used."""
        due_ns = self._now_ns()
        while True:
            due_ns += BEAT_NS
            await self._until(due_ns)
            now_ns = self._now_ns()
            if self._shift.window.holds(now_ns):
                self._beats.append(_Beat(now_ns - due_ns, len(self._open)))
                self._cpu.append((cpu_ns(), now_ns))
            due_ns = max(due_ns, now_ns - BEAT_NS)

    async def tell(self, tell: Callable[[Progress], None]) -> None:
        while True:
            tell(self.progress())
            await asyncio.sleep(TELL_NS / NS_PER_S)

    def progress(self) -> Progress:
        bad = sum(sample.outcome is not Outcome.COMPLETED for sample in self._samples)
        over = self._now_ns() >= self._shift.window.end_ns
        return Progress(len(self._open), len(self._samples), bad, len(self.pending()), over)

    def report(self, pending: Sequence[int], interrupted: bool) -> WorkerReport:
        """`pending` are the calls of the window that were open at the end."""
        unfinished: list[CallSample] = []
        if not interrupted:
            told = "it was not over long after it should have been"
            unfinished = [CallSample(due_ms=ms(due), outcome=Outcome.UNFINISHED, told=told) for due in pending]
        return WorkerReport(
            samples=(*self._samples, *unfinished), health=self._health(), cut=len(pending) if interrupted else 0
        )

    def pending(self) -> list[int]:
        """When the calls of the window that are still open were meant to begin."""
        return [due_ns for due_ns in self._open.values() if self._shift.window.holds(due_ns)]

    def _health(self) -> WorkerHealth:
        lags = [ms(beat.lag_ns) for beat in self._beats]
        cpu_share = 0.0
        if len(self._cpu) > 1:
            (cpu_before, before_ns), (cpu_after, after_ns) = self._cpu[0], self._cpu[-1]
            cpu_share = (cpu_after - cpu_before) / (after_ns - before_ns)
        return WorkerHealth(
            cpu_share=round(cpu_share, 3),
            lag_p95_ms=round(percentile(lags, 95), 3) if lags else 0.0,
            lag_max_ms=max(lags, default=0.0),
            beats=len(lags),
            mean_open=round(sum(beat.open for beat in self._beats) / len(self._beats), 2) if self._beats else 0.0,
        )

    def _now_ns(self) -> int:
        return self._clock.now_ns() - self._origin_ns


async def at_work(
    scripts: Sequence[Script], shift: Shift, clock: Clock, tell: Callable[[Progress], None], stop: Stop
) -> WorkerReport:
    """Carry out a shift until it is stopped."""
    worker = _Worker(scripts, shift, clock)
    pending: list[int] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in (worker.call(), worker.beat(), worker.tell(tell))]
        await stop.wait()
        pending = worker.pending()
        for task in tasks:
            task.cancel()
    return worker.report(pending, stop.interrupted)


def sampled(taken: Take, due_ns: int, started_ns: int, origin_ns: int) -> CallSample:
    """A call that was placed; the instants count from `origin_ns` of the worker's clock."""
    document = taken.document
    setup_ms = ms(taken.record.origin_ns - origin_ns - due_ns)
    turns: list[TurnSample] = []
    for turn in document.turns:
        known = {name.removesuffix("_ms"): value for name, value in turn.counted_ms().items()}
        if "voice_to_voice" in known and not any("voice_to_voice" in each.latencies_ms for each in turns):
            known["voice_to_voice"] = round(known["voice_to_voice"] + setup_ms, 3)
        underruns = 0 if turn.reply_audio is UNSET else turn.reply_audio.underruns
        turns.append(TurnSample(latencies_ms=known, parts=turn.parts, underruns=underruns))
    heard = samples([Called(taken.fixture, document)])
    outcome = Outcome.COMPLETED if not document.failures else Outcome.UNEXPECTED
    if document.gave_up is not UNSET:
        outcome = Outcome.UNANSWERED
    return CallSample(
        due_ms=ms(due_ns),
        late_ms=ms(started_ns - due_ns),
        outcome=outcome,
        setup_ms=setup_ms,
        told=document.failures[0] if document.failures else "",
        turns=tuple(turns),
        words=WordErrorsDocument(errors=heard.words.errors, **heard.words._asdict()) if heard.words.words else UNSET,
        false_cutoffs=heard.false_cutoffs,
        utterances=heard.utterances,
        frames=document.pacing.frames,
        late_frames=document.pacing.late_frames,
        worst_late_ms=document.pacing.worst_late_ms,
        reliable=document.reliable,
    )


def _failure(error: BaseException, is_open: bool) -> tuple[Outcome, str]:
    """Raises what is no CallError: a defect, or the end of the shift."""
    if isinstance(error, BaseExceptionGroup):
        known, other = error.split(CallError)
        if other is not None or known is None:
            raise error
        error = first_of(known)
    assert isinstance(error, CallError)
    if isinstance(error, Refused):
        return Outcome.REFUSED, str(error)
    return (Outcome.DROPPED if is_open else Outcome.NOT_CONNECTED), str(error)
