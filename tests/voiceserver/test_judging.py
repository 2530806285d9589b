import asyncio

import pytest

from tests.voiceserver.stages import BROKEN, Caller, converse, opened, virtually
from tests.voiceserver.test_session_turn_taking import HUMAN, marks
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.judging import Judging
from voiceserver.logs import SessionLog
from voiceserver.turn_events import TurnJudged
from voicewire.marks import Mark

SOUND = b"\x01\x00" * 16


class Judge:
    """Takes 50 ms, and hears 4 ms."""

    sample_rate = 16_000
    longest_ms = 4

    def __init__(self, failure: Exception | None = None) -> None:
        self.heard: list[bytes] = []
        self._failure = failure

    async def start(self) -> None: ...
    async def close(self) -> None: ...

    async def probability(self, audio: bytes) -> float:
        self.heard.append(audio)
        await asyncio.sleep(0.05)
        if self._failure is not None:
            raise self._failure
        return 0.75


def judged(judge: Judge, *, goes_on: bool = False) -> list[TurnJudged]:
    told: list[TurnJudged] = []

    async def main(loop: VirtualLoop) -> None:
        judging = Judging(judge, 16_000, emit=told.append, log=SessionLog("s"))
        async with asyncio.TaskGroup() as tasks:
            judging.speech_started(3)
            for _ in range(6):
                judging.feed(SOUND)
            judging.ask(3, 1, lambda work, name: tasks.create_task(work, name=name))
            await asyncio.sleep(0.01)
            if goes_on:
                judging.speech_started(3)

    virtually(main)
    return told


def test_the_last_of_the_turn_is_heard_and_the_answer_names_the_pause() -> None:
    judge = Judge()
    assert judged(judge) == [TurnJudged(3, 1, 0.75)]
    assert judge.heard == [SOUND * 4]


def test_who_goes_on_is_not_judged() -> None:
    assert judged(Judge(), goes_on=True) == []


@pytest.mark.parametrize("failure", [BROKEN, ValueError("odd")])
def test_a_model_that_fails_leaves_it_to_the_silence(failure: Exception) -> None:
    assert judged(Judge(failure)) == []


@pytest.mark.parametrize(("probability", "silence_ms"), [(0.9, 300), (0.35, 600), (0.1, 1200)])
def test_a_session_waits_as_the_model_says(probability: float, silence_ms: int) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 5000)

    caller = converse(
        script, **HUMAN, stt="scripted(text='good morning')", end_of_turn=f"scripted(probability={probability})"
    )
    told = marks(caller, 1)
    assert told[Mark.TURN_COMMITTED] - told[Mark.AUDIO_LAST_SPEECH] == silence_ms
