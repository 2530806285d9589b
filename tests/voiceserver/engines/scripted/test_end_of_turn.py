import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import EndOfTurn, EngineError
from voiceserver.engines.spec import SpecError

Virtual = Callable[..., Any]


async def timed(judge: EndOfTurn, count: int = 1) -> list[tuple[float, float]]:
    """When each of so many answers came, in ms, and what it was."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    answers = []
    for _ in range(count):
        probability = await judge.probability(b"")
        answers.append((round((loop.time() - begun) * 1000, 6), probability))
    return answers


@pytest.mark.parametrize(
    ("spec", "answers"),
    [
        ("scripted", [(0, 1), (0, 1)]),
        ("scripted(probability=0.25,delay=30ms)", [(30, 0.25), (60, 0.25)]),
        ("scripted(probability='0.5')", [(0, 0.5), (0, 0.5)]),
        ("scripted(probability=0)", [(0, 0), (0, 0)]),
        ("scripted(probability=0.9|0.2 | 1,delay=1s)", [(1000, 0.9), (2000, 0.2), (3000, 1), (4000, 0.9)]),
    ],
)
def test_each_pause_has_the_next_probability_after_the_declared_delay(
    virtual: Virtual, spec: str, answers: list[tuple[float, float]]
) -> None:
    assert virtual(timed(create(Role.END_OF_TURN, spec), len(answers))) == answers


def test_questions_at_once_do_not_wait_for_each_other(virtual: Virtual) -> None:
    judge = create(Role.END_OF_TURN, "scripted(probability=0.9|0.2,delay=30ms)")

    async def scene() -> list[list[tuple[float, float]]]:
        return list(await asyncio.gather(timed(judge), timed(judge)))

    assert virtual(scene()) == [[(30, 0.9)], [(30, 0.2)]]


@pytest.mark.parametrize("given", ["2", "-0.1", "'0.5|'", "''", "often", "nan", "0.5|1.5"])
def test_what_is_no_probability_is_refused_and_quoted(given: str) -> None:
    with pytest.raises(SpecError, match=r"scripted: probability must be numbers between 0 and 1 such as 0.9 or 0.2\|0"):
        create(Role.END_OF_TURN, f"scripted(probability={given})")


def test_a_late_answer_is_late_by_what_is_declared_and_the_next_one_is_not(virtual: Virtual) -> None:
    judge = create(Role.END_OF_TURN, "scripted(delay=30ms,fault=late,late=2s,fault_streams=1)")
    assert virtual(timed(judge, 2)) == [(2030, 1), (2060, 1)]


def test_one_that_raises_uses_up_its_pause(virtual: Virtual) -> None:
    judge = create(Role.END_OF_TURN, "scripted(probability=0.9|0.2,fault=raise,fault_streams=1)")
    with pytest.raises(EngineError):
        virtual(timed(judge))
    assert virtual(timed(judge)) == [(0, 0.2)]


@pytest.mark.parametrize("fault", ["silent", "endless"])
def test_silent_and_endless_ones_never_answer(virtual: Virtual, fault: str) -> None:
    judge = create(Role.END_OF_TURN, f"scripted(fault={fault})")

    async def scene() -> None:
        async with asyncio.timeout(60):
            await judge.probability(b"")

    with pytest.raises(TimeoutError):
        virtual(scene())
