from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voiceserver.turn import UNHEARD_NS, TurnMachine, TurnSettings
from voiceserver.turn_events import (
    AbandonTranscription,
    AnnounceSpeechStarted,
    AnnounceSpeechStopped,
    AudioEnded,
    AudioHeard,
    CancelReply,
    CloseSegment,
    DeadlinePassed,
    Effect,
    EndTurn,
    Event,
    FinalTranscribed,
    FinishTranscription,
    Interrupted,
    MarkInstant,
    PartialTranscribed,
    ReopenTurn,
    ReplyFailed,
    ReplyFinished,
    ReportError,
    ShowTranscript,
    SpeechStarted,
    SpeechStopped,
    StartReply,
    StartTranscription,
    TextEntered,
    TranscriptionFailed,
)
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, TurnDetectionMode, TurnOutcome

SETTINGS = TurnSettings(
    silence_ns=500 * NS_PER_MS,
    commit_timeout_ns=1500 * NS_PER_MS,
    barge_in_ns=200 * NS_PER_MS,
)


class Playbook:
    """A conversation in milliseconds: `at` says what happens, and returns what the machine does about it."""

    def __init__(self, settings: TurnSettings = SETTINGS) -> None:
        self.machine = TurnMachine(settings)

    def at(self, t_ms: int, event: Event) -> list[Effect]:
        return self.machine.step(event, t_ms * NS_PER_MS)

    def silence_at(self, t_ms: int) -> list[Effect]:
        """Audio without speech has arrived up to now."""
        return self.at(t_ms, AudioHeard(t_ms * NS_PER_MS, None))

    @property
    def deadline_ms(self) -> float | None:
        deadline = self.machine.deadline()
        return None if deadline is None else deadline / NS_PER_MS

    def spoken(self, text: str = "hello there") -> "Playbook":
        """Speech from 0 to 1000 ms, closed at 1200, transcribed at 1210, heard up to 1460: commits at 1500."""
        turn_id = (self.machine.utterance_id or self.machine._last_turn_id + 1) if text else 1
        self.at(100, SpeechStarted(0))
        self.at(1200, SpeechStopped(1000 * NS_PER_MS))
        self.at(1210, FinalTranscribed(turn_id, 0, text))
        self.silence_at(1460)
        return self

    def replying(self) -> "Playbook":
        """Turn 1 was committed at 1500 ms and is being answered."""
        self.spoken().at(1500, DeadlinePassed())
        assert self.machine.reply_id == 1
        return self


def speech(start_ms: int, until_ms: int) -> AudioHeard:
    return AudioHeard(until_ms * NS_PER_MS, until_ms * NS_PER_MS)


def mark(turn_id: int, name: Mark, t_ms: int) -> MarkInstant:
    return MarkInstant(turn_id, name, t_ms * NS_PER_MS)


def test_speech_opens_a_turn_and_its_transcription() -> None:
    assert Playbook().at(100, SpeechStarted(0, 12.0)) == [AnnounceSpeechStarted(1, 12.0), StartTranscription(1, 0)]


def test_the_end_of_speech_is_marked_where_it_was_and_the_transcript_asked_for() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    assert book.at(1200, SpeechStopped(1000 * NS_PER_MS, 1000.0)) == [
        AnnounceSpeechStopped(1, 1000.0),
        mark(1, Mark.AUDIO_LAST_SPEECH, 1000),
        mark(1, Mark.VAD_CLOSED, 1200),
        FinishTranscription(1, 0),
    ]


def test_a_turn_is_committed_when_silence_was_reached_and_not_a_millisecond_before() -> None:
    book = Playbook().spoken()
    assert book.deadline_ms == 1500
    assert book.at(1499, DeadlinePassed()) == []
    assert book.at(1500, DeadlinePassed()) == [mark(1, Mark.TURN_COMMITTED, 1500), StartReply(1, "hello there")]
    assert book.deadline_ms is None


