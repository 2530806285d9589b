"""Calls scripted engines of declared delays in real time, and prints how far each reported latency is from them.

Exits with 1 where a median or a p95 is past its tolerance.
"""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from voicecli.calls.calibration import OUTPUT, RUNS, Delays, Errors, errors, script
from voicecli.calls.call import CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import local_server
from voicecli.calls.take import Take, take
from voicecli.exits import CliError
from voicewire.clock import SystemClock

MEDIAN_MS = {"voice_to_voice": 5.0}
"""Tolerance of the median; of the stages it is 2 ms."""
P95_MS = 10.0
"""Tolerance of the stages' p95, taken of the errors without their sign. For voice-to-voice none is declared."""


async def measured(turns: int, console: Console) -> list[tuple[Delays, Take]]:
    taken = []
    for delays in RUNS:
        console.print(f"{turns} turns with {delays}")
        fixture, recording = script(turns)
        async with local_server(delays.settings()) as server:
            settings = CallSettings(output=OUTPUT)
            call = await take(
                server.url, fixture, recording, SystemClock(), settings, lambda view, now_ns: None, delays.silence
            )
        if not call.document.reliable:
            console.print(f"  unreliable: {call.document.pacing}")
        taken.append((delays, call))
    return taken


def is_within(each: Errors) -> bool:
    median_ms = MEDIAN_MS.get(each.name, 2.0)
    return abs(each.median_ms) <= median_ms and (each.name in MEDIAN_MS or each.p95_abs_ms <= P95_MS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=12, help=f"turns of each of the {len(RUNS)} calls (default: 12)")
    turns = parser.parse_args().turns
    try:
        found = errors(run_precisely(measured(turns, Console(stderr=True))))
    except CliError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    table = Table(title=f"reported minus declared, in ms, over n={len(found[0].raw_ms)} turns")
    for heading in ("latency", "median", "p95 (abs)", "worst", "within"):
        table.add_column(heading, justify="left" if heading == "latency" else "right")
    for each in found:
        verdict = "yes" if is_within(each) else "NO"
        table.add_row(each.name, f"{each.median_ms:+.2f}", f"{each.p95_abs_ms:.2f}", f"{each.worst_ms:+.2f}", verdict)
    Console().print(table)
    return 0 if all(is_within(each) for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
