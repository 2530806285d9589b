import pytest
from msgspec import UNSET, structs

from tests.voicecli.peer import made, spoken
from voicecli.calls.call import CallRecord
from voicecli.calls.pacing import PacingReport
from voicecli.client.viewstate import TurnView, ViewState
from voicecli.fixtures.fixture import Fixture, Kind, When
from voicecli.fixtures.schedule import FRAME_NS, Schedule, Sending
from voicecli.tuning.cutoffs import Cut, UtteranceResult, judged, said_before
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark
from voicewire.messages import CancelReason

ORIGIN_NS = 5_000 * NS_PER_MS
AHEAD_NS = 7_000 * NS_PER_MS
"""The server's clock minus the client's."""

PAUSING = made(
    spoken("good morning what time is it", audio_ms=(0, 3000), segments_ms=((400, 1000), (1700, 2700))),
    spoken("mm hm", kind=Kind.BACKCHANNEL, audio_ms=(3000, 4000), segments_ms=((3200, 3500),), when=When.AFTER_REPLY),
    spoken("thank you", audio_ms=(4000, 5000), segments_ms=((4200, 4700),), when=When.AFTER_REPLY),
)


def record(*commits: tuple[int, float], starts_ms: tuple[int, ...] = (0, 6000, 9000)) -> CallRecord:
    """`commits` are the utterance and the ms of the microphone audio of each turn."""
    return CallRecord(
        view=ViewState(
            turns=tuple(
                TurnView(
                    turn_id=turn_id,
                    marks={Mark.TURN_COMMITTED: round(ORIGIN_NS + AHEAD_NS + at_ms * NS_PER_MS)},
                )
                for turn_id, (_, at_ms) in enumerate(commits, 1)
            ),
            offset_ns=AHEAD_NS,
            round_trip_ns=0,
        ),
        events=(),
        pacing=PacingReport(0, 0, 0.0, 0.0),
        replies=(),
        stale_frames=0,
        starts_ms=starts_ms,
        utterances={turn_id: utterance for turn_id, (utterance, _) in enumerate(commits, 1)},
        origin_ns=ORIGIN_NS,
        ended_ns=ORIGIN_NS,
        gave_up=None,
    )


def first(of: CallRecord, fixture: Fixture = PAUSING) -> UtteranceResult:
    return judged("pausing", fixture, of)[0]


def test_a_turn_that_is_taken_when_the_speech_is_over_has_a_wait_and_no_cut() -> None:
    assert judged("pausing", PAUSING, record((0, 3300), (1, 7000), (2, 10_000))) == [
        UtteranceResult(fixture="pausing", utterance=0, waited_ms=600.0),
        UtteranceResult(fixture="pausing", utterance=2, waited_ms=300.0),
    ]


def test_a_turn_that_is_taken_while_the_user_pauses_is_a_false_cutoff() -> None:
    assert first(record((0, 1400), (0, 3100))) == UtteranceResult(
        fixture="pausing",
        utterance=0,
        waited_ms=400.0,
        cuts=(Cut(at_ms=1400.0, into_ms=1000.0, pause_ms=700.0, said="good morning", call_ms=1400.0, heard_ms=0.0),),
    )


@pytest.mark.parametrize(("at_ms", "is_cut"), [(2699, True), (2700, False)])
def test_the_end_of_speech_is_the_boundary(at_ms: float, is_cut: bool) -> None:
    assert first(record((0, at_ms))).is_cut is is_cut


def test_the_pause_of_a_cut_is_the_one_before_speech_that_was_not_known_of_yet() -> None:
    assert [first(record((0, at_ms))).cuts[0].pause_ms for at_ms in (700, 1699, 1700, 2600)] == [UNSET, 700, 700, 700]


def test_an_utterance_that_was_cut_off_and_never_answered_again_has_no_wait_and_is_not_missed() -> None:
    cut = first(record((0, 1400)))
    assert (cut.is_cut, cut.waited_ms, cut.is_missed) == (True, UNSET, False)


def test_an_utterance_without_a_turn_is_missed_and_one_that_was_not_said_is_not() -> None:
    results = judged("pausing", PAUSING, record((1, 7000), starts_ms=(0, 6000)))
    assert [(each.is_spoken, each.is_missed) for each in results] == [(True, True), (False, False)]


def test_a_cut_is_placed_in_the_file_wherever_the_utterance_was_said_in_the_call() -> None:
    (_, last) = judged("pausing", PAUSING, record((0, 3300), (2, 9300)))
    assert [(cut.at_ms, cut.into_ms, cut.call_ms) for cut in last.cuts] == [(4300.0, 100.0, 9300.0)]


def test_a_recorded_pause_without_audio_counts_as_long_as_it_was() -> None:
    # The second half of the packets was captured a second late.
    sendings = [Sending(0, number * FRAME_NS + (number >= 50) * 1_000 * NS_PER_MS, 1) for number in range(150)]
    recorded = record((0, 1400), (0, 4000))._replace(schedule=Schedule(sendings))
    told = first(recorded)
    assert told.cuts[0].at_ms == pytest.approx(1000, abs=1)
    assert told.waited_ms == 300.0


def test_what_was_heard_of_the_reply_is_told() -> None:
    class Reply:
        turn_id, samples, rate = 1, 12_000, 24_000

    heard = record((0, 1400))._replace(replies=(Reply(),))  # type: ignore[arg-type]
    assert first(heard).cuts[0].heard_ms == 500.0


@pytest.mark.parametrize(
    ("at_ms", "said"),
    [
        (0, ""),
        (400, ""),
        (690, "good"),
        (1300, "good morning"),
        (1700, "good morning"),
        (9000, PAUSING.utterances[0].text),
    ],
)
def test_the_words_before_an_instant_are_told_from_how_many_letters_they_have(at_ms: float, said: str) -> None:
    utterance = PAUSING.utterances[0]
    assert said_before(utterance.text, utterance.segments_ms, at_ms) == said


def test_speech_whose_words_are_not_known_is_judged_all_the_same() -> None:
    unknown = structs.replace(PAUSING, utterances=(structs.replace(PAUSING.utterances[0], text=""),))
    assert first(record((0, 1400)), unknown).cuts[0].said == ""


def test_a_turn_that_is_taken_back_before_its_answer_was_heard_is_none_and_after_it_is() -> None:
    class Reply:
        turn_id, samples, rate = 1, 1_200, 24_000

    early = record((0, 1400), (0, 3100))
    turns = tuple(
        structs.replace(turn, cancelled=CancelReason.RESUMED) if turn.turn_id == 1 else turn
        for turn in early.view.turns
    )
    taken_back = early._replace(view=structs.replace(early.view, turns=turns))
    assert (first(taken_back).cuts, first(taken_back).waited_ms) == ((), 400.0)
    assert first(taken_back._replace(replies=(Reply(),))).is_cut  # type: ignore[arg-type]
