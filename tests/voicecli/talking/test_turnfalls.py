from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from tests.voicecli.scenes import BARGE_IN, BEFORE, READY, SCENES, STORY, TIME, WEATHER, acted, connected, typed, whole
from voicecli.client.viewstate import ClockMeasured, PlayheadMoved
from voicecli.talking.talkstate import SessionReconnecting, talked
from voicecli.talking.turnfalls import Measure, Medians, TurnFalls, medians, whole_ms
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark
from voicewire.messages import CancelReason, ReplyCancelled, TurnEnd, TurnOutcome


def test_every_turn_of_which_something_is_known_has_its_waterfall() -> None:
    falls = TurnFalls().of(acted(BARGE_IN))
    assert [(each.number, each.measure, each.title) for each in falls] == [
        (number, Measure.VOICE_TO_VOICE, "voice-to-voice") for number in (1, 2, 3)
    ]
    assert [(each.fall.voice_to_voice_ns or 0) // NS_PER_MS for each in falls] == [
        round(each.endpointing_ms + 1 + each.llm_ms + 38 + each.tts_ms + 48) for each in (WEATHER, TIME, STORY)
    ]


def test_medians_are_of_complete_turns_part_by_part() -> None:
    of = medians(TurnFalls().of(acted(BEFORE)), Measure.VOICE_TO_VOICE)
    assert (of.n, of.total_ns) == (2, 1018 * NS_PER_MS)
    assert (of.parts_ns["llm"], of.parts_ns["tts"]) == (237.5 * NS_PER_MS, 46 * NS_PER_MS)
    assert medians(TurnFalls().of(acted(SCENES["thinking"])), Measure.VOICE_TO_VOICE) == Medians(0, None, {})


def test_a_turn_whose_end_of_speech_the_client_did_not_find_is_told_apart_and_not_mixed_in() -> None:
    script = [at for at in whole(WEATHER) if getattr(at.event, "mark", None) is not Mark.MIC_SPEECH_END]
    falls = TurnFalls().of(acted([*connected(), *script]))
    assert [(each.title, each.measure) for each in falls] == [("turnaround", Measure.SERVER_DATED)]
    assert [medians(falls, measure).n for measure in Measure] == [0, 1, 0]


def test_a_typed_turn_is_measured_from_its_commit_and_told_apart_from_both() -> None:
    falls = TurnFalls().of(acted([*BEFORE, *typed(STORY)]))
    assert (falls[-1].title, falls[-1].measure) == ("turnaround", Measure.TYPED)
    assert falls[-1].fall.voice_to_voice_ns == (1 + STORY.llm_ms + 38 + STORY.tts_ms + 48) * NS_PER_MS
    assert [medians(falls, measure).n for measure in Measure] == [2, 0, 1]


def test_a_turn_being_spoken_is_taken_for_one_that_will_be_measured_by_the_client() -> None:
    (found,) = TurnFalls().of(acted([at for at in SCENES["thinking"] if at.t_ms < WEATHER.speech_end_ms + 300]))
    assert (found.measure, found.fall.voice_to_voice_ns) == (Measure.VOICE_TO_VOICE, None)


def test_a_turn_that_was_taken_back_is_shown_and_not_mixed_in() -> None:
    falls = TurnFalls()
    before = acted(BEFORE)
    assert medians(falls.of(before), Measure.VOICE_TO_VOICE).n == 2
    cancelled = ReplyCancelled(turn_id=2, reason=CancelReason.RESUMED, heard_ms=80, heard_text="")
    after = falls.of(talked(before, cancelled, 0))
    assert [each.turn.turn_id for each in after] == [1, 2]
    left = medians(after, Measure.VOICE_TO_VOICE)
    assert (left.n, left.total_ns) == (1, after[0].fall.voice_to_voice_ns)


def test_a_turn_without_words_has_none() -> None:
    state = talked(acted(SCENES["hearing"]), TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH), 0)
    assert TurnFalls().of(state) == ()


def test_turns_of_an_earlier_connection_keep_its_offset() -> None:
    falls = TurnFalls()
    before = acted(BEFORE)
    again = before
    for event in (SessionReconnecting(1, 0.0), READY, ClockMeasured(99, 1)):
        again = talked(again, event, 0)
    assert [each.fall for each in falls.of(again)] == [each.fall for each in falls.of(before)]


def test_turns_are_numbered_through_the_conversation_though_their_ids_begin_again() -> None:
    state = acted(BEFORE)
    for event in (SessionReconnecting(1, 0.0), READY, SessionReconnecting(1, 0.0), READY, ClockMeasured(5 * 10**9, 1)):
        state = talked(state, event, 0)
    for at in whole(WEATHER):
        state = talked(state, at.event, 0)
    assert [(each.key, each.number) for each in TurnFalls().of(state)] == [((0, 1), 1), ((0, 2), 2), ((2, 1), 3)]


def test_only_what_changed_is_computed_again() -> None:
    falls = TurnFalls()
    state = acted(SCENES["speaking"])
    first = falls.of(state)
    second = falls.of(talked(state, PlayheadMoved(3, 500.0, 20.0), 0))
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, True, False]
    moved = falls.of(talked(state, ClockMeasured(5_000_000_001, 1), 0))
    assert [one is other for one, other in zip(first, moved, strict=True)] == [False, False, False]


@given(st.lists(st.floats(-1e9, 1e10), max_size=12))
def test_parts_in_whole_milliseconds_sum_to_the_whole_in_whole_milliseconds(lengths_ns: list[float]) -> None:
    parts_ms = whole_ms(lengths_ns)
    assert sum(parts_ms) == round(list(accumulate(lengths_ns, initial=0.0))[-1] / NS_PER_MS)
    assert all(abs(part - length / NS_PER_MS) <= 1.001 for part, length in zip(parts_ms, lengths_ns, strict=True))


def test_halves_of_milliseconds_are_not_all_rounded_one_way() -> None:
    assert whole_ms([324.4e6, 17.4e6, 14.4e6, 13.8e6]) == [324, 18, 14, 14]
