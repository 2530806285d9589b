from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voiceserver.clauses import Clause, ClauseSplitter
from voiceserver.engines.roles import SpokenWord
from voiceserver.spoken import SpokenText

RATE = 1000


def spoken_with_words() -> SpokenText:
    spoken = SpokenText(RATE)
    spoken.add_text("One two. Three.")
    spoken.begin_clause(Clause("One two.", 0, 8))
    spoken.add_audio(400, (SpokenWord(0, 3, 0), SpokenWord(4, 8, 200)))
    spoken.end_clause()
    spoken.begin_clause(Clause("Three.", 9, 15))
    spoken.add_audio(300, (SpokenWord(0, 6, 0),))
    spoken.end_clause()
    return spoken


def test_a_word_is_heard_once_half_of_it_was_played() -> None:
    spoken = spoken_with_words()
    assert spoken.heard(99) == ""
    assert spoken.heard(100) == "One"
    assert spoken.heard(299) == "One"
    assert spoken.heard(300) == "One two."
    assert spoken.heard(549) == "One two."
    assert spoken.heard(550) == "One two. Three."


def test_without_word_times_words_are_spread_over_their_clause() -> None:
    spoken = SpokenText(RATE)
    spoken.add_text("aaaa bbbb cccc")
    spoken.begin_clause(Clause("aaaa bbbb cccc", 0, 14))
    spoken.add_audio(1400, ())
    spoken.end_clause()
    assert spoken.heard(700) == "aaaa"
    assert spoken.heard(800) == "aaaa bbbb"
    assert spoken.heard(1400) == "aaaa bbbb cccc"


def test_a_clause_that_is_still_being_made_is_taken_to_be_of_its_usual_length() -> None:
    spoken = SpokenText(RATE)
    spoken.add_text("one two three four five six")
    spoken.begin_clause(Clause("one two three four five six", 0, 27))
    spoken.add_audio(500, ())
    assert spoken.heard(500) == "one two"
    spoken.add_audio(1500, ())
    spoken.end_clause()
    assert spoken.heard(500) == "one two"
    assert spoken.heard(2000) == "one two three four five six"


def test_a_word_said_twice_is_heard_where_it_was_said() -> None:
    spoken = SpokenText(RATE)
    spoken.add_text("no no no no")
    spoken.begin_clause(Clause("no no no no", 0, 11))
    spoken.add_audio(1100, ())
    spoken.end_clause()
    assert spoken.heard(600) == "no no"


def test_text_that_was_not_spoken_was_not_heard() -> None:
    spoken = SpokenText(RATE)
    spoken.add_text("Hello. More to come")
    spoken.begin_clause(Clause("Hello.", 0, 6))
    spoken.add_audio(500, ())
    spoken.end_clause()
    assert spoken.heard(10_000) == "Hello."


@given(st.text(alphabet="ab ,.", max_size=80), st.lists(st.integers(0, 9000), min_size=2, max_size=8))
def test_more_played_is_never_less_heard(text: str, played_ms: list[int]) -> None:
    splitter = ClauseSplitter()
    spoken = SpokenText(RATE)
    spoken.add_text(text)
    for clause in splitter.push(text) + splitter.finish():
        spoken.begin_clause(clause)
        spoken.add_audio(len(clause.text) * 50, ())
        spoken.end_clause()
    heard = [spoken.heard(ms) for ms in sorted(played_ms)]
    assert all(text.startswith(words) for words in heard)
    assert all(later.startswith(earlier) for earlier, later in pairwise(heard))


def test_a_clause_without_audio_is_not_heard_before_anything_was_played() -> None:
    spoken = SpokenText(RATE)
    spoken.add_text("... One. *** Two.")
    for text, start_char, samples in (("...", 0, 0), ("One.", 4, 400), ("***", 9, 0), ("Two.", 13, 400)):
        spoken.begin_clause(Clause(text, start_char, start_char + len(text)))
        spoken.add_audio(samples, ())
        spoken.end_clause()
    assert spoken.heard(0) == ""
    assert spoken.heard(1) == "..."
    assert spoken.heard(400) == "... One. ***"
    assert spoken.heard(800) == "... One. *** Two."
