"""The stack's own share of a turn: from its commit to the first frame of the reply at the client.

Engines that take no time, Opus both ways, a real WebSocket; client and server share one process and one event loop.
"""

import argparse
import statistics
import sys

import numpy as np
from rich.console import Console
from rich.table import Table

from voicecli.calls.calibration import Delays, script
from voicecli.calls.call import CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import local_server
from voicecli.calls.take import Take, take
from voicecli.exits import CliError
from voicecli.figures.waterfall import BY_NAME, CLAUSE, HANDOVER, LLM, NETWORK, SENDING, TTS
from voicewire.clock import SystemClock

PARTS = (HANDOVER, LLM, CLAUSE, TTS, SENDING, NETWORK)
TARGET_MEDIAN_MS = 5.0
TARGET_P95_MS = 15.0


async def measured(turns: int) -> Take:
    delays = Delays(silence=300, stt_final=0, ttft=0, ttfb=0)
    fixture, recording = script(turns)
    async with local_server(delays.settings()) as server:
        return await take(
            server.url, fixture, recording, SystemClock(), CallSettings(), lambda view, now_ns: None, delays.silence
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    try:
        call = run_precisely(measured(parser.parse_args().turns))
    except CliError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    by_part: dict[str, list[float]] = {part.name: [] for part in PARTS}
    totals = []
    for turn in call.turns:
        found = {part.part: part.ms for part in turn.document.parts}
        for name, values in by_part.items():
            values.append(found[name])
        totals.append(sum(found[name] for name in by_part))
    table = Table(title=f"commit to first frame at the client, in ms, n={len(totals)} turns")
    for heading in ("part", "median", "p95", "worst"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for name, values in by_part.items():
        table.add_row(BY_NAME[name].title, *_figures(values))
    table.add_section()
    table.add_row("all of it", *_figures(totals))
    table.add_row("target", f"{TARGET_MEDIAN_MS:.2f}", f"{TARGET_P95_MS:.2f}", "")
    Console().print(table)
    return 0


def _figures(values: list[float]) -> tuple[str, str, str]:
    return f"{statistics.median(values):.2f}", f"{np.percentile(values, 95):.2f}", f"{max(values):.2f}"


if __name__ == "__main__":
    sys.exit(main())
