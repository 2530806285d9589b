import asyncio
import gc
import logging
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import NoReturn

import pytest

from tests.voiceserver.stages import Caller, MemoryTransport, opened, scripted, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.conversation import Conversation
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import SpecError
from voiceserver.service import Service
from voiceserver.session import Session
from voiceserver.transport import Disconnected
from voiceserver.visitor import Visitor
from voicewire.connection import Connection, Side
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.messages import (
    Endpointing,
    Error,
    GoingAway,
    Interrupt,
    Limits,
    LlmToken,
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
                        ready = await opened(caller, resume_token=tokens[0])
                        assert ready.resumed is True
                        caller.send(TextInput(text="go on"))
                        await caller.until(TurnEnd)
                        assert len(next(iter(service._sessions.values())).conversation.messages) == 4
                    caller.hang_up()
                    await served

    virtually(both)


@pytest.mark.parametrize("reads", [True, False])
def test_who_comes_back_before_the_break_was_noticed_takes_the_conversation_over(reads: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(**{"llm": "scripted"}), loop) as service, asyncio.TaskGroup() as tasks:
            old, new, third = Caller(loop), Caller(loop), Caller(loop)
            served = tasks.create_task(service.converse(old.transport))
            token = (await opened(old)).resume_token
            old.send(TextInput(text="tell me a story"))
            await asyncio.sleep(3)
            if not reads:
                old.transport.reads.clear()
            tasks.create_task(service.converse(new.transport))
            assert (await opened(new, resume_token=token)).resumed is True
            (session,) = service._sessions.values()
            asked, heard = session.conversation.messages
            assert (asked.text, heard.text[:34]) == ("tell me a story", "All right, here is a long one. Sto")
            await served
            assert old.transport.closed == (1008, "the conversation goes on in another connection")
            if reads:
                assert (await old.until(Error)).code is ErrorCode.TAKEN_OVER
            # The token was good once; the new one is good now.
            tasks.create_task(service.converse(third.transport))
            assert (await opened(third, resume_token=token)).resumed is False
            new.hang_up()
            third.hang_up()

    virtually(main)


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


def test_an_address_that_has_its_sessions_is_told_so_and_others_are_served() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(sessions_per_address=1), loop) as service, asyncio.TaskGroup() as tasks:
            one, again, other = Caller(loop), Caller(loop), Caller(loop)
            tasks.create_task(service.converse(one.transport, Visitor("203.0.113.9")))
            await opened(one)
            await service.converse(again.transport, Visitor("203.0.113.9"))
            again.start()
            refusal = await again.until(Error)
            assert (refusal.code, refusal.fatal) == (ErrorCode.TOO_MANY_SESSIONS, True)
            assert again.transport.closed == (1013, refusal.message)
            tasks.create_task(service.converse(other.transport, Visitor("198.51.100.7")))
            await opened(other)
            one.hang_up()
            other.hang_up()

    virtually(main)


def test_who_has_not_started_takes_nobodys_session() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(sessions=1), loop) as service, asyncio.TaskGroup() as tasks:
            waiting, quick = Caller(loop), Caller(loop)
            for caller in (waiting, quick):
                tasks.create_task(service.converse(caller.transport))
            await opened(quick)
            waiting.start()
            assert (await waiting.until(Error)).code is ErrorCode.SERVER_FULL
            quick.hang_up()

    virtually(main)


def test_who_leaves_makes_room_however_far_they_got() -> None:
    async def main(loop: VirtualLoop) -> None:
        settings = scripted(sessions=1, sessions_per_address=1, token=("good",))
        async with Service(settings, loop) as service:
            for token in ("good", "wrong", None, "good"):
                caller = Caller(loop)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(service.converse(caller.transport, Visitor("203.0.113.9")))
                    if token == "good":
                        await opened(caller, token=token)
                    elif token:
                        caller.start(token=token)
                    caller.hang_up()

    virtually(main)


TOKEN = "correct horse"
GOOD = [
    (TOKEN, Visitor()),
    (None, Visitor(bearer=TOKEN)),
    (None, Visitor(cookie=TOKEN)),
    ("", Visitor(cookie=TOKEN)),
    (TOKEN, Visitor(bearer="stale", cookie="stale")),
]
BAD = [
    (None, Visitor(), "this server asks for a token, and none was given"),
    ("wrong", Visitor(), "the token is not accepted"),
    ("wrong", Visitor(bearer=TOKEN, cookie=TOKEN), "the token is not accepted"),
    (None, Visitor(bearer="wrong", cookie=TOKEN), "the token is not accepted"),
]


@pytest.mark.parametrize(("token", "visitor"), GOOD)
def test_who_shows_the_token_is_served_wherever_it_is_shown(token: str | None, visitor: Visitor) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(token=(TOKEN,)), loop) as service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            tasks.create_task(service.converse(caller.transport, visitor))
            await opened(caller, token=token)
            caller.hang_up()

    virtually(main)


