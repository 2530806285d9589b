from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from voicecli.client.viewstate import TurnView
from voicecli.talking.heard import (
    CUT,
    SHOWN_CHARS,
    Split,
    Unanswered,
    abridged,
    begins_with,
    joined,
    split,
    spoken,
    unanswered,
    word_count,
)
from voicewire.messages import CancelReason, TurnOutcome


def test_what_was_cut_off_begins_after_the_last_word_heard() -> None:
    assert split("It is noon in Oslo.", "It is noon") == Split("It is noon ", "in Oslo.")


def test_of_a_reply_that_nobody_heard_all_is_cut_off() -> None:
    assert split("It is noon.", "") == Split("", "It is noon.")


def test_where_the_heard_text_is_written_otherwise_its_words_are_counted() -> None:
    assert split("“Dr. Who” — it's noon, in Oslo.", "dr who it’s") == Split("“Dr. Who” — it's ", "noon, in Oslo.")


def test_more_words_heard_than_there_are_is_all_of_them() -> None:
    assert split("It is noon.", "well it is just noon") == Split("It is noon.", "")


@given(st.text(), st.text())
def test_both_parts_joined_are_the_reply(reply: str, heard_text: str) -> None:
    assert "".join(split(reply, heard_text)) == reply


def test_a_long_text_that_nobody_heard_is_shown_in_part_up_to_the_end_of_a_word() -> None:
    text = "every word has six letters, " * 30
    shown, left_out = abridged(text)
    assert text.startswith(f"{shown} ")
    assert len(shown) <= SHOWN_CHARS
    assert left_out == 150 - word_count(shown)
    short = text[: SHOWN_CHARS * 3 // 2]
    assert abridged(short) == (short, 0)
    assert abridged(short + "x")[1] > 0


def test_every_reason_of_a_cut_has_its_sentence() -> None:
    assert CUT.keys() == set(CancelReason)


TAKEN_BACK = TurnView(turn_id=1, transcript="Book a table.", cancelled=CancelReason.RESUMED)


def words(*turns: TurnView) -> list[tuple[str, bool]]:
    return [(each.earlier, each.folded) for each in joined(turns)]


def test_a_turn_that_was_taken_back_gives_its_words_to_the_next_as_soon_as_that_has_some() -> None:
    assert words() == []
    assert words(TAKEN_BACK) == [("", False)]
    assert words(TAKEN_BACK, TurnView(turn_id=2)) == [("", False), ("", False)]
    assert words(TAKEN_BACK, TurnView(turn_id=2, partial="for two")) == [("", True), ("Book a table.", False)]
    assert words(TAKEN_BACK, TurnView(turn_id=2, partial="book a table for")) == [("", True), ("", False)]
    assert words(TAKEN_BACK, TurnView(turn_id=2, transcript="Book a table, for two.")) == [("", True), ("", False)]


def test_words_that_do_not_come_again_are_not_lost() -> None:
    no_speech = TurnView(turn_id=2, partial="hm", outcome=TurnOutcome.NO_SPEECH)
    assert words(TAKEN_BACK, no_speech) == [("", False), ("", False)]
    assert words(TAKEN_BACK, TurnView(turn_id=2, transcript="Stop.")) == [("", False), ("", False)]
    assert not begins_with("Book a tablet", "book a table")


def test_how_much_has_been_spoken_is_taken_from_the_usual_pace_of_speech() -> None:
    reply = "x" * 150
    assert [spoken(reply, played_ms) for played_ms in (0, 5_000, 10_000, 20_000)] == [0, 0.5, 1, 1]
    assert spoken("", 1000) == 0


def test_why_nothing_came_of_words_is_known_once_their_turn_is_over() -> None:
    murmur = TurnView(turn_id=1, partial="er", outcome=TurnOutcome.NO_SPEECH)
    assert unanswered(murmur) is Unanswered.NOT_UNDERSTOOD
    assert unanswered(replace(murmur, aside=True)) is Unanswered.ASIDE
    assert unanswered(replace(murmur, aside=True, typed_over=True)) is Unanswered.TYPED_OVER
    assert unanswered(replace(murmur, partial="")) is None
    assert unanswered(replace(murmur, outcome=None, typed_over=True)) is None
