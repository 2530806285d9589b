import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.faults import Fault, FaultPlan, FaultSettings, StreamFault
from voiceserver.engines.scripted.pacing import Pacing

Virtual = Callable[..., Any]


def stream(fault: Fault, *, after: int = 0, late: float = 10_000.0) -> StreamFault:
    return FaultPlan(FaultSettings(fault=fault, fault_after=after, late=late)).stream()


async def items(fault: StreamFault, count: int) -> list[float]:
    """Milliseconds at which items passed that are due at once."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pacing = Pacing()
    passed = []
    for _ in range(count):
        await fault.strike(pacing)
        await pacing.wait(10)
        passed.append(round((loop.time() - begun) * 1000, 6))
    return passed


def test_without_a_fault_items_pass_in_time(virtual: Virtual) -> None:
    assert virtual(items(stream(Fault.NONE), 3)) == [10, 20, 30]


def test_a_late_item_moves_those_after_it_and_no_item_is_lost(virtual: Virtual) -> None:
    assert virtual(items(stream(Fault.LATE, after=1, late=500), 3)) == [10, 520, 530]


@pytest.mark.parametrize("after", [0, 2])
def test_raising_spares_the_items_before_it(virtual: Virtual, after: int) -> None:
    fault = stream(Fault.RAISE, after=after)
    assert len(virtual(items(fault, after))) == after
    with pytest.raises(EngineError, match="the fault that its settings ask for"):
        virtual(items(fault, 1))


def test_silence_lasts_until_it_is_cancelled(virtual: Virtual) -> None:
    async def scene() -> None:
        async with asyncio.timeout(3600):
            await items(stream(Fault.SILENT), 1)

    with pytest.raises(TimeoutError):
        virtual(scene())


def test_endlessness_is_left_to_the_stream(virtual: Virtual) -> None:
    fault = stream(Fault.ENDLESS)
    assert fault.is_endless
    assert virtual(items(fault, 2)) == [10, 20]


def test_only_the_first_streams_fail_where_so_many_are_named() -> None:
    plan = FaultPlan(FaultSettings(fault=Fault.ENDLESS, fault_streams=2))
    assert [plan.stream().is_endless for _ in range(4)] == [True, True, False, False]


def test_all_streams_fail_where_none_are_named() -> None:
    plan = FaultPlan(FaultSettings(fault=Fault.ENDLESS))
    assert [plan.stream().is_endless for _ in range(3)] == [True, True, True]
