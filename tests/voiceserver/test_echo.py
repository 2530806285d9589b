import pytest

from voiceserver.echo import EchoEar, is_echo
from voiceserver.turn_events import FinalTranscribed, PartialTranscribed
from voiceserver.words import words_of

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


def test_one_word_of_a_partial_transcript_may_yet_become_an_echo() -> None:
    assert is_echo(("ten",), SPOKEN, is_partial=True)
    assert not is_echo(("ten",), SPOKEN)
    assert not is_echo(("stop",), (*SPOKEN, "stop"), is_partial=True)


REPLY = "It is ten o'clock."


def final(text: str, segment: int = 0) -> FinalTranscribed:
    return FinalTranscribed(2, segment, text)


def test_what_is_said_over_a_reply_is_compared_with_what_was_heard_of_it() -> None:
    ear = EchoEar()
    ear.segment_began(0, is_over_reply=True)
    assert ear.judge(final("it is ten"), "It is ten").is_echo
    assert not ear.judge(final("it is ten"), "It").is_echo
    assert not ear.judge(PartialTranscribed(2, 0, "it is ten", 0), "It is ten").is_echo
    assert ear.judge(PartialTranscribed(2, 0, "it is nine", 5), "It is ten").is_echo


def test_the_echo_of_its_last_words_is_known_when_the_reply_is_over() -> None:
    ear = EchoEar()
    ear.segment_began(0, is_over_reply=True)
    ear.reply_ended(REPLY)
    assert ear.judge(final("ten o'clock"), None).is_echo
    assert not ear.judge(final("thank you"), None).is_echo


def test_who_quotes_a_reply_after_it_or_cancelled_it_is_no_echo() -> None:
    ear = EchoEar()
    ear.segment_began(0, is_over_reply=True)
    ear.reply_ended("")
    assert not ear.judge(final("ten o'clock"), None).is_echo
    ear.reply_ended(REPLY)
    ear.segment_began(1, is_over_reply=False)
    assert not ear.judge(final("ten o'clock", 1), None).is_echo
    ear.segment_began(0, is_over_reply=False)
    assert not ear.judge(final("ten o'clock"), None).is_echo
