"""A run as a trace in the format of Chrome, which Perfetto opens too: a process for each call, a track for each stage.

Times are in µs since the first sample of the microphone audio. A server whose clock could not be placed beside the
client's has no marks in it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from voicecli.figures.run import CallRun, Run, Turn
from voicecli.figures.waterfall import PARTS
from voicewire.marks import ClockSide, Mark

TURNS, MARKS = "turns", "marks"

_Event = dict[str, object]


class _Slice(NamedTuple):
    track: str
    name: str
    start_ms: float
    end_ms: float
    args: Mapping[str, object] = {}


def trace(run: Run) -> bytes:
    """JSON of the object format."""
    events: list[_Event] = []
    process = 0
    for fixture in run.fixtures:
        for number, call in enumerate(fixture.runs, start=1):
            process += 1
            name = f"{fixture.name}, run {number}" if len(fixture.runs) > 1 else fixture.name
            events += _call_events(process, name if call.reliable else f"{name} (unreliable)", call)
    document = {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {"voicecli": run.voicecli} | ({"created": run.created} if isinstance(run.created, str) else {}),
    }
    return msgspec.json.encode(document) + b"\n"


def _call_events(process: int, name: str, call: CallRun) -> Iterator[_Event]:
    yield _named(process, 0, "process_name", name)
    yield {"ph": "M", "pid": process, "tid": 0, "name": "process_sort_index", "args": {"sort_index": process}}
    lanes: dict[str, list[list[_Slice]]] = {track: [] for track in (TURNS, *(part.title for part in PARTS))}
    placed = [(turn, placed_marks(turn, call)) for turn in call.turns]
    slices = [each for turn, marks in placed for each in _slices(turn, marks)]
    for each in sorted(slices, key=lambda each: each.start_ms):
        _lane(lanes[each.track], each).append(each)
    thread = 0
    for track, rows in lanes.items():
        for row in rows:
            thread += 1
            yield from _track(process, thread, track)
            yield from (_complete(process, thread, each) for each in row)
    yield from _track(process, thread + 1, MARKS)
    for turn, marks in placed:
        for mark, t_ms in marks.items():
            yield {
                **{"ph": "i", "s": "t", "pid": process, "tid": thread + 1, "ts": _us(t_ms), "name": mark.value},
                "args": {"turn": turn.turn_id},
            }


def placed_marks(turn: Turn, call: CallRun) -> dict[Mark, float]:
    """The turn's marks on the client's clock, as far as they can be placed there."""
    offset_ms = None if call.clock is UNSET else call.clock.offset_ms
    return {
        mark.mark: mark.t_ms if mark.clock is ClockSide.CLIENT else mark.t_ms - (offset_ms or 0.0)
        for mark in turn.marks
        if mark.clock is ClockSide.CLIENT or offset_ms is not None
    }


def _slices(turn: Turn, marks: Mapping[Mark, float]) -> Iterator[_Slice]:
    if marks:
        yield _Slice(TURNS, f"turn {turn.turn_id}", min(marks.values()), max(marks.values()), _told(turn))
    speech_end_ms = marks.get(Mark.MIC_SPEECH_END)
    if speech_end_ms is None:
        return
    titles = {part.name: part.title for part in PARTS}
    for part in turn.parts:
        # The end of speech may be detected before it happens: a part of negative length.
        start_ms, end_ms = sorted((part.start_ms, part.start_ms + part.ms))
        if part.part in titles and end_ms > start_ms:
            title = titles[part.part]
            yield _Slice(
                title, title, speech_end_ms + start_ms, speech_end_ms + end_ms, {"turn": turn.turn_id, "ms": part.ms}
            )


def _told(turn: Turn) -> dict[str, object]:
    told: dict[str, object] = {"turn": turn.turn_id, "reply": turn.reply_text}
    if turn.outcome is not UNSET:
        told["outcome"] = turn.outcome.value
    if turn.transcript_final is not UNSET:
        told["transcript"] = turn.transcript_final
    return told | turn.latencies.known()


def _lane(rows: list[list[_Slice]], slice_: _Slice) -> list[_Slice]:
    """The first row of a track that is free by then: slices of one row must not overlap."""
    for row in rows:
        if _us(row[-1].end_ms) <= _us(slice_.start_ms):
            return row
    rows.append([])
    return rows[-1]


def _complete(process: int, thread: int, slice_: _Slice) -> _Event:
    start_us = _us(slice_.start_ms)
    return {
        **{"ph": "X", "pid": process, "tid": thread, "ts": start_us, "dur": _us(slice_.end_ms) - start_us},
        **{"name": slice_.name, "cat": "turn" if slice_.track == TURNS else "stage", "args": slice_.args},
    }


def _track(process: int, thread: int, title: str) -> Iterable[_Event]:
    yield _named(process, thread, "thread_name", title)
    yield {"ph": "M", "pid": process, "tid": thread, "name": "thread_sort_index", "args": {"sort_index": thread}}


def _named(process: int, thread: int, what: str, name: str) -> _Event:
    return {"ph": "M", "pid": process, "tid": thread, "name": what, "args": {"name": name}}


def _us(milliseconds: float) -> int:
    return round(milliseconds * 1000)
