import pytest

from voiceserver.backchannel import is_backchannel, is_echo, is_order
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


SPOKEN = words_of("It is ten o'clock in the morning, and the sun is out.")


@pytest.mark.parametrize(
    "heard", ["ten o'clock in the morning", "in the warning", "sun is", "the morning and this sun is"]
)
def test_words_that_the_reply_just_said_are_its_echo(heard: str) -> None:
    assert is_echo(words_of(heard), SPOKEN)


@pytest.mark.parametrize(
    "heard", ["", "morning", "what time is it", "stop in there", "the moon is full", "is out there any rain"]
)
def test_other_words_and_single_ones_are_not(heard: str) -> None:
    assert not is_echo(words_of(heard), SPOKEN)


def test_nothing_spoken_has_no_echo() -> None:
    assert not is_echo(("ten", "o'clock"), ())


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


def test_a_partial_transcript_may_yet_become_a_nod_or_an_echo() -> None:
    assert is_backchannel(("i",), is_partial=True)
    assert not is_backchannel(("i",))
    assert not is_backchannel(("i", "want"), is_partial=True)
    assert is_echo(("ten",), SPOKEN, is_partial=True)
    assert not is_echo(("ten",), SPOKEN)
    assert not is_echo(("stop",), (*SPOKEN, "stop"), is_partial=True)
