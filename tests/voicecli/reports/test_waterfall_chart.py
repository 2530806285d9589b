import io

import pytest
from rich.console import Console

from voicecli.figures.waterfall import (
    ENDPOINTING,
    LLM,
    SPEECH_END,
    STT,
    TTS,
    UNATTRIBUTED,
    Bar,
    Extent,
    Waterfall,
)
from voicecli.reports.waterfall_chart import Axis, waterfall_chart

MS = 1_000_000


def extent(start_ms: float, end_ms: float) -> Extent:
    return Extent(round(start_ms * MS), round(end_ms * MS))


FALL = Waterfall(
    (
        Bar(SPEECH_END, extent(0, -20)),
        Bar(ENDPOINTING, extent(-20, 400)),
        Bar(STT, extent(400, 400), whole=extent(200, 250)),
        Bar(LLM, extent(400, 600), whole=extent(400, 2000)),
        Bar(TTS, extent(600, 600.4)),
        Bar(UNATTRIBUTED, extent(600.4, 780)),
    ),
    780 * MS,
)


def drawn(fall: Waterfall, width: int, *, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=file, width=width, color_system=None)
    console.print(waterfall_chart(fall))
    file.seek(0)
    return [line.rstrip() for line in file.read().splitlines()]


def test_bars_lie_on_one_axis_and_every_row_tells_its_ms() -> None:
    # 26 columns are titles, figures and gaps, so a column is 10 ms, and 0 ms is in the third.
    assert drawn(FALL, 26 + 80) == [
        "                  ╷0        ╷100      ╷200      ╷300      ╷400      ╷500      ╷600      ╷700            ms",
        "speech end      ██                                                                                   -20.0",
        "endpointing     ██████████████████████████████████████████                                           420.0",
        "STT                                   ░░░░░                                                         (50.0)",
        "LLM first token                                           ████████████████████░░░░░░░░░░░░░░░░░░     200.0",
        "TTS first audio                                                               ▏                        0.4",
        "unattributed                                                                  ██████████████████     179.6",
        "voice-to-voice  ────────────────────────────────────────────────────────────────────────────────     780.0",
    ]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn(FALL, width)
    assert len(lines) == 2 + len(FALL.bars)
    assert max(map(len, lines)) <= width


def test_where_only_ascii_can_be_printed_only_ascii_is() -> None:
    lines = drawn(FALL, 80, encoding="ascii")
    assert all(line.isascii() for line in lines)
    assert "####" in lines[2]
    assert "...." in lines[4]


def test_a_turn_under_way_has_no_sum_and_the_axis_of_what_is_known() -> None:
    lines = drawn(Waterfall((Bar(ENDPOINTING, extent(0, 100)),), None), 80)
    assert [line.split()[0] for line in lines[1:]] == ["endpointing"]


def test_nothing_yet_can_be_drawn() -> None:
    assert len(drawn(Waterfall((), None), 80)) == 1


@pytest.mark.parametrize(("t_ms", "half_cells"), [(-500, 0), (-20, 0), (0, 4), (780, 160), (9999, 160)])
def test_an_instant_outside_of_the_axis_lies_at_its_end(t_ms: int, half_cells: int) -> None:
    assert Axis.of(FALL).half_cells(t_ms * MS, 80) == half_cells


def test_medians_of_other_turns_stand_beside_the_figures() -> None:
    file = io.StringIO()
    chart = waterfall_chart(FALL, total="turnaround", medians_ns={"endpointing": 415.25 * MS, "turnaround": 800 * MS})
    Console(file=file, width=60, color_system=None).print(chart)
    lines = [line.split() for line in file.getvalue().splitlines()]
    assert lines[0][-2:] == ["ms", "median"]
    assert [line[-2:] for line in lines[2:3]] == [["420.0", "415.2"]]
    assert (lines[4][-1], lines[-1][0], lines[-1][-2:]) == ("200.0", "turnaround", ["780.0", "800.0"])
