import msgspec
import pytest

from tests.voicecli.figures.test_run import record, turn
from tests.voicecli.peer import made, spoken
from tests.voicecli.reports.test_report import LATE
from voicecli.calls.take import Take, concluded
from voicecli.fixtures.fixture import Expect, Fixture, UtteranceExpect
from voicecli.testing.replayed import Replayed, Turn, Unreliable, VoiceError, VoiceFailure

LAX = made(spoken(expect=UtteranceExpect(max_wer=1.0)))


def taken(fixture: Fixture = LAX, *, late: bool = False) -> Take:
    call = record(turn())
    return concluded(fixture, call._replace(pacing=LATE) if late else call, 600)


def replayed(*takes: Take) -> Replayed:
    return Replayed(takes or (taken(),), "own server")


def test_a_turn_tells_what_was_said_and_how_long_it_took() -> None:
    (told,) = replayed().turns
    assert told == Turn(
        turn_id=1,
        utterance=0,
        transcript="hello their",
        reply="Good day.",
        heard=told.heard,
        outcome="completed",
        cancelled=None,
        latencies_ms=told.latencies_ms,
        parts_ms=told.parts_ms,
        word_error_rate=0.5,
        errors=(),
    )
    assert sum(told.parts_ms.values()) == pytest.approx(told.latencies_ms["voice_to_voice"])
    assert replayed(taken(), taken()).calls == [[told], [told]]


def test_figures_are_of_reliable_calls_and_a_p95_takes_20_of_them() -> None:
    latency = replayed(*[taken()] * 19, taken(late=True)).latency("voice_to_voice")
    assert (latency.n, latency.p50, latency.max - latency.min, latency.mean) == (19, latency.max, 0, latency.p50)
    with pytest.raises(Unreliable, match=r"^UNRELIABLE: voice_to_voice: n=19 of 20; .*: 1 call said nothing"):
        _ = latency.p95
    assert replayed(*[taken()] * 20).latency("voice_to_voice").p95 == latency.p50
    with pytest.raises(VoiceFailure, match=r"^voice_to_voice: n=1 of 20; replay with repeat=20 or more$"):
        _ = replayed().latency("voice_to_voice").p95
    with pytest.raises(VoiceFailure, match=r"^barge_in_stop: not measured \(n=0\)$"):
        _ = replayed().latency("barge_in_stop").p50
    with pytest.raises(VoiceError, match='"v2v" is no latency; use voice_to_voice'):
        replayed().latency("v2v")


def test_a_budget_that_is_missed_is_a_failure_with_its_figures() -> None:
    one = replayed()
    one.check("voice_to_voice max < 2s", "false_cutoffs == 0")
    with pytest.raises(VoiceFailure) as raised:
        one.check("voice_to_voice max < 1ms", "voice_to_voice p95 < 2s", "wer <= 50%")
    first, second = str(raised.value).splitlines()
    assert first.startswith("voice_to_voice max < 1ms: ")
    assert second == "voice_to_voice p95 < 2000ms: not enough samples (n=1 of 20); call more often with repeat=20"
    with pytest.raises(VoiceError, match="no budget; write it as"):
        one.check("fast")


def test_what_was_measured_by_a_busy_machine_is_no_verdict() -> None:
    late = replayed(taken(late=True))
    with pytest.raises(Unreliable, match=r"^UNRELIABLE: voice_to_voice max < 1ms: 1 call said nothing about the agent"):
        late.check("voice_to_voice max < 1ms")
    with pytest.raises(VoiceFailure, match="too much"):  # the other call was measured well
        replayed(taken(late=True), taken()).check("voice_to_voice max < 1ms")
    skipping = Replayed(late.takes, "own server", skip=KeyError)
    with pytest.raises(KeyError):
        skipping.check("voice_to_voice max < 1ms")


def test_latencies_of_each_turn_are_expected_of_reliable_calls_alone() -> None:
    strict = msgspec.structs.replace(LAX, budgets_ms={"voice_to_voice": 1.0})
    assert replayed(taken(strict, late=True)).failures == []
    with pytest.raises(Unreliable, match=r"^UNRELIABLE: voice_to_voice of each turn: 1 call said nothing about"):
        replayed(taken(strict, late=True)).check_expectations()
    lax = msgspec.structs.replace(LAX, budgets_ms={"voice_to_voice": 60_000.0})
    replayed(taken(lax, late=True), taken(lax)).check_expectations()
    replayed(taken(late=True)).check_expectations()
    assert [failure.partition(" ")[0] for failure in replayed(taken(strict)).failures] == ["turn"]
    wordy = made(expect=Expect(turns=2))
    assert "1 turn instead of 2" in replayed(taken(wordy, late=True)).failures


def test_what_is_not_as_expected_is_told_with_the_number_of_the_call() -> None:
    wordy = msgspec.structs.replace(LAX, expect=Expect(turns=2))
    with pytest.raises(VoiceFailure) as raised:
        replayed(taken(wordy), taken(wordy)).check_expectations()
    assert str(raised.value).splitlines() == [
        "made: not as the fixture expects",
        "run 1 of 2: 1 turn instead of 2",
        "run 2 of 2: 1 turn instead of 2",
    ]


def test_the_budgets_of_the_fixture_are_expected_too() -> None:
    strict = msgspec.structs.replace(LAX, budgets=("voice_to_voice max < 1ms",))
    with pytest.raises(VoiceFailure, match="voice_to_voice max < 1ms"):
        replayed(taken(strict)).check_expectations()
    replayed().check_expectations()


def test_the_report_is_the_waterfall_of_the_call_that_went_wrong() -> None:
    wrong = taken(msgspec.structs.replace(LAX, expect=Expect(turns=2)))
    report = replayed(taken(), wrong).report
    assert report.startswith("made, run 2 ────")
    assert "own server" in report
    assert "voice-to-voice  ─" in report
    assert "✗ 1 turn instead of 2" in report
