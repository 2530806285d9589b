import pytest

from tests.voicecli.peer import made, recorded, spoken
from voicecli.calls.caller import MAX_REPLY_NS, SETTLE_NS, Caller
from voicecli.client.player import Playhead
from voicecli.fixtures.fixture import Fixture, Kind, Session, UtteranceExpect, When
from voicecli.fixtures.truth import SpokenTruth
from voicewire.messages import AudioAck, SpeechStarted, TranscriptFinal, TurnEnd, TurnOutcome

MS = 1_000_000
CHUNKS = 10
"""Of an utterance in these tests: 200 ms."""

FIRST = spoken(audio_ms=(0, 200), segments_ms=((40, 160),))
AFTER = spoken(audio_ms=(200, 400), segments_ms=((240, 360),), when=When.AFTER_REPLY)
INTO = spoken(audio_ms=(200, 400), segments_ms=((240, 360),), when=When.INTO_REPLY, into_reply_ms=500.0)


def caller_of(fixture: Fixture, *, timeout_ms: int = 5000) -> Caller:
    return Caller(fixture, recorded(fixture), SpokenTruth(), timeout_ns=timeout_ms * MS)


def say(caller: Caller, *, first: int = 0, chunks: int = CHUNKS, playhead: Playhead | None = None) -> list[int]:
    """Send so many chunks, each when it is over; the numbers of the frames that went out."""
    sent = []
    for index in range(first, first + chunks):
        chunk = caller.chunk(index, playhead, (index + 1) * 20 * MS)
        sent.append(int.from_bytes(chunk.payload[:2], "little"))
    return sent


def answered(caller: Caller, turn_id: int, now_ms: int, outcome: TurnOutcome = TurnOutcome.COMPLETED) -> None:
    caller.received(SpeechStarted(turn_id=turn_id, position_ms=now_ms), now_ms * MS)
    caller.received(TurnEnd(turn_id=turn_id, outcome=outcome), now_ms * MS)


def test_the_first_utterance_begins_at_once_and_is_said_once() -> None:
    caller = caller_of(made(FIRST))
    assert say(caller) == list(range(10))
    assert set(say(caller, first=10)) <= set(range(2, 8))
    assert caller.starts_ms == [0]


def test_a_call_is_finished_when_its_turn_has_ended_and_nothing_plays() -> None:
    caller = caller_of(made(FIRST))
    say(caller)
    assert not caller.is_finished(False, 210 * MS)
    caller.received(SpeechStarted(turn_id=1, position_ms=40), 220 * MS)
    assert not caller.is_finished(False, 60_000 * MS)
    caller.received(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED), 300 * MS)
    assert not caller.is_finished(True, 300 * MS)
    assert caller.is_finished(False, 300 * MS)


def test_a_call_is_not_finished_while_something_is_left_to_say() -> None:
    caller = caller_of(made(FIRST, AFTER))
    say(caller)
    answered(caller, 1, 300)
    assert not caller.is_finished(False, 300 * MS)


def test_the_next_utterance_begins_with_the_chunk_after_the_answer() -> None:
    caller = caller_of(made(FIRST, AFTER))
    say(caller)
    playing = Playhead(1, 100.0, 100.0)
    answered(caller, 1, 300)
    say(caller, first=10, chunks=5, playhead=playing)
    assert caller.starts_ms == [0]
    assert say(caller, first=15, chunks=10, playhead=Playhead(1, 200.0, 0.0)) == list(range(10, 20))
    assert caller.starts_ms == [0, 300]


@pytest.mark.parametrize(("played_ms", "begins"), [(479.9, False), (480.0, True)])
def test_speech_into_a_reply_has_its_onset_at_the_stated_position(played_ms: float, begins: bool) -> None:
    """The chunk was captured from 20 ms ago on, and the region has 40 ms before its onset: 480 - 20 + 40 = 500."""
    caller = caller_of(made(FIRST, INTO))
    say(caller)
    caller.received(SpeechStarted(turn_id=1, position_ms=40), 300 * MS)
    say(caller, first=10, chunks=1, playhead=Playhead(1, played_ms, 1000.0))
    assert caller.starts_ms == ([0, 200] if begins else [0])


def test_a_reply_that_is_over_is_not_spoken_into() -> None:
    caller = caller_of(made(FIRST, INTO))
    say(caller)
    answered(caller, 1, 300)
    say(caller, first=10, chunks=1, playhead=Playhead(1, 9999.0, 0.0))
    assert caller.starts_ms == [0]


