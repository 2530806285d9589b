"""What a user would have felt of a change: recorded calls against the same in virtual time, without it and with it."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from voicecli.figures.change import ROLES, Change, Replacement, Stage
from voicecli.figures.run import CallRun, Turn
from voicecli.figures.waterfall import CLAUSE, ENDPOINTING, LLM, STT, TTS

SCHEMA: Literal["voicecli.whatif/1"] = "voicecli.whatif/1"

NOTICED_MS = 5.0
"""Less than this is rounding: audio goes in frames, and a VAD decides by frames."""

GAP_MS = 1.0

_PARTS = {
    Stage.FINAL: STT,
    Stage.TTFT: LLM,
    Stage.PACE: CLAUSE,
    Stage.TTFB: TTS,
    Stage.SILENCE: ENDPOINTING,
}
"""The part of the waterfall that a stage is seen as."""


class PartGap(Struct, frozen=True):
    part: str
    ms: float
    """The record minus the reproduction."""


class Felt(Struct, frozen=True, kw_only=True):
    """Of one utterance: medians over its calls, in ms."""

    fixture: str
    utterance: int
    """From 0."""
    calls: int
    recorded_ms: float
    """Voice-to-voice as it was."""
    reproduced_ms: float
    """The same call in virtual time."""
    gaps: tuple[PartGap, ...]
    """Where the two differ, the widest gap first."""
    changed_ms: float
    """What it would have been: the record and the difference that the change makes in virtual time."""
    asked_ms: float
    """What the changed stages themselves take more, or less where negative."""
    felt_ms: float
    """Of it, what reaches the ear."""
    hidden_by: str = ""
    """The part of the waterfall that hides the rest, where there is a rest."""

    @property
    def hidden_ms(self) -> float:
        return self.asked_ms - self.felt_ms


class WhatIf(Struct, frozen=True, kw_only=True):
    """The document of `voicecli replay --from RUN --with ... --json FILE`."""

    schema: Literal["voicecli.whatif/1"] = SCHEMA
    run: str
    """The name or file it was asked for by."""
    changes: tuple[str, ...]
    turns: tuple[Felt, ...]
    notes: tuple[str, ...] = ()

    def serialize(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class Found(NamedTuple):
    turns: list[Felt]
    notes: list[str]


class _Call(NamedTuple):
    """One turn of one call."""

    recorded: Turn
    before: Turn
    after: Turn
    asked_ms: float


def felt(
    fixture: str,
    recorded: Sequence[CallRun],
    before: Sequence[CallRun],
    after: Sequence[CallRun],
    asked_ms: Sequence[Mapping[int, float]],
    changes: Sequence[Change | Replacement],
) -> Found:
    """`recorded`, `before` and `after` are the same calls; `asked_ms` of each is by utterance."""
    by_utterance: dict[int, list[_Call]] = {}
    lost: dict[int, int] = {}
    for was, same, changed, asked in zip(recorded, before, after, asked_ms, strict=True):
        turns, again, differently = (_heard(call) for call in (was, same, changed))
        for utterance, turn in turns.items():
            if utterance in again and utterance in differently:
                call = _Call(turn, again[utterance], differently[utterance], asked.get(utterance, 0.0))
                by_utterance.setdefault(utterance, []).append(call)
            else:
                lost[utterance] = lost.get(utterance, 0) + 1
    notes = [
        f"utterance {utterance + 1} has no answer in virtual time in {count} of {len(recorded)} calls: left out"
        for utterance, count in sorted(lost.items())
    ]
    return Found([_felt(fixture, *each, changes) for each in sorted(by_utterance.items())], notes)


def _heard(call: CallRun) -> dict[int, Turn]:
    """The first turn of each utterance that was answered with sound."""
    found: dict[int, Turn] = {}
    for number, turn in enumerate(call.turns):
        if "voice_to_voice_ms" in turn.counted_ms():
            found.setdefault(number if turn.utterance is UNSET else turn.utterance, turn)
    return found


def _felt(fixture: str, utterance: int, calls: Sequence[_Call], changes: Sequence[Change | Replacement]) -> Felt:
    before = [(_ms(call.recorded), _ms(call.before), _ms(call.after)) for call in calls]
    felt_ms = median(after - same for _, same, after in before)
    asked_ms = median(call.asked_ms for call in calls)
    hidden_ms = asked_ms - felt_ms
    is_hidden = abs(hidden_ms) >= NOTICED_MS and hidden_ms * asked_ms >= 0.0
    return Felt(
        fixture=fixture,
        utterance=utterance,
        calls=len(calls),
        recorded_ms=round(median(was for was, _, _ in before), 3),
        reproduced_ms=round(median(same for _, same, _ in before), 3),
        gaps=_gaps([(call.recorded, call.before) for call in calls]),
        changed_ms=round(median(was + after - same for was, same, after in before), 3),
        asked_ms=round(asked_ms, 3),
        felt_ms=round(felt_ms, 3),
        hidden_by=_hiding(calls, hidden_ms, changes) if is_hidden else "",
    )


def _gaps(turns: Sequence[tuple[Turn, Turn]]) -> tuple[PartGap, ...]:
    parts = dict.fromkeys(part for pair in turns for turn in pair for part in _parts(turn))
    gaps = [
        PartGap(part, round(median(_parts(was).get(part, 0.0) - _parts(now).get(part, 0.0) for was, now in turns), 3))
        for part in parts
    ]
    return tuple(sorted((gap for gap in gaps if abs(gap.ms) >= GAP_MS), key=lambda gap: -abs(gap.ms)))


def _hiding(calls: Sequence[_Call], hidden_ms: float, changes: Sequence[Change | Replacement]) -> str:
    """The part that moved against the change; else what is waited for beside the changed stage."""
    stages = {change.stage if isinstance(change, Change) else ROLES[change.role] for change in changes}
    changed = {_PARTS[stage].name for stage in stages}
    moved = [(-gap.ms, gap.part) for gap in _gaps([(call.before, call.after) for call in calls])]
    against = [(abs(ms), part) for ms, part in moved if ms * hidden_ms < 0 and part not in changed]
    if against:
        return max(against)[1]
    if Stage.SILENCE in stages:
        return STT.name if Stage.FINAL not in stages else ENDPOINTING.name
    begun_early = any(call.before.speculation is not UNSET and call.before.speculation.hit for call in calls)
    return ENDPOINTING.name if Stage.FINAL in stages or begun_early else ""


def _parts(turn: Turn) -> dict[str, float]:
    return {part.part: part.ms for part in turn.parts}


def _ms(turn: Turn) -> float:
    value = turn.latencies.voice_to_voice_ms
    assert value is not UNSET, "turns without sound were left out"
    return value
