"""What a call in virtual time costs: processor time of a conversation, and how much of it codecs and VAD take.

The fixtures one after the other count as one conversation.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from voiceaudio.opus import OpusDecoder, OpusEncoder
from voiceaudio.resample import Resampler
from voicecli.calls.call import CallSettings
from voicecli.calls.virtualcall import VirtualServer
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import Fixture
from voicecli.fixtures.microphone import Recording, record
from voiceserver.engines.silero import SileroDetector
from voicewire.clock import NS_PER_MS, cpu_ns

FIXTURES = Path(__file__).parents[1] / "fixtures"
FRAME_S = 0.02


class Share:
    """Processor time spent in some methods."""

    def __init__(self) -> None:
        self.spent_ns = 0
        self._is_inside = False

    def of(self, owner: type[Any], name: str) -> None:
        method: Callable[..., Any] = getattr(owner, name)

        @wraps(method)
        def timed(*arguments: Any, **named: Any) -> Any:
            if self._is_inside:
                return method(*arguments, **named)
            self._is_inside = True
            begun_ns = cpu_ns()
            try:
                return method(*arguments, **named)
            finally:
                self._is_inside = False
                self.spent_ns += cpu_ns() - begun_ns

        setattr(owner, name, timed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="runs over all fixtures (default: 20)")
    runs = parser.parse_args().runs
    share = Share()
    for owner in (OpusEncoder, OpusDecoder, Resampler):
        for name in ("__init__", "encode", "decode", "resample", "flush"):
            if name in vars(owner):
                share.of(owner, name)
    share.of(SileroDetector, "probability")
    calls = [(each, record(each)) for each in map(fixtures.load, fixtures.found_in(FIXTURES))]
    server = VirtualServer({}, {})
    _run(server, calls)
    totals_ms, rests_ms, seconds = [], [], 0.0
    for _ in range(runs):
        share.spent_ns, begun_ns = 0, cpu_ns()
        seconds = _run(server, calls)
        total_ns = cpu_ns() - begun_ns
        totals_ms.append(total_ns / NS_PER_MS * 30 / seconds)
        rests_ms.append((total_ns - share.spent_ns) / NS_PER_MS * 30 / seconds)
    print(f"{seconds:.0f} s of conversation, n={runs} runs; processor time for 30 s of it:")
    for what, values in (("all", totals_ms), ("without codecs and VAD", rests_ms)):
        print(f"  {what}: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms")


def _run(server: VirtualServer, calls: list[tuple[Fixture, Recording]]) -> float:
    """Returns the conversation's length in seconds."""
    return sum(server.take(*call, CallSettings()).record.pacing.frames * FRAME_S for call in calls)


if __name__ == "__main__":
    main()
