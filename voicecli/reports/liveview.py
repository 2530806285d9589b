"""A call while it goes on, drawn in a terminal: partials, tokens and the waterfall as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.text import Text

from voicecli.client.viewstate import TurnView, ViewState
from voicecli.figures.waterfall import waterfall
from voicecli.reports.report import printable
from voicecli.reports.waterfall_chart import waterfall_chart
from voicewire.messages import TurnOutcome

FRAME_S = 0.125
"""Drawing costs a few ms of the loop that measures, so it happens eight times a second and not at each change."""

MAX_REPLY_CHARS = 300


class LiveView:
    """Keeps the newest state of a call; draws it when it has changed."""

    def __init__(self, console: Console, title: str) -> None:
        self._title = title
        self._state = ViewState()
        self._drawn: ViewState | None = None
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def watch(self, state: ViewState, now_ns: int) -> None:
        """For `place_call`: only keeps what is shown next."""
        self._state = state

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[None]:
        """While a call is placed; afterwards nothing of it is left on the screen."""
        with self._live:
            async with asyncio.TaskGroup() as group:
                drawing = group.create_task(self._draw())
                try:
                    yield
                finally:
                    drawing.cancel()

    async def _draw(self) -> None:
        while True:
            if self._state is not self._drawn:
                self._drawn = self._state
                self._live.update(state_view(self._state, self._title), refresh=True)
            await asyncio.sleep(FRAME_S)


def state_view(state: ViewState, title: str) -> RenderableType:
    """The newest turn in full, those before it in a line each."""
    lines: list[RenderableType] = [Text(f"{title}  {_doing(state)}", style="bold")]
    for turn in state.turns[:-1]:
        lines.append(Text(f"  turn {turn.turn_id}  “{printable(turn.transcript or turn.partial)}”", style="dim"))
    if state.turns:
        lines += _turn(state, state.turns[-1])
    return Group(*lines)


def _doing(state: ViewState) -> str:
    if state.ready is None:
        return "calling …"
    if not state.turns:
        return "listening"
    turn = state.turns[-1]
    if turn.speaking:
        return "hears speech"
    if turn.outcome is not None:
        return turn.outcome.value.replace("_", " ")
    if turn.buffered_ms > 0:
        return f"speaks {turn.played_ms / 1000:.1f} s"
    return "thinks" if turn.transcript is not None else "waits for the end of speech"


def _turn(state: ViewState, turn: TurnView) -> list[RenderableType]:
    said = Text(f"  turn {turn.turn_id}  ")
    stable = printable(turn.partial[: turn.stable_chars])
    said.append(f"“{stable}")
    said.append(f"{printable(turn.partial[turn.stable_chars :])}”", style="dim italic")
    lines: list[RenderableType] = [said]
    if turn.reply:
        reply = printable(turn.reply)
        shown = reply if len(reply) <= MAX_REPLY_CHARS else f"…{reply[-MAX_REPLY_CHARS:]}"
        lines.append(Padding(Text(shown, style="cyan"), (0, 0, 0, 4)))
    if turn.outcome is TurnOutcome.NO_SPEECH:
        return lines
    fall = waterfall(state.own_marks(turn), reply_play_ns=turn.reply_play_ns)
    if fall is not None and fall.bars:
        lines.append(Padding(waterfall_chart(fall), (0, 0, 0, 4)))
    return lines
