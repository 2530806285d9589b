"""What each engine took in a recorded call, as far as its document tells."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from msgspec import UNSET

from voicecli.figures.change import Stage
from voicecli.figures.run import CallRun, Run, Server, Turn
from voicewire.marks import Mark
from voicewire.messages import TurnOutcome

STAGES = (Stage.FINAL, Stage.TTFT, Stage.PACE, Stage.TTFB)
"""Those of a turn; the silence is the server's."""

SILENCE_MS = 600.0
HANGOVER_MS = 200.0
CHAR_MS = 60.0
"""Where nothing is known: settings of the own server, and speech of a usual pace."""

FRAME_MS = 32.0
"""A VAD decides once in so long."""

SETTLED_MS = 5.0
"""A transcript that was final so much before the commit is not what the commit had waited for."""


class TurnDelays(NamedTuple):
    """In ms; None was not recorded."""

    utterance: int
    """From 0."""
    delays_ms: Mapping[Stage, float | None]
    reply: str


class ServerDelays(NamedTuple):
    """What a server waits for, in ms."""

    silence_ms: float
    closing_ms: float | None
    """From the end of speech to the end of its segment: the hangover, and what the VAD itself takes."""
    char_ms: float
    """Of its speech, a character."""
    guesses: tuple[str, ...]
    """What of these was not recorded, in a sentence each."""


def turn_delays(turn: Turn, words_of_first_clause: int, words: int) -> TurnDelays:
    """The pace of its tokens is that of the first clause, or else of the whole reply."""
    known = turn.latencies.known()
    at_ms = _marks_ms(turn)
    pace_ms = _between_ms(at_ms, Mark.LLM_FIRST_TOKEN, Mark.TTS_REQUESTED, words_of_first_clause - 1)
    if pace_ms is None:
        pace_ms = _between_ms(at_ms, Mark.LLM_FIRST_TOKEN, Mark.LLM_DONE, words - 1)
    return TurnDelays(
        0 if turn.utterance is UNSET else turn.utterance,
        {
            Stage.FINAL: known.get("stt_finalization_ms"),
            Stage.TTFT: known.get("ttft_ms"),
            Stage.PACE: pace_ms,
            Stage.TTFB: known.get("tts_ttfb_ms"),
        },
        turn.reply_text,
    )


def is_answered(turn: Turn) -> bool:
    """The language model was asked."""
    return any(mark.mark is Mark.LLM_REQUESTED for mark in turn.marks) or bool(turn.reply_text)


def begins_early(run: Run) -> bool:
    """Whether, by the marks, answers were begun before the commit of their turn."""
    turns = [_marks_ms(turn) for fixture in run.fixtures for call in fixture.runs for turn in call.turns]
    both = (at_ms for at_ms in turns if {Mark.LLM_REQUESTED, Mark.TURN_COMMITTED} <= at_ms.keys())
    return any(at_ms[Mark.LLM_REQUESTED] < at_ms[Mark.TURN_COMMITTED] for at_ms in both)


def server_delays(calls: Sequence[CallRun], server: Server) -> ServerDelays:
    turns = [turn for call in calls for turn in call.turns]
    guesses = []
    silence_ms: float | None = None if server.silence_ms is UNSET else float(server.silence_ms)
    if silence_ms is None:
        silence_ms = _typical(_silences_ms(turns))
        if silence_ms is None:
            silence_ms = SILENCE_MS
            guesses.append(f"the silence that ends a turn is not known: taken for {SILENCE_MS:.0f} ms")
        else:
            guesses.append(f"the silence that ends a turn was not told: by the marks it is {silence_ms:.0f} ms")
    closing_ms = closing(calls)
    if closing_ms is None:
        guesses.append(f"the silence that ends a segment is not known: taken for {HANGOVER_MS:.0f} ms")
    spoken = [
        turn.reply_audio.heard_ms / len(turn.reply_text)
        for turn in turns
        if turn.outcome is TurnOutcome.COMPLETED and turn.reply_audio is not UNSET and turn.reply_text
    ]
    return ServerDelays(silence_ms, closing_ms, _typical(spoken) or CHAR_MS, tuple(guesses))


def closing(calls: Iterable[CallRun]) -> float | None:
    """The typical time from the end of speech to the end of its segment."""
    turns = (turn for call in calls for turn in call.turns)
    lengths = (_between_ms(_marks_ms(turn), Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED, 1) for turn in turns)
    return _typical(length for length in lengths if length is not None)


def hangover(recorded_ms: float | None, tried_ms: float | None) -> float:
    """The hangover with which a segment takes as long to end as was recorded, where HANGOVER_MS takes `tried_ms`."""
    if recorded_ms is None or tried_ms is None or abs(recorded_ms - tried_ms) < FRAME_MS / 2:
        return HANGOVER_MS
    return max(20.0, HANGOVER_MS + recorded_ms - tried_ms)


def filled(turns: Sequence[TurnDelays], of_run: Mapping[Stage, float]) -> list[TurnDelays]:
    """With what was not recorded of a turn in the place of the unknown; `of_run` is what is typical of the run."""
    return [
        turn._replace(
            delays_ms={
                stage: of_run.get(stage, 0.0) if turn.delays_ms[stage] is None else turn.delays_ms[stage]
                for stage in STAGES
            }
        )
        for turn in turns
    ]


def typical(turns: Iterable[TurnDelays]) -> dict[Stage, float]:
    """The median of each delay that was recorded at all."""
    listed = list(turns)
    found = {
        stage: _typical(value for turn in listed if (value := turn.delays_ms[stage]) is not None) for stage in STAGES
    }
    return {stage: value for stage, value in found.items() if value is not None}


def _silences_ms(turns: Iterable[Turn]) -> list[float]:
    """Of turns whose transcript was final before the silence was over."""
    marks = [_marks_ms(turn) for turn in turns]
    needed = {Mark.AUDIO_LAST_SPEECH, Mark.STT_FINAL, Mark.TURN_COMMITTED}
    return [
        at_ms[Mark.TURN_COMMITTED] - at_ms[Mark.AUDIO_LAST_SPEECH]
        for at_ms in marks
        if needed <= at_ms.keys() and at_ms[Mark.TURN_COMMITTED] - at_ms[Mark.STT_FINAL] > SETTLED_MS
    ]


def _between_ms(at_ms: Mapping[Mark, float], start: Mark, end: Mark, steps: int) -> float | None:
    """From one mark to another, a step."""
    if start not in at_ms or end not in at_ms or steps < 1:
        return None
    return max(0.0, at_ms[end] - at_ms[start]) / steps


def _marks_ms(turn: Turn) -> dict[Mark, float]:
    return {mark.mark: mark.t_ms for mark in turn.marks}


def _typical(values: Iterable[float]) -> float | None:
    listed = list(values)
    return median(listed) if listed else None
