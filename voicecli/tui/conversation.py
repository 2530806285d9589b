"""What was said and answered, turn by turn."""

from collections.abc import Iterator
from functools import partial

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from voicecli.client.viewstate import TurnView
from voicecli.reports.report import printable
from voicecli.talking.heard import CUT, Joined, Unanswered, abridged, joined, split, spoken, unanswered
from voicecli.talking.talkstate import TalkState
from voicecli.talking.turnfalls import barge_in_stop_ns
from voicecli.tui.pane import Block
from voicewire.clock import NS_PER_MS
from voicewire.messages import CancelReason, TurnOutcome


class _Said:
    """What the user said: a bar left of every line."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._text, options.update(width=options.max_width - 3), pad=False):
            yield Segment(" ▌ ", Style(color="cyan"))
            yield from line
            yield Segment.line()


def conversation_blocks(state: TalkState) -> list[Block]:
    """The turns that show anything, then what was typed and is in no turn yet."""
    blocks = [
        Block(_shown(each, is_lost), partial(_turn, each, is_lost), None if is_lost else _spoken(each.turn))
        for call in (*state.earlier, state.call)
        for each in joined(call.turns)
        for is_lost in (state.is_lost(call, each.turn),)
        if _said(each) or _answered(each.turn) or remark(each.turn, is_lost)
    ]
    blocks += [Block((text,), partial(_typed, text)) for text in state.typed]
    if not blocks and state.call.ready is not None:
        blocks.append(Block(("first words",), _first_words))
    return blocks


def _shown(each: Joined, is_lost: bool) -> tuple[object, ...]:
    """All that is drawn of a turn. While it is heard its playhead moves, which does not count."""
    turn, *taken = each
    words = (*taken, turn.partial, turn.stable_chars, turn.transcript, turn.reply, turn.heard_text)
    return (*words, turn.cancelled, turn.outcome, turn.typed_over, is_lost, barge_in_stop_ns(turn))


def _spoken(turn: TurnView) -> float | None:
    is_over = turn.outcome is not None or turn.cancelled is not None
    return None if is_over or not turn.reply else spoken(turn.reply, turn.played_ms)


def _turn(each: Joined, is_lost: bool) -> RenderableType:
    return Group(Text(""), *turn_lines(each, is_lost))


def _first_words() -> RenderableType:
    return Text("\n   Say hello, or ask for something.", style="dim italic")


def turn_lines(each: Joined, is_lost: bool) -> Iterator[RenderableType]:
    """What the user said, as far as it is understood; the answer, as far as it is written; and how it ended."""
    said, answered = _said(each), _answered(each.turn)
    if said is not None:
        yield _Said(said)
    if answered is not None:
        yield Padding(answered, (0, 1, 0, 3))
    note = remark(each.turn, is_lost)
    if note:
        yield Padding(Text(note, style="dim italic"), (0, 1, 0, 3))


def _said(each: Joined) -> Text | None:
    turn, earlier, folded = each
    # Where some of its answer was heard, that would stand there as if it were an answer to what was said before.
    if folded and _answered(turn) is None:
        return None
    if turn.transcript is not None:
        return Text(printable(turn.transcript), style="bold") if turn.transcript else None
    if not turn.partial:
        return None
    text = Text(printable(f"{earlier} " if earlier else ""))
    text.append(printable(turn.partial[: turn.stable_chars]))
    return text.append(printable(turn.partial[turn.stable_chars :]), style="dim italic")


def _answered(turn: TurnView) -> Text | None:
    if not turn.reply or _is_taken_back_unheard(turn):
        return None
    if turn.cancelled is None or turn.heard_text is None:
        return Text(printable(turn.reply))
    heard, unheard = split(turn.reply, turn.heard_text)
    shown, left_out = abridged(unheard)
    text = Text(printable(heard))
    text.append(printable(shown), style="dim strike")
    if left_out:
        text.append(f" … {left_out} more words", style="dim")
    return text


def _is_taken_back_unheard(turn: TurnView) -> bool:
    """Of such a turn there is nothing to tell: its words come again."""
    return turn.cancelled is CancelReason.RESUMED and not turn.heard_text


_UNANSWERED = {
    Unanswered.TYPED_OVER: "You typed something else.",
    Unanswered.ASIDE: "The answer went on.",
    Unanswered.NOT_UNDERSTOOD: "That was not understood.",
}


def remark(turn: TurnView, is_lost: bool) -> str:
    """How a turn ended, where that is not as it should be."""
    if _is_taken_back_unheard(turn):
        return ""
    if turn.cancelled is not None:
        unheard = turn.reply and not turn.heard_text
        stop_ns = barge_in_stop_ns(turn)
        silent = "" if stop_ns is None else f" Silent after {stop_ns / NS_PER_MS:.0f} ms."
        return f"{CUT[turn.cancelled]}{' before it was heard' if unheard else ''}.{silent}"
    if turn.outcome is TurnOutcome.FAILED:
        return "It could not be answered."
    if reason := unanswered(turn):
        return _UNANSWERED[reason]
    if is_lost and (turn.transcript or turn.partial):
        return "The connection was interrupted here."
    return ""


def _typed(text: str) -> RenderableType:
    return Group(Text(""), _Said(Text(printable(text), style="dim italic")))
