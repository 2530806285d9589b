"""What a caller costs the load generator: `python -m benchmarks.load [--callers 10,25,50] [--seconds N]`.

One worker calls a server in another process whose engines take next to no time. Told are the processor time of the
worker for each caller, how late its event loop was, and how many callers would fill a core.
"""

import argparse
import asyncio
import statistics
import sys
from pathlib import Path

from voicecli.calls.call import CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.exits import CliError
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voicecli.load import conductor
from voicecli.load.conductor import Asked
from voicecli.load.level import Level
from voicecli.load.local import local_workers
from voicecli.load.ownserver import own_server
from voicecli.load.shift import Script, prepared
from voicewire.clock import NS_PER_S, SystemClock

FIXTURE = Path(__file__).parent.parent / "fixtures" / "question-weather"
ENGINES = {
    "vad": "energy",
    "stt": "scripted(text='what will the weather be like in london tomorrow',final=100ms)",
    "llm": "scripted(text='It will be fine all day.',ttft=200ms)",
    "tts": "scripted(ttfb=100ms)",
}


async def measured(callers: list[int], seconds: int, *, hears_all: bool) -> list[Level]:
    fixture = fixtures.load(FIXTURE)
    script = Script(fixture, record(fixture))
    settings = prepared([script], CallSettings())._replace(hears_all=hears_all)
    async with own_server(ENGINES, max(callers)) as server, local_workers(1, [script]) as workers:
        asked = Asked(server.url, settings, None, seconds * NS_PER_S, 5 * NS_PER_S, False, None, 1)
        return [
            await conductor.level(asked, number, count, workers, SystemClock(), asyncio.Event(), lambda now: None)
            for number, count in enumerate(callers)
        ]


def show(levels: list[Level]) -> None:
    for level in levels:
        report = level.workers[0].report
        if not report:
            print(f"  {level.sessions:4} callers: {level.workers[0].died}")
            continue
        health = report.health
        each = health.cpu_share / max(health.mean_open, 0.1)
        late = statistics.median([sample.late_frames for sample in report.samples] or [0])
        used = f"{health.cpu_share:6.1%} of a core, {each:.2%} each ({1 / max(each, 1e-9):.0f} fill one)"
        lateness = f"loop late p95 {health.lag_p95_ms:.1f} ms; late frames a call {late:.0f}"
        print(f"  {level.sessions:4} callers: {used}; {lateness}; n={level.calls} calls")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--callers", default="10,25,50", help="at once, level after level (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=15, help="of each level (default %(default)s)")
    arguments = parser.parse_args()
    callers = [int(part) for part in arguments.callers.split(",")]
    try:
        for hears_all in (False, True):
            print("Replies are decoded " + ("to their end:" if hears_all else "up to their first sound:"), flush=True)
            show(run_precisely(measured(callers, arguments.seconds, hears_all=hears_all)))
    except CliError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
