import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.completeness import Completeness, completeness, is_answer, is_lead, lead, without_hesitation
from voiceserver.words import words_of


@pytest.mark.parametrize(
    "said",
    [
        "what time is it",
        "what will the weather be like in london tomorrow",
        "can you please count to five",
        "tell me a story",
        "can you tell me what time it is",
        "okay but what time is it",
        "yes please",
        "stop",
        "thank you",
        "i don't know",
        "well i do not know",
        "turn off the light",
        "i would like a large pizza",
        "okay we need two rooms",
        "please walk me through it",
        "that is enough thank you",
        "the blue one please",
    ],
)
def test_questions_orders_and_whole_answers_are_complete(said: str) -> None:
    assert completeness(said) is Completeness.COMPLETE


@pytest.mark.parametrize(
    "said",
    [
        "i lost my card",
        "okay we have a dog with us",
        "i know what time it is",
        "my flight to denver was cancelled last night",
        "I lost my card.",
        "The order arrived yesterday.",
    ],
)
def test_after_a_statement_a_request_may_follow(said: str) -> None:
    assert completeness(said) is Completeness.STATED


@pytest.mark.parametrize(
    ("said", "sounds"),
    [
        ("i need a flight to", Completeness.OPEN),
        ("i would like to", Completeness.UNKNOWN),
        ("where does this road go to", Completeness.UNKNOWN),
        ("to", Completeness.OPEN),
        ("where are you from", Completeness.UNKNOWN),
        ("which platform does the train leave from", Completeness.UNKNOWN),
        ("what about", Completeness.OPEN),
        ("i am looking for", Completeness.OPEN),
        ("i want a pizza with", Completeness.OPEN),
    ],
)
def test_a_preposition_goes_somewhere_but_at_the_end_of_a_question(said: str, sounds: Completeness) -> None:
    assert completeness(said) is sounds


@pytest.mark.parametrize(
    ("said", "sounds"),
    [
        ("my name is brown that is b r", Completeness.OPEN),
        ("B. R.", Completeness.OPEN),
        ("it is plan b", Completeness.STATED),
        ("what is plan b", Completeness.COMPLETE),
    ],
)
def test_letters_are_spelled_on(said: str, sounds: Completeness) -> None:
    assert completeness(said) is sounds


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
    assert completeness("Good morning.") is Completeness.COMPLETE
    assert completeness("I lost my card, didn't I?") is Completeness.COMPLETE
    assert completeness("The blue one.") is Completeness.COMPLETE
    assert completeness("I want my money back.") is Completeness.COMPLETE
    assert completeness("I lost my card.", "de-DE") is Completeness.COMPLETE


@pytest.mark.parametrize(
    ("locale", "goes_on", "may_be_all"),
    [
        ("de-DE", "ich möchte eine pizza und", "mach bitte das licht an"),
        ("de", "ich möchte ähm", "was ist das"),
        ("de", "meine nummer ist vier fünf drei", "guten morgen"),
        ("fr-FR", "je voudrais une pizza et", "prends cette pizza"),
        ("fr", "c'est euh", "quelle heure est-il"),
        ("es", "quisiera una pizza y", "dime la hora"),
        ("it", "vorrei una pizza con", "che ore sono"),
        ("pt-BR", "gostaria de uma pizza com", "que horas são"),
        ("nl", "ik wil een pizza en", "hoe laat is het"),
    ],
)
def test_in_other_languages_the_last_word_tells_who_goes_on(locale: str, goes_on: str, may_be_all: str) -> None:
    assert completeness(goes_on, locale) is Completeness.OPEN
    assert completeness(may_be_all, locale) is Completeness.UNKNOWN


def test_of_a_language_that_is_not_known_nothing_is() -> None:
    assert completeness("mennyi az idő és", "hu") is Completeness.UNKNOWN


def test_a_number_is_dictated_on_behind_a_full_stop_but_not_behind_a_question_mark() -> None:
    assert completeness("My number is 41.") is Completeness.OPEN
    assert completeness("What is 15 plus 27?") is Completeness.COMPLETE
    assert completeness("Um?") is Completeness.OPEN


def test_a_hesitation_is_none_less_for_being_punctuated() -> None:
    assert completeness("I'd like, um.") is Completeness.OPEN


@given(st.text(max_size=60), st.sampled_from(["en-US", "de", "zh"]))
def test_every_text_has_an_answer(text: str, locale: str) -> None:
    assert completeness(text, locale) in Completeness


def test_sounds_of_hesitation_are_no_words_in_english_and_may_be_elsewhere() -> None:
    assert without_hesitation(words_of("Um, what, er, time is it? Mm.")) == ("what", "time", "is", "it")
    assert without_hesitation(("well", "i", "see")) == ("well", "i", "see")
    assert without_hesitation(("um", "acht"), "de-DE") == ("um", "acht")


def test_what_a_sentence_begins_with_before_it_begins_is_known_in_english() -> None:
    assert [lead(words_of(said)) for said in ("okay please stop", "stop please", "okay so", "no", "")] == [
        2,
        0,
        1,
        0,
        0,
    ]
    assert [is_lead(words_of(said)) for said in ("okay so", "no", "no way", "stop")] == [True, True, False, False]
    assert lead(("okay", "stop"), "de") == 0
    assert not is_lead(("so",), "de")


def test_what_people_say_alone_is_an_answer_in_english() -> None:
    assert is_answer(("yes", "please"))
    assert not is_answer(("yes",))
    assert not is_answer(("yes", "please"), "fr")
