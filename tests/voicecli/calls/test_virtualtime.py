import asyncio

import pytest

from voicecli.calls.virtualtime import VirtualDeadlock, VirtualLoop, run_virtual
from voicewire.clock import NS_PER_MS, NS_PER_S


def test_waiting_takes_virtual_time_to_the_nanosecond() -> None:
    loop = VirtualLoop()

    async def main() -> list[int]:
        seen = [loop.now_ns()]
        for seconds in (0.02, 0.5, 3600):
            await asyncio.sleep(seconds)
            seen.append(loop.now_ns())
        return seen

    assert run_virtual(main(), loop) == [0, 20 * NS_PER_MS, 520 * NS_PER_MS, 3600 * NS_PER_S + 520 * NS_PER_MS]


def test_tasks_wake_in_the_order_of_their_timers() -> None:
    loop = VirtualLoop()
    order: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait("late", 2.0))
            tasks.create_task(wait("early", 1.0))

    run_virtual(main(), loop)
    assert order == ["early", "late"]


def test_a_timeout_is_virtual_too() -> None:
    loop = VirtualLoop()

    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.sleep(3600)
        return loop.now_ns()

    assert run_virtual(main(), loop) == 10 * NS_PER_S


def test_waiting_for_what_never_comes_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(VirtualDeadlock):
        run_virtual(main(), VirtualLoop())
