import pytest

from voiceserver.speech_over_reply import (
    ECHO_TAIL_NS,
    LONGEST_NOD_NS,
    SHORT_AWAITED_NS,
    WORDS_AWAITED_NS,
    SpeechOverReply,
)
from voiceserver.utterance import Utterance

ENOUGH, SURE = 200, 700


def heard(
    spoken_ns: int, words: str = "", *, final: bool = False, echo: bool = False, faint: bool = False
) -> Utterance:
    utterance = Utterance(2, 0, partial=words, stable_chars=len(words), last_speech_ns=spoken_ns)
    utterance.is_echo, utterance.is_faint = echo, faint
    if final:
        utterance.finals[0] = words
    return utterance


@pytest.mark.parametrize(
    ("utterance", "interrupts"),
    [
        (heard(ENOUGH, "stop"), True),
        (heard(ENOUGH - 1, "stop"), False),
        (heard(ENOUGH // 2, "stop", final=True), True),
        (heard(ENOUGH // 2 - 1, "stop", final=True), False),
        (heard(ENOUGH - 1, "the boat", final=True), False),
        (heard(ENOUGH, "yeah"), False),
        (heard(LONGEST_NOD_NS, "yeah"), True),
        (heard(SURE, "stop", echo=True), False),
        (heard(SURE, "stop", faint=True), False),
        (heard(SURE), True),
        (heard(SURE - 1), False),
        (heard(SURE, final=True), False),
    ],
)
def test_an_interruption_has_words_or_lasts(utterance: Utterance, interrupts: bool) -> None:
    assert SpeechOverReply(ENOUGH, SURE).is_interruption(utterance) is interrupts


def test_who_would_have_told_words_by_now_heard_none() -> None:
    over = SpeechOverReply(ENOUGH, SURE)
    over.words_told_early()
    assert not over.is_interruption(heard(2 * SURE - 1))
    assert over.is_interruption(heard(2 * SURE))


def test_a_reply_is_paused_once_and_one_that_went_on_was_paused_for_nothing() -> None:
    over = SpeechOverReply(ENOUGH, SURE)
    assert not over.resume()
    assert (over.pause(1), over.pause(2), over.is_paused, over.was_deceived) == (True, False, True, False)
    assert (over.resume(), over.resume(), over.is_paused, over.was_deceived) == (True, False, False, True)
    over.reply_ended(None)
    assert not over.was_deceived


def test_it_goes_on_when_the_words_are_there_and_waits_less_for_those_of_a_short_sound() -> None:
    over = SpeechOverReply(ENOUGH, SURE)
    awaited, transcribed, click = heard(ENOUGH), heard(ENOUGH, "yeah", final=True), heard(ENOUGH - 1)
    short_order = heard(ENOUGH - 1, "stop")
    for utterance in (awaited, transcribed, click, short_order):
        utterance.stopped_ns = 5000
    assert over.resumes_ns(awaited) == over.resumes_ns(short_order) == 5000 + WORDS_AWAITED_NS
    assert over.resumes_ns(click) == 5000 + SHORT_AWAITED_NS
    assert over.resumes_ns(transcribed) == 5000


@pytest.mark.parametrize("falls_silent", ["paused", "heard to its end"])
def test_an_echo_is_over_soon_after_the_reply_fell_silent(falls_silent: str) -> None:
    over = SpeechOverReply(ENOUGH, SURE)
    assert not over.is_too_late_for_echo(heard(10 * ECHO_TAIL_NS)), "it can be heard still"
    if falls_silent == "paused":
        over.pause(1000)
    else:
        over.reply_ended(1000)
    assert not over.is_too_late_for_echo(heard(1000 + ECHO_TAIL_NS))
    assert over.is_too_late_for_echo(heard(1001 + ECHO_TAIL_NS))
    over.reply_begun()
    assert not over.is_too_late_for_echo(heard(1001 + ECHO_TAIL_NS))
