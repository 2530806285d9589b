import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.clauses import LONGEST_CLAUSE_CHARS, LONGEST_FIRST_CLAUSE_CHARS, Clause, ClauseSplitter


def split(*pieces: str) -> list[str]:
    splitter = ClauseSplitter()
    clauses = [clause for piece in pieces for clause in splitter.push(piece)]
    return [clause.text for clause in clauses + splitter.finish()]


def test_the_first_clause_ends_at_the_first_comma_that_makes_it_long_enough() -> None:
    assert split("Well, as far as I know, it rains. ") == ["Well, as far as I know,", "it rains."]


def test_without_a_comma_the_first_clause_ends_where_a_phrase_begins() -> None:
    assert split("I would love to know what it is like, and when. ") == [
        "I would love to know",
        "what it is like, and when.",
    ]
    assert split("I know what it is.") == ["I know what it is."]


def test_later_clauses_end_at_sentences() -> None:
    assert split("Hello there. Red, green, blue and black. Bye.") == [
        "Hello there.",
        "Red, green, blue and black.",
        "Bye.",
    ]


@pytest.mark.parametrize(
    "text", ["Dr. Who came at 3.5 degrees", "See e.g. the sky", "J. S. Bach wrote", "It is version 1.2.3 now"]
)
def test_points_inside_a_sentence_do_not_end_it(text: str) -> None:
    assert split(text) == [text]


def test_a_clause_comes_out_as_soon_as_the_next_character_is_known() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Good morning.") == []
    assert splitter.push(" ") == [Clause("Good morning.", 0, 13)]


def test_text_without_punctuation_is_cut_between_words() -> None:
    clauses = split("word " * 100)
    assert len(clauses[0]) <= LONGEST_FIRST_CLAUSE_CHARS
    assert all(len(clause) <= LONGEST_CLAUSE_CHARS for clause in clauses)
    assert " ".join(clauses).split() == ["word"] * 100


def test_white_space_alone_is_no_clause() -> None:
    assert split("  \n", "\n ") == []


@given(st.lists(st.text(alphabet="ab ,.!?\n\"'3", max_size=30), max_size=20))
def test_clauses_are_the_text_in_order_with_only_white_space_left_out(pieces: list[str]) -> None:
    text = "".join(pieces)
    splitter = ClauseSplitter()
    clauses = [clause for piece in pieces for clause in splitter.push(piece)] + splitter.finish()
    at = 0
    for clause in clauses:
        assert text[clause.start_char : clause.end_char] == clause.text
        assert text[at : clause.start_char].strip() == ""
        at = clause.end_char
    assert text[at:].strip() == ""


@given(st.text(alphabet="ab ,.", max_size=400))
def test_how_the_text_is_cut_into_tokens_does_not_matter(text: str) -> None:
    assert split(*text) == split(text)
