from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.engines.scripted.spoken import (
    date_in_words,
    greeting,
    number_from_words,
    number_in_words,
    time_in_words,
)


@given(st.integers(min_value=0, max_value=999))
def test_numbers_come_back_from_their_words(number: int) -> None:
    assert number_from_words(number_in_words(number)) == number
    assert number_from_words(f"{number} please") == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ten", 10),
        ("twenty five please", 25),
        ("a hundred", 100),
        ("one hundred five", 105),
        ("one hundred and", 100),
        ("three four", 3),
        ("twenty twelve", 20),
        ("forever", None),
        ("hundred", None),
        ("", None),
        ("9" * 50, None),
    ],
)
def test_a_number_is_read_from_the_beginning_of_the_words(text: str, number: int | None) -> None:
    assert number_from_words(text) == number


@pytest.mark.parametrize(
    ("hour", "minute", "words"),
    [
        (0, 0, "twelve o'clock at night"),
        (5, 0, "five o'clock in the morning"),
        (11, 59, "eleven fifty-nine in the morning"),
        (12, 0, "twelve o'clock in the afternoon"),
        (16, 5, "four oh five in the afternoon"),
        (18, 30, "six thirty in the evening"),
        (22, 10, "ten ten at night"),
    ],
)
def test_times_are_told_by_the_twelve_hour_clock(hour: int, minute: int, words: str) -> None:
    assert time_in_words(datetime(2026, 11, 3, hour, minute, tzinfo=UTC)) == words


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (1, "Sunday, the first of November"),
        (12, "Thursday, the twelfth of November"),
        (14, "Saturday, the fourteenth of November"),
        (20, "Friday, the twentieth of November"),
        (23, "Monday, the twenty-third of November"),
        (30, "Monday, the thirtieth of November"),
    ],
)
def test_dates_are_told_with_ordinals(day: int, words: str) -> None:
    assert date_in_words(datetime(2026, 11, day, tzinfo=UTC)) == words


@pytest.mark.parametrize(
    ("hour", "words"),
    [(4, "good evening"), (5, "good morning"), (12, "good afternoon"), (17, "good afternoon"), (18, "good evening")],
)
def test_greetings_go_with_the_hour(hour: int, words: str) -> None:
    assert greeting(datetime(2026, 11, 3, hour, tzinfo=UTC)) == words
