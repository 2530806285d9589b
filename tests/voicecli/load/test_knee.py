from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from tests.voicecli.loads import HEALTHY, answered, level, refused
from voicecli.load.knee import Bend, is_certainly_more, knee, wilson_low
from voicecli.load.level import Level
from voicecli.load.shift import CallSample

BUSY = replace(HEALTHY, cpu_share=0.99)


def calls(count: int, median_ms: float, *, spread_ms: float = 20.0, seed: int = 1) -> list[CallSample]:
    """What is above 900 ms of the median is the transcript's."""
    random = Random(f"{seed} {median_ms}")
    noise = [random.gauss(0, spread_ms) for _ in range(count)]
    return [answered(median_ms + each, stt_ms=100.0 + median_ms - 900.0) for each in noise]


def flat(sessions: int, median_ms: float = 900.0) -> Level:
    return level(sessions, calls(max(20, sessions), median_ms, seed=sessions))


def test_no_knee_where_all_levels_are_alike() -> None:
    found = knee([flat(1), flat(10), flat(50)])
    assert (found.bend, found.good_to, found.sessions) == (Bend.NONE, 50, UNSET)
    assert found.sentence == "no knee up to 50 sessions"


def test_the_knee_is_the_first_level_that_is_slower_and_its_stage_is_named() -> None:
    found = knee([flat(1), flat(10), flat(50, 1700.0), flat(100, 2500.0)])
    assert (found.bend, found.sessions, found.good_to, found.percent) == (Bend.SLOWER, 50, 10, 95)
    assert found.factor == pytest.approx(1.86, abs=0.05)
    assert [stage.part for stage in found.stages] == ["stt"]
    assert found.sentence.startswith("knee at 50 sessions: p95 voice-to-voice 17")
    assert "1.9× that of 1 session (9" in found.sentence
    assert "; the stage that grew: STT +" in found.sentence


def test_a_tail_alone_is_a_knee() -> None:
    slow_tail = [*calls(90, 900.0), *calls(10, 3000.0)]
    found = knee([flat(1), level(10, slow_tail)])
    assert (found.bend, found.percent) == (Bend.SLOWER, 95)


def test_few_samples_of_the_base_leave_the_median() -> None:
    found = knee([level(1, calls(6, 900.0)), flat(10, 1700.0)])
    assert (found.bend, found.percent) == (Bend.SLOWER, 50)


@pytest.mark.parametrize(("median_ms", "bend"), [(1300.0, Bend.NONE), (1400.0, Bend.SLOWER)])
def test_slower_is_half_as_much_again(median_ms: float, bend: Bend) -> None:
    assert knee([flat(1), flat(10, median_ms)]).bend is bend


def test_refused_calls_are_a_knee_with_their_reason() -> None:
    found = knee([flat(1), flat(10), level(100, [*calls(80, 900.0), *[refused()] * 20])])
    assert found.sentence == (
        "knee at 100 sessions: 20 of 100 calls were not answered as expected: all 50 sessions are in use"
    )
    assert (found.bend, found.sessions, found.good_to) == (Bend.FAILING, 100, 10)


def test_calls_that_failed_alone_already_are_no_knee() -> None:
    half = [call for _ in range(20) for call in (answered(), refused())]
    assert knee([level(1, half), level(10, half)]).bend is Bend.NONE


def test_replies_with_gaps_are_a_knee() -> None:
    broken = [*calls(70, 900.0), *[answered(underruns=1)] * 30]
    found = knee([flat(1), level(50, broken)])
    assert found.sentence == "knee at 50 sessions: 30 of 100 replies were heard with a gap"


def test_a_generator_that_was_the_bottleneck_ends_what_is_known() -> None:
    found = knee([flat(1), flat(10), level(50, calls(50, 3000.0), BUSY), flat(100, 5000.0)])
    assert (found.bend, found.good_to) == (Bend.NONE, 10)
    assert found.sentence == ("no knee up to 10 sessions; beyond that the generator was the bottleneck, not the server")


def test_without_a_base_there_is_no_answer() -> None:
    few = knee([level(1, calls(4, 900.0)), flat(10)])
    assert few.bend is Bend.UNKNOWN
    assert few.sentence.startswith("no knee can be told: 1 session gave 4 answers")
    bound = knee([level(1, calls(30, 900.0), BUSY), flat(10)])
    assert bound.sentence == "no knee can be told: at 1 session the generator was the bottleneck already"


def test_one_level_alone_has_no_knee() -> None:
    assert knee([flat(1)]).sentence == "one level alone has no knee; name several"


def test_noise_alone_is_called_a_knee_in_at_most_one_of_fifty_runs() -> None:
    wrong = 0
    for run in range(100):
        levels = [level(n, calls(25, 900.0, spread_ms=150.0, seed=1000 * run + n)) for n in (1, 10, 50, 100)]
        wrong += knee(levels).bend is not Bend.NONE
    assert wrong <= 2


@pytest.mark.parametrize(("count", "is_more"), [(0, False), (1, False), (2, True)])
def test_one_failure_of_twenty_proves_nothing_and_two_do(count: int, is_more: bool) -> None:
    assert is_certainly_more(count, 20, 0, 20) is is_more


@given(count=st.integers(0, 500), of=st.integers(1, 500))
def test_the_lower_end_of_a_share_is_below_it(count: int, of: int) -> None:
    count = min(count, of)
    assert 0.0 <= wilson_low(count, of) <= count / of
