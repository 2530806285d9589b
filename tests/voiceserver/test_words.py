import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.words import word_list, words_of


def test_case_punctuation_and_the_kind_of_apostrophe_say_nothing() -> None:
    assert (
        words_of("What's the time, please?")
        == words_of("what’s  the time please")
        == ("what's", "the", "time", "please")
    )


def test_a_hyphen_joins_and_quotes_are_no_part_of_a_word() -> None:
    assert words_of("Mm-hm. 'Yes'") == ("mmhm", "yes")


def test_what_is_no_word_is_none() -> None:
    assert words_of(" … — ' ") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What is 15 + 27?", "what is 15 + 27"),
        ("What is 15 - 27?", "what is 15 - 27"),
        ("It is -5 degrees.", "it is - 5 degrees"),
        ("20% of $3.50", "20 % of $ 3.50"),
        ("At 10:30, or 1,000.", "at 10:30 or 1,000"),
        ("C++ and C#.", "c++ and c#"),
        ("mail-order 415-263", "mailorder 415263"),
        ("**Five** - no, six / seven + #1", "five no six seven 1"),
        ("Well -- yes--no...", "well yes no"),
        ("3- 5, three- five", "3 - 5 three five"),
    ],
)
def test_signs_are_words_where_they_are_spoken(text: str, words: str) -> None:
    assert words_of(text) == tuple(words.split())


def test_the_vowel_signs_of_a_word_are_part_of_it() -> None:
    assert words_of("मुझे एक कहानी सुनाओ।") == ("मुझे", "एक", "कहानी", "सुनाओ")


@given(st.text() | st.text("ab'5 -+%$.#"))
def test_words_of_words_are_the_same_words(text: str) -> None:
    once = words_of(text)
    assert words_of(" ".join(once)) == once


def test_a_list_is_read_word_by_word() -> None:
    assert word_list(" one\n two ") == {"one", "two"}
