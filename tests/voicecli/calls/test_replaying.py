import asyncio
import os
import signal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from voicecli.calls import replaying
from voicecli.calls.call import CallSettings
from voicecli.calls.plan import Plan, planned
from voicecli.calls.replaying import Replays, Target, check_url, order, replay
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.exits import CliError, ExitCode

FIXTURES = Path(__file__).parents[3] / "fixtures"


@pytest.mark.parametrize(("sides", "calls"), [(1, "AAAA"), (2, "ABBAABBA")])
def test_two_sides_are_called_there_and_back(sides: int, calls: str) -> None:
    made = ["AB"[side] for number in range(1, 5) for side in order(number, sides)]
    assert "".join(made) == calls


def test_what_is_no_address_is_a_matter_of_usage() -> None:
    check_url("ws://127.0.0.1/voice")
    with pytest.raises(CliError, match="'http://x/' is not a WebSocket URL") as refused:
        check_url("http://x/")
    assert refused.value.exit_code is ExitCode.USAGE


def replayed(monkeypatch: pytest.MonkeyPatch, ended_at: int | None, told: StringIO) -> Replays:
    """Three calls with a fixture, acted out beforehand; a signal comes in the one of this number."""
    fixtures = planned([FIXTURES / "silence"], None)
    done = VirtualServer({}, {}).take(fixtures[0].fixture, fixtures[0].recording, CallSettings())

    async def take(_fixture: object, number: int, *_: object) -> Take:
        if number == ended_at:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        return done

    monkeypatch.setattr(replaying, "_take", take)
    plan = Plan(fixtures, 3, CallSettings(), None, None)
    assert plan.calls == 3
    return asyncio.run(replay([Target("ws://x/voice", {})], plan, Console(file=told, width=100)))


def test_calls_that_are_ended_leave_those_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before, told = signal.getsignal(signal.SIGTERM), StringIO()
    replays = replayed(monkeypatch, 3, told)
    assert (replays.calls, replays.interrupted) == (2, True)
    assert "silence, run 1: the median one" in told.getvalue()
    assert signal.getsignal(signal.SIGTERM) == before
    replays = replayed(monkeypatch, None, told)
    assert (replays.calls, replays.interrupted) == (3, False)


def test_calls_that_are_ended_at_once_leave_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    told = StringIO()
    with pytest.raises(KeyboardInterrupt):
        replayed(monkeypatch, 1, told)
    assert told.getvalue() == ""