def test_a_final_transcript_that_comes_after_the_silence_commits_at_once() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.silence_at(1500)
    assert book.at(1500, DeadlinePassed()) == []
    assert book.at(1620, FinalTranscribed(1, 0, "yes")) == [
        mark(1, Mark.STT_FIRST_PARTIAL, 1620),
        mark(1, Mark.STT_FINAL, 1620),
        ShowTranscript(1, "yes", 3),
        mark(1, Mark.TURN_COMMITTED, 1620),
        StartReply(1, "yes"),
    ]


def test_without_a_final_transcript_the_second_deadline_commits_what_there_is() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(600, PartialTranscribed(1, 0, "good mor", 4))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.silence_at(1480)
    assert book.deadline_ms == 3000
    assert book.at(2999, DeadlinePassed()) == []
    assert book.at(3000, DeadlinePassed()) == [
        AbandonTranscription(1),
        mark(1, Mark.TURN_COMMITTED, 3000),
        StartReply(1, "good mor"),
    ]
    assert book.at(3010, FinalTranscribed(1, 0, "good morning")) == []


def test_a_transcript_of_what_came_late_is_waited_for_as_long_as_another() -> None:
    book = Playbook()
    book.at(9000, SpeechStarted(0))
    book.at(9000, PartialTranscribed(1, 0, "good mor", 4))
    book.at(9000, SpeechStopped(1000 * NS_PER_MS))
    book.silence_at(9000)
    assert book.deadline_ms == 10_500
    assert book.at(10_499, DeadlinePassed()) == []
    assert book.at(10_499, FinalTranscribed(1, 0, "good morning"))[-1] == StartReply(1, "good morning")


def test_a_recogniser_that_says_nothing_by_the_second_deadline_fails_the_turn() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.silence_at(1480)
    assert book.at(3000, DeadlinePassed()) == [
        ReportError(1, ErrorCode.STT_FAILED, "the speech recogniser did not answer in time; say it again"),
        AbandonTranscription(1),
        EndTurn(1, TurnOutcome.FAILED),
    ]


def test_silence_that_was_not_heard_is_waited_for() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.at(1210, FinalTranscribed(1, 0, "hello"))
    just_short_ns = 1500 * NS_PER_MS - UNHEARD_NS - 1
    assert book.at(1450, AudioHeard(just_short_ns, None)) == []
    assert book.deadline_ms == 1800
    assert book.at(1500, DeadlinePassed()) == []
    assert book.at(1700, AudioHeard(just_short_ns + 1, None))[-1] == StartReply(1, "hello")


def test_speech_that_goes_on_before_the_commit_joins_the_turn() -> None:
    book = Playbook().spoken("what time")
    assert book.at(1499, SpeechStarted(1450 * NS_PER_MS, 7.0)) == [
        ReopenTurn(1),
        AnnounceSpeechStarted(1, 7.0),
        StartTranscription(1, 1),
    ]
    assert book.deadline_ms == 1499 + 500 + 300
    assert book.at(1700, PartialTranscribed(1, 1, "is", 2)) == [ShowTranscript(1, "what time is", 12)]
    book.at(2200, SpeechStopped(2000 * NS_PER_MS))
    book.at(2210, FinalTranscribed(1, 1, "is it"))
    book.silence_at(2480)
    assert book.at(2500, DeadlinePassed()) == [mark(1, Mark.TURN_COMMITTED, 2500), StartReply(1, "what time is it")]


def test_a_late_final_of_an_earlier_segment_is_no_end_of_speech() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.at(1300, SpeechStarted(1250 * NS_PER_MS))
    assert book.at(1310, FinalTranscribed(1, 0, "a")) == [
        mark(1, Mark.STT_FIRST_PARTIAL, 1310),
        ShowTranscript(1, "a", 1),
    ]


