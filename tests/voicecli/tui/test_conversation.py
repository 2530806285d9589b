import io

import pytest
from rich.console import Console

from tests.voicecli.scenes import BARGE_IN, BEFORE, READY, SCENES, TYPED, At, acted
from voicecli.client.viewstate import PlayheadMoved, TurnView
from voicecli.talking.talkstate import SessionReconnecting, TalkEvent, TalkState, TextSent, talked
from voicecli.tui.conversation import conversation_blocks, remark
from voicewire.messages import (
    CancelReason,
    LlmToken,
    ReplyCancelled,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
)


def shown(state: TalkState, width: int = 60, *, styles: bool = False) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=styles, color_system="standard" if styles else None)
    for block in conversation_blocks(state):
        console.print(block.draw())
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_conversation_is_what_was_said_and_answered() -> None:
    assert shown(acted(BEFORE), 50) == [
        "",
        " ▌ what will the weather be like in london",
        " ▌ tomorrow",
        "   Tomorrow London gets light rain in the morning",
        "   and a dry afternoon, with a high of fourteen",
        "   degrees.",
        "",
        " ▌ and what time is it there now",
        "   It is a quarter past nine in the evening.",
    ]


def test_what_may_still_change_is_lighter() -> None:
    (line,) = [line for line in shown(acted(SCENES["hearing"]), styles=True) if "weather" in line]
    assert "what will\x1b[2;3m the weather" in line


def test_what_was_not_heard_is_struck_through() -> None:
    text = "\n".join(shown(acted(BARGE_IN), 200, styles=True))
    assert "keeper who counted \x1b[2;9mthe ships each night." in text
    assert "You cut in. Silent after 228 ms." in text


def test_words_of_a_turn_that_was_taken_back_are_seen_once() -> None:
    script: list[TalkEvent] = [
        READY,
        TranscriptFinal(turn_id=1, text="book a table"),
        LlmToken(turn_id=1, index=0, text="Sure."),
        ReplyCancelled(turn_id=1, reason=CancelReason.RESUMED, heard_ms=0, heard_text=""),
    ]
    state = acted([At(0, event) for event in script])
    assert shown(state) == ["", " ▌ book a table"]
    state = talked(state, TranscriptPartial(turn_id=2, text="for two", stable_chars=3), 0)
    assert shown(state) == ["", " ▌ book a table for two"]
    state = talked(state, TranscriptFinal(turn_id=2, text="Book a table for two."), 0)
    assert shown(state) == ["", " ▌ Book a table for two."]


def test_a_question_stays_above_what_was_heard_of_an_answer_that_was_taken_back() -> None:
    script: list[TalkEvent] = [
        READY,
        TranscriptFinal(turn_id=1, text="book a table"),
        LlmToken(turn_id=1, index=0, text="For how many?"),
        ReplyCancelled(turn_id=1, reason=CancelReason.RESUMED, heard_ms=300, heard_text="For"),
        TranscriptFinal(turn_id=2, text="book a table for two"),
    ]
    assert shown(acted([At(0, event) for event in script])) == [
        "",
        " ▌ book a table",
        "   For how many?",
        "   Taken back as you went on.",
        "",
        " ▌ book a table for two",
    ]


@pytest.mark.parametrize(
    ("turn", "is_lost", "note"),
    [
        (TurnView(turn_id=1, transcript="a", reply="b", outcome=TurnOutcome.COMPLETED), False, ""),
        (TurnView(turn_id=1, reply="b", cancelled=CancelReason.INTERRUPT, heard_text="b"), False, "You stopped it."),
        (
            TurnView(turn_id=1, reply="b", cancelled=CancelReason.BARGE_IN, heard_text=""),
            False,
            "You cut in before it was heard.",
        ),
        (TurnView(turn_id=1, reply="b", cancelled=CancelReason.RESUMED, heard_text=""), False, ""),
        (
            TurnView(turn_id=1, reply="b c", cancelled=CancelReason.RESUMED, heard_text="b"),
            False,
            "Taken back as you went on.",
        ),
        (TurnView(turn_id=1, outcome=TurnOutcome.FAILED), False, "It could not be answered."),
        (TurnView(turn_id=1, partial="er", outcome=TurnOutcome.NO_SPEECH), False, "That was not understood."),
        (TurnView(turn_id=1, partial="er", outcome=TurnOutcome.NO_SPEECH, aside=True), False, "The answer went on."),
        (
            TurnView(turn_id=1, partial="er", outcome=TurnOutcome.NO_SPEECH, typed_over=True),
            False,
            "You typed something else.",
        ),
        (TurnView(turn_id=1, outcome=TurnOutcome.NO_SPEECH), False, ""),
        (TurnView(turn_id=1, transcript="a"), True, "The connection was interrupted here."),
        (TurnView(turn_id=1, partial="a"), True, "The connection was interrupted here."),
        (TurnView(turn_id=1), True, ""),
    ],
)
def test_how_a_turn_ended_is_told_where_it_is_not_as_it_should_be(turn: TurnView, is_lost: bool, note: str) -> None:
    assert remark(turn, is_lost) == note


def test_turns_of_a_lost_connection_stay() -> None:
    lost = talked(acted(SCENES["thinking"]), SessionReconnecting(1, 0.0), 0)
    assert shown(talked(lost, READY, 0))[1:] == [
        " ▌ what will the weather be like in london tomorrow",
        "   The connection was interrupted here.",
    ]


def test_words_that_the_connection_broke_in_are_no_whole_ones() -> None:
    lost = talked(acted(SCENES["hearing"]), SessionReconnecting(1, 0.0), 0)
    assert shown(lost)[1:] == [" ▌ what will the weather", "   The connection was interrupted here."]


def test_words_that_were_typed_over_say_so() -> None:
    state = acted([*SCENES["hearing"], At(5_000, TextSent("never mind"))])
    over = talked(state, TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH), 0)
    assert shown(over)[1:3] == [" ▌ what will the weather", "   You typed something else."]


def test_what_was_typed_stands_there_until_it_is_in_a_turn() -> None:
    assert shown(acted(TYPED))[-1] == " ▌ [bold]what[/] is  [31mnew"


def test_before_the_first_words_there_is_a_hint() -> None:
    assert [line.strip() for line in shown(acted(SCENES["listening"]))] == ["", "Say hello, or ask for something."]
    assert shown(TalkState()) == []


def test_a_moving_playhead_draws_nothing_again() -> None:
    state = acted(SCENES["speaking"])
    moved = talked(state, PlayheadMoved(3, 900.0, 20.0), 0)
    before, after = ([block.source for block in conversation_blocks(each)] for each in (state, moved))
    assert before == after


def test_of_an_answer_that_is_being_heard_it_is_told_how_far_it_was_spoken() -> None:
    def spoken(*events: TalkEvent) -> list[float | None]:
        words = LlmToken(turn_id=1, index=0, text="One two three four five six. ")
        state = acted([At(0, event) for event in (READY, TranscriptFinal(turn_id=1, text="count"), words, *events)])
        return [block.spoken for block in conversation_blocks(state)]

    assert spoken() == [0.0]
    assert spoken(PlayheadMoved(1, 1000.0, 500.0)) == [15 / 29]
    cut = ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=1000, heard_text="One two")
    assert spoken(PlayheadMoved(1, 1000.0, 500.0), cut) == [None]
    assert spoken(SessionReconnecting(1, 100.0)) == [None]
