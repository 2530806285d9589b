import json

import msgspec
import pytest

from tests.voicecli.runs import MACHINE, call, calls, document, fixture, turn
from voicecli.figures.comparison import Incomparable, compare
from voicecli.figures.run import CallRun, Latencies, Run, Server, Turn
from voicecli.figures.verdict import Answer, StageChange, Tolerance
from voicewire.messages import CancelReason, EngineInfo

BEFORE = document(fixture(calls(6, tts=80.0)))
SLOWER = document(fixture(calls(6, tts=140.0)))


def changed(run: Run = BEFORE, **fields: object) -> Run:
    return msgspec.structs.replace(run, **fields)


def with_engine(role: str, engine: EngineInfo) -> Run:
    return changed(engines=BEFORE.engines | {role: engine})


def test_a_slower_stage_is_a_regression_that_names_it() -> None:
    compared = compare(BEFORE, SLOWER)
    assert (compared.answer, compared.forced, compared.notes) == (Answer.REGRESSION, (), ())
    (only,) = compared.turns
    assert (only.fixture, only.utterance, only.latency) == ("tone", 0, "voice_to_voice")
    (median,) = only.verdict.findings
    assert (median.difference_ms, median.stages) == (60, (StageChange("tts", 60),))


def test_a_run_is_no_change_from_itself() -> None:
    compared = compare(BEFORE, BEFORE)
    assert (compared.answer, compared.notes) == (Answer.NO_CHANGE, ())


def test_the_tolerance_decides_what_counts() -> None:
    assert compare(BEFORE, SLOWER, Tolerance(0.0, 61.0)).answer is Answer.NO_CHANGE


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            document(fixture(calls(6, tts=80.0), digest="b" * 64)),
            "tone: other audio, or the same in another codec (SHA-256 aaaaaaaa against bbbbbbbb)",
        ),
        (
            document(fixture(calls(6, tts=80.0), script="6" * 64)),
            "tone: fixture.toml asks for another session or other utterances",
        ),
        (
            document(fixture(calls(6, tts=80.0), input="pcm_s16le 16 kHz")),
            "tone: sent as opus 48 kHz against pcm_s16le 16 kHz",
        ),
        (
            document(fixture(calls(6, tts=80.0), output="pcm_s16le 24 kHz")),
            "tone: heard as opus 48 kHz against pcm_s16le 24 kHz",
        ),
        (with_engine("tts", EngineInfo("espeak")), f"tts: {BEFORE.engines['tts'].name} against espeak"),
        (changed(server=Server(in_process=True, virtual=True)), "pacing: real time against virtual time"),
        (changed(server=Server(in_process=True, network="rtt=80ms seed=1")), "network: none against rtt=80ms seed=1"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name_or_forced_and_marked(other: Run, told: str) -> None:
    with pytest.raises(Incomparable) as refused:
        compare(BEFORE, other)
    assert refused.value.differences == (told,)
    forced = compare(BEFORE, other, force=True)
    assert (forced.forced, forced.answer) == ((told,), Answer.NO_CHANGE)


def test_without_a_fixture_in_common_there_is_nothing_to_force() -> None:
    other = document(fixture(calls(6, tts=80.0), name="other"))
    for force in (False, True):
        with pytest.raises(Incomparable, match=r"^no fixture in common: tone against other$"):
            compare(BEFORE, other, force=force)


def test_a_run_from_before_scripts_were_told_is_compared() -> None:
    old = changed(fixtures=(msgspec.structs.replace(BEFORE.fixtures[0], script=msgspec.UNSET),))
    assert compare(old, BEFORE).forced == ()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            with_engine("tts", EngineInfo(BEFORE.engines["tts"].name, {"ttfb": 60})),
            f"tts {BEFORE.engines['tts'].name}: ttfb not given → 60",
        ),
        (
            changed(server=Server(in_process=True, pipeline="sequential", silence_ms=600)),
            "server: pipeline overlapped → sequential",
        ),
        (changed(machine=msgspec.structs.replace(MACHINE, cpus=64)), "machine: cpus 2 → 64"),
        (changed(voicecli="0.2.0"), "voicecli version 0.1.0 → 0.2.0"),
        (
            document(*BEFORE.fixtures, fixture(calls(6, tts=80.0), name="other")),
            "only in the candidate, not compared: other",
        ),
        (
            document(fixture([*calls(5, tts=80.0), call(turn(0, tts=585.0), failures=("too slow",))])),
            "1 call of the candidate did not go as expected",
        ),
    ],
)
def test_what_else_differs_is_noted(other: Run, told: str) -> None:
    assert compare(BEFORE, other).notes == (told,)


def test_calls_that_were_paced_badly_are_no_evidence() -> None:
    late = [call(turn(0, tts=2000.0), reliable=False)]
    one_late = document(fixture([*calls(6, tts=80.0), *late]))
    assert compare(BEFORE, one_late).answer is Answer.NO_CHANGE
    assert compare(BEFORE, one_late).turns[0].verdict.counts == (6, 6)
    assert compare(BEFORE, document(fixture([*calls(6, tts=80.0), *late * 3]))).answer is Answer.UNRELIABLE
    assert compare(BEFORE, document(fixture(late * 6))).answer is Answer.UNRELIABLE


def test_each_utterance_of_each_fixture_has_a_verdict_and_they_share_the_false_alarms() -> None:
    def two(second_ms: float) -> Run:
        return document(fixture([call(turn(0, tts=500.0 + at), turn(1, llm=second_ms + at)) for at in range(6)]))

    compared = compare(two(700), two(900))
    assert [(each.utterance, each.verdict.answer) for each in compared.turns] == [
        (0, Answer.NO_CHANGE),
        (1, Answer.REGRESSION),
    ]
    assert compared.answer is Answer.REGRESSION
    assert {finding.level for each in compared.turns for finding in each.verdict.findings} == {0.975}


