"""What if a stage had been faster? Recorded calls again in virtual time, with one change.

Each recorded call is acted out twice: with each engine as slow as it was, and with the change. What the change does is
the difference of the two; how far the first is from the record says how much that can be trusted.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET, structs

from voicecli.calls.call import CallSettings
from voicecli.calls.plan import Planned
from voicecli.calls.virtualcall import VirtualServer
from voicecli.calls.virtualsettings import delay_ms, known_vad, scripted, words, words_of_first_clause
from voicecli.figures.change import ROLES, Change, Replacement, Stage
from voicecli.figures.delays import (
    HANGOVER_MS,
    ServerDelays,
    TurnDelays,
    begins_early,
    closing,
    filled,
    hangover,
    is_answered,
    server_delays,
    turn_delays,
    typical,
)
from voicecli.figures.run import CallRun, FixtureRuns, Run, Turn
from voicecli.figures.whatif import Felt, felt
from voicecli.fixtures.fixture import Fixture

MOST_CALLS = 30
"""Of a fixture; more would only take longer."""

LEAST_SILENCE_MS = 100.0


class Told(NamedTuple):
    """What came of it."""

    turns: tuple[Felt, ...]
    notes: tuple[str, ...]
    """What is not known, and what was left out."""


def what_if(run: Run, planned: Sequence[Planned], changes: Sequence[Change | Replacement]) -> Told:
    """The fixtures are those of the run. Raises CliError."""
    turns: list[Felt] = []
    notes: dict[str, list[str]] = {}
    vad = known_vad(run.engines.get("vad"))
    if vad is None and "vad" in run.engines:
        notes[f"the VAD {run.engines['vad'].name} is not here: Silero hears in its place"] = []
    server = run.server
    flags = {
        "vad": vad,
        "pipeline": "overlapped" if server.pipeline is UNSET else server.pipeline,
        "endpointing": "fixed" if server.endpointing is UNSET else server.endpointing,
        "speculation": str(begins_early(run) if server.speculation is UNSET else server.speculation).lower(),
    }
    by_name = {fixture.name: fixture for fixture in run.fixtures}
    for each in planned:
        again = _Again(by_name[each.fixture.name], run, each, flags)
        turns += again.felt(changes)
        for note in again.notes:
            notes.setdefault(note, []).append(each.fixture.name)
    told = (f"{', '.join(whose)}: {note}" if whose and len(planned) > 1 else note for note, whose in notes.items())
    return Told(tuple(turns), tuple(told))


class _Delays(NamedTuple):
    """Of one call."""

    turns: list[TurnDelays]
    silence_ms: float


class _Again:
    """The calls of a run with one fixture, to be acted out again."""

    def __init__(self, recorded: FixtureRuns, run: Run, planned: Planned, flags: Mapping[str, str | None]) -> None:
        reliable = [call for call in recorded.runs if call.reliable]
        self._calls = reliable[:MOST_CALLS]
        self._planned = planned
        self._flags = flags
        self._server = server_delays(self._calls, run.server)
        asked = planned.fixture.session.turn_detection.get("silence_ms")
        self._silence_ms = self._server.silence_ms if asked is None else float(asked)
        turns = [[_delays(turn) for turn in call.turns if is_answered(turn)] for call in self._calls]
        known = typical(turn for call in turns for turn in call)
        self._turns = [filled(call, known) for call in turns]
        self._hangover_ms = HANGOVER_MS
        if self._turns:
            tried = self._acted(_Delays(self._turns[0], self._silence_ms), ())
            self._hangover_ms = hangover(self._server.closing_ms, closing([tried]))
        self.notes = [
            *(self._server.guesses if asked is None else self._server.guesses[1:]),
            *_unknown([turn for call in turns for turn in call], known),
            *_left_out(recorded.runs, reliable),
        ]

    def felt(self, changes: Sequence[Change | Replacement]) -> list[Felt]:
        before, after, asked_ms = [], [], []
        for turns in self._turns:
            was = _Delays(turns, self._silence_ms)
            before.append(self._acted(was, ()))
            changed = _changed(was, changes)
            after.append(self._acted(changed, [each for each in changes if isinstance(each, Replacement)]))
            asked_ms.append(_asked_ms(was, changed))
        found = felt(self._planned.fixture.name, self._calls, before, after, asked_ms, changes)
        self.notes += [*_too_much([turn for call in self._turns for turn in call], changes), *found.notes]
        return found.turns

    def _acted(self, delays: _Delays, replaced: Iterable[Replacement]) -> CallRun:
        engines = _engines(delays, self._server)
        for each in replaced:
            kept = {name: value for name, value in engines[each.role].items() if name in ("text", "char")}
            engines[each.role] = kept
        texts = {each.role: each.engine for each in replaced}
        flags = {
            **self._flags,
            **{role: scripted(role, texts.get(role, "scripted"), settings) for role, settings in engines.items()},
            "hangover_ms": str(round(self._hangover_ms)),
        }
        fixture = _waiting(self._planned.fixture, delays.silence_ms)
        return VirtualServer(flags, {}).take(fixture, self._planned.recording, CallSettings()).document


def _delays(turn: Turn) -> TurnDelays:
    return turn_delays(turn, words_of_first_clause(turn.reply_text), words(turn.reply_text))


def _engines(delays: _Delays, server: ServerDelays) -> dict[str, dict[str, str | float]]:
    """Settings of scripted engines that are as slow as they were, turn by turn."""
    turns = delays.turns
    replies = "|".join(turn.reply.replace("|", "/") for turn in turns)
    finals = {turn.utterance: turn.delays_ms[Stage.FINAL] for turn in turns}
    utterances = range(max(finals, default=0) + 1)
    return {
        "stt": {"finals": "|".join(_written(finals.get(number)) for number in utterances)},
        "llm": {"text": replies, "ttfts": _each(turns, Stage.TTFT), "paces": _each(turns, Stage.PACE)},
        "tts": {"replies": replies, "ttfbs": _each(turns, Stage.TTFB), "char": round(server.char_ms, 3)},
    }


def _each(turns: Iterable[TurnDelays], stage: Stage) -> str:
    return "|".join(_written(turn.delays_ms[stage]) for turn in turns)


def _written(delay: float | None) -> str:
    return "" if delay is None else f"{delay:.3f}"


def _changed(delays: _Delays, changes: Sequence[Change | Replacement]) -> _Delays:
    """With the change; a replaced engine's own delay stands for each of its turns."""
    by_stage = {change.stage: change.applied for change in changes if isinstance(change, Change)}
    for each in changes:
        if isinstance(each, Replacement):
            fixed_ms = delay_ms(each.role, scripted(each.role, each.engine, {}))
            by_stage[ROLES[each.role]] = Change(each.text, ROLES[each.role], 0.0, fixed_ms).applied
    turns = [
        turn._replace(
            delays_ms={
                stage: by_stage[stage](value or 0.0) if stage in by_stage else value
                for stage, value in turn.delays_ms.items()
            }
        )
        for turn in delays.turns
    ]
    silence_ms = delays.silence_ms
    if Stage.SILENCE in by_stage:
        silence_ms = max(LEAST_SILENCE_MS, by_stage[Stage.SILENCE](silence_ms))
    return _Delays(turns, silence_ms)


