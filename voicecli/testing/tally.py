"""The summary of a test session: its replays by fixture and server, also those that workers sent to the controller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypedDict

from voicecli.figures.budget import P95_SAMPLES, Statistic

_HEADING = ("fixture", "server", "calls", "turns", "voice-to-voice p50", "p95", "")
_UNRELIABLE = "unreliable: this machine was too busy to keep a caller's pace; such calls have no part in the figures"


class Entry(TypedDict):
    """One replay, as it rides with the report of its test."""

    fixture: str
    where: str
    calls: int
    unreliable: int
    again: int
    voice_to_voice_ms: list[float]


@dataclass
class _Row:
    calls: int = 0
    unreliable: int = 0
    again: int = 0
    values_ms: list[float] = field(default_factory=list)


def lines(entries: Sequence[Entry]) -> list[str]:
    """A table with a row for each fixture at each server."""
    rows: dict[tuple[str, str], _Row] = {}
    for entry in entries:
        row = rows.setdefault((_printable(entry["fixture"]), _printable(entry["where"])), _Row())
        row.calls += entry["calls"]
        row.unreliable += entry["unreliable"]
        row.again += entry["again"]
        row.values_ms += entry["voice_to_voice_ms"]
    cells = [_HEADING, *(_cells(*key, row) for key, row in sorted(rows.items()))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    table = [_line(row, widths) for row in cells]
    return [*table, _UNRELIABLE] if any(row.unreliable for row in rows.values()) else table


def _cells(fixture: str, where: str, row: _Row) -> tuple[str, ...]:
    values = row.values_ms
    p50 = f"{median(values):.0f} ms" if values else ""
    p95 = f"{Statistic.P95.of(values):.0f} ms" if len(values) >= P95_SAMPLES else ""
    told: Mapping[str, int] = {"unreliable": row.unreliable, "placed again": row.again}
    notes = ", ".join(f"{count} {what}" for what, count in told.items() if count)
    return fixture, where, str(row.calls), str(len(values)), p50, p95, notes


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, figures to the right."""
    placed = [
        cell.rjust(width) if 2 <= index <= 5 else cell.ljust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(placed).rstrip()


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
