import io

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console, RenderableType

from tests.voicecli.scenes import BARGE_IN, BEFORE, STORY, WEATHER, At, acted, connected, typed, whole
from voicecli.figures.waterfall import PARTS, Part
from voicecli.talking.talkstate import SessionReconnecting
from voicecli.talking.turnfalls import Measure, TurnFalls, medians
from voicecli.tui.falls import (
    NOTHING_YET,
    StackedBar,
    Stretch,
    compact_falls,
    fall_list,
    full_falls,
    median_stretches,
    stretches,
)
from voicewire.messages import Speculation

FALLS = TurnFalls().of(acted(BARGE_IN))


def drawn(what: RenderableType, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width, color_system=None).print(what)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_where_there_is_little_room_a_turn_is_one_bar_above_the_medians_of_those_before() -> None:
    assert drawn(compact_falls(FALLS, monochrome=True), 80) == [
        "─ voice-to-voice ────────────────────────────────────── median 1,018 ms, n = 2 ─",
        " turn 3   ▄▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓████████████▒▒░░░▚▞▞      971 ms",
        " before   ▄▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓██████████████▒▒░░░▚▞▞ 1,018 ms",
        " ▓ endpointing 622  █ LLM first token 198  ▒ first clause 38",
        " ░ TTS first audio 52  ▞ client buffer 33  others 28",
    ]


def test_a_turn_is_compared_with_its_like_alone() -> None:
    two = [*BEFORE, *typed(STORY)]
    for draw in (lambda falls: compact_falls(falls, monochrome=True), full_falls):
        lines = drawn(draw(TurnFalls().of(acted(two))), 80)
        assert "median" not in lines[0]
        assert not any("before" in line for line in lines)
    again = typed(STORY._replace(turn_id=4, llm_ms=STORY.llm_ms + 100))
    lines = drawn(compact_falls(TurnFalls().of(acted([*two, *again])), monochrome=True), 80)
    assert lines[0].startswith("─ turnaround ─")
    assert lines[0].endswith("─ median 337 ms, n = 1 ─")


def test_turns_of_a_later_connection_are_numbered_on() -> None:
    again = acted([*BEFORE, At(20_000, SessionReconnecting(1, 0.0)), *connected(), *whole(WEATHER)])
    falls = TurnFalls().of(again)
    assert drawn(compact_falls(falls, monochrome=True), 80)[1].startswith(" turn 3 ")
    assert drawn(full_falls(falls), 80)[0].startswith("─ turn 3 ─")
    assert [line[:8] for line in drawn(fall_list(falls, None, monochrome=False), 60)] == [
        "  turn 1",
        "  turn 2",
        "  turn 3",
    ]


def test_the_first_turn_has_no_medians_beside_it() -> None:
    lines = drawn(compact_falls(FALLS[:1], monochrome=True), 60)
    assert lines[0] == "─ voice-to-voice " + "─" * 43
    assert [line.split()[0] for line in lines[1:3]] == ["turn", "▓"]


def test_before_the_first_turn_it_says_what_will_be_there() -> None:
    for nothing in (compact_falls((), monochrome=False), full_falls(())):
        assert drawn(nothing, 60)[1].strip() == NOTHING_YET


def test_where_there_is_room_it_is_a_chart() -> None:
    lines = drawn(full_falls(FALLS), 80)
    assert len(lines) == 1 + 1 + len(PARTS) + 1
    assert lines[-1].endswith(" 971.0  1018.0")


def test_all_turns_are_on_one_scale_and_the_chosen_one_is_marked() -> None:
    lines = drawn(fall_list(FALLS, FALLS[1], monochrome=False), 60)
    assert [line[:8] for line in lines] == ["  turn 1", "› turn 2", "  turn 3"]
    assert lines[1].count("█") > lines[0].count("█") >= lines[2].count("█")
    assert lines[1].count("█") == 60 - 9 - 8 - 2


def test_medians_of_parts_are_in_the_order_of_the_path() -> None:
    before = TurnFalls().of(acted(BEFORE))
    assert [part for part, _ in median_stretches(medians(before, Measure.VOICE_TO_VOICE))] == [
        part for part, _ in stretches(before[0])
    ]


lengths = st.lists(st.tuples(st.sampled_from(PARTS), st.floats(-1e9, 1e10)), max_size=12)


@given(lengths, st.integers(1, 120), st.floats(0, 1e11))
def test_a_stacked_bar_is_exactly_as_wide_as_there_is_room(
    parts: list[tuple[object, float]], width: int, full_ns: float
) -> None:
    bar = StackedBar([Stretch(*each) for each in parts], full_ns, monochrome=True)  # type: ignore[arg-type]
    console = Console(file=io.StringIO(), width=width)
    (line,) = console.render_lines(bar, pad=False)
    assert sum(segment.cell_length for segment in line) == width


def test_what_was_saved_by_an_early_beginning_stands_above_the_chart() -> None:
    turn = replace(FALLS[0].turn, speculation=Speculation(started=1, hit=1, saved_ms=310.4))
    found = FALLS[0]._replace(turn=turn)
    assert found.drawn != FALLS[0].drawn
    assert drawn(full_falls((found,)), 60)[0].endswith("begun early: saved 310 ms ─")


def test_without_colours_a_part_looks_the_same_in_every_bar_and_like_no_other() -> None:
    def look(*parts: Part) -> str:
        return drawn(StackedBar([Stretch(part, 1.0) for part in parts], len(parts), monochrome=True), len(parts))[0]

    whole = look(*PARTS)
    assert len(set(whole)) == len(PARTS)
    assert "".join(look(part) for part in PARTS) == whole
