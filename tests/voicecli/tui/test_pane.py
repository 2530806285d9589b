import asyncio
from collections.abc import Awaitable, Callable

from rich.text import Text
from textual.app import App, ComposeResult

from voicecli.tui.pane import Block, Pane


class OnePane(App[None]):
    CSS = "Pane { height: 1fr; overflow-x: hidden; scrollbar-gutter: stable; scrollbar-size-vertical: 1; }"

    def __init__(self, *, follows: bool) -> None:
        super().__init__()
        self.pane = Pane(id="pane", follows=follows)

    def compose(self) -> ComposeResult:
        yield self.pane


class Drawer:
    """Blocks of one line, and a note of each that was drawn."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def blocks(self, *names: str) -> list[Block]:
        return [Block((name,), lambda name=name: self._draw(name)) for name in names]  # type: ignore[misc]

    def _draw(self, name: str) -> Text:
        self.drawn.append(name)
        return Text(name)


def drive(main: Callable[[Pane, Callable[[], Awaitable[None]]], Awaitable[None]], *, follows: bool = False) -> None:
    async def run() -> None:
        app = OnePane(follows=follows)
        async with app.run_test(size=(20, 4)) as pilot:
            await pilot.pause()
            await main(app.pane, pilot.pause)

    asyncio.run(run())


def lines(pane: Pane) -> list[str]:
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def test_only_blocks_that_changed_are_drawn_again() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        drawer = Drawer()
        pane.show(drawer.blocks("a", "b"))
        pane.show(drawer.blocks("a", "c", "d"))
        pane.show(drawer.blocks("a", "c", "d"))
        assert drawer.drawn == ["a", "b", "c", "d"]
        assert (lines(pane), pane.lines) == (["a", "c", "d", ""], 3)
        pane.show(drawer.blocks("a"))
        assert (lines(pane), pane.lines) == (["a", "", "", ""], 1)

    drive(show)


def test_a_pane_that_follows_stays_at_its_end() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        drawer = Drawer()
        for count in (3, 6, 9):
            pane.show(drawer.blocks(*"abcdefghi"[:count]))
            await pause()
        assert lines(pane) == ["f", "g", "h", "i"]

    drive(show, follows=True)


def test_a_pane_that_follows_stays_at_its_end_when_it_becomes_smaller() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        drawer = Drawer()
        pane.show(drawer.blocks(*"abcd"))
        await pause()
        pane.styles.height = 2
        while pane.size.height != 2:
            await pause()
        await pause()
        assert lines(pane) == ["c", "d"]
        pane.show(drawer.blocks(*"abcde"))
        await pause()
        assert lines(pane) == ["d", "e"]

    drive(show, follows=True)


def test_it_stays_at_the_line_that_is_being_spoken_until_the_user_scrolls_away() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        words = Text("\n".join("efghijklmn"))

        async def top(spoken: float | None) -> str:
            pane.show([*Drawer().blocks(*"abcd"), Block(("words",), lambda: words, spoken)])
            await pause()
            return lines(pane)[0]

        assert [await top(spoken) for spoken in (0.0, 0.1, 0.5, 0.6, 1.0)] == ["b", "c", "g", "h", "k"]
        assert [await top(spoken) for spoken in (0.2, None)] == ["d", "k"]
        await top(0.0)
        pane.scroll_to(y=6, animate=False, immediate=True)
        assert [await top(spoken) for spoken in (0.1, 1.0, None)] == ["g", "g", "g"]

    drive(show, follows=True)


def test_who_scrolls_to_the_end_stays_there_while_it_is_spoken() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        async def top(spoken: float | None, words: str = "abcdefghij") -> str:
            pane.show([Block((words,), lambda: Text("\n".join(words)), spoken)])
            await pause()
            return lines(pane)[0]

        await top(0.0)
        pane.scroll_end(animate=False, immediate=True)
        assert [await top(spoken) for spoken in (0.1, 0.5)] == ["g", "g"]
        assert [await top(spoken, "abcdefghijkl") for spoken in (0.5, 0.6, None)] == ["i", "i", "i"]
        assert await top(0.5, "abcdefghijkl") == "d"

    drive(show, follows=True)


def test_who_reads_where_the_end_once_was_stays_there() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        names = "abcdefghijklmnop"
        for count in (8, 9, 14):
            pane.show(Drawer().blocks(*names[:count]))
            await pause()
            pane.scroll_to(y=4, animate=False, immediate=True)
        pane.show(Drawer().blocks(*names))
        await pause()
        assert lines(pane)[0] == "e"

    drive(show, follows=True)


def test_one_that_was_scrolled_away_from_its_end_stays_where_it_is() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        drawer = Drawer()
        pane.show(drawer.blocks(*"abcdefgh"))
        await pause()
        pane.scroll_to(y=1, animate=False, immediate=True)
        pane.show(drawer.blocks(*"abcdefghi"))
        await pause()
        assert lines(pane) == ["b", "c", "d", "e"]

    drive(show, follows=True)


def test_a_line_that_is_too_long_is_wrapped_beside_the_scrollbar() -> None:
    async def show(pane: Pane, pause: Callable[[], Awaitable[None]]) -> None:
        pane.show([Block((), lambda: Text("nineteen characters twenty"))])
        assert lines(pane)[:2] == ["nineteen characters", "twenty"]

    drive(show)