def test_how_fast_a_barge_in_stops_the_reply_is_compared_too() -> None:
    def stopping(stop_ms: float) -> Run:
        one = Turn(turn_id=1, utterance=0, latencies=Latencies(barge_in_stop_ms=stop_ms))
        return document(fixture([call(one)] * 6))

    (only,) = compare(stopping(80), stopping(300)).turns
    assert (only.latency, only.verdict.answer) == ("barge_in_stop", Answer.REGRESSION)


def test_a_turn_that_is_no_longer_answered_is_no_verdict() -> None:
    silent = document(fixture([call(Turn(turn_id=1, utterance=0, latencies=Latencies()))] * 6))
    compared = compare(BEFORE, silent)
    assert (compared.answer, compared.turns[0].verdict.counts) == (Answer.NOT_ENOUGH_RUNS, (6, 0))


def test_where_nothing_was_answered_in_either_run_there_is_no_verdict() -> None:
    silent = document(fixture([call()] * 6))
    assert compare(silent, silent).answer is Answer.NOT_ENOUGH_RUNS


def test_of_two_runs_in_virtual_time_one_call_is_enough() -> None:
    def virtual(tts: float) -> Run:
        server = Server(in_process=True, virtual=True)
        other = msgspec.structs.replace(MACHINE, cpus=round(tts))
        return document(fixture(calls(1, tts=tts)), server=server, machine=other, created=msgspec.UNSET)

    compared = compare(virtual(80), virtual(81), Tolerance(0, 0))
    assert (compared.answer, compared.exact, compared.notes) == (Answer.REGRESSION, True, ())
    assert compared.turns[0].verdict.findings[0].difference_ms == 1
    assert compare(virtual(80), virtual(80), Tolerance(0, 0)).answer is Answer.NO_CHANGE


def test_a_comparison_is_a_document() -> None:
    told = json.loads(compare(BEFORE, SLOWER).serialize())
    assert told["schema"] == "voicecli.comparison/1"
    assert told["turns"][0]["verdict"]["findings"][0]["stages"] == [{"part": "tts", "ms": 60.0}]


def in_series(*runs: CallRun, series: str = "1", **fields: object) -> Run:
    return document(fixture(list(runs)), series=series, **fields)


def test_of_alternating_calls_each_is_compared_with_the_one_next_to_it() -> None:
    slow = [call(turn(0, tts=500.0 + 40 * at)) for at in range(6)]
    slower = [call(turn(0, tts=530.0 + 40 * at)) for at in range(6)]
    compared = compare(in_series(*slow), in_series(*slower))
    (median,) = compared.turns[0].verdict.findings
    assert (compared.interleaved, compared.answer, median.low_ms, median.high_ms) == (
        True,
        Answer.REGRESSION,
        30,
        30,
    )
    assert compare(in_series(*slow), in_series(*slower, series="2")).interleaved is False


def test_a_call_whose_pair_is_no_evidence_is_none_either() -> None:
    good = [call(turn(0, tts=500.0 + at)) for at in range(8)]
    late = [call(turn(0, tts=2000.0), reliable=False), call(), *good[2:]]
    assert compare(in_series(*good), in_series(*late)).turns[0].verdict.counts == (6, 6)
    assert compare(in_series(*late), in_series(*good[:-1])).turns[0].verdict.counts == (5, 5)
    assert compare(in_series(*good), in_series(*late[:1] * 8)).answer is Answer.UNRELIABLE


def test_a_turn_that_was_taken_back_is_no_answer_to_compare() -> None:
    good = [call(turn(0, tts=500.0 + at)) for at in range(6)]
    taken_back = msgspec.structs.replace(turn(0, tts=90.0), cancelled=CancelReason.RESUMED)
    cut_off = [msgspec.structs.replace(one, turns=(taken_back, *one.turns)) for one in good]
    (median,) = compare(in_series(*good), in_series(*cut_off)).turns[0].verdict.findings
    assert (median.low_ms, median.high_ms) == (0, 0)


def test_engines_that_were_chosen_to_alternate_are_no_obstacle() -> None:
    good = [call(turn(0, tts=500.0 + at)) for at in range(6)]
    other = in_series(*good, engines=BEFORE.engines | {"tts": EngineInfo("espeak")})
    compared = compare(in_series(*good), other)
    assert (compared.forced, compared.notes) == ((), (f"tts: {BEFORE.engines['tts'].name} against espeak",))


def hidden(tts_ms: float, endpointing_ms: float = 500.0) -> Run:
    """Speech synthesis is at work before the commit: voice-to-voice does not depend on it."""
    turns = [
        msgspec.structs.replace(
            turn(0, endpointing=endpointing_ms + number),
            latencies=Latencies(voice_to_voice_ms=endpointing_ms + number, tts_ttfb_ms=tts_ms + number / 10),
        )
        for number in range(6)
    ]
    return document(fixture([call(each) for each in turns]))


def test_a_stage_that_got_slower_unnoticed_is_told_and_counts() -> None:
    compared = compare(hidden(80.0), hidden(140.0))
    assert compared.answer is Answer.REGRESSION
    assert [(each.latency, each.verdict.answer) for each in compared.turns] == [
        ("voice_to_voice", Answer.NO_CHANGE),
        ("tts_ttfb", Answer.REGRESSION),
    ]


def test_one_that_voice_to_voice_shows_is_not_told_twice_nor_one_that_did_not_get_slower() -> None:
    for candidate in (hidden(140.0, 560.0), hidden(80.0), hidden(20.0)):
        assert [each.latency for each in compare(hidden(80.0), candidate).turns] == ["voice_to_voice"]
