import pytest
from msgspec.structs import replace

from tests.voicecli.runs import call, calls, document, fixture, turn
from voicecli.figures.evidence import Key, paired, unpaired, weakness
from voicecli.figures.run import CallRun, Latencies, Turn
from voicecli.figures.verdict import Sample, Side

LATE = call(turn(0, tts=2000.0), reliable=False)
FAILED = call(failures=("no answer",))
KEY = Key("tone", 0, "voice_to_voice")


def sample(ms: float) -> Sample:
    return Sample(ms, {"tts": ms})


def test_a_call_that_was_paced_badly_is_left_out_and_counted() -> None:
    before, after = fixture([call(turn(0, tts=80.0)), LATE]), fixture([call(turn(0, tts=90.0))])
    assert unpaired(before, after) == {KEY: (Side((sample(80.0),), 1), Side((sample(90.0),)))}


def test_what_one_side_lacks_is_an_empty_side() -> None:
    before, after = fixture([call(turn(0, tts=80.0))]), fixture([FAILED])
    assert unpaired(before, after) == {KEY: (Side((sample(80.0),)), Side(()))}


def test_of_pairs_both_go_where_one_was_paced_badly() -> None:
    before = fixture([call(turn(0, tts=80.0)), call(turn(0, tts=81.0))])
    after = fixture([LATE, call(turn(0, tts=91.0))])
    assert paired(before, after) == {KEY: (Side((sample(81.0),), 1), Side((sample(91.0),), 1))}


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        (calls(3, tts=80.0), None),
        ([*calls(3, tts=80.0), LATE], None),
        ([*calls(2, tts=80.0), LATE], "this machine was too busy to keep a caller's pace in 1 of 3 calls"),
        ([FAILED], "nothing that could be compared was measured"),
        ([call(Turn(turn_id=1, utterance=0, latencies=Latencies()))], "nothing that could be compared was measured"),
    ],
)
def test_a_run_is_weak_where_no_verdict_could_be_had_from_it(runs: list[CallRun], reason: str | None) -> None:
    assert weakness(document(fixture(runs))) == reason


def test_a_fixture_whose_calls_all_failed_is_named_and_one_that_nobody_has_to_answer_is_not() -> None:
    good, failed = fixture(calls(3, tts=80.0)), fixture([FAILED], name="weather")
    assert weakness(document(good, failed)) == "nothing was measured of weather, whose calls all failed"
    assert weakness(document(good, fixture([replace(FAILED, failures=())], name="silence"))) is None
