import pytest

from voiceserver.backchannel import is_backchannel, is_order
from voiceserver.words import words_of


@pytest.mark.parametrize(
    "said",
    [
        "",
        "mm-hm",
        "Mhm.",
        "uh-huh",
        "yeah",
        "yeah, okay",
        "I see",
        "oh really"[:2],
        "right, right",
        "but but",
        "ma'am",
        "hm mm hm hm hm",
    ],
)
def test_nods_are_no_interruption(said: str) -> None:
    assert is_backchannel(words_of(said))


@pytest.mark.parametrize(
    "said", ["stop", "no", "what time is it", "yeah but no", "okay stop", "i see it", "yes yes yes yes"]
)
def test_what_says_something_is_one(said: str) -> None:
    assert not is_backchannel(words_of(said))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", True),
        ("no wait", True),
        ("hold on a second", True),
        ("oh wait", True),
        ("mm-hm stop", True),
        ("please stop", True),
        ("and tomorrow", False),
    ],
)
def test_orders_are_for_the_one_who_answers(said: str, meant: bool) -> None:
    assert is_order(words_of(said)) is meant


@pytest.mark.parametrize(
    ("locale", "nod", "order"),
    [
        ("de-DE", "ja, genau", "bitte warte mal"),
        ("de-AT", "Alles klar.", "halt stopp"),
        ("fr", "d'accord, je vois", "oui, attends"),
        ("fr", "bien sûr", "tais-toi"),
        ("es-MX", "sí, claro", "no, espera"),
        ("it", "va bene", "aspetta"),
        ("pt-BR", "tá bom", "por favor, para"),
        ("nl", "ja hoor", "hou op"),
        ("hu", "mhm", ""),
    ],
)
def test_each_language_has_nods_and_orders_of_its_own(locale: str, nod: str, order: str) -> None:
    assert is_backchannel(words_of(nod), locale)
    assert not is_order(words_of(nod), locale)
    assert is_order(words_of(order), locale) is bool(order)
    assert is_backchannel(words_of(order), locale) is not bool(order)


def test_the_words_of_another_language_say_something() -> None:
    assert not is_backchannel(("genau",), "en")
    assert not is_backchannel(("yeah",), "de")


def test_a_partial_transcript_may_yet_become_a_nod() -> None:
    assert is_backchannel(("i",), is_partial=True)
    assert not is_backchannel(("i",))
    assert not is_backchannel(("i", "want"), is_partial=True)
