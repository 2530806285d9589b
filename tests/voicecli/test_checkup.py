"""What is found is judged: good, in need of advice, or bad."""

import math

import pytest

from voicecli import checkup
from voicecli.checkup import Finding, Verdict, bad, good, warning, worst
from voicecli.sound.chirp import Echo
from voicecli.sound.echometer import Measured


def heard(*delays_ms: float, level_db: float = -12.0, noise_dbfs: float = -60.0, is_clipped: bool = False) -> Measured:
    return Measured(tuple(Echo(delay, level_db, 0.5) for delay in delays_ms), 3, noise_dbfs, is_clipped)


def test_the_worst_finding_is_the_verdict() -> None:
    findings = [good("a", "1"), warning("b", "2", "do"), good("c", "3")]
    assert worst(findings) is Verdict.WARNING
    assert worst([*findings, bad("d", "4", "do")]) is Verdict.BAD
    assert worst([]) is Verdict.GOOD


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((3, 10, 9), "bad"), ((3, 11, 0), "good"), ((3, 13, 9), "good"), ((3, 14, 0), "bad")],
)
def test_python_is_one_that_voicecli_is_made_for(version: tuple[int, int, int], verdict: str) -> None:
    assert checkup.python(version, "Linux").verdict == verdict


def test_a_canceller_is_good_to_have_and_not_needed() -> None:
    assert checkup.canceller(True).verdict is Verdict.GOOD
    assert checkup.canceller(True, "cannot be loaded").verdict is Verdict.BAD
    without = checkup.canceller(False)
    assert without.verdict is Verdict.WARNING
    assert "voicecli[aec]" in without.advice


def test_an_echo_that_can_be_cancelled_is_good() -> None:
    assert checkup.echo(heard(80.2, 81.0, 80.4)) == Finding(
        "echo",
        Verdict.GOOD,
        "80 ms after the callback at -12 dB (3 of 3 chirps)",
        "",
        {"chirps": 3.0, "heard": 3.0, "noise_dbfs": -60.0, "delay_ms": 80.4, "spread_ms": 0.8, "level_db": -12.0},
    )


def test_no_echo_is_what_headphones_give() -> None:
    found = checkup.echo(heard())
    assert found.verdict is Verdict.GOOD
    assert "--headphones" in found.advice


def test_digital_silence_is_a_microphone_that_is_off() -> None:
    assert checkup.echo(heard(noise_dbfs=-math.inf)).verdict is Verdict.BAD
    assert checkup.echo(heard(80.0, noise_dbfs=-math.inf)).verdict is Verdict.GOOD  # a noise gate, and it hears


@pytest.mark.parametrize(
    ("measured", "problem"),
    [
        (heard(501, 501, 501), "reaches 500 ms"),
        (heard(50, 71, 60), "wanders by 21 ms"),
        (heard(50, 50, 50, is_clipped=True), "overdriven"),
        (heard(50, 50, 50, level_db=0.1), "louder"),
        (heard(50, 50, 50, noise_dbfs=-39.9), "room is loud"),
    ],
)
def test_what_troubles_a_canceller_comes_with_advice(measured: Measured, problem: str) -> None:
    found = checkup.echo(measured)
    assert found.verdict is Verdict.WARNING
    assert problem in found.found
    assert found.advice


@pytest.mark.parametrize(
    "measured",
    [heard(500, 500, 500), heard(50, 70, 60), heard(50, level_db=0.0), heard(50, noise_dbfs=-40.0)],
)
def test_up_to_the_bounds_all_is_well(measured: Measured) -> None:
    assert checkup.echo(measured).verdict is Verdict.GOOD
