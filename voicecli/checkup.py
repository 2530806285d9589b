"""What `voicecli doctor` finds, and how bad that is: judgements, without looking at anything."""

import math
from enum import StrEnum
from typing import NamedTuple

from voicecli.sound.echometer import Measured

OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 13)
LONGEST_DELAY_MS = 500
"""Echoes that come later are beyond the canceller."""
LOUD_ECHO_DB = 0.0
UNSTEADY_MS = 20.0
NOISY_DBFS = -40.0


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


class Finding(NamedTuple):
    subject: str
    """What was looked at."""
    verdict: Verdict
    found: str
    advice: str = ""
    """What to do about it."""
    measured: dict[str, float] | None = None
    """The numbers in `found`, by name and unit."""


def good(subject: str, found: str, advice: str = "", measured: dict[str, float] | None = None) -> Finding:
    return Finding(subject, Verdict.GOOD, found, advice, measured)


def warning(subject: str, found: str, advice: str, measured: dict[str, float] | None = None) -> Finding:
    return Finding(subject, Verdict.WARNING, found, advice, measured)


def bad(subject: str, found: str, advice: str) -> Finding:
    return Finding(subject, Verdict.BAD, found, advice)


def worst(findings: list[Finding]) -> Verdict:
    order = list(Verdict)
    return max((finding.verdict for finding in findings), key=order.index, default=Verdict.GOOD)


def python(version: tuple[int, int, int], platform: str) -> Finding:
    shown = f"{'.'.join(map(str, version))} on {platform}"
    if OLDEST_PYTHON <= version[:2] <= NEWEST_PYTHON:
        return good("Python", shown)
    supported = " to ".join(".".join(map(str, each)) for each in (OLDEST_PYTHON, NEWEST_PYTHON))
    return bad("Python", f"{shown}; voicecli is made for {supported}", "install voicecli with one of those")


def canceller(is_installed: bool, problem: str = "") -> Finding:
    """Of the echo. `problem` is what it says when it is loaded."""
    subject = "echo canceller"
    if problem:
        return bad(subject, problem, "install it again: pip install --force-reinstall pywebrtc-audio")
    if is_installed:
        return good(subject, "installed: answers can be talked over without headphones")
    return warning(
        subject,
        "not installed: without headphones the microphone is off while an answer plays",
        "pip install 'voicecli[aec]', or wear headphones and say --headphones",
    )


def echo(measured: Measured) -> Finding:
    """What the chirps tell of loudspeaker, room and microphone."""
    subject = "echo"
    if measured.noise_dbfs == -math.inf and not measured.echoes:
        return bad(
            subject,
            "the microphone gives digital silence",
            "unmute it, and let the terminal use the microphone in the system's privacy settings",
        )
    numbers = {"chirps": float(measured.chirps), "heard": float(len(measured.echoes))}
    if math.isfinite(measured.noise_dbfs):
        numbers["noise_dbfs"] = round(measured.noise_dbfs, 1)
    if not measured.echoes:
        return good(
            subject,
            f"none of {measured.chirps} chirps came back: headphones, or the loudspeaker is off",
            "with headphones, say --headphones; if you heard no chirp, choose another one with --output-device",
            numbers,
        )
    numbers |= {
        "delay_ms": round(measured.delay_ms, 1),
        "spread_ms": round(measured.spread_ms, 1),
        "level_db": round(measured.level_db, 1),
    }
    found = (
        f"{measured.delay_ms:.0f} ms after the callback at {measured.level_db:.0f} dB "
        f"({len(measured.echoes)} of {measured.chirps} chirps)"
    )
    problem, advice = _echo_problem(measured)
    if problem:
        return warning(subject, f"{found}; {problem}", advice, numbers)
    return good(subject, found, measured=numbers)


def _echo_problem(measured: Measured) -> tuple[str, str]:
    """What would trouble an echo canceller, and what to do; empty where nothing does."""
    headphones = "or wear headphones and say --headphones"
    if measured.delay_ms > LONGEST_DELAY_MS:
        return (
            f"the canceller reaches {LONGEST_DELAY_MS} ms",
            f"use devices with a wire, {headphones}",
        )
    if measured.spread_ms > UNSTEADY_MS:
        return (
            f"its delay wanders by {measured.spread_ms:.0f} ms",
            f"close programs that load the machine, use devices with a wire, {headphones}",
        )
    if measured.is_clipped:
        return "the microphone is overdriven", f"turn its input level down, {headphones}"
    if measured.level_db > LOUD_ECHO_DB:
        return (
            "it comes back louder than it is played",
            f"turn the loudspeaker or the microphone down, {headphones}",
        )
    if measured.noise_dbfs > NOISY_DBFS:
        return (
            f"the room is loud ({measured.noise_dbfs:.0f} dBFS)",
            "turn the input level down, or choose a quieter microphone with --input-device",
        )
    return "", ""
