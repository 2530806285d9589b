from voicecli.schedule import Schedule, Sending
from voicecli.truth import SpokenTruth

MS = 1_000_000


def truth() -> SpokenTruth:
    """Said from 100 ms on the clock: an utterance with a pause, and another after it, 5 s later than in its file."""
    spoken = SpokenTruth(origin_ns=100 * MS)
    spoken.spoke(0, [(400.0, 1060.0), (1760.0, 2760.0)], 0)
    spoken.spoke(1, [(3000.0, 3500.5)], 5000)
    return spoken


def test_a_position_is_captured_so_much_after_the_origin() -> None:
    assert truth().instant_ns(20) == 120 * MS


def test_speech_ends_with_the_last_segment_that_the_server_heard() -> None:
    assert truth().speech_end_ns(380, 2800) == (100 + 2760) * MS
    assert truth().speech_end_ns(7990, 8490) == 8_600_500_000


def test_a_turn_cut_in_a_pause_ended_where_the_pause_began() -> None:
    assert truth().speech_end_ns(400, 1100) == (100 + 1060) * MS


def test_an_edge_before_the_annotated_one_still_means_it() -> None:
    assert truth().speech_end_ns(1800, 2700) == (100 + 2760) * MS


def test_noise_between_the_utterances_is_no_speech() -> None:
    assert truth().speech_end_ns(5000, 5200) is None


def test_speech_that_has_not_stopped_counts_as_far_as_it_is_said() -> None:
    assert truth().speech_end_ns(400, None) == 8_600_500_000


def test_an_utterance_ends_with_its_last_segment() -> None:
    assert truth().utterance_end_ns(0) == (100 + 2760) * MS
    assert truth().utterance_end_ns(2) is None


def test_the_first_onset_between_two_instants_is_found() -> None:
    assert truth().onset_between_ns(501 * MS, 9000 * MS) == (100 + 1760) * MS
    assert truth().onset_between_ns(500 * MS, 500 * MS) == 500 * MS
    assert truth().onset_between_ns(2000 * MS, 3000 * MS) is None


def test_speech_of_a_recorded_session_was_captured_when_its_journal_says() -> None:
    """The second packet was captured 500 ms after the first was over."""
    spoken = SpokenTruth(1000 * MS, Schedule([Sending(20 * MS, 0, 1), Sending(540 * MS, 520 * MS, 1)]))
    spoken.spoke(0, [(5.0, 20.0)], 0)
    spoken.spoke(1, [(20.0, 30.0)], 0)
    assert (spoken.utterance_end_ns(0), spoken.utterance_end_ns(1)) == (1020 * MS, 1530 * MS)
    assert spoken.onset_between_ns(1006 * MS, 2000 * MS) == 1520 * MS
    assert spoken.speech_end_ns(0, 18) == 1020 * MS
