import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.voiceserver.engines.chat_server import WHOLE, ChatServer, chunk, serving
from voiceserver.engines.openai import OpenAILlm
from voiceserver.engines.registry import Role, create, describe
from voiceserver.engines.roles import ChatMessage, EngineError, Speaker, Token, TokenUsage
from voiceserver.engines.spec import SpecError

KEY = "sk-very-secret"
TALK = [
    ChatMessage(Speaker.USER, "tell me a story"),
    ChatMessage(Speaker.ASSISTANT, "Once upon"),
    ChatMessage(Speaker.USER, "go on"),
]


@asynccontextmanager
async def engine_at(url: str, **settings: str | int | float) -> AsyncIterator[OpenAILlm]:
    llm = create(Role.LLM, {"engine": "openai", "model": "m", "url": url, **settings})
    assert isinstance(llm, OpenAILlm)
    await llm.start()
    try:
        yield llm
    finally:
        await llm.close()


async def items_of(server: ChatServer, **settings: str | int | float) -> list[Token | TokenUsage]:
    async with serving(server.answer) as url, engine_at(url, **settings) as llm:
        return [item async for item in llm.reply(TALK, locale="en-US")]


def run(scene: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """In a bounded time: a defect here shows as a wait without end."""

    async def bounded() -> Any:
        async with asyncio.timeout(20):
            return await scene()

    return asyncio.run(bounded())


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")


def test_the_answer_is_streamed_and_usage_comes_last() -> None:
    assert run(lambda: items_of(ChatServer(WHOLE))) == [Token("It is "), Token("fine."), TokenUsage(12, 3)]


def test_the_request_carries_the_conversation_the_locale_and_the_key() -> None:
    server = ChatServer(WHOLE)
    run(lambda: items_of(server, system="Be brief.", temperature=0.5, max_tokens=50))
    ((head, body),) = server.requests
    assert head.startswith("POST /v1/chat/completions ")
    assert f"authorization: bearer {KEY}" in head.lower()
    assert body == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 50,
        "messages": [
            {"role": "system", "content": "Be brief. The user's locale is en-US: answer in its language."},
            {"role": "user", "content": "tell me a story"},
            {"role": "assistant", "content": "Once upon"},
            {"role": "user", "content": "go on"},
        ],
    }


def test_a_server_that_reports_no_usage_is_fine() -> None:
    events = [chunk("Hi."), chunk(finish_reason="stop"), "[DONE]"]
    assert run(lambda: items_of(ChatServer(events))) == [Token("Hi.")]


def test_cancelling_the_turn_closes_the_connection() -> None:
    server = ChatServer([chunk("It is ")], then="stay")

    async def scene() -> None:
        first = asyncio.Event()
        after: list[object] = []

        async def pull(llm: OpenAILlm) -> None:
            async for item in llm.reply(TALK, locale="en-US"):
                after.append(item)
                first.set()

        async with serving(server.answer) as url, engine_at(url) as llm, asyncio.TaskGroup() as group:
            task = group.create_task(pull(llm))
            await first.wait()
            task.cancel()
            await server.client_gone.wait()
        assert after == [Token("It is ")]

    run(scene)


def test_closing_the_iterator_early_closes_the_connection() -> None:
    server = ChatServer([chunk("It is ")], then="stay")

    async def scene() -> None:
        async with serving(server.answer) as url, engine_at(url) as llm:
            stream = llm.reply(TALK, locale="en-US")
            assert await anext(stream) == Token("It is ")
            await stream.aclose()  # type: ignore[attr-defined]
            await server.client_gone.wait()

    run(scene)


def test_closing_the_engine_ends_a_stream_that_waits() -> None:
    server = ChatServer([chunk("It is ")], then="stay")

    async def scene() -> None:
        async with serving(server.answer) as url, engine_at(url) as llm:
            stream = llm.reply(TALK, locale="en-US")
            assert await anext(stream) == Token("It is ")
            async with asyncio.TaskGroup() as group:
                group.create_task(llm.close())
                with pytest.raises(EngineError, match="the engine is closed"):
                    await anext(stream)
            await server.client_gone.wait()
            with pytest.raises(EngineError, match="the engine is closed"):
                await anext(llm.reply(TALK, locale="en-US"))

    run(scene)


@pytest.mark.parametrize("turns", range(30))
def test_closing_the_engine_leaves_no_connection_however_far_the_request_is(turns: int) -> None:
    server = ChatServer(WHOLE)

    async def first_token_and_then_for_ever(stream: AsyncIterator[Token | TokenUsage]) -> None:
        await anext(stream)
        await asyncio.Event().wait()

    async def pull(llm: OpenAILlm) -> None:
        stream = llm.reply(TALK, locale="en-US")
        with pytest.raises(EngineError, match="the engine is closed"):
            await first_token_and_then_for_ever(stream)

    async def scene() -> None:
        async with serving(server.answer) as url, engine_at(url) as llm, asyncio.TaskGroup() as group:
            task = group.create_task(pull(llm))
            for _ in range(turns):
                await asyncio.sleep(0)
            await asyncio.gather(llm.close(), llm.close())
            task.cancel()

    run(scene)


