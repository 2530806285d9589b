"""A scrolling pane of blocks of which only those that changed are drawn again: drawing costs the loop that measures."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.console import RenderableType
from textual.events import Resize
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip


class Block(NamedTuple):
    """Some lines."""

    source: tuple[object, ...]
    """What they are drawn from: what is equal gives the same lines."""
    draw: Callable[[], RenderableType]
    spoken: float | None = None
    """How much of it has been spoken, from 0 to 1, while it is; moving on draws nothing anew."""


READING_LINE = 0.7
"""Where in a pane the line that is being spoken stays, from its top."""


class _Drawn(NamedTuple):
    source: tuple[object, ...]
    strips: list[Strip]


class Pane(ScrollView):
    """Blocks below each other. One that `follows` stays at its end, but no further than at what is being spoken, until
    the user scrolls away. Who scrolls to the end stays there."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str, follows: bool = False) -> None:
        super().__init__(id=id)
        self._follows = follows
        self._is_following = True
        self._reads_ahead = False
        """The user scrolled to the end, past what is being spoken."""
        self._taken_to = 0
        """Where it was scrolled to without the user."""
        self._blocks: Sequence[Block] = ()
        self._drawn: list[_Drawn] = []
        self._lines: list[Strip] = []

    @property
    def lines(self) -> int:
        """How many there are."""
        return len(self._lines)

    def show(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        if self.size.width:
            self._redraw()

    def on_resize(self, event: Resize) -> None:
        self._drawn = []
        self._redraw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # Asked here alone: more lines, and a smaller pane, move the end, and scroll nothing away.
        is_own = round(new_value) == self._taken_to
        is_at_end = round(new_value) >= self.max_scroll_y
        self._is_following = is_own or is_at_end
        self._reads_ahead = is_at_end and (self._reads_ahead or not is_own)

    def render_line(self, y: int) -> Strip:
        at = y + round(self.scroll_y)
        width = self.size.width
        line = self._lines[at] if at < len(self._lines) else Strip.blank(width)
        return line.adjust_cell_length(width).apply_style(self.rich_style)

    def _redraw(self) -> None:
        before = self._drawn
        self._drawn = [
            self._block(block, before[at] if at < len(before) else None) for at, block in enumerate(self._blocks)
        ]
        same = 0
        while same < min(len(before), len(self._drawn)) and before[same] is self._drawn[same]:
            same += 1
        if same == len(before) == len(self._drawn):
            self._follow()
            return
        self._lines = [strip for drawn in self._drawn for strip in drawn.strips]
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._follow()
        first = sum(len(drawn.strips) for drawn in self._drawn[:same]) - self.scroll_offset.y
        width, height = self.size
        if first < height:
            self.refresh(Region(0, max(0, first), width, height - max(0, first)))

    def _follow(self) -> None:
        """Where the pane would be taken is always known: who scrolls there reads along again."""
        if not self._follows:
            return
        end = max(0, len(self._lines) - self.size.height)
        spoken = self._spoken_line()
        if spoken is None:
            self._reads_ahead = False
        self._taken_to = end if spoken is None or self._reads_ahead else self._above(spoken, end)
        if not self._is_following or round(self.scroll_y) == self._taken_to:
            return
        if self._taken_to == end:
            self.scroll_end(animate=False, x_axis=False)
        else:
            # The scrollbar that allows it comes with the next layout.
            self.scroll_to(y=self._taken_to, animate=False, force=True)

    def _spoken_line(self) -> float | None:
        """Where the line is that is being spoken, from the top of all."""
        top, line = 0, None
        for block, drawn in zip(self._blocks, self._drawn, strict=True):
            if block.spoken is not None:
                line = top + block.spoken * len(drawn.strips)
            top += len(drawn.strips)
        return line

    def _above(self, line: float, end: int) -> int:
        """What the first line must be for this one to be where one reads."""
        return min(end, max(0, round(line - READING_LINE * self.size.height)))

    def _block(self, block: Block, drawn: _Drawn | None) -> _Drawn:
        if drawn is not None and drawn.source == block.source:
            return drawn
        width = self.scrollable_content_region.width
        console = self.app.console
        lines = console.render_lines(block.draw(), console.options.update(width=width, height=None), pad=False)
        return _Drawn(block.source, [Strip(line) for line in lines])