def _asked_ms(before: _Delays, after: _Delays) -> dict[int, float]:
    """What the changed stages themselves take more or less before the first sound, by utterance."""
    asked: dict[int, float] = {}
    for was, now in zip(before.turns, after.turns, strict=True):
        steps = {Stage.PACE: max(0, words_of_first_clause(was.reply) - 1)}
        asked[was.utterance] = (
            after.silence_ms
            - before.silence_ms
            + sum(
                steps.get(stage, 1) * ((now.delays_ms[stage] or 0.0) - (was.delays_ms[stage] or 0.0))
                for stage in was.delays_ms
            )
        )
    return asked


def _waiting(fixture: Fixture, silence_ms: float) -> Fixture:
    detection = {**fixture.session.turn_detection, "silence_ms": round(silence_ms)}
    return structs.replace(fixture, session=structs.replace(fixture.session, turn_detection=detection))


def _unknown(turns: Sequence[TurnDelays], known: Mapping[Stage, float]) -> list[str]:
    notes = []
    for stage in (Stage.FINAL, Stage.TTFT, Stage.TTFB):
        missing = sum(turn.delays_ms[stage] is None for turn in turns)
        if missing:
            instead = f"the median of the others ({known[stage]:.0f} ms)" if stage in known else "0 ms"
            notes.append(f"{stage} was not recorded in {missing} of {len(turns)} turns: {instead} is taken")
    return notes


def _too_much(turns: Sequence[TurnDelays], changes: Sequence[Change | Replacement]) -> list[str]:
    notes = []
    for change in changes:
        if not isinstance(change, Change):
            continue
        delays = [turn.delays_ms[change.stage] or 0.0 for turn in turns if change.stage in turn.delays_ms]
        if count := sum(map(change.is_too_much, delays)):
            told = f"{change.text}: nothing gets below 0, and in {count} of {len(delays)} turns the delay was shorter"
            notes.append(f"{told}, so that all of it is taken off and no more is asked for")
    return notes


def _left_out(calls: Sequence[CallRun], reliable: Sequence[CallRun]) -> list[str]:
    notes = []
    if len(reliable) < len(calls):
        notes.append(f"{len(calls) - len(reliable)} of {len(calls)} calls left out: the harness itself was late")
    if len(reliable) > MOST_CALLS:
        notes.append(f"the first {MOST_CALLS} of {len(reliable)} calls were taken")
    return notes