def test_an_utterance_without_reply_is_done_when_nothing_has_come_of_it() -> None:
    caller = caller_of(made(spoken("", audio_ms=(0, 200), segments_ms=(), kind=Kind.SILENCE)))
    say(caller)
    settled_ns = 200 * MS + SETTLE_NS
    assert not caller.is_finished(False, settled_ns - 1)
    assert caller.is_finished(False, settled_ns)
    answered(caller, 1, 900, TurnOutcome.NO_SPEECH)
    assert not caller.is_finished(False, settled_ns)
    assert caller.is_finished(False, 900 * MS + SETTLE_NS)


def test_turns_belong_to_the_utterance_they_were_heard_in() -> None:
    backchannel = spoken(
        audio_ms=(200, 1400),
        segments_ms=((1240, 1360),),
        when=When.AFTER_REPLY,
        expect=UtteranceExpect(reply=False),
    )
    caller = caller_of(made(FIRST, backchannel))
    say(caller)
    answered(caller, 1, 40)
    say(caller, first=100, chunks=60)
    caller.received(TranscriptFinal(turn_id=2, text=""), 4000 * MS)
    caller.received(SpeechStarted(turn_id=3, position_ms=1499), 4000 * MS)
    caller.received(SpeechStarted(turn_id=4, position_ms=1500), 4000 * MS)
    assert [caller.utterance_of(turn_id) for turn_id in (1, 2, 3, 4, 5)] == [0, 1, 0, 1, None]


def test_a_wait_in_which_nothing_comes_is_given_up_after_the_timeout() -> None:
    caller = caller_of(made(FIRST), timeout_ms=5000)
    assert caller.gave_up(False, 60_000 * MS) is None
    say(caller)
    assert caller.gave_up(False, 5199 * MS) is None
    assert caller.gave_up(True, 5200 * MS) is None
    assert caller.gave_up(False, 5200 * MS) == "utterance 1: there was no reply; nothing came for 5 s"


def test_news_of_a_turn_restart_the_timeout_and_acknowledgements_do_not() -> None:
    caller = caller_of(made(FIRST), timeout_ms=5000)
    say(caller)
    caller.received(AudioAck(sequence=1, position_ms=1), 3000 * MS)
    assert caller.gave_up(False, 5200 * MS) is not None
    caller.received(TranscriptFinal(turn_id=1, text="a"), 3000 * MS)
    assert caller.gave_up(False, 7999 * MS) is None
    assert caller.gave_up(False, 8000 * MS) == "utterance 1: its reply did not end; nothing came for 5 s"


def test_an_endless_reply_is_given_up_though_it_goes_on() -> None:
    caller = caller_of(made(FIRST))
    say(caller)
    caller.received(TranscriptFinal(turn_id=1, text="a"), 200 * MS + MAX_REPLY_NS)
    assert caller.gave_up(True, 200 * MS + MAX_REPLY_NS - 1) is None
    assert caller.gave_up(True, 200 * MS + MAX_REPLY_NS) == "utterance 1: its reply did not end in 600 s"


@pytest.mark.parametrize(("mode", "ends"), [("manual", [9]), ("vad", [])])
def test_a_push_to_talk_button_is_released_at_the_end_of_the_region(mode: str, ends: list[int]) -> None:
    caller = caller_of(made(FIRST, session=Session(turn_detection={"mode": mode})))
    assert [index for index in range(20) if caller.chunk(index, None, index * MS).ends_audio] == ends


RECORDED = (
    spoken(audio_ms=(0, 200), segments_ms=((40, 160),), when=When.RECORDED),
    spoken(audio_ms=(200, 400), segments_ms=((240, 360),), when=When.RECORDED),
)


def test_recorded_utterances_follow_each_other_whatever_the_server_does() -> None:
    caller = caller_of(made(*RECORDED))
    assert say(caller, chunks=20, playhead=Playhead(1, 5.0, 100.0)) == list(range(20))
    assert caller.starts_ms == [0, 200]


def test_a_recorded_push_to_talk_button_is_released_by_the_recording_alone() -> None:
    caller = caller_of(made(*RECORDED, session=Session(turn_detection={"mode": "manual"})))
    assert not any(caller.chunk(index, None, index * MS).ends_audio for index in range(20))


def test_what_was_typed_is_answered_once_its_turn_has_ended() -> None:
    caller = caller_of(made(FIRST), timeout_ms=5000)
    say(caller)
    answered(caller, 1, 300)
    assert caller.is_finished(False, 300 * MS)
    caller.typed(400 * MS)
    assert not caller.is_finished(False, 400 * MS)
    assert caller.gave_up(False, 5399 * MS) is None
    assert caller.gave_up(False, 5400 * MS) == "utterance 1: there was no reply; nothing came for 5 s"
    caller.received(TranscriptFinal(turn_id=2, text="typed"), 500 * MS)
    assert not caller.is_finished(False, 500 * MS)
    caller.received(TurnEnd(turn_id=2, outcome=TurnOutcome.COMPLETED), 600 * MS)
    assert caller.is_finished(False, 600 * MS)