def test_audio_end_commits_without_waiting_for_silence() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1010, SpeechStopped(1000 * NS_PER_MS))
    book.at(1011, AudioEnded())
    assert book.at(1020, FinalTranscribed(1, 0, "now"))[-1] == StartReply(1, "now")


def test_audio_end_with_nothing_said_does_nothing() -> None:
    book = Playbook()
    assert book.at(10, AudioEnded()) == []
    assert book.deadline_ms is None


def test_speech_whose_audio_stops_coming_ends_after_the_silence_and_a_stall() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(900, speech(0, 880))
    # Of its arrival: after a stall of the network, audio that is old comes in a burst, and is no silence.
    assert book.deadline_ms == 900 + 500 + 300
    assert book.at(1699, DeadlinePassed()) == []
    assert book.at(1700, DeadlinePassed()) == [CloseSegment()]
    book.at(1700, SpeechStopped(880 * NS_PER_MS))
    assert book.at(1690, FinalTranscribed(1, 0, "hello"))[-1] == StartReply(1, "hello")


def test_push_to_talk_in_silence_is_answered_with_the_end_of_a_turn() -> None:
    book = Playbook(SETTINGS._replace(mode=TurnDetectionMode.MANUAL))
    assert book.at(10, AudioEnded()) == [EndTurn(1, TurnOutcome.NO_SPEECH)]
    assert book.at(20, SpeechStarted(0))[0] == AnnounceSpeechStarted(2, 0.0)
    assert book.deadline_ms is None


def test_push_to_talk_waits_for_audio_end_alone() -> None:
    book = Playbook(SETTINGS._replace(mode=TurnDetectionMode.MANUAL)).spoken()
    assert book.deadline_ms is None
    assert book.silence_at(60_000) == []
    assert book.at(60_001, AudioEnded())[-1] == StartReply(1, "hello there")


def test_a_turn_without_words_ends_without_a_reply() -> None:
    book = Playbook().spoken("")
    assert book.at(1500, DeadlinePassed()) == [AbandonTranscription(1), EndTurn(1, TurnOutcome.NO_SPEECH)]


def test_speech_over_a_reply_cancels_it_once_there_was_enough() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1900 * NS_PER_MS))
    assert book.at(2100, speech(1900, 2099)) == []
    assert book.at(2120, speech(1900, 2100)) == [
        CancelReply(1, CancelReason.BARGE_IN),
        EndTurn(1, TurnOutcome.CANCELLED),
    ]
    assert book.machine.reply_id is None


def test_silence_after_a_short_sound_does_not_count_as_speech_over_the_reply() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1900 * NS_PER_MS))
    assert book.at(2300, AudioHeard(2300 * NS_PER_MS, 2050 * NS_PER_MS)) == []


def test_two_short_sounds_over_a_reply_are_no_speech_of_their_length_together() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1900 * NS_PER_MS))
    book.at(2250, SpeechStopped(1970 * NS_PER_MS))
    book.at(2450, SpeechStarted(2400 * NS_PER_MS))
    assert book.at(2500, speech(2400, 2599)) == []
    assert book.at(2620, speech(2400, 2600))[0] == CancelReply(1, CancelReason.BARGE_IN)


def test_audio_end_that_is_late_or_told_twice_puts_nothing_off() -> None:
    late, twice = Playbook(), Playbook(SETTINGS._replace(mode=TurnDetectionMode.MANUAL))
    for book in (late, twice):
        book.at(100, SpeechStarted(0))
        book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    late.silence_at(1500)
    assert late.deadline_ms == 3000
    late.at(2500, AudioEnded())
    assert late.deadline_ms == 3000
    twice.at(1201, AudioEnded())
    assert twice.deadline_ms == 2701
    twice.at(2500, AudioEnded())
    assert twice.deadline_ms == 2701


