import pytest

from voiceserver.languages import LANGUAGES, SOUNDS, Language, language_of, taken_for
from voiceserver.words import words_of

EVERY = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)


def test_a_language_is_found_by_the_first_part_of_its_tag() -> None:
    assert language_of("de-AT") is language_of("de_DE") is language_of("DE") is LANGUAGES["de"]
    assert language_of("hu") == Language()


def test_speech_is_taken_for_what_the_recogniser_understands() -> None:
    assert taken_for("de-DE", ["en-US", "de"]) == "de-DE"
    assert taken_for("de-DE", ["en-US", "fr"]) == "en-US"
    assert taken_for("de-DE", []) == "de-DE"


@EVERY
def test_words_are_such_as_transcripts_have(language: Language) -> None:
    single = language.hesitations | language.goes_on | language.digits | language.nods | language.nothing_yet
    assert [word for word in single | language.courtesies if words_of(word) != (word,)] == []


@EVERY
def test_no_nod_is_an_order_nor_begins_like_one(language: Language) -> None:
    assert [order for order in language.orders if order[0] in language.nods | SOUNDS] == []
    assert language.orders & language.nod_phrases == frozenset()


@EVERY
def test_phrases_have_two_words_and_orders_no_more(language: Language) -> None:
    assert {len(phrase) for phrase in language.nod_phrases} <= {1, 2}
    assert {len(order) for order in language.orders} <= {1, 2}


@EVERY
def test_ten_digits_are_known(language: Language) -> None:
    assert len(language.digits) >= 10
