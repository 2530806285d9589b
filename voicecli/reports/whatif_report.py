"""What a change would have felt like, as it is told."""

from collections.abc import Iterator

from rich.text import Text

from voicecli.figures.waterfall import BY_NAME
from voicecli.figures.whatif import NOTICED_MS, Felt, WhatIf
from voicecli.reports.report import BAD, GOOD, printable


def whatif_lines(told: WhatIf) -> Iterator[Text]:
    """The answer for each utterance first, then how far it can be trusted."""
    changes = ", ".join(told.changes) or "nothing changed"
    yield Text(f"\nwhat if: {printable(changes)}  (the delays of {printable(told.run)}, in virtual time)", style="bold")
    for turn in told.turns:
        yield from _turn(turn, is_changed=bool(told.changes))
    if not told.turns:
        yield Text("  no answer was heard in the record", style=BAD)
    yield from (Text(f"  note: {printable(note)}", style="dim") for note in told.notes)


def _turn(turn: Felt, *, is_changed: bool) -> Iterator[Text]:
    line = Text(f"  {printable(turn.fixture)}, utterance {turn.utterance + 1}, voice-to-voice: ")
    if is_changed:
        style = GOOD if turn.felt_ms <= -NOTICED_MS else BAD if turn.felt_ms >= NOTICED_MS else ""
        line.append(f"{turn.recorded_ms:.0f} → {turn.changed_ms:.0f} ms, felt {_signed(turn.felt_ms)} ms", style=style)
    else:
        line.append(f"{turn.recorded_ms:.0f} ms")
    line.append(f"  (n={turn.calls})", style="dim")
    yield line
    if is_changed:
        yield Text(f"      {sentence(turn)}")
    yield Text(f"      {trust(turn)}", style="dim")


def sentence(turn: Felt) -> str:
    """What of the change is felt, and what hides the rest."""
    asked = f"{_signed(turn.asked_ms)} ms asked for"
    if abs(turn.hidden_ms) < NOTICED_MS:
        return f"all of the {asked} is felt"
    if turn.hidden_ms * turn.asked_ms < 0:
        return f"more than the {asked} is felt: other waits change with it"
    by = f" behind {BY_NAME[turn.hidden_by].title}" if turn.hidden_by in BY_NAME else ""
    if abs(turn.felt_ms) < NOTICED_MS:
        return f"nothing of the {asked} is felt: it is hidden{by and f'{by}, which takes as long anyway'}"
    return f"of the {asked}, {_signed(turn.hidden_ms)} ms are hidden{by}"


def trust(turn: Felt) -> str:
    """How far the virtual call without the change is from the record."""
    gap_ms = turn.recorded_ms - turn.reproduced_ms
    told = f"without the change, virtual time gives {turn.reproduced_ms:.0f} ms: {_signed(gap_ms)} ms to the record"
    parts = ", ".join(f"{BY_NAME[gap.part].title} {_signed(gap.ms)}" for gap in turn.gaps[:4] if gap.part in BY_NAME)
    return f"{told} ({parts})" if parts else told


def _signed(value_ms: float) -> str:
    return f"{round(value_ms):+d}" if round(value_ms) else "0"
