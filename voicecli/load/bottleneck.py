"""Was it the generator that was measured? Decided from what its workers know of themselves.

A generator that cannot keep up sends late, hears late and begins calls late, and each of that looks like a slow server.
Late audio alone is no proof: a server that stops reading makes its callers late. So it counts with a late event loop.
"""

from collections.abc import Iterator, Sequence

from voicecli.calls.pacing import LATE_NS, MAX_LATE_SHARE, MAX_LATENESS_NS
from voicecli.load.shift import CallSample, Outcome, WorkerReport
from voicewire.clock import NS_PER_MS

MAX_CPU_SHARE = 0.9
"""Of one core: an event loop has no second one."""

LATE_MS = LATE_NS / NS_PER_MS
LATE_START_MS = MAX_LATENESS_NS / NS_PER_MS
"""A call begun later than this was begun late."""

MAX_LATE_START_SHARE = 0.01

MAX_LEFT_OUT_SHARE = 0.5
"""Of calls that did not keep their pace. A machine that stands still for a moment hits all that are open at once; they
are left out, and the others still count."""


def is_late_start(sample: CallSample) -> bool:
    return sample.outcome is Outcome.NOT_STARTED or sample.late_ms > LATE_START_MS


def bottleneck(name: str, report: WorkerReport) -> list[str]:
    """Why a worker was what was measured: sentences, none where it kept up."""
    return [f"{name} {reason}" for reason in _reasons(report.samples, report)]


def _reasons(samples: Sequence[CallSample], report: WorkerReport) -> Iterator[str]:
    health = report.health
    if health.cpu_share >= MAX_CPU_SHARE:
        yield f"used {health.cpu_share:.0%} of a core"
    if health.lag_p95_ms > LATE_START_MS:
        yield f"ran what was due {health.lag_p95_ms:.0f} ms late (p95 of {health.beats})"
    frames = sum(sample.frames for sample in samples)
    late = sum(sample.late_frames for sample in samples)
    if late > MAX_LATE_SHARE * frames and health.lag_p95_ms > LATE_MS:
        yield f"sent {late / frames:.0%} of {frames:,} pieces of audio more than {LATE_MS:.0f} ms late"
    left_out = sum(not sample.reliable for sample in samples)
    if left_out > MAX_LEFT_OUT_SHARE * len(samples) and health.lag_max_ms > LATE_MS:
        yield f"did not keep the pace in {left_out} of {len(samples)} calls"
    late_starts = sum(map(is_late_start, samples))
    if late_starts > max(1, MAX_LATE_START_SHARE * len(samples)):
        yield f"began {late_starts} of {len(samples)} calls more than {LATE_START_MS:.0f} ms late, or not at all"
