import io
from collections.abc import Sequence

from rich.console import Console

from tests.voicecli.scenes import BARGE_IN, SCENES, acted
from voicecli.figures.waterfall import PARTS
from voicecli.talking.talkstate import talked
from voicecli.talking.turnfalls import TurnFalls
from voicecli.tui.app import TalkApp
from voicecli.tui.pages import SHOWN_ENTRIES, help_blocks, log_blocks, turn_blocks
from voicecli.tui.pane import Block
from voicewire.messages import LlmToken


def drawn(blocks: Sequence[Block], width: int = 80) -> list[str]:
    """As a pane draws them."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    lines = [line for block in blocks for line in console.render_lines(block.draw(), pad=False)]
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


def test_the_help_tells_every_key_and_every_part() -> None:
    text = "\n".join(drawn(help_blocks(push_to_talk=False), 120))
    told = {line.split()[0] for line in text.splitlines() if line.strip()}
    actions = {binding.key for binding in TalkApp.BINDINGS}  # type: ignore[union-attr]
    assert {key for key in actions if len(key) == 1} <= told
    assert {"space", "?"} <= told
    assert all(part.title in text and part.meaning in text for part in PARTS)


def test_the_help_is_honest_about_keys_that_are_held() -> None:
    for push_to_talk, does in ((True, "talk while you hold it"), (False, "the microphone is the other way")):
        text = " ".join(" ".join(drawn(help_blocks(push_to_talk=push_to_talk), 120)).split())
        assert "A terminal does not tell when a key is let go" in text
        assert does in text


def test_the_log_is_a_line_for_each_of_the_newest_events() -> None:
    state = acted(SCENES["hearing"])
    lines = drawn(log_blocks(state), 60)
    assert len(lines) == len(state.log)
    assert lines[0] == "  0:00.000  session_connecting     address “ws://127.0.0.1:…"
    for number in range(SHOWN_ENTRIES):
        state = talked(state, LlmToken(turn_id=1, index=number, text="x\n"), 0)
    lines = drawn(log_blocks(state))
    assert len(lines) == SHOWN_ENTRIES
    assert lines[-1].endswith(f"index {SHOWN_ENTRIES - 1}, text “x ”")


def test_the_chosen_turn_is_drawn_beside_the_medians_of_all_others() -> None:
    falls = TurnFalls().of(acted(BARGE_IN))
    lines = drawn(turn_blocks(falls, falls[0], monochrome=False))
    assert lines[0].startswith("─ turn 1 ─")
    assert lines[0].endswith(" median 1,012 ms, n = 2 ─")
    assert lines[-5] == " “what will the weather be like in london tomorrow”"
    assert [line[:9].rstrip() for line in lines[-3:]] == [" › turn 1", "   turn 2", "   turn 3"]


def test_without_a_turn_it_says_what_will_be_there() -> None:
    assert "appears here" in drawn(turn_blocks((), None, monochrome=False))[1]
