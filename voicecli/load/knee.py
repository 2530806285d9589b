"""Where the server bends: the first level at which callers get worse service than at the first one.

Three things are worse service, and each must be both certain and large:

- slower: the median or the p95 of voice-to-voice, counted from when each call was meant to begin, is half as much again
  as at the first level and at least 50 ms more, and an interval of the difference (`figures/verdict.py`) is without 0;
- failing: of the calls that are not answered as expected there are more, certainly by more than one in a hundred;
- breaking up: so are replies that are heard with a gap.

"Certainly" for shares is the lower end of Wilson's interval of 95 %. A curve's geometry (Kneedle and the like) is not
asked: with four or five levels it finds a bend in any noise, and none in a line that rises steeply all the way.

Levels at which the generator was the bottleneck are no evidence, and end the search: beyond them nothing is known.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt

from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.verdict import MIN_SAMPLES, Answer, Finding, Side, StageChange, Tolerance, judge
from voicecli.figures.waterfall import BY_NAME
from voicecli.load.level import SETUP, Level, waits

TOLERANCE = Tolerance(relative=0.5, absolute_ms=50.0)
SHARE_SLACK = 0.01
Z = 1.96


class Bend(StrEnum):
    SLOWER = "slower"
    FAILING = "failing"
    BREAKING_UP = "breaking_up"
    NONE = "none"
    UNKNOWN = "unknown"
    """The first level is no base to compare with."""


class Knee(Struct, frozen=True, kw_only=True, omit_defaults=True):
    bend: Bend
    base: int
    """Sessions that the others were compared with."""
    sessions: int | UnsetType = UNSET
    """Where the knee is; absent without one."""
    good_to: int | UnsetType = UNSET
    """The highest level without a fault that was measured."""
    percent: int | UnsetType = UNSET
    """The quantile that shows it: 50 or 95."""
    factor: float | UnsetType = UNSET
    """How many times that of the base it is."""
    stages: tuple[StageChange, ...] = ()
    """Those that grew, the largest first."""
    sentence: str


def knee(levels: Sequence[Level]) -> Knee:
    """The verdict on at least one level, in order of their sessions."""
    base = levels[0]
    if reason := _no_base(base):
        return Knee(bend=Bend.UNKNOWN, base=base.sessions, sentence=f"no knee can be told: {reason}")
    good = base
    for level in levels[1:]:
        if not level.measures_server:
            told = f"no knee up to {_sessions(good)}; beyond that the generator was the bottleneck, not the server"
            return Knee(bend=Bend.NONE, base=base.sessions, good_to=good.sessions, sentence=told)
        if found := _bend(base, level, good, len(levels) - 1):
            return found
        good = level
    told = f"no knee up to {_sessions(good)}" if good is not base else "one level alone has no knee; name several"
    return Knee(bend=Bend.NONE, base=base.sessions, good_to=good.sessions, sentence=told)


def is_certainly_more(count: int, of: int, base: int, base_of: int) -> bool:
    """Whether a share is above that of the base by more than SHARE_SLACK."""
    return of > 0 and wilson_low(count, of) > (base / base_of if base_of else 0.0) + SHARE_SLACK


def wilson_low(count: int, of: int) -> float:
    """The lower end of the interval of a share."""
    share = count / of
    middle = share + Z**2 / (2 * of)
    if not count:
        return 0.0  # which the formula misses by its rounding
    return (middle - Z * sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))) / (1 + Z**2 / of)


def _no_base(base: Level) -> str:
    sessions = _sessions(base)
    if not base.measures_server:
        return f"at {sessions} the generator was the bottleneck already"
    count = len(waits(base.samples))
    if count < MIN_SAMPLES:
        return (
            f"{sessions} gave {count} answers, and the others are compared with at least {MIN_SAMPLES}; "
            "use a longer --duration"
        )
    return ""


def _bend(base: Level, level: Level, good: Level, comparisons: int) -> Knee | None:
    if is_certainly_more(level.bad, level.calls, base.bad, base.calls):
        most = f": {level.failures[0].told}" if level.failures else ""
        told = f"{level.bad} of {level.calls} calls were not answered as expected{most}"
        return _found(Bend.FAILING, base, level, good, told)
    before, after = waits(base.samples), waits(level.samples)
    verdict = judge(Side(before), Side(after), TOLERANCE, comparisons=comparisons)
    slower = [finding for finding in verdict.findings if finding.answer is Answer.REGRESSION]
    if slower:
        # The p95 bends first and tells more.
        finding = slower[-1]
        return _found(Bend.SLOWER, base, level, good, _slower(finding, base), finding)
    if is_certainly_more(level.broken_replies, level.replies, base.broken_replies, base.replies):
        told = f"{level.broken_replies} of {level.replies} replies were heard with a gap"
        return _found(Bend.BREAKING_UP, base, level, good, told)
    return None


def _found(bend: Bend, base: Level, level: Level, good: Level, told: str, finding: Finding | None = None) -> Knee:
    return Knee(
        bend=bend,
        base=base.sessions,
        sessions=level.sessions,
        good_to=good.sessions,
        percent=UNSET if finding is None else finding.percent,
        factor=UNSET if finding is None else round(finding.candidate_ms / finding.baseline_ms, 2),
        stages=() if finding is None else finding.stages,
        sentence=f"knee at {_sessions(level)}: {told}",
    )


def _slower(finding: Finding, base: Level) -> str:
    what = "median" if finding.percent == 50 else f"p{finding.percent}"
    factor = finding.candidate_ms / finding.baseline_ms
    told = (
        f"{what} voice-to-voice {finding.candidate_ms:.0f} ms, {factor:.1f}× that of {_sessions(base)} "
        f"({finding.baseline_ms:.0f} ms)"
    )
    grown = [f"{_title(stage.part)} {stage.ms:+.0f} ms" for stage in finding.stages]
    which = "the stage that grew: " if len(grown) == 1 else "the stages that grew: "
    return f"{told}; {which}{', '.join(grown)}" if grown else told


def _title(part: str) -> str:
    return SETUP if part == SETUP else BY_NAME[part].title


def _sessions(level: Level) -> str:
    return f"{level.sessions} session{'s' * (level.sessions != 1)}"
