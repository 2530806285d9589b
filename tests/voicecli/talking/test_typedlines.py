import asyncio
import io
import os
import threading

import pytest

from voicecli.talking.typedlines import typed_lines


def test_each_line_that_says_something_is_told_on_the_loop() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        done = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            if text == "last":
                done.set()

        with typed_lines(say, io.StringIO("hello there \n\n   \nlast\n")):
            await done.wait()
        return said

    assert asyncio.run(main()) == ["hello there", "last"]


def test_no_more_is_read_than_is_told() -> None:
    class Pipe(io.StringIO):
        read_lines = 0

        def __next__(self) -> str:  # type: ignore[override]
            self.read_lines += 1
            return "hello\n" if self.read_lines <= 1000 else ""

    async def main() -> None:
        pipe, told = Pipe(), 0
        done = asyncio.Event()
        ahead = []

        def say(text: str) -> None:
            nonlocal told
            told += 1
            ahead.append(pipe.read_lines - told)
            if told == 50:
                done.set()

        with typed_lines(say, pipe):
            # The loop is busy with something else, and the pipe is full.
            threading.Event().wait(0.05)
            await done.wait()
        assert max(ahead[:50]) <= 1

    asyncio.run(main())


def test_what_is_typed_when_it_is_over_is_told_to_nobody() -> None:
    read, write = os.pipe()
    said: list[str] = []

    async def main() -> None:
        first = asyncio.Event()

        def say(text: str) -> None:
            said.append(text)
            first.set()

        with os.fdopen(read) as source, os.fdopen(write, "w") as typing:
            with typed_lines(say, source) as reading:
                print("one", file=typing, flush=True)
                await first.wait()
            print("two", file=typing, flush=True)
            typing.close()
            await asyncio.to_thread(reading.join)

    asyncio.run(main())
    assert said == ["one"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (io.StringIO("one\ntwo\n"), ["one", "answer", "two", "answer", "ended after some"]),
        (Terminal("one\ntwo\n"), ["one", "two", "answer", "ended after some"]),
        (Terminal(""), ["ended after some"]),
        (io.StringIO("\n"), ["ended after none"]),
    ],
)
def test_a_line_of_a_pipe_waits_for_the_answer_before_and_so_does_the_end(
    source: io.StringIO, expected: list[str]
) -> None:
    async def main() -> list[str]:
        happened: list[str] = []
        is_answered = True
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def answer() -> None:
            nonlocal is_answered
            if not is_answered:
                is_answered = True
                happened.append("answer")

        def say(text: str) -> None:
            nonlocal is_answered
            is_answered = False
            happened.append(text)
            loop.call_later(0.1, answer)

        def ended(said: bool) -> None:
            happened.append(f"ended after {'some' if said else 'none'}")
            done.set()

        with typed_lines(say, source, is_answered=lambda: is_answered, ended=ended):
            await done.wait()
        return happened

    assert asyncio.run(main()) == expected
