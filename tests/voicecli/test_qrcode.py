import sys

import pytest

from voicecli import qrcode


def test_a_code_is_square_with_a_quiet_edge_and_its_three_corners() -> None:
    drawn = qrcode.draw("https://192.168.1.5:8080/#token=abc")
    assert drawn is not None
    lines = drawn.splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines) == (len(lines[0]) + 1) // 2
    assert set(drawn) <= set("\u2580\u2584\u2588 \n")
    corner = "\u2588\u2588 \u2584\u2584\u2584\u2584\u2584 \u2588"
    assert lines[1].startswith(corner)
    assert lines[1].endswith(corner[::-1])


def test_without_the_library_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    assert qrcode.draw("https://192.168.1.5:8080/") is None
