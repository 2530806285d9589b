import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.anticipation import Callers
from voiceserver.engines.roles import ChatMessage, Speaker, TokenUsage
from voiceserver.speculation import Ledger, SpeculationSettings, Speculator, input_tokens, saved_ns
from voicewire.clock import NS_PER_MS
from voicewire.messages import Speculation

ON = SpeculationSettings(is_on=True, tries=4, wasted_tokens=100)
SILENT = ON.silence_ns


def may(speculator: Speculator, text: str, *, stable: bool = True, silence_ns: int = 0) -> bool:
    asked = speculator.worth_answering(text, is_stable=stable, silence_ns=silence_ns)
    assert asked in (None, text)
    return asked is not None


def test_while_the_user_speaks_only_what_is_stable_and_complete_is_answered() -> None:
    speculator = Speculator(ON)
    assert may(speculator, "what time is it")
    assert not may(speculator, "what time is it", stable=False)
    assert not may(speculator, "what time is the")
    assert not may(speculator, "what time")
    assert not may(speculator, "")


def test_what_people_say_alone_is_answered_however_short() -> None:
    assert may(Speculator(ON), "yes please")
    assert not may(Speculator(ON), "yes")
    assert not may(Speculator(ON, "de"), "yes please")


def test_at_the_first_short_silence_any_words_are() -> None:
    assert may(Speculator(ON), "good morning", stable=False, silence_ns=SILENT)
    assert not may(Speculator(ON), "good morning", stable=False, silence_ns=SILENT - 1)
    assert not may(Speculator(ON), "", silence_ns=SILENT)


def test_a_statement_is_answered_while_it_is_said_though_more_may_follow() -> None:
    assert may(Speculator(ON), "i lost my card")
    assert not may(Speculator(ON), "my card")


def test_when_it_is_off_nothing_is() -> None:
    assert not may(Speculator(SpeculationSettings()), "what time is it", silence_ns=SILENT)


def test_one_answer_is_held_at_a_time_and_it_is_void_when_other_words_were_said() -> None:
    speculator = Speculator(ON)
    assert speculator.begun("What time is it?") == 1
    assert not may(speculator, "what time is it now", silence_ns=SILENT)
    assert not speculator.is_void("what time is it", is_all=True)
    assert speculator.is_void("what time is it now", is_all=True)
    speculator.dropped()
    assert not speculator.is_void("anything", is_all=True)
    assert may(speculator, "what time is it now")


def test_a_hesitation_asks_nothing() -> None:
    speculator = Speculator(ON)
    assert not may(speculator, "um", silence_ns=SILENT)
    speculator.begun("um what time is it")
    assert not speculator.is_void("What time, er, is it? Mm.", is_all=True)
    assert speculator.is_void("um what time was it", is_all=True)


def test_what_is_a_hesitation_in_english_may_be_a_word_elsewhere() -> None:
    speculator = Speculator(ON, "de-DE")
    speculator.begun("er kommt")
    assert speculator.is_void("um er kommt", is_all=True)
    assert speculator.is_void("kommt", is_all=True)


LIKELY = Callers(("What can you do?", "tell me a story", "tell me a joke"), after=1)


def anticipating() -> Speculator:
    return Speculator(ON, anticipation=LIKELY.speaking())


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("what can", "What can you do?"),
        ("Okay, um, what can you", "okay What can you do?"),
        ("what can you do", "what can you do"),
        ("what", None),
        ("tell me a", None),
        ("tell me an old", "tell me an old"),
    ],
)
def test_what_is_anticipated_is_answered_before_it_is_said(said: str, answered: str | None) -> None:
    assert anticipating().worth_answering(said, is_stable=True, silence_ns=0) == answered
    assert anticipating().worth_answering(said, is_stable=False, silence_ns=0) is None


def test_an_answer_to_what_is_anticipated_is_void_when_something_else_was_said() -> None:
    speculator = anticipating()
    speculator.begun("What can you do?")
    for said in ("what", "what can you", "what can you do"):
        assert not speculator.is_void(said, is_all=False)
    assert speculator.is_void("what could you", is_all=False)
    assert speculator.is_void("what can you do for me", is_all=False)
    assert speculator.is_void("what can you", is_all=True)


def test_what_is_likely_to_be_all_is_known_and_what_was_is_learned() -> None:
    speculator = anticipating()
    assert speculator.is_whole("Um, what can you, er, do?")
    assert not speculator.is_whole("what can you")
    speculator.was_said("Er, where is it?")
    assert speculator.is_whole("where is it")
    assert not Speculator(ON).is_whole("what can you do")


