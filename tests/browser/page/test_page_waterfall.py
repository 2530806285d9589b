"""The page's waterfall is the terminal's: this and tests/web/ui-waterfall.test.js hold both to ui-waterfall.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from voicecli.figures.waterfall import PARTS, Extent, waterfall
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark

VECTORS = json.loads((Path(__file__).parents[2] / "web/ui-waterfall.json").read_text())


def in_ns(value_ms: float | None) -> int | None:
    return None if value_ms is None else round(value_ms * NS_PER_MS)


def in_ms(extent: Extent | None) -> list[float] | None:
    return None if extent is None else [extent.start_ns / NS_PER_MS, extent.end_ns / NS_PER_MS]


def test_parts_have_the_names_titles_and_colours_of_the_page() -> None:
    assert [part._asdict() for part in PARTS] == VECTORS["parts"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_waterfall_is_the_pages(case: dict[str, Any]) -> None:
    fall = waterfall(
        {Mark(mark): round(t_ms * NS_PER_MS) for mark, t_ms in case["marks"].items()},
        reply_play_ns=in_ns(case["reply_play_ms"]),
        silence_ns=in_ns(case["silence_ms"]),
    )
    written = (
        None
        if fall is None
        else {
            "bars": [[bar.part.name, in_ms(bar.critical), in_ms(bar.whole)] for bar in fall.bars],
            "total_ms": None if fall.voice_to_voice_ns is None else fall.voice_to_voice_ns / NS_PER_MS,
        }
    )
    assert written == case["expected"]
