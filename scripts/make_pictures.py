"""Makes the README's pictures in docs/ from real calls: `python scripts/make_pictures.py`."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from voicecli.calls.call import CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import local_server
from voicecli.calls.take import Take, take
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voicecli.reports import report
from voicewire.clock import SystemClock

ROOT = Path(__file__).parents[1]
CLOUD = {
    "stt": "scripted(text='what will the weather be like in london tomorrow', word=330ms, final=250ms)",
    "llm": "scripted(ttft=400ms, pace=25ms)",
    "tts": "scripted(ttfb=150ms, rtf=0.05)",
}
"""Engines with the delays of typical cloud services, declared."""

FIXED = {"endpointing": "fixed", "speculation": "false"}
"""A turn ends with a silence of 600 ms, and is answered then."""

# Rich's own frame fetches a font from a CDN.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


async def call(flags: dict[str, str]) -> Take:
    fixture = fixtures.load(ROOT / "fixtures" / "question-weather")
    async with local_server(flags) as server:
        return await take(
            server.url,
            fixture,
            record(fixture),
            SystemClock(),
            CallSettings(),
            lambda view, now_ns: None,
            server.told.fixed_silence_ms,
        )


def draw(path: Path, takes: list[tuple[str, Take]]) -> None:
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=92, force_terminal=True, color_system="truecolor", file=nowhere)
        for title, each in takes:
            console.print(report.call_report(each, title))
        svg = console.export_svg(title="voicecli replay", theme=MONOKAI, code_format=FRAME, unique_id="voicecli")
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT))


def main() -> int:
    draw(ROOT / "docs" / "waterfall.svg", [("question-weather, embedded engines", run_precisely(call({})))])
    draw(
        ROOT / "docs" / "overlap.svg",
        [
            (f"{title}, cloud-like delays", run_precisely(call({**CLOUD, **flags})))
            for title, flags in (
                ("begun early", {}),
                ("overlapped", FIXED),
                ("one stage after the other", {**FIXED, "pipeline": "sequential"}),
            )
        ],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