def test_a_turn_that_goes_on_after_audio_end_waits_for_silence_again() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(1010, SpeechStopped(1000 * NS_PER_MS))
    book.at(1011, AudioEnded())
    book.at(1012, SpeechStarted(1011 * NS_PER_MS))
    book.at(1020, FinalTranscribed(1, 0, "one"))
    book.at(2200, SpeechStopped(2000 * NS_PER_MS))
    assert book.at(2210, FinalTranscribed(1, 1, "two"))[-1] == ShowTranscript(1, "one two", 7)


def test_a_partial_of_a_segment_that_is_over_changes_nothing() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    book.at(200, PartialTranscribed(1, 0, "good", 0))
    book.at(1200, SpeechStopped(1000 * NS_PER_MS))
    book.at(1300, SpeechStarted(1250 * NS_PER_MS))
    assert book.at(1310, PartialTranscribed(1, 0, "good day", 0)) == []
    book.at(1320, FinalTranscribed(1, 0, "good day"))
    assert book.at(1400, PartialTranscribed(1, 1, "sir", 0)) == [ShowTranscript(1, "good day sir", 9)]


def test_a_backchannel_leaves_the_reply_alone_and_gets_no_answer() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1900 * NS_PER_MS))
    book.at(2250, SpeechStopped(2050 * NS_PER_MS))
    book.at(2260, FinalTranscribed(2, 0, "mm"))
    book.silence_at(2530)
    assert book.at(2550, DeadlinePassed()) == [AbandonTranscription(2), EndTurn(2, TurnOutcome.NO_SPEECH)]
    assert book.machine.reply_id == 1


def test_push_to_talk_over_a_reply_counts_however_short() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1900 * NS_PER_MS))
    book.at(2050, SpeechStopped(2000 * NS_PER_MS))
    book.at(2060, FinalTranscribed(2, 0, "blue"))
    assert book.at(2061, AudioEnded()) == [
        CancelReply(1, CancelReason.BARGE_IN),
        EndTurn(1, TurnOutcome.CANCELLED),
        mark(2, Mark.TURN_COMMITTED, 2061),
        StartReply(2, "blue"),
    ]


def test_with_barge_in_off_speech_over_a_reply_is_not_listened_to() -> None:
    book = Playbook(SETTINGS._replace(barge_in=False)).replying()
    assert book.at(2000, SpeechStarted(1900 * NS_PER_MS)) == []
    assert book.at(3000, speech(1900, 3000)) == []
    assert book.at(3200, SpeechStopped(3000 * NS_PER_MS)) == []
    assert book.at(3300, ReplyFinished(1)) == [EndTurn(1, TurnOutcome.COMPLETED)]
    assert book.at(3400, SpeechStarted(3390 * NS_PER_MS))[-1] == StartTranscription(2, 0)


def test_an_interrupt_cancels_the_reply_it_names_and_no_other() -> None:
    book = Playbook().replying()
    assert book.at(2000, Interrupted(7)) == []
    assert book.at(2001, Interrupted(1)) == [
        CancelReply(1, CancelReason.INTERRUPT),
        EndTurn(1, TurnOutcome.CANCELLED),
    ]
    assert book.at(2002, Interrupted(1)) == []


def test_text_takes_the_place_of_a_reply_and_of_a_turn_being_spoken() -> None:
    book = Playbook().replying()
    book.at(2000, SpeechStarted(1950 * NS_PER_MS))
    assert book.at(2010, TextEntered("never mind")) == [
        AbandonTranscription(2),
        EndTurn(2, TurnOutcome.NO_SPEECH),
        CancelReply(1, CancelReason.TEXT_INPUT),
        EndTurn(1, TurnOutcome.CANCELLED),
        mark(3, Mark.TURN_COMMITTED, 2010),
        StartReply(3, "never mind"),
    ]


def test_a_reply_that_fails_is_told_and_ends_its_turn() -> None:
    assert Playbook().replying().at(1600, ReplyFailed(1, ErrorCode.LLM_FAILED, "no answer")) == [
        ReportError(1, ErrorCode.LLM_FAILED, "no answer"),
        CancelReply(1, CancelReason.FAILED),
        EndTurn(1, TurnOutcome.FAILED),
    ]


