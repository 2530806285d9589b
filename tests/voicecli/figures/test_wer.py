import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.figures.wer import WordErrors, normalised, word_errors

words = st.lists(st.sampled_from(["one", "two", "three", "tea", "four"]), max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("What's the time, please?", "what's the time please"),
        ("It’s   LATE!", "it's late"),
        ("room 42", "room forty two"),
        ("in 2026", "in two thousand twenty six"),
        ("1,234,567 bytes", "one million two hundred thirty four thousand five hundred sixty seven bytes"),
        ("0", "zero"),
        ("agent 007", "agent zero zero seven"),
        ("3.14", "three point fourteen"),
        ("50%", "fifty percent"),
        ("twenty-one", "twenty one"),
        ("4 km, 15km", "four km fifteen km"),
        ("1234567890123", "one two three four five six seven eight nine zero one two three"),
        ("", ""),
    ],
)
def test_texts_are_compared_as_they_are_spoken(text: str, spoken: str) -> None:
    assert " ".join(normalised(text)) == spoken


@example("0'0")
@given(st.text(max_size=60))
def test_any_text_is_normalised_once(text: str) -> None:
    once = " ".join(normalised(text))
    assert " ".join(normalised(once)) == once


@pytest.mark.parametrize(
    ("reference", "hypothesis", "errors"),
    [
        ("a b c", "a b c", WordErrors(0, 0, 0, 3)),
        ("a b c", "a x c", WordErrors(1, 0, 0, 3)),
        ("a b c", "a c", WordErrors(0, 1, 0, 3)),
        ("a b c", "a b b c", WordErrors(0, 0, 1, 3)),
        ("a b", "", WordErrors(0, 2, 0, 2)),
        ("", "a b", WordErrors(0, 0, 2, 0)),
        ("what time is it", "what dime is", WordErrors(1, 1, 0, 4)),
    ],
)
def test_the_fewest_edits_are_counted(reference: str, hypothesis: str, errors: WordErrors) -> None:
    assert word_errors(reference, hypothesis) == errors


@given(words, words)
def test_errors_are_as_many_in_both_directions_and_never_more_than_the_longer_text(one: str, other: str) -> None:
    there, back = word_errors(one, other), word_errors(other, one)
    assert there.errors == back.errors
    assert there.errors <= max(len(one.split()), len(other.split()))
    assert (there.errors == 0) == (one == other)


def test_rates_add_up_by_words_and_not_by_texts() -> None:
    total = word_errors("a", "b") + word_errors("a b c", "a b c")
    assert (total.errors, total.words, total.rate) == (1, 4, 0.25)


def test_words_where_none_were_said_are_wrong() -> None:
    assert word_errors("", "a").rate == 1.0
    assert word_errors("", "").rate == 0.0
