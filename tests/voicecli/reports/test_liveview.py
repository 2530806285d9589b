import asyncio
import io

import pytest
from rich.console import Console

from tests.voicecli.figures.test_run import record, turn
from tests.voicecli.peer import ENGINES, PCM_16K
from voicecli.client.viewstate import TurnView, ViewState
from voicecli.reports.liveview import MAX_REPLY_CHARS, LiveView, state_view
from voicewire.marks import Mark
from voicewire.messages import SessionReady, TurnOutcome

READY = SessionReady(session_id="s", resume_token="r", input=PCM_16K, output=PCM_16K, engines=ENGINES, lead_ms=500)


def shown(state: ViewState, width: int = 100) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(state_view(state, "made"))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_before_anything_is_said_it_says_what_goes_on() -> None:
    assert shown(ViewState()) == ["made  calling …"]


@pytest.mark.parametrize(
    ("newest", "doing"),
    [
        (TurnView(turn_id=1, speaking=True, partial="hel"), "hears speech"),
        (TurnView(turn_id=1, partial="hello"), "waits for the end of speech"),
        (TurnView(turn_id=1, transcript="hello"), "thinks"),
        (TurnView(turn_id=1, transcript="hello", played_ms=1234, buffered_ms=20), "speaks 1.2 s"),
        (TurnView(turn_id=1, outcome=TurnOutcome.NO_SPEECH), "no speech"),
    ],
)
def test_what_the_server_does_is_in_the_first_line(newest: TurnView, doing: str) -> None:
    assert shown(ViewState(ready=READY, turns=(newest,)))[0] == f"made  {doing}"


def test_the_newest_turn_is_shown_in_full_and_those_before_it_in_a_line() -> None:
    first, second = turn(transcript="hello there"), turn(turn_id=2, partial="and now", transcript=None, marks={})
    lines = shown(ViewState(turns=(first, second), offset_ns=0))
    assert lines[1:] == ["  turn 1  “hello there”", "  turn 2  “and now”", "    Good day."]


def test_the_waterfall_grows_with_the_marks() -> None:
    whole = record(turn()).view
    marks = whole.turns[0].marks
    early = {mark: marks[mark] for mark in (Mark.MIC_SPEECH_END, Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED)}
    begun = ViewState(turns=(turn(marks=early),), offset_ns=whole.offset_ns)
    assert [line.split("  ")[2] for line in shown(begun)[4:]] == ["speech end", "endpointing"]
    assert shown(whole)[-1].startswith("    voice-to-voice")


def test_of_a_long_reply_the_end_is_shown() -> None:
    lines = shown(ViewState(turns=(TurnView(turn_id=1, reply="a" * 1000 + "z"),)), width=500)
    assert lines[-1].strip() == "…" + "a" * (MAX_REPLY_CHARS - 1) + "z"


def test_a_live_view_leaves_nothing_but_its_newest_state_and_no_task() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    view = LiveView(console, "made")

    async def main() -> None:
        async with view.shown():
            view.watch(ViewState(turns=(TurnView(turn_id=1, partial="hello"),)), 0)
            for _ in range(3):
                await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert isinstance(console.file, io.StringIO)
    assert "“hello”" in console.file.getvalue()
    assert "\x1b[?25h" in console.file.getvalue()
