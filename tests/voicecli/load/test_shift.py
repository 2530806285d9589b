import pickle

import pytest

from tests.voicecli.loads import answered, refused, report
from tests.voicecli.peer import made, recorded, spoken
from voicecli.calls.call import CallSettings
from voicecli.fixtures.fixture import When
from voicecli.load.arrivals import Poisson
from voicecli.load.shift import Outcome, Script, Shift, Window, place, prepared

PLAIN = made(spoken())


def test_a_window_holds_its_beginning_and_not_its_end() -> None:
    window = Window(10, 20)
    assert [window.holds(at) for at in (9, 10, 19, 20)] == [False, True, True, False]


def test_all_that_travels_between_processes_comes_out_as_it_went_in() -> None:
    script = Script(PLAIN, recorded(PLAIN))
    shift = Shift(1, "ws://server", CallSettings(), 600, Window(0, 1), (0, 1), Poisson(1.0, "seed"), 1, 2)
    for sent in (shift, report([answered(), refused()]), place()):
        assert pickle.loads(pickle.dumps(sent)) == sent
    received = pickle.loads(pickle.dumps(script))
    assert (received.fixture, received.recording[:3]) == (script.fixture, script.recording[:3])


def test_a_caller_who_listens_to_the_end_before_speaking_decodes_no_more_than_the_first_sound() -> None:
    settings = prepared([Script(PLAIN, recorded(PLAIN))], CallSettings(timeout_s=7.0))
    assert settings == CallSettings(timeout_s=7.0, hears_all=False, measures_first=False)


def test_a_caller_who_speaks_over_a_reply_hears_all_of_it() -> None:
    over = made(spoken(), spoken(when=When.INTO_REPLY, into_reply_ms=500.0))
    assert prepared([Script(over, recorded(over))], CallSettings()).hears_all


@pytest.mark.parametrize("outcome", Outcome)
def test_a_call_that_was_heard_is_answered_whatever_was_said(outcome: Outcome) -> None:
    assert outcome.is_answered is (outcome in (Outcome.COMPLETED, Outcome.UNEXPECTED))
