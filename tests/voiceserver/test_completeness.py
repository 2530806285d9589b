import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.completeness import Completeness, completeness


@pytest.mark.parametrize(
    "said",
    [
        "what time is it",
        "what will the weather be like in london tomorrow",
        "can you please count to five",
        "tell me a story",
        "can you tell me what time it is",
        "okay but what time is it",
        "well i do not know",
        "yes please",
        "stop",
        "thank you",
        "i would like a large pizza",
        "turn off the light",
    ],
)
def test_questions_orders_and_whole_answers_are_complete(said: str) -> None:
    assert completeness(said) is Completeness.COMPLETE


@pytest.mark.parametrize(
    "said",
    [
        "i would like a pizza and",
        "what is the",
        "what time is",
        "can you tell me",
        "it was in nineteen",
        "tell me about",
        "um",
        "i want to fly to um",
        "my number is four one five",
        "the code is 4 1",
        "let me think",
        "because",
        "if it rains tomorrow",
        "play some music by",
        "i think that i'd",
    ],
)
def test_who_stops_in_mid_sentence_goes_on(said: str) -> None:
    assert completeness(said) is Completeness.OPEN


@pytest.mark.parametrize(
    "said",
    [
        "",
        "good morning",
        "hello there",
        "the blue one",
        "london",
        "my number is four one five two six three seven",
    ],
)
def test_of_fragments_nothing_is_known(said: str) -> None:
    assert completeness(said) is Completeness.UNKNOWN


def test_a_recogniser_that_punctuates_is_believed_in_any_language() -> None:
    assert completeness("Wie spät ist es?", "de-DE") is Completeness.COMPLETE
    assert completeness("Ich hätte gern,", "de-DE") is Completeness.OPEN
    assert completeness("und", "de-DE") is Completeness.UNKNOWN
    assert completeness("Good morning.") is Completeness.COMPLETE


def test_a_number_is_dictated_on_behind_a_full_stop_but_not_behind_a_question_mark() -> None:
    assert completeness("My number is 41.") is Completeness.OPEN
    assert completeness("What is 15 plus 27?") is Completeness.COMPLETE
    assert completeness("Um?") is Completeness.OPEN


def test_a_hesitation_is_none_less_for_being_punctuated() -> None:
    assert completeness("I'd like, um.") is Completeness.OPEN


@given(st.text(max_size=60), st.sampled_from(["en-US", "de", "zh"]))
def test_every_text_has_an_answer(text: str, locale: str) -> None:
    assert completeness(text, locale) in Completeness
