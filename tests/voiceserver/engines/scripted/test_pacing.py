import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from voiceserver.engines.scripted.pacing import Pacing, delay_of, delays

Virtual = Callable[..., Any]


async def instants_ms(
    delays_ms: list[float], *, busy_ms: float = 0.0, jitter_ms: float = 0.0, key: str = ""
) -> list[float]:
    """When each delay ended; between two of them the consumer is busy."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pacing = Pacing(jitter_ms=jitter_ms, key=key)
    instants = []
    for delay_ms in delays_ms:
        await pacing.wait(delay_ms)
        instants.append(round((loop.time() - begun) * 1000, 6))
        await asyncio.sleep(busy_ms / 1000)
    return instants


def test_each_delay_ends_exactly_when_declared(virtual: Virtual) -> None:
    assert virtual(instants_ms([100, 20, 20, 0])) == [100, 120, 140, 140]


def test_a_busy_consumer_does_not_move_later_instants(virtual: Virtual) -> None:
    assert virtual(instants_ms([100, 20, 20], busy_ms=15)) == [100, 120, 140]


def test_instants_that_have_passed_are_made_up_for_at_once(virtual: Virtual) -> None:
    assert virtual(instants_ms([100, 20, 20, 200], busy_ms=50)) == [100, 150, 200, 340]


def test_jitter_is_bounded_repeatable_and_never_adds_up(virtual: Virtual) -> None:
    declared = [100.0 * step for step in range(1, 101)]
    jittered = virtual(instants_ms([100.0] * 100, jitter_ms=10, key="7/tts/1"))
    errors = [at - due for at, due in zip(jittered, declared, strict=True)]
    assert all(-10 <= error <= 10 for error in errors)
    assert min(errors) < -5
    assert max(errors) > 5
    assert virtual(instants_ms([100.0] * 100, jitter_ms=10, key="7/tts/1")) == jittered
    assert virtual(instants_ms([100.0] * 100, jitter_ms=10, key="8/tts/1")) != jittered


def test_restart_counts_from_now(virtual: Virtual) -> None:
    async def scene() -> float:
        loop = asyncio.get_running_loop()
        pacing = Pacing()
        await asyncio.sleep(5)
        pacing.restart()
        begun = loop.time()
        await pacing.wait(80)
        return loop.time() - begun

    assert virtual(scene()) == pytest.approx(0.08)


def test_a_delay_of_zero_lets_others_run() -> None:
    async def scene() -> list[str]:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        async with asyncio.TaskGroup() as group:
            pacing = Pacing()
            group.create_task(other())
            await pacing.wait(0)
            order.append("waited")
        return order

    assert asyncio.run(scene()) == ["other", "waited"]


def test_several_times_stand_between_bars() -> None:
    assert delays("finals", " 320ms|1.5s|| 40 ") == (320.0, 1500.0, None, 40.0)
    assert (delays("finals", None), delays("finals", "")) == ((), ())
    with pytest.raises(ValueError, match=r"finals must be times between \|, such as 320ms\|280ms, got 'soon'"):
        delays("finals", "1|soon")


def test_times_begin_anew_after_the_last_one_and_those_not_given_are_the_usual() -> None:
    assert [delay_of(number, (1.0, None), 9.0) for number in range(4)] == [1.0, 9.0, 1.0, 9.0]
    assert delay_of(3, (), 9.0) == 9.0
