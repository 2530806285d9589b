import asyncio
import io
import os

from voicecli.typedlines import typed_lines


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
