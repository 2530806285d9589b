import pytest

from voiceserver.anticipation import Anticipation
from voiceserver.words import words_of

TEXTS = ("What can you do?", "tell me a story", "tell me a story about a dog", "Count to ten, please.", " ", "...")


def completed(said: str, locale: str = "en") -> str | None:
    return Anticipation(TEXTS, locale).completed(words_of(said))


def test_a_text_is_completed_as_it_is_written_where_only_one_text_can_follow() -> None:
    assert completed("what can") == "What can you do?"
    assert completed("count to") == "Count to ten, please."
    assert completed("tell me a story about") == "tell me a story about a dog"


@pytest.mark.parametrize(
    "said", ["", "what", "tell me", "tell me a story", "what could", "count to ten please", "count to ten please now"]
)
def test_it_is_not_where_several_can_or_none(said: str) -> None:
    assert completed(said) is None


def test_what_a_sentence_may_begin_with_stays_before_it() -> None:
    assert completed("okay please count to") == "okay please Count to ten, please."
    assert completed("please count") is None
    assert completed("okay count to", "de") is None


def test_without_texts_nothing_is_anticipated() -> None:
    assert Anticipation(()).completed(("what", "can")) is None