def test_a_recogniser_that_fails_costs_its_own_turn() -> None:
    book = Playbook()
    book.at(100, SpeechStarted(0))
    assert book.at(200, TranscriptionFailed(1, 0, "it died")) == [
        ReportError(1, ErrorCode.STT_FAILED, "it died"),
        AbandonTranscription(1),
        EndTurn(1, TurnOutcome.FAILED),
    ]
    assert book.at(300, SpeechStopped(200 * NS_PER_MS)) == []
    assert book.at(900, SpeechStarted(850 * NS_PER_MS))[-1] == StartTranscription(2, 0)


def test_what_belongs_to_another_turn_changes_nothing() -> None:
    stale: list[Callable[[], Event]] = [
        lambda: PartialTranscribed(9, 0, "x", 0),
        lambda: FinalTranscribed(9, 0, "x"),
        lambda: TranscriptionFailed(9, 0, "x"),
        lambda: ReplyFinished(9),
        lambda: ReplyFailed(9, ErrorCode.LLM_FAILED, "x"),
    ]
    book = Playbook().replying()
    for event in stale:
        assert book.at(1600, event()) == []
    assert book.machine.reply_id == 1


EVENTS = st.one_of(
    st.builds(SpeechStarted, st.just(0)),
    st.builds(SpeechStopped, st.just(0)),
    st.builds(AudioHeard, st.just(0), st.none() | st.just(0)),
    st.builds(AudioEnded),
    st.builds(PartialTranscribed, st.integers(1, 4), st.integers(0, 1), st.sampled_from(["", "a"]), st.just(0)),
    st.builds(FinalTranscribed, st.integers(1, 4), st.integers(0, 1), st.sampled_from(["", "a b"])),
    st.builds(TranscriptionFailed, st.integers(1, 4), st.integers(0, 1), st.just("x")),
    st.builds(TextEntered, st.just("typed")),
    st.builds(Interrupted, st.integers(1, 4)),
    st.builds(ReplyFinished, st.integers(1, 4)),
    st.builds(ReplyFailed, st.integers(1, 4), st.just(ErrorCode.TTS_FAILED), st.just("x")),
    st.builds(DeadlinePassed),
)


@given(st.lists(st.tuples(st.integers(0, 900), EVENTS), max_size=60), st.booleans(), st.sampled_from(TurnDetectionMode))
def test_whatever_happens_turns_start_once_end_once_and_one_reply_is_given_at_a_time(
    script: list[tuple[int, Event]], barge_in: bool, mode: TurnDetectionMode
) -> None:
    machine = TurnMachine(SETTINGS._replace(barge_in=barge_in, mode=mode))
    now_ms = 0
    opened: list[int] = []
    ended: set[int] = set()
    replying: int | None = None
    for delay_ms, event in script:
        now_ms += delay_ms
        if isinstance(event, SpeechStarted | SpeechStopped | AudioHeard):
            fields = {"at_ns", "last_speech_ns", "until_ns"} & set(event._fields)
            values: dict[str, Any] = {name: now_ms * NS_PER_MS for name in fields if getattr(event, name) is not None}
            event = event._replace(**values)
        for effect in machine.step(event, now_ms * NS_PER_MS):
            match effect:
                case StartReply(turn_id):
                    assert replying is None
                    assert turn_id not in ended
                    replying = turn_id
                case CancelReply(turn_id):
                    assert turn_id == replying
                case EndTurn(turn_id):
                    assert turn_id not in ended
                    ended.add(turn_id)
                    replying = None if turn_id == replying else replying
                case StartTranscription(turn_id, segment):
                    assert turn_id not in ended
                    if segment == 0:
                        assert not opened or turn_id > opened[-1]
                        opened.append(turn_id)
        assert machine.reply_id == replying
