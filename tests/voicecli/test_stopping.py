import asyncio
import os
import pty
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from voicecli.stopping import SIGNALS, stopped_by_enter, stopped_by_signals, unwound_by_signals

PATIENCE_S = 20


def until_stopped(act: Callable[[], object]) -> list[bool]:
    """Wait until stopped, once `act` is done; what `stopped_by_enter` gave."""
    given = []

    async def main() -> None:
        stop = asyncio.Event()
        with stopped_by_signals(stop.set), stopped_by_enter(stop.set) as can_type:
            given.append(can_type)
            act()
            async with asyncio.timeout(PATIENCE_S):
                await stop.wait()

    asyncio.run(main())
    return given


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_stops(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    until_stopped(lambda: os.kill(os.getpid(), number))
    assert signal.getsignal(number) == before


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_a_second_signal_ends_the_process_as_ever() -> None:
    stopped = []

    async def main() -> None:
        with stopped_by_signals(lambda: stopped.append(1)):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0)
            # What was in force before it: the loop's own, which cancels its task.
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(PATIENCE_S)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert stopped == [1]


@pytest.mark.parametrize("number", [each for each in SIGNALS if each is not signal.SIGINT], ids=lambda each: each.name)
def test_what_goes_on_is_unwound_by_a_signal_before_the_process_ends(number: signal.Signals) -> None:
    before, unwound = signal.getsignal(number), []

    def killed() -> None:
        with unwound_by_signals(), ExitStack() as going_on:
            going_on.callback(lambda: unwound.append(signal.getsignal(number)))
            os.kill(os.getpid(), number)

    with pytest.raises(SystemExit) as ended:
        killed()
    assert (ended.value.code, unwound) == (128 + number, [before])


def test_enter_stops_where_there_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    with open(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert until_stopped(lambda: os.write(keyboard, b"\n")) == [True]
    os.close(keyboard)


def test_a_terminal_that_is_closed_stops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = pty.openpty()
    with open(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert until_stopped(lambda: os.close(keyboard)) == [True]


def test_without_a_terminal_nobody_can_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert until_stopped(lambda: os.kill(os.getpid(), signal.SIGTERM)) == [False]