def test_who_wants_nothing_early_has_nothing_anticipated_or_learned() -> None:
    callers = Callers(("what can you do",), after=1)
    speculator = Speculator(SpeculationSettings(), anticipation=callers.speaking())
    assert not speculator.is_whole("what can you do")
    speculator.was_said("where is it")
    assert not callers.speaking().is_whole(("where", "is", "it"))


def test_the_last_tries_are_kept_for_the_silence_and_then_there_are_none() -> None:
    speculator = Speculator(ON)
    for expected in (1, 2):
        assert may(speculator, "what time is it")
        assert speculator.begun("what time is it") == expected
        speculator.dropped()
    assert not may(speculator, "what time is it")
    for _ in range(2):
        assert may(speculator, "what time is it", silence_ns=SILENT)
        speculator.begun("what time is it")
        speculator.dropped()
    assert not may(speculator, "what time is it", silence_ns=SILENT)
    speculator.turn_over()
    assert may(speculator, "what time is it")


def test_the_last_try_waits_for_a_silence_longer_than_the_pauses_before_it() -> None:
    speculator = Speculator(ON)

    def pauses_for(silent_ms: int) -> int | None:
        """After how much of the silence an answer is begun."""
        may(speculator, "so", silence_ns=0)
        for now_ms in range(20, silent_ms + 1, 20):
            if may(speculator, "so", silence_ns=now_ms * NS_PER_MS):
                speculator.begun("so")
                begun_ms = now_ms
                break
        else:
            begun_ms = None
        may(speculator, "so", silence_ns=silent_ms * NS_PER_MS)
        speculator.dropped()
        return begun_ms

    assert [pauses_for(silent_ms) for silent_ms in (300, 200, 140, 300, 300, 500, 500)] == [
        *(100, 100, 100),
        *(None, None, 320, None),
    ]
    speculator.turn_over()
    # Four tries again, and of the pauses before nothing is known.
    assert [pauses_for(silent_ms) for silent_ms in (120, 120, 120, 140)] == [100, 100, 100, 140]


def test_a_session_that_has_wasted_enough_begins_nothing_early_any_more() -> None:
    speculator = Speculator(ON)
    speculator.wasted(99)
    assert may(speculator, "what time is it")
    speculator.wasted(1)
    speculator.turn_over()
    assert not may(speculator, "what time is it", silence_ns=SILENT)


def test_after_an_engine_failed_the_turn_waits_for_its_commit() -> None:
    speculator = Speculator(ON)
    speculator.begun("what time is it")
    speculator.failed()
    assert speculator.words is None
    assert not may(speculator, "what time is it", silence_ns=SILENT)
    speculator.turn_over()
    assert may(speculator, "what time is it")


@pytest.mark.parametrize(
    ("requested", "first_audio", "committed", "saved"),
    [(0, 300, 500, 300), (0, 700, 500, 500), (0, None, 500, 500), (600, 900, 500, 0)],
)
def test_what_is_saved_is_the_work_done_before_the_commit(
    requested: int, first_audio: int | None, committed: int, saved: int
) -> None:
    assert saved_ns(requested, first_audio, committed) == saved


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_it_is_the_difference_to_an_answer_asked_for_at_the_commit(requested: int, took: int, waited: int) -> None:
    committed = requested + waited
    early, late = max(requested + took, committed), committed + took
    assert saved_ns(requested, requested + took, committed) == late - early


def test_ledgers_add_up_and_are_told_in_milliseconds() -> None:
    ledger = Ledger(
        started=2,
        hit=1,
        cancelled=1,
        wasted_tokens=3,
        wasted_input_tokens=40,
        wasted_tts_ms=240.0,
        saved_ns=310 * NS_PER_MS,
    )
    total = Ledger()
    total.add(ledger)
    total.add(ledger)
    assert total.message() == Speculation(
        started=4, hit=2, cancelled=2, wasted_tokens=6, wasted_input_tokens=80, wasted_tts_ms=480.0, saved_ms=620.0
    )


def test_a_request_costs_what_the_last_one_did_or_what_its_text_makes() -> None:
    conversation = [ChatMessage(Speaker.USER, "a" * 41), ChatMessage(Speaker.ASSISTANT, "b" * 40)]
    assert input_tokens(conversation, TokenUsage(0, 0)) == 20
    assert input_tokens(conversation, TokenUsage(300, 7)) == 300
