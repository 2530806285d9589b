import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from voicecli.exits import CliError
from voicecli.testing.callthread import CallThread

SCRIPTED = dict.fromkeys(("vad", "stt", "llm", "tts"), "scripted")


@pytest.fixture
def thread() -> Iterator[CallThread]:
    thread = CallThread()
    yield thread
    thread.close()


def test_what_is_done_in_the_thread_comes_back_and_what_is_raised_too(thread: CallThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    async def fail() -> None:
        raise CliError("no", 2)  # type: ignore[arg-type]

    assert thread.run(name) == "voicecli calls"
    with pytest.raises(CliError, match="no"):
        thread.run(fail)
    assert thread.run(name) == "voicecli calls"


def test_it_works_from_within_a_running_loop(thread: CallThread) -> None:
    async def answer() -> int:
        return 42

    async def main() -> int:
        return thread.run(answer)

    assert asyncio.run(main()) == 42


def test_a_server_is_started_once_for_each_settings(thread: CallThread) -> None:
    async def url(**flags: str) -> str:
        return (await thread.server({**SCRIPTED, **flags})).url

    first = thread.run(url)
    assert thread.run(url) == first
    assert thread.run(lambda: url(pipeline="sequential")) != first


def test_closing_ends_what_is_still_being_done_and_what_comes_after_is_refused() -> None:
    thread = CallThread()
    begun: Future[None] = Future()

    async def wait() -> None:
        if not begun.done():
            begun.set_result(None)
        await asyncio.Event().wait()

    told: list[str] = []

    def waiting() -> None:
        with pytest.raises(CliError) as raised:
            thread.run(wait)
        told.append(raised.value.message)

    first, second = (threading.Thread(target=waiting, daemon=True) for _ in range(2))
    first.start()
    begun.result(timeout=10)
    second.start()
    while not thread._jobs:  # until the second stands behind the first
        pass
    thread.close()
    for waiter in (first, second):
        waiter.join(timeout=10)
    assert told == ["the own server of the tests broke down; see the log, and start pytest again"] * 2
    with pytest.raises(CliError, match="broke down"):
        thread.run(wait)
    thread.close()


def test_one_that_did_nothing_has_nothing_to_close() -> None:
    CallThread().close()
