import io

import pytest
from rich.console import Console

from tests.voicecli.tuning.results import document
from voicecli.tuning.document import Tuning
from voicecli.tuning.scatter import Scatter


def drawn(of: Tuning, width: int = 80, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(file=file, width=width).print(Scatter(of))
    file.seek(0)
    return "\n".join(line.rstrip() for line in file.read().splitlines())


def test_waiting_lies_to_the_right_and_cutoffs_lie_upwards() -> None:
    assert drawn(document(6, 2, 2, 0), 60) == EXPECTED


def test_a_terminal_without_such_characters_gets_others() -> None:
    told = drawn(document(6, 2, 2, 0), encoding="ascii")
    assert told.isascii()
    assert {"#", "o"} <= set(told)


@pytest.mark.parametrize("width", [30, 80, 200])
@pytest.mark.parametrize("cut", [(0,), (10,), (10, 10, 0), tuple(range(10, 0, -1))])
def test_no_line_is_longer_than_the_terminal(width: int, cut: tuple[int, ...]) -> None:
    assert max(map(len, drawn(document(*cut), width).splitlines())) <= width


def test_where_nobody_was_answered_there_is_nothing_to_draw() -> None:
    assert drawn(document(0, 0, of=0)) == ""


EXPECTED = """\
utterances cut off
  80 % │
       │
       │
  60 % │           ● 200
       │
  40 % │
       │
       │
  20 % │                     ● 300     ·
       │
       │┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ tolerance
   0 % │                                         ◆ 500
       └──────────┬───────────────────┬───────────────────┬
                 200                 400                 600
  waiting p50, ms   ◆ to choose  ● on the front  · others"""
