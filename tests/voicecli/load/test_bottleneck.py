from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.voicecli.loads import HEALTHY, answered, report
from voicecli.load.bottleneck import bottleneck
from voicecli.load.shift import CallSample, Outcome, WorkerHealth

GOOD = [answered() for _ in range(100)]
LATE_FRAMES = [replace(answered(), late_frames=20) for _ in range(100)]
UNRELIABLE = [replace(answered(), reliable=False) for _ in range(51)] + GOOD[:49]
NOT_STARTED = CallSample(due_ms=0.0, outcome=Outcome.NOT_STARTED)
SLOW_LOOP = replace(HEALTHY, lag_p95_ms=6.0, lag_max_ms=40.0)


def test_a_worker_that_kept_up_was_none() -> None:
    assert bottleneck("worker 1", report(GOOD)) == []


@pytest.mark.parametrize(
    ("samples", "health", "told"),
    [
        (GOOD, replace(HEALTHY, cpu_share=0.9), "worker 1 used 90% of a core"),
        (GOOD, replace(HEALTHY, lag_p95_ms=51.0), "worker 1 ran what was due 51 ms late (p95 of 600)"),
        (LATE_FRAMES, SLOW_LOOP, "worker 1 sent 10% of 20,000 pieces of audio more than 5 ms late"),
        (UNRELIABLE, SLOW_LOOP, "worker 1 did not keep the pace in 51 of 100 calls"),
        (
            [replace(answered(), late_ms=51.0), NOT_STARTED, *GOOD[:98]],
            HEALTHY,
            "worker 1 began 2 of 100 calls more than 50 ms late, or not at all",
        ),
    ],
)
def test_each_way_not_to_keep_up_is_named(samples: Sequence[CallSample], health: WorkerHealth, told: str) -> None:
    assert bottleneck("worker 1", report(samples, health)) == [told]


@pytest.mark.parametrize(
    ("samples", "health"),
    [
        (GOOD, replace(HEALTHY, cpu_share=0.89)),
        (GOOD, replace(HEALTHY, lag_p95_ms=50.0)),
        ([replace(answered(), late_frames=10) for _ in range(100)], SLOW_LOOP),
        ([replace(answered(), reliable=False) for _ in range(50)] + GOOD[:50], SLOW_LOOP),
        ([NOT_STARTED, *GOOD[:99]], HEALTHY),
    ],
)
def test_the_bounds_themselves_are_kept(samples: Sequence[CallSample], health: WorkerHealth) -> None:
    assert bottleneck("worker 1", report(samples, health)) == []


def test_audio_that_a_server_takes_late_is_not_the_generators_fault() -> None:
    assert bottleneck("worker 1", report(LATE_FRAMES)) == []


@given(cpu=st.floats(0, 2), lag=st.floats(0, 500), late=st.integers(0, 200))
def test_what_gets_worse_is_never_excused(cpu: float, lag: float, late: int) -> None:
    samples = [replace(answered(), late_frames=late) for _ in range(20)]
    health = replace(HEALTHY, cpu_share=cpu, lag_p95_ms=lag, lag_max_ms=lag)
    worse = replace(health, cpu_share=cpu + 0.5, lag_p95_ms=lag + 10)
    assert len(bottleneck("w", report(samples, worse))) >= len(bottleneck("w", report(samples, health)))
