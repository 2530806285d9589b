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


@given(st.text())
def test_words_of_words_are_the_same_words(text: str) -> None:
    once = words_of(text)
    assert words_of(" ".join(once)) == once


def test_a_list_is_read_word_by_word() -> None:
    assert word_list(" one\n two ") == {"one", "two"}
