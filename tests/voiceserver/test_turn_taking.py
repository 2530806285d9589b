"""The turn machine's finer decisions: answers begun early, silences that depend on the words, interruptions that are
none, and turns that are taken back. `test_turn.py` has what every turn goes through."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.anticipation import Callers
from voiceserver.completeness import without_hesitation
from voiceserver.endpointing import CUT_OFF_FACTOR
from voiceserver.speculation import SpeculationSettings
from voiceserver.speech_over_reply import SHORT_AWAITED_NS, WORDS_AWAITED_NS
from voiceserver.turn import WHOLE_NS, TurnMachine, TurnSettings
from voiceserver.turn_events import (
    AbandonTranscription,
    AdoptSpeculation,
    AudioEnded,
    AudioHeard,
    BeginSpeculation,
    CancelReply,
    CloseSegment,
    DeadlinePassed,
    DropSpeculation,
    Effect,
    EndTurn,
    Event,
    FinalTranscribed,
    Interrupted,
    JudgeTurn,
    MarkInstant,
    PartialTranscribed,
    PauseReply,
    ReplyFailed,
    ReplyFinished,
    ResumeReply,
    SpeculationFailed,
    SpeculationWasted,
    SpeechStarted,
    SpeechStopped,
    StartReply,
    TextEntered,
    TranscriptionFailed,
    TurnJudged,
)
from voiceserver.words import words_of
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, TurnDetectionMode, TurnOutcome

SETTINGS = TurnSettings(
    silence_ns=600 * NS_PER_MS,
    is_adaptive=True,
    barge_in_ns=200 * NS_PER_MS,
    barge_in_sure_ns=700 * NS_PER_MS,
    resume_ns=1000 * NS_PER_MS,
    speculation=SpeculationSettings(is_on=True),
)
QUESTION = "what time is it"


class Playbook:
    """A conversation in milliseconds."""

    def __init__(self, settings: TurnSettings = SETTINGS, callers: Callers | None = None) -> None:
        self.machine = TurnMachine(settings, callers.speaking() if callers else None)

    def at(self, t_ms: int, event: Event) -> list[Effect]:
        return self.machine.step(event, t_ms * NS_PER_MS)

    def starts(self, t_ms: int) -> list[Effect]:
        return self.at(t_ms, SpeechStarted(t_ms * NS_PER_MS))

    def stops(self, t_ms: int, spoken_until_ms: int) -> list[Effect]:
        return self.at(t_ms, SpeechStopped(spoken_until_ms * NS_PER_MS))

    def hears(self, t_ms: int, spoken_until_ms: int | None = None) -> list[Effect]:
        """Audio up to now, of which the last speech of the open segment lies there."""
        return self.at(t_ms, AudioHeard(t_ms * NS_PER_MS, spoken_until_ms and spoken_until_ms * NS_PER_MS))

    def waits(self, t_ms: int) -> list[Effect]:
        return self.at(t_ms, DeadlinePassed())

    def partly(self, t_ms: int, text: str, *, turn: int = 1, segment: int = 0, stable: bool = True) -> list[Effect]:
        return self.at(t_ms, PartialTranscribed(turn, segment, text, len(text) if stable else 0))

    def finally_(self, t_ms: int, text: str, *, turn: int = 1, segment: int = 0) -> list[Effect]:
        return self.at(t_ms, FinalTranscribed(turn, segment, text))

    @property
    def deadline_ms(self) -> float | None:
        deadline = self.machine.deadline()
        return None if deadline is None else deadline / NS_PER_MS

    def asked(self) -> "Playbook":
        """A question from 0 to 1000 ms, closed at 1200 and transcribed: its silence is over at 1300."""
        self.starts(0)
        self.stops(1200, 1000)
        self.finally_(1210, QUESTION)
        self.hears(1260)
        return self

    def replying(self) -> "Playbook":
        """Turn 1 was committed at 1300 ms, and is being answered."""
        self.asked().waits(1300)
        assert self.machine.reply_id == 1
        return self


def of(kind: type[Effect], effects: list[Effect]) -> list[Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


# --- answers begun early


def test_an_answer_is_begun_when_the_words_sound_complete_and_given_at_the_commit() -> None:
    book = Playbook()
    book.starts(0)
    assert of(BeginSpeculation, book.partly(800, "what time")) == []
    assert of(BeginSpeculation, book.partly(900, QUESTION)) == [BeginSpeculation(1, 1, QUESTION)]
    book.stops(1200, 1000)
    assert of(DropSpeculation, book.finally_(1210, "What time is it?")) == []
    book.hears(1260)
    assert book.waits(1300) == [
        MarkInstant(1, Mark.TURN_COMMITTED, 1300 * NS_PER_MS),
        AdoptSpeculation(1, 1, "What time is it?"),
    ]


def test_words_that_may_change_or_go_on_are_answered_at_the_first_short_silence() -> None:
    book = Playbook()
    book.starts(0)
    assert of(BeginSpeculation, book.partly(900, "good morning")) == []
    assert of(BeginSpeculation, book.hears(1099, 1000)) == []
    assert of(BeginSpeculation, book.hears(1100, 1000)) == [BeginSpeculation(1, 1, "good morning")]


def test_the_silence_that_the_last_answer_waits_for_is_counted_on_behind_the_end_of_a_segment() -> None:
    book = Playbook(SETTINGS._replace(speculation=SpeculationSettings(is_on=True, tries=2)))
    book.starts(0)
    book.partly(300, "good")
    assert of(BeginSpeculation, book.hears(600, 400)) == [BeginSpeculation(1, 1, "good")]
    book.hears(700, 400)  # a pause of 300 ms, and they go on
    book.hears(760, 760)
    book.partly(800, "good day")
    assert of(BeginSpeculation, book.stops(1200, 1000)) == []
    assert of(BeginSpeculation, book.hears(1300)) == []
    assert of(BeginSpeculation, book.hears(1320)) == [BeginSpeculation(1, 2, "good day")]


def test_what_is_anticipated_is_answered_before_it_is_said_and_given_when_it_was() -> None:
    callers = Callers(("what can you do", "tell me a joke"))
    right, wrong = Playbook(callers=callers), Playbook(callers=callers)
    for book in (right, wrong):
        book.starts(0)
        assert of(BeginSpeculation, book.partly(600, "what can")) == [BeginSpeculation(1, 1, "what can you do")]
        assert of(DropSpeculation, book.partly(800, "what can you")) == []
        assert of(DropSpeculation, book.hears(1100, 1000)) == []
        book.stops(1200, 1000)
    right.finally_(1210, "what can you do")
    right.hears(1260)
    assert right.waits(1300)[-1] == AdoptSpeculation(1, 1, "what can you do")
    effects = wrong.finally_(1210, "what can you")
    assert [each for each in effects if isinstance(each, DropSpeculation | BeginSpeculation)] == [
        DropSpeculation(1, 1),
        BeginSpeculation(1, 2, "what can you"),
    ]


@pytest.mark.parametrize(
    ("partial", "is_stable", "silence_ms", "closes"),
    [
        ("what can you do", True, WHOLE_NS // NS_PER_MS, True),
        ("what can you do", True, WHOLE_NS // NS_PER_MS - 1, False),
        ("what can you do", False, WHOLE_NS // NS_PER_MS, False),
        ("what can you", True, WHOLE_NS // NS_PER_MS, False),
        (QUESTION, True, WHOLE_NS // NS_PER_MS, False),
    ],
)
def test_the_transcript_of_what_is_likely_to_be_all_is_asked_for_sooner(
    partial: str, is_stable: bool, silence_ms: int, closes: bool
) -> None:
    book = Playbook(callers=Callers(("what can you do",)))
    book.starts(0)
    book.partly(900, partial, stable=is_stable)
    assert of(CloseSegment, book.hears(1000 + silence_ms, 1000)) == ([CloseSegment()] if closes else [])


def test_a_segment_without_words_yet_is_not_closed_for_those_before_it() -> None:
    for is_stable in (True, False):
        book = Playbook(callers=Callers(("what can you do",)))
        book.starts(0)
        book.partly(900, "what can you do", stable=is_stable)
        book.stops(1200, 1000)
        book.starts(1250)
        assert of(CloseSegment, book.hears(1500, 1400)) == []
        book.finally_(1520, "what can you do")
        assert of(CloseSegment, book.hears(1540, 1400)) == []
        book.partly(1550, "please", segment=1)
        assert of(CloseSegment, book.hears(1560, 1400)) == []


def test_it_is_not_over_a_reply() -> None:
    book = Playbook(callers=Callers(("what can you do",))).replying()
    book.starts(1900)
    book.partly(2000, "what can you do", turn=2)
    assert of(CloseSegment, book.hears(2160, 2000)) == []


def test_what_is_likely_to_be_all_is_committed_after_the_shorter_silence() -> None:
    for callers, silence_ms in ((Callers(("good morning",)), 300), (Callers(), 600)):
        book = Playbook(callers=callers)
        book.starts(0)
        book.stops(1200, 1000)
        book.finally_(1210, "good morning")
        book.hears(1000 + silence_ms - 10)
        assert book.deadline_ms == 1000 + silence_ms


@pytest.mark.parametrize(
    "over", [ReplyFinished(1), Interrupted(1), TextEntered("hello"), ReplyFailed(1, ErrorCode.LLM_FAILED, "")]
)
def test_what_was_said_is_known_to_have_been_all_when_its_answer_is_over(over: Event) -> None:
    callers = Callers(after=1)

    def is_known() -> bool:
        return callers.speaking().is_whole(words_of(QUESTION))

    book = Playbook(callers=callers).replying()
    assert not is_known()
    book.at(3000, over)
    assert is_known()


@pytest.mark.parametrize(("rest", "is_all"), [("in london", False), ("stop it", True)])
def test_what_the_user_went_on_after_was_not_all(rest: str, is_all: bool) -> None:
    callers = Callers(after=1)
    book = Playbook(callers=callers).replying()
    book.starts(1500)
    book.partly(1800, rest, turn=2)
    (cancelled,) = of(CancelReply, book.hears(2000, 2000))
    assert cancelled == CancelReply(1, CancelReason.BARGE_IN if is_all else CancelReason.RESUMED)
    assert callers.speaking().is_whole(words_of(QUESTION)) == is_all


def test_an_answer_to_other_words_than_were_said_is_thrown_away_and_begun_anew() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    effects = book.partly(1000, f"{QUESTION} in the")
    assert of(DropSpeculation, effects) == [DropSpeculation(1, 1)]
    assert of(BeginSpeculation, effects) == []
    book.stops(1400, 1200)
    effects = book.finally_(1410, f"{QUESTION} in london")
    assert of(BeginSpeculation, effects) == [BeginSpeculation(1, 3, f"{QUESTION} in london")]


def test_the_last_words_decide_at_the_commit_itself() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    book.stops(1200, 1000)
    book.hears(1700)
    effects = book.finally_(1700, "what time was it")
    assert effects[-1] == StartReply(1, "what time was it")
    assert of(DropSpeculation, effects) == [DropSpeculation(1, 1)]


def test_speech_that_goes_on_leaves_the_answer_until_it_has_words() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    book.stops(1200, 1000)
    book.finally_(1210, QUESTION)
    assert of(DropSpeculation, book.starts(1250)) == []
    assert of(DropSpeculation, book.partly(1400, "and", segment=1)) == [DropSpeculation(1, 1)]


def test_no_answer_is_begun_while_a_reply_is_given() -> None:
    book = Playbook().replying()
    book.starts(4000)
    assert of(BeginSpeculation, book.partly(4100, "mm-hm", turn=2)) == []
    assert of(BeginSpeculation, book.hears(4400, 4150)) == []


def test_an_answer_to_a_turn_that_does_not_come_to_be_is_thrown_away() -> None:
    for event in (TranscriptionFailed(1, 0, "gone"), TextEntered("typed")):
        book = Playbook()
        book.starts(0)
        book.partly(900, QUESTION)
        assert of(DropSpeculation, book.at(950, event)) == [DropSpeculation(1, 1)]


def test_when_an_engine_fails_at_it_the_turn_is_answered_at_its_commit() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    assert book.at(950, SpeculationFailed(1, 2)) == []
    assert book.at(950, SpeculationFailed(1, 1)) == [DropSpeculation(1, 1)]
    book.stops(1200, 1000)
    assert of(BeginSpeculation, book.finally_(1210, QUESTION)) == []
    book.hears(1260)
    assert book.waits(1300)[-1] == StartReply(1, QUESTION)


def test_one_that_fails_when_it_was_thrown_away_keeps_no_other_from_being_begun() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    assert of(DropSpeculation, book.partly(1000, f"{QUESTION} in the")) == [DropSpeculation(1, 1)]
    assert book.at(1010, SpeculationFailed(1, 1)) == []
    assert of(BeginSpeculation, book.stops(1400, 1200)) == [BeginSpeculation(1, 2, f"{QUESTION} in the")]


# --- the silence that commits


def test_the_silence_depends_on_the_words() -> None:
    for text, silence_ms in ((QUESTION, 300), ("good morning", 600), ("i would like a pizza and", 1200)):
        book = Playbook()
        book.starts(0)
        book.stops(1200, 1000)
        book.finally_(1210, text)
        book.hears(1000 + silence_ms - 40)
        assert book.deadline_ms == 1000 + silence_ms


def test_a_model_of_the_end_of_turns_is_asked_at_each_pause_and_heard_while_it_lasts() -> None:
    book = Playbook(SETTINGS._replace(has_judge=True))
    book.starts(0)
    assert of(JudgeTurn, book.stops(1200, 1000)) == [JudgeTurn(1, 0)]
    book.finally_(1210, "good morning")
    book.at(1220, TurnJudged(1, 0, 0.9))
    book.hears(1280)
    assert book.deadline_ms == 1300
    book.starts(1290)
    book.at(1295, TurnJudged(1, 0, 0.9))
    assert of(JudgeTurn, book.stops(2200, 2000)) == [JudgeTurn(1, 1)]
    book.finally_(2210, "hello", segment=1)
    book.hears(2560)
    assert book.deadline_ms == 2600


# --- speech over a reply


def test_a_reply_is_paused_by_the_first_sound_and_goes_on_after_a_nod() -> None:
    book = Playbook().replying()
    assert of(PauseReply, book.starts(4000)) == [PauseReply(1)]
    book.hears(4250, 4250)
    assert of(CancelReply, book.partly(4250, "mm-hm", turn=2)) == []
    assert of(ResumeReply, book.stops(4500, 4300)) == []
    assert of(ResumeReply, book.finally_(4550, "mm-hm", turn=2)) == [ResumeReply(1)]
    book.hears(4860)
    assert book.waits(4900)[-1] == EndTurn(2, TurnOutcome.NO_SPEECH)
    assert book.machine.reply_id == 1


def test_words_that_say_something_cancel_it_before_it_is_sure_by_length() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.hears(4150, 4150)
    assert of(CancelReply, book.partly(4150, "wait", turn=2)) == []
    assert of(CancelReply, book.hears(4200, 4200)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_speech_without_words_cancels_it_when_it_lasts() -> None:
    book = Playbook().replying()
    book.starts(4000)
    assert of(CancelReply, book.hears(4699, 4699)) == []
    assert of(CancelReply, book.hears(4700, 4700)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_a_recogniser_that_tells_words_as_they_are_spoken_is_given_longer_to() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    book.stops(1200, 1000)
    book.finally_(1210, QUESTION)
    book.hears(1260)
    book.waits(1300)
    book.starts(4000)
    assert of(CancelReply, book.hears(5399, 5399)) == []
    assert of(CancelReply, book.hears(5400, 5400)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_nods_do_not_unless_they_have_no_end_nor_does_its_own_echo_while_there_can_be_one() -> None:
    nod, echo = PartialTranscribed(2, 0, "yeah", 4), PartialTranscribed(2, 0, "it is ten", 9, is_echo=True)
    for event, until_ms in ((nod, 6999), (echo, 4500)):
        book = Playbook().replying()
        book.starts(4000)
        book.at(4100, event)
        assert of(CancelReply, book.hears(until_ms, until_ms)) == []
        assert of(CancelReply, book.hears(until_ms + 1, until_ms + 1)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_the_words_of_an_echo_are_nobodys() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.stops(4500, 4300)
    book.at(4510, FinalTranscribed(2, 0, "it is ten", is_echo=True))
    book.at(4600, ReplyFinished(1))
    book.hears(4860)
    assert book.waits(4900)[-1] == EndTurn(2, TurnOutcome.NO_SPEECH)


@pytest.mark.parametrize(
    ("spoken_until_ms", "outcome"), [(5100, TurnOutcome.NO_SPEECH), (5101, None)], ids=["echo", "goes on"]
)
def test_the_echo_of_a_replys_last_words_is_nobodys_though_it_is_transcribed_when_that_is_over(
    spoken_until_ms: int, outcome: TurnOutcome | None
) -> None:
    book = Playbook().replying()
    book.starts(4400)
    book.at(4600, ReplyFinished(1))
    assert of(BeginSpeculation, book.at(4650, PartialTranscribed(2, 0, "it is ten", 9, is_echo=True))) == []
    book.hears(spoken_until_ms, spoken_until_ms)
    book.stops(5300, spoken_until_ms)
    book.at(5310, FinalTranscribed(2, 0, "it is ten o'clock", is_echo=True))
    ended = of(EndTurn, book.hears(5800))
    assert ended == ([] if outcome is None else [EndTurn(2, outcome)])
    assert book.machine.reply_id == (2 if outcome is None else None)


def nodded_at_the_end(said: str, *, asks: bool = False) -> Playbook:
    """Said from 4000 to 4300 ms, over a reply that is over at 4500."""
    book = Playbook().replying()
    book.starts(4000)
    assert of(BeginSpeculation, book.partly(4200, said, turn=2)) == []
    book.stops(4500, 4300)
    assert of(ResumeReply, book.finally_(4510, said, turn=2)) == [ResumeReply(1)]
    begun = of(BeginSpeculation, book.at(4600, ReplyFinished(1, asks)))
    assert begun == ([BeginSpeculation(2, 1, said)] if asks else [])
    return book


def test_a_nod_over_the_end_of_a_reply_is_no_turn() -> None:
    book = nodded_at_the_end("mm-hm")
    assert book.hears(4900)[-1] == EndTurn(2, TurnOutcome.NO_SPEECH)


def test_what_is_a_nod_depends_on_the_language() -> None:
    for locale, is_nod in (("de-DE", True), ("en", False)):
        fixed = SETTINGS._replace(locale=locale, is_adaptive=False, silence_ns=300 * NS_PER_MS)
        book = Playbook(fixed).replying()
        book.starts(4000)
        book.at(4200, ReplyFinished(1))
        book.stops(4500, 4300)
        book.finally_(4510, "genau", turn=2)
        book.hears(4900)
        assert (book.machine.reply_id is None) == is_nod


def test_a_recogniser_that_does_not_answer_is_told_of_behind_a_reply_too() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.at(4200, ReplyFinished(1))
    book.stops(4500, 4300)
    book.hears(4900)
    assert book.waits(6400)[-1] == EndTurn(2, TurnOutcome.FAILED)


def test_to_a_question_it_is_an_answer() -> None:
    book = nodded_at_the_end("yes", asks=True)
    assert book.hears(4900)[-1] == AdoptSpeculation(2, 1, "yes")


def test_so_it_is_where_it_is_said_again_to_the_silence_or_more_is_said() -> None:
    for rest in ("yes", "what time is it"):
        book = nodded_at_the_end("yes")
        book.starts(4800)
        book.stops(5300, 5100)
        book.finally_(5310, rest, turn=2, segment=1)
        book.hears(5700)
        assert book.machine.reply_id == 2


def test_a_button_that_is_let_go_of_makes_a_turn_of_it() -> None:
    book = nodded_at_the_end("yes")
    book.at(4700, AudioEnded())
    assert book.machine.reply_id == 2


def test_a_push_to_talk_that_falls_silent_does_not_hold_the_reply_for_ever() -> None:
    book = Playbook(SETTINGS._replace(mode=TurnDetectionMode.MANUAL))
    book.at(0, TextEntered("tell me a story"))
    assert of(PauseReply, book.starts(4000)) == [PauseReply(1)]
    assert book.deadline_ms == 4000 + 600 + 300
    assert book.waits(4900) == [ResumeReply(1)]


def test_words_of_a_segment_whose_final_is_late_are_committed_with_the_others() -> None:
    book = Playbook()
    book.starts(0)
    book.partly(900, QUESTION)
    book.stops(1200, 1000)
    book.starts(1250)
    book.partly(1500, "in london", segment=1)
    book.stops(2000, 1800)
    book.hears(2060)
    assert getattr(book.waits(2100 + 1500)[-1], "text", None) == f"{QUESTION} in london"


def test_what_is_much_fainter_than_the_user_neither_pauses_nor_cancels_it() -> None:
    book = Playbook().replying()
    assert of(PauseReply, book.at(4000, SpeechStarted(4000 * NS_PER_MS, is_faint=True))) == []
    effects = book.at(6000, AudioHeard(6000 * NS_PER_MS, 6000 * NS_PER_MS, is_faint=True))
    effects += book.partly(6000, "stop", turn=2)
    assert (of(PauseReply, effects), of(CancelReply, effects)) == ([], [])


def test_words_that_the_recogniser_still_doubts_cancel_nothing() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.hears(4300, 4300)
    assert of(CancelReply, book.partly(4300, "but", turn=2, stable=False)) == []
    assert of(CancelReply, book.partly(4350, "but no", turn=2, stable=False)) == []
    assert of(CancelReply, book.partly(4400, "but no", turn=2)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_a_click_pauses_it_hardly_longer_than_it_lasts_and_late_words_are_waited_for_a_moment() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.stops(4300, 4100)
    assert book.deadline_ms == 4300 + SHORT_AWAITED_NS / NS_PER_MS
    assert of(ResumeReply, book.waits(4400)) == [ResumeReply(1)]
    book = Playbook().replying()
    book.starts(4000)
    book.stops(4500, 4300)
    assert book.deadline_ms == 4500 + WORDS_AWAITED_NS / NS_PER_MS
    assert of(ResumeReply, book.waits(4900)) == [ResumeReply(1)]
    assert of(CancelReply, book.finally_(4950, "stop", turn=2)) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_once_deceived_the_reply_is_paused_only_by_speech_of_some_length() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.stops(4300, 4100)
    book.waits(4400)
    assert of(PauseReply, book.starts(4400)) == []
    assert of(PauseReply, book.hears(4590, 4590)) == []
    assert of(PauseReply, book.hears(4600, 4600)) == [PauseReply(1)]


def test_once_deceived_the_reply_is_not_paused_by_its_echo() -> None:
    book = Playbook().replying()
    book.starts(4000)
    book.stops(4300, 4100)
    book.waits(4400)
    book.starts(4400)
    book.at(4580, PartialTranscribed(2, 1, "it is", 5, is_echo=True))
    assert of(PauseReply, book.hears(4600, 4600)) == []
    book.partly(4700, "it may", turn=2, segment=1, stable=False)
    assert of(PauseReply, book.hears(4700, 4700)) == [PauseReply(1)]


def test_a_short_stop_keeps_it_silent_until_its_words_are_there() -> None:
    book = Playbook().replying()
    book.starts(4000)
    assert of(ResumeReply, book.stops(4300, 4150)) == []
    effects = book.finally_(4330, "stop", turn=2)
    assert [*of(ResumeReply, effects), *of(CancelReply, effects)] == [CancelReply(1, CancelReason.BARGE_IN)]


# --- a turn that was ended too early


def test_who_goes_on_within_a_second_takes_the_answer_back_and_the_words_are_joined() -> None:
    book = Playbook().replying()
    assert of(PauseReply, book.starts(1800)) == [PauseReply(1)]
    effects = [*book.hears(2000, 2000), *book.partly(2000, "in london", turn=2)]
    assert of(CancelReply, effects) == [CancelReply(1, CancelReason.RESUMED)]
    assert of(EndTurn, effects) == [EndTurn(1, TurnOutcome.CANCELLED)]
    book.stops(2500, 2300)
    book.finally_(2510, "in london", turn=2)
    book.hears(2650)
    assert book.waits(2675)[-1] in (
        StartReply(2, f"{QUESTION} in london"),
        AdoptSpeculation(2, 1, f"{QUESTION} in london"),
    )


def test_a_second_later_or_with_an_order_it_is_an_interruption() -> None:
    for start_ms, said in ((2301, "in london"), (1800, "stop")):
        book = Playbook().replying()
        book.starts(start_ms)
        book.hears(start_ms + 200, start_ms + 200)
        effects = book.partly(start_ms + 200, said, turn=2)
        assert of(CancelReply, effects) == [CancelReply(1, CancelReason.BARGE_IN)]


def test_without_resumption_nobody_takes_a_turn_back_though_they_began_before_its_commit() -> None:
    for resume_ms, reason in ((0, CancelReason.BARGE_IN), (1, CancelReason.RESUMED)):
        book = Playbook(SETTINGS._replace(resume_ns=resume_ms * NS_PER_MS)).replying()
        book.at(1340, SpeechStarted(1280 * NS_PER_MS))
        book.hears(1500, 1500)
        assert of(CancelReply, book.partly(1500, "in london", turn=2)) == [CancelReply(1, reason)]


def test_who_has_heard_some_of_the_answer_speaks_to_it() -> None:
    for heard_ms, reason in ((499, CancelReason.RESUMED), (500, CancelReason.BARGE_IN)):
        book = Playbook().replying()
        book.at(2000, SpeechStarted(2000 * NS_PER_MS, reply_heard_ns=heard_ms * NS_PER_MS))
        book.hears(2200, 2200)
        assert of(CancelReply, book.partly(2200, "in london", turn=2)) == [CancelReply(1, reason)]


def test_who_falters_before_they_go_on_is_joined_unless_they_have_heard_the_answer_since() -> None:
    for heard_ms, reason in ((499, CancelReason.RESUMED), (500, CancelReason.BARGE_IN)):
        book = Playbook().replying()
        book.starts(2000)
        book.stops(2500, 2300)
        book.finally_(2510, "um", turn=2)
        book.at(2600, SpeechStarted(2600 * NS_PER_MS, reply_heard_ns=heard_ms * NS_PER_MS))
        book.hears(2800, 2800)
        effects = book.partly(2800, "in london", turn=2, segment=1)
        assert of(CancelReply, effects) == [CancelReply(1, reason)]


def test_a_cough_after_the_commit_takes_nothing_back() -> None:
    book = Playbook().replying()
    book.starts(1400)
    assert of(ResumeReply, book.stops(1700, 1500)) == []
    assert of(ResumeReply, book.finally_(1710, "", turn=2)) == [ResumeReply(1)]
    book.hears(2060)
    assert book.waits(2100) == [AbandonTranscription(2), EndTurn(2, TurnOutcome.NO_SPEECH)]


def test_a_turn_that_was_cut_off_makes_the_next_silences_longer() -> None:
    book = Playbook().replying()
    book.starts(1400)
    book.hears(1600, 1600)
    book.partly(1600, "in london", turn=2)
    book.stops(2000, 1800)
    book.finally_(2010, "in london", turn=2)
    book.hears(1800 + 375 - 40)
    assert book.deadline_ms == 1800 + 300 * CUT_OFF_FACTOR


def test_what_was_typed_is_never_joined_to_speech() -> None:
    book = Playbook()
    book.at(0, TextEntered("tell me a story"))
    book.starts(500)
    book.hears(700, 700)
    effects = book.partly(700, "about a dog", turn=2)
    assert of(CancelReply, effects) == [CancelReply(1, CancelReason.BARGE_IN)]
    book.stops(1200, 1000)
    book.finally_(1210, "about a dog", turn=2)
    book.hears(1570)
    assert getattr(book.waits(1600)[-1], "text", None) == "about a dog"


# --- whatever happens

WORDS = st.sampled_from(
    [
        "",
        "mm-hm",
        "stop",
        "what time",
        "what time is it in london",
        "what time is it",
        "um what time is it",
        "what time is it in",
        "good morning",
        "It is ten",
    ]
)
TURNS = st.integers(1, 6)
SEGMENTS = st.integers(0, 3)
EVENTS: st.SearchStrategy[Callable[[int], Event]] = st.one_of(
    st.just(lambda now: SpeechStarted(now)),
    st.just(lambda now: SpeechStopped(now)),
    st.integers(0, 400).map(lambda silence: lambda now: AudioHeard(now, now - silence * NS_PER_MS)),
    st.just(lambda now: AudioHeard(now, None)),
    st.tuples(TURNS, SEGMENTS, WORDS, st.booleans()).map(
        lambda made: lambda now: PartialTranscribed(made[0], made[1], made[2], len(made[2]), made[3])
    ),
    st.tuples(TURNS, SEGMENTS, WORDS).map(lambda made: lambda now: FinalTranscribed(*made)),
    st.tuples(TURNS, SEGMENTS).map(lambda made: lambda now: TranscriptionFailed(*made, "gone")),
    st.tuples(TURNS, SEGMENTS, st.floats(0, 1)).map(lambda made: lambda now: TurnJudged(*made)),
    st.just(lambda now: TextEntered("typed")),
    TURNS.map(lambda turn: lambda now: Interrupted(turn)),
    TURNS.map(lambda turn: lambda now: ReplyFinished(turn)),
    TURNS.map(lambda turn: lambda now: ReplyFailed(turn, ErrorCode.LLM_FAILED, "gone")),
    st.tuples(TURNS, st.integers(1, 6)).map(lambda made: lambda now: SpeculationFailed(*made)),
    st.integers(0, 50).map(lambda tokens: lambda now: SpeculationWasted(tokens)),
    st.just(lambda now: DeadlinePassed()),
)


@given(st.lists(st.tuples(st.sampled_from([0, 20, 100, 400, 1000]), EVENTS), max_size=80))
def test_nothing_is_given_before_the_commit_and_nothing_thrown_away_is_ever_given(
    script: list[tuple[int, Callable[[int], Event]]],
) -> None:
    callers = Callers(("what time is it in london", "good morning"), after=1)
    machine = TurnMachine(SETTINGS, callers.speaking())
    now = 0
    held: BeginSpeculation | None = None
    replying: int | None = None
    paused: int | None = None
    committed: set[int] = set()
    for delay_ms, happens in script:
        now += delay_ms * NS_PER_MS
        for effect in machine.step(happens(now), now):
            match effect:
                case BeginSpeculation(turn_id):
                    assert held is None
                    assert replying is None
                    assert turn_id not in committed
                    held = effect
                case DropSpeculation(turn_id, attempt):
                    assert held is not None
                    assert (held.turn_id, held.attempt) == (turn_id, attempt)
                    held = None
                case MarkInstant(turn_id, Mark.TURN_COMMITTED):
                    committed.add(turn_id)
                case AdoptSpeculation(turn_id, attempt, text):
                    assert held is not None
                    assert (held.turn_id, held.attempt) == (turn_id, attempt)
                    assert without_hesitation(words_of(held.text)) == without_hesitation(words_of(text))
                    assert turn_id in committed
                    held, replying = None, turn_id
                case StartReply(turn_id):
                    assert held is None
                    assert replying is None
                    assert turn_id in committed
                    replying = turn_id
                case PauseReply(turn_id):
                    assert turn_id == replying
                    assert paused is None
                    paused = turn_id
                case ResumeReply(turn_id):
                    assert turn_id == replying == paused
                    paused = None
                case CancelReply(turn_id):
                    assert turn_id == replying
                case EndTurn(turn_id):
                    assert held is None or held.turn_id != turn_id
                    if turn_id == replying:
                        replying = paused = None
        # A reply that is paused goes on, or is over, without another sound: somebody is being waited for.
        assert paused is None or machine.utterance_id is not None
        assert held is None or machine.utterance_id == held.turn_id
