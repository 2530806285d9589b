import asyncio
from typing import NoReturn

import pytest

from tests.voiceserver.stages import Caller, opened, scripted, virtually
from voicecli.virtualtime import VirtualLoop
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import SpecError
from voiceserver.service import Service
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.messages import (
    Error,
    GoingAway,
    TextInput,
    TurnEnd,
    TurnOutcome,
)


def errors(caller: Caller) -> list[tuple[ErrorCode, bool, int | None]]:
    return [(error.code, error.fatal, error.turn_id) for error in caller.all(Error)]


def test_a_conversation_is_resumed_once_by_its_token() -> None:
    tokens: list[str] = []

    async def first(caller: Caller) -> None:
        tokens.append((await opened(caller)).resume_token)
        caller.send(TextInput(text="repeat after me: blue"))
        await caller.until(TurnEnd)

    async def both(loop: VirtualLoop) -> None:
        async with Service(scripted(**{"llm": "scripted"}), loop) as service:
            for token in (None, 0):
                caller = Caller(loop)
                async with asyncio.TaskGroup() as tasks:
                    served = tasks.create_task(service.converse(caller.transport))
                    if token is None:
                        await first(caller)
                    else:
                        await opened(caller, resume_token=tokens[0])
                        caller.send(TextInput(text="go on"))
                        await caller.until(TurnEnd)
                        assert len(next(iter(service._sessions)).conversation.messages) == 4
                    caller.hang_up()
                    await served

    virtually(both)


def test_a_full_server_refuses_before_anything_starts() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(**{"sessions": 1}), loop) as service:
            one, two = Caller(loop), Caller(loop)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(service.converse(one.transport))
                await opened(one)
                await service.converse(two.transport)
                two.start()
                refusal = await two.until(Error)
                assert (refusal.code, refusal.fatal) == (ErrorCode.SERVER_FULL, True)
                assert two.transport.closed == (1013, refusal.message)
                one.hang_up()

    virtually(main)


def test_a_service_that_ends_lets_the_reply_finish_and_says_why() -> None:
    async def main(loop: VirtualLoop) -> None:
        caller = Caller(loop)
        async with asyncio.TaskGroup() as tasks:
            async with Service(scripted(), loop) as service:
                tasks.create_task(service.converse(caller.transport))
                ready = await opened(caller)
                caller.send(TextInput(text="talk"))
                await caller.until(AudioFrame)
            assert caller.all(GoingAway) == [GoingAway(time_left_ms=5000, resume_token=ready.resume_token)]
            assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.COMPLETED]
            assert errors(caller) == [(ErrorCode.GOING_AWAY, True, None)]

    virtually(main)


def test_a_service_that_ends_does_not_wait_for_a_client_that_says_nothing() -> None:
    async def main(loop: VirtualLoop) -> None:
        silent = Caller(loop)
        tasks: list[asyncio.Task[None]] = []
        async with Service(scripted(), loop) as service:
            tasks.append(loop.create_task(service.converse(silent.transport)))
            await asyncio.sleep(1)
        assert loop.now_ns() == 1_000_000_000
        assert await asyncio.gather(*tasks, return_exceptions=True) != [None]
        late = Caller(loop)
        late.start()
        await service.converse(late.transport)
        assert late.transport.sent == []

    virtually(main)


def test_a_service_that_ends_leaves_a_client_that_does_not_read_behind() -> None:
    async def main(loop: VirtualLoop) -> None:
        stuck = Caller(loop)
        tasks: list[asyncio.Task[None]] = []
        async with Service(scripted(), loop) as service:
            tasks.append(loop.create_task(service.converse(stuck.transport)))
            await opened(stuck)
            stuck.transport.reads.clear()
        assert loop.now_ns() == 2_000_000_000
        await asyncio.gather(*tasks, return_exceptions=True)

    virtually(main)


def test_a_defect_is_told_as_one_and_closes_the_session() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(), loop) as service:

            def broken() -> NoReturn:
                raise ZeroDivisionError

            service._engines.vad.detector = broken  # type: ignore[method-assign]
            caller = Caller(loop)
            caller.start()
            await service.converse(caller.transport)
            assert errors(caller) == [(ErrorCode.INTERNAL, True, None)]
            assert caller.transport.closed == (1011, "the server failed; its log says why")

    virtually(main)


def test_an_engine_that_is_not_there_is_named() -> None:
    async def main(loop: VirtualLoop) -> None:
        with pytest.raises(SpecError, match="there is no engine scriptd, did you mean scripted"):
            Service(scripted(**{"stt": "scriptd"}), loop)

    virtually(main)


def test_engines_that_started_are_closed_when_another_one_cannot() -> None:
    async def main(loop: VirtualLoop) -> None:
        service = Service(scripted(), loop)
        closed: list[str] = []

        async def fail() -> None:
            raise EngineError("no model")

        async def close() -> None:
            closed.append("stt")

        service._engines.llm.start = fail  # type: ignore[method-assign]
        service._engines.stt.close = close  # type: ignore[method-assign]
        with pytest.raises(EngineError, match="no model"):
            await service.__aenter__()
        assert closed == ["stt"]

    virtually(main)