def test_cancelling_before_the_first_byte_closes_the_connection() -> None:
    asked = asyncio.Event()

    async def scene() -> None:
        gone = asyncio.Event()

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await reader.read()
            gone.set()

        async def pull(llm: OpenAILlm) -> None:
            await anext(llm.reply(TALK, locale="en-US"))

        async with serving(never) as url, engine_at(url) as llm, asyncio.TaskGroup() as group:
            task = group.create_task(pull(llm))
            await asked.wait()
            task.cancel()
            await gone.wait()

    run(scene)


@pytest.mark.parametrize(
    ("server", "error"),
    [
        (ChatServer([], status=401, body='{"error": {"message": "not sk-very-secret"}}'), "the key in OPENAI_API_KEY"),
        (ChatServer([], status=404, body='{"error": {"message": "no such model"}}'), r"no model m.*\(no such model\)"),
        (ChatServer([], status=429, body='{"error": {"message": "slow down"}}'), r"a rate limit.*\(slow down\)"),
        (ChatServer([], status=500, body="<html>oops</html>"), "answered with status 500"),
        (ChatServer([chunk("It ")], then="break"), "no connection to .*, or it was lost"),
        (ChatServer([chunk("It ")]), "ended the answer before it was finished"),
        (ChatServer([chunk("It "), "[DONE]"]), "ended the answer before it was finished"),
        (ChatServer([chunk("It ", "content_filter"), "[DONE]"]), "content filter"),
        (ChatServer([chunk("It ", "length"), "[DONE]"]), "ran out of room"),
        (ChatServer([chunk("It "), "{not json"]), "something that is no chat completion"),
        (ChatServer(["5"]), "something that is no chat completion"),
        (ChatServer(['{"choices": 7}']), "something that is no chat completion"),
        (ChatServer(['{"choices": [{"delta": "It"}]}']), "something that is no chat completion"),
        (ChatServer(['{"choices": [{"delta": {"content": [1]}}]}']), "something that is no chat completion"),
        (ChatServer([chunk("It "), '{"error": {"message": "out of memory"}}']), r"broke off.*\(out of memory\)"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence_without_the_key_and_nothing_is_asked_twice(server: ChatServer, error: str) -> None:
    with pytest.raises(EngineError, match=f"^openai: .*{error}") as raised:
        run(lambda: items_of(server))
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(server.requests) == 1


def test_a_limit_of_ones_own_ends_an_answer_well() -> None:
    server = ChatServer([chunk("It is "), chunk(finish_reason="length"), "[DONE]"])
    assert run(lambda: items_of(server, max_tokens=2)) == [Token("It is ")]


def test_a_server_that_is_not_there_is_told_with_its_address() -> None:
    async def scene() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with engine_at(f"http://127.0.0.1:{port}/v1") as llm:
            with pytest.raises(EngineError, match=rf"^openai: no connection to 127\.0\.0\.1:{port}, or it was lost"):
                await anext(llm.reply(TALK, locale="en-US"))

    run(scene)


def test_a_server_that_says_nothing_is_given_up_after_the_timeout() -> None:
    server = ChatServer([chunk("It is ")], then="stay")
    with pytest.raises(EngineError, match="did not answer within 50 ms"):
        run(lambda: items_of(server, timeout="50ms"))


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("localhost:8080", "is no address of a server"),
        ("ftp://localhost/v1", "is no address of a server"),
        ("http://", "is no address of a server"),
        ("http://localhost:99999/v1", "is no address of a server"),
        ("http://me:pass@localhost/v1", "a name or password in it is not used"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_at_the_start(url: str, error: str) -> None:
    with pytest.raises(EngineError, match=error) as raised:
        asyncio.run(create(Role.LLM, {"engine": "openai", "model": "m", "url": url}).start())
    assert "pass@" not in str(raised.value)


def test_openai_needs_a_key_and_the_error_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EngineError, match="put it into the environment variable OPENAI_API_KEY"):
        asyncio.run(create(Role.LLM, "openai(model=m)").start())


def test_a_server_of_ones_own_needs_none_unless_a_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    server = ChatServer(WHOLE)
    run(lambda: items_of(server))
    assert "authorization: bearer none" in server.requests[0][0].lower()
    with pytest.raises(EngineError, match="variable MY_KEY"):
        run(lambda: items_of(server, key_env="MY_KEY"))


def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ü")
    with pytest.raises(EngineError, match="holds no API key") as raised:
        asyncio.run(create(Role.LLM, "openai(model=m)").start())
    assert "sk-" not in str(raised.value)


def test_clients_are_told_the_model_and_nothing_private() -> None:
    info = describe(Role.LLM, "openai(model=m,url='http://inner.example/v1',system=Secretly)")
    assert info.settings == {"model": "m", "timeout": 20_000.0, "retries": 0}


def test_a_model_must_be_named() -> None:
    with pytest.raises(SpecError, match=r"^--llm openai: model is needed, as in openai\(model=\.\.\.\)$"):
        create(Role.LLM, "openai")
