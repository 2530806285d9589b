import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicewire.clock import NS_PER_MS
from voicewire.marks import ORDER, SPANS, ClockSide, Mark
from voicewire.timeline import Timeline, TimelineError

WHOLE_TURN_MS = {
    Mark.STT_FIRST_PARTIAL: 900,
    Mark.AUDIO_LAST_SPEECH: 1000,
    Mark.VAD_CLOSED: 1200,
    Mark.STT_FINAL: 1250,
    Mark.TURN_COMMITTED: 1600,
    Mark.LLM_REQUESTED: 1601,
    Mark.LLM_FIRST_TOKEN: 1721,
    Mark.TTS_REQUESTED: 1730,
    Mark.TTS_FIRST_AUDIO: 1755,
    Mark.REPLY_FIRST_FRAME_SENT: 1757,
    Mark.LLM_DONE: 2400,
    Mark.TTS_DONE: 2420,
    Mark.MIC_SPEECH_END: 70_990,
    Mark.REPLY_FIRST_FRAME_RECEIVED: 71_758,
    Mark.REPLY_FIRST_AUDIBLE: 71_798,
    Mark.BARGE_IN_SPEECH_START: 73_000,
    Mark.BARGE_IN_SILENCE: 73_310,
}


def timeline(marks_ms: dict[Mark, int]) -> Timeline:
    made = Timeline(1)
    for mark, t_ms in marks_ms.items():
        made.mark(mark, t_ms * NS_PER_MS)
    return made


def test_the_latencies_of_a_whole_turn() -> None:
    assert timeline(WHOLE_TURN_MS).latencies_ms() == {
        "voice_to_voice": 808.0,
        "endpointing_delay": 600.0,
        "stt_finalization": 50.0,
        "ttft": 120.0,
        "tts_ttfb": 25.0,
        "server_turnaround": 757.0,
        "barge_in_stop": 310.0,
    }


def test_a_latency_whose_mark_is_missing_is_absent() -> None:
    assert timeline({Mark.LLM_REQUESTED: 5, Mark.LLM_FIRST_TOKEN: 9, Mark.VAD_CLOSED: 1}).latencies_ms() == {
        "ttft": 4.0
    }


def test_marks_are_listed_by_side_and_time() -> None:
    made = timeline({Mark.REPLY_FIRST_AUDIBLE: 3, Mark.LLM_DONE: 9, Mark.LLM_REQUESTED: 8, Mark.MIC_SPEECH_END: 1})
    assert made.marks() == [
        (Mark.LLM_REQUESTED, 8 * NS_PER_MS),
        (Mark.LLM_DONE, 9 * NS_PER_MS),
        (Mark.MIC_SPEECH_END, 1 * NS_PER_MS),
        (Mark.REPLY_FIRST_AUDIBLE, 3 * NS_PER_MS),
    ]


def test_marks_of_one_instant_are_listed_as_they_are_defined() -> None:
    made = timeline({Mark.LLM_DONE: 5, Mark.LLM_FIRST_TOKEN: 5, Mark.LLM_REQUESTED: 5})
    assert [mark for mark, _ in made.marks()] == [Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN, Mark.LLM_DONE]


def test_a_mark_that_did_not_happen_has_no_time() -> None:
    made = timeline({Mark.VAD_CLOSED: 7})
    assert (made.at(Mark.VAD_CLOSED), made.at(Mark.STT_FINAL)) == (7 * NS_PER_MS, None)


def test_a_mark_is_made_once() -> None:
    made = timeline({Mark.VAD_CLOSED: 7})
    with pytest.raises(TimelineError, match=r"turn 1 has vad\.closed already"):
        made.mark(Mark.VAD_CLOSED, 7 * NS_PER_MS)


@pytest.mark.parametrize(("first", "second"), ORDER, ids=lambda mark: mark.value)
def test_an_impossible_order_is_refused_whichever_mark_comes_first(first: Mark, second: Mark) -> None:
    at_once = timeline({first: 5})
    at_once.mark(second, 5 * NS_PER_MS)

    later_first = timeline({second: 5})
    with pytest.raises(TimelineError):
        later_first.mark(first, 5 * NS_PER_MS + 1)
    assert later_first.marks() == [(second, 5 * NS_PER_MS)]

    earlier_second = timeline({first: 5})
    with pytest.raises(TimelineError):
        earlier_second.mark(second, 5 * NS_PER_MS - 1)
    assert earlier_second.marks() == [(first, 5 * NS_PER_MS)]


def test_what_follows_from_two_orders_is_refused_without_the_mark_between() -> None:
    made = timeline({Mark.LLM_FIRST_TOKEN: 100})
    with pytest.raises(TimelineError, match=r"tts\.first_audio cannot be 1\.0 ms before llm\.first_token"):
        made.mark(Mark.TTS_FIRST_AUDIO, 99 * NS_PER_MS)


def test_the_llm_may_be_asked_before_the_turn_is_committed() -> None:
    made = timeline({Mark.LLM_REQUESTED: 1, Mark.TURN_COMMITTED: 9})
    assert made.at(Mark.TURN_COMMITTED) == 9 * NS_PER_MS


def test_resumed_speech_withdraws_its_end() -> None:
    made = timeline(
        {
            Mark.STT_FIRST_PARTIAL: 1,
            Mark.AUDIO_LAST_SPEECH: 2,
            Mark.VAD_CLOSED: 3,
            Mark.STT_FINAL: 4,
            Mark.MIC_SPEECH_END: 5,
        }
    )
    made.reopen()
    assert made.marks() == [(Mark.STT_FIRST_PARTIAL, 1 * NS_PER_MS)]
    made.mark(Mark.VAD_CLOSED, 9 * NS_PER_MS)


def test_a_committed_turn_stays_closed() -> None:
    made = timeline({Mark.VAD_CLOSED: 1, Mark.TURN_COMMITTED: 2})
    with pytest.raises(TimelineError, match="committed"):
        made.reopen()


@given(st.permutations(list(WHOLE_TURN_MS)))
def test_a_true_turn_is_taken_in_whatever_order_its_marks_arrive(order: list[Mark]) -> None:
    made = timeline({mark: WHOLE_TURN_MS[mark] for mark in order})
    assert dict(made.marks()) == {mark: t_ms * NS_PER_MS for mark, t_ms in WHOLE_TURN_MS.items()}


@given(st.lists(st.tuples(st.sampled_from(Mark), st.integers(0, 50)), max_size=40), st.integers(-100, 100))
def test_whatever_was_accepted_is_possible_and_sides_never_mix(marks: list[tuple[Mark, int]], skew_ns: int) -> None:
    made, skewed = Timeline(1), Timeline(1)
    for mark, t_ns in marks:
        refused = 0
        for line, at_ns in ((made, t_ns), (skewed, t_ns + skew_ns * (mark.side is ClockSide.CLIENT))):
            try:
                line.mark(mark, at_ns)
            except TimelineError:
                refused += 1
        assert refused in (0, 2)
    for first, second in ORDER:
        first_ns, second_ns = made.at(first), made.at(second)
        assert first_ns is None or second_ns is None or first_ns <= second_ns
    assert made.latencies_ms() == skewed.latencies_ms()
    assert set(made.latencies_ms()) <= {span.name for span in SPANS}