@pytest.mark.parametrize(("token", "visitor", "told"), BAD)
def test_who_does_not_is_refused_before_anything_starts(
    token: str | None, visitor: Visitor, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(token=(TOKEN,), sessions=1), loop) as service:
            for _ in range(3):  # a refusal takes no session
                caller = Caller(loop)
                caller.start(token=token)
                await service.converse(caller.transport, visitor)
                (refusal,) = caller.all(Error)
                assert refusal == Error(code=ErrorCode.UNAUTHORIZED, message=told, field="token", fatal=True)
                assert caller.transport.closed == (1008, told)
                assert not service._sessions

    with caplog.at_level(logging.DEBUG, logger="voiceserver"):
        virtually(main)
    assert [record.getMessage() for record in caplog.records] == ["session refused"] * 3
    assert "wrong" not in caplog.text
    assert all("wrong" not in str(vars(record)) for record in caplog.records)


def test_messages_larger_than_the_setting_are_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(max_message_bytes=16_384), loop) as service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            caller.connection = Connection(Side.CLIENT, Limits(max_message_bytes=16_384))
            tasks.create_task(service.converse(caller.transport))
            assert (await opened(caller)).limits == Limits(max_message_bytes=16_384)
            caller.audio(bytes(16_384))
            assert (await caller.until(Error)).code is ErrorCode.MESSAGE_TOO_LARGE
            caller.hang_up()

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


def test_an_engine_that_judges_turns_lives_as_long_as_the_others() -> None:
    async def main(loop: VirtualLoop) -> None:
        assert Service(scripted(), loop)._engines.end_of_turn is None
        service = Service(scripted(end_of_turn="scripted(probability=0.25)"), loop)
        judge = service._engines.end_of_turn
        assert judge is not None
        assert await judge.probability(b"") == 0.25
        seen: list[str] = []

        async def start() -> None:
            seen.append("started")

        async def close() -> None:
            seen.append("closed")

        judge.start, judge.close = start, close  # type: ignore[method-assign]
        async with service:
            assert seen == ["started"]
        assert seen == ["started", "closed"]

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


@pytest.mark.parametrize(("token", "resumed"), [(None, None), ("", None), ("of another server", False)])
def test_who_cannot_go_on_with_a_conversation_is_told_so(token: str | None, resumed: bool | None) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(), loop) as service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            tasks.create_task(service.converse(caller.transport))
            assert (await opened(caller, resume_token=token)).resumed is resumed
            caller.hang_up()

    virtually(main)


def test_a_conversation_is_not_lost_with_a_client_that_never_reads_that_it_goes_on() -> None:
    class Gone(MemoryTransport):
        async def send(self, data: str | bytes) -> None:
            raise Disconnected("gone")

    async def main(loop: VirtualLoop) -> None:
        async with Service(scripted(), loop) as service:
            service._store.keep("token", Conversation())
            for transport, resumed in ((Gone(), None), (MemoryTransport(), True), (MemoryTransport(), False)):
                caller = Caller(loop)
                caller.transport = transport
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(service.converse(caller.transport))
                    if resumed is None:
                        caller.start(resume_token="token")
                    else:
                        assert (await opened(caller, resume_token="token")).resumed is resumed
                        caller.hang_up()

    virtually(main)


SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType)


def held_by(session: Session, *beside: object) -> int:
    """How many objects can be reached from it, but for what others own."""
    seen = {id(other) for other in (session._engines, session._tasks, session._log, session.conversation, *beside)}
    found, waiting = 0, [session]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, SHARED):
            seen.add(id(each))
            found += 1
            waiting += gc.get_referents(each)
    return found


def test_a_session_does_not_grow_with_its_turns() -> None:
    async def turns(caller: Caller) -> None:
        """One that is heard, one that is interrupted, one that is talked over, one of a typed text over another."""
        for what in ("heard", "interrupted", "talked over", "typed over"):
            await caller.speak(400, 700)
            token = await caller.until(LlmToken)
            if what == "interrupted":
                caller.send(Interrupt(turn_id=token.turn_id, played_ms=10))
            elif what == "talked over":
                await caller.speak(0, 1000, 500, 700)
            elif what == "typed over":
                caller.send(TextInput(text="something else"))
            ended = 0
            while ended < token.turn_id + (what in ("talked over", "typed over")):
                ended = (await caller.until(TurnEnd)).turn_id

    async def main(loop: VirtualLoop) -> None:
        settings = scripted(speculation=True, resume_ms=700, endpointing=Endpointing.ADAPTIVE)
        async with Service(settings, loop) as service, asyncio.TaskGroup() as tasks:
            caller = Caller(loop)
            tasks.create_task(service.converse(caller.transport))
            await opened(caller)
            (session,) = service._sessions.values()
            sizes = []
            for _ in range(4):
                for _ in range(3):
                    await turns(caller)
                sizes.append(held_by(session, caller.transport, caller, loop))
            assert session._machine.last_turn_id > 60
            assert max(sizes) - sizes[0] < 20, sizes
            caller.hang_up()

    virtually(main)
