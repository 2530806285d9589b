"""A run as OpenTelemetry spans, in the JSON encoding of OTLP: a trace for each call.

    call NAME                     the whole call; an error where the fixture's expectations were not met
      turn                        from its first mark to its last; the marks are its events
        voice_to_voice            and under it the parts of the waterfall, which sum to it
        endpointing_delay, ttft   and the other latencies, by their names

Instants are the client's: a server whose clock could not be placed beside it has no marks here. No words that anybody
said are in it. The ids follow from what was called and when, so that a run sent twice is there once.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from voicecli.figures.run import CallRun, FixtureRuns, Run, Turn
from voicecli.figures.waterfall import BY_NAME
from voicecli.reports.trace import placed_marks
from voicewire.clock import NS_PER_MS, NS_PER_S
from voicewire.marks import SPANS, VOICE_TO_VOICE, Mark

SERVICE = "voicecli"
UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""When a call in virtual time begins, which has no date: the file is the same each time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INTERNAL, _CLIENT = 1, 3
_ERROR = 2

_Json = dict[str, object]
_Value = str | bool | int | float


class _Trace(NamedTuple):
    """What the spans of one call share."""

    trace_id: str
    origin_ns: int
    """Of the first sample, since 1970."""

    def span_id(self, path: str) -> str:
        return sha256(f"{self.trace_id} {path}".encode()).hexdigest()[:16]

    def at(self, t_ms: float) -> str:
        """An instant of the call; 64-bit numbers are strings in this encoding."""
        return str(self.origin_ns + round(t_ms * NS_PER_MS))

    def span(self, path: str, name: str, start_ms: float, end_ms: float, told: Mapping[str, _Value]) -> _Json:
        """`path` tells it from the others of the call; all but its last step is the span it belongs to."""
        parent, _, _ = path.rpartition("/")
        return {
            "traceId": self.trace_id,
            "spanId": self.span_id(path),
            **({"parentSpanId": self.span_id(parent)} if parent else {}),
            "name": name,
            "kind": _INTERNAL if parent else _CLIENT,
            "startTimeUnixNano": self.at(start_ms),
            "endTimeUnixNano": self.at(max(start_ms, end_ms)),
            "attributes": _attributes(told),
        }


def otlp(run: Run, undated: datetime = UNDATED) -> bytes:
    """The body of an export request; calls in virtual time follow each other from `undated` on."""
    spans: list[_Json] = []
    at_ns = _unix_ns(undated)
    for fixture in run.fixtures:
        for number, call in enumerate(fixture.runs, start=1):
            dated_ns = at_ns if call.started is UNSET else _unix_ns(datetime.fromisoformat(call.started))
            spans += _call_spans(run, fixture, number, call, dated_ns)
            at_ns += round(_end_ms(call) * NS_PER_MS)
    resource = {"service.name": SERVICE, "service.version": run.voicecli}
    scope = {"scope": {"name": SERVICE, "version": run.voicecli}, "spans": spans}
    request = {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
    return msgspec.json.encode(request) + b"\n"


def _call_spans(run: Run, fixture: FixtureRuns, number: int, call: CallRun, origin_ns: int) -> Iterator[_Json]:
    identity = f"{fixture.digest} {fixture.name} {number} {origin_ns}"
    trace = _Trace(sha256(identity.encode()).hexdigest()[:32], origin_ns)
    told: dict[str, _Value] = {
        "voicecli.fixture": fixture.name,
        "voicecli.fixture.digest": fixture.digest,
        "voicecli.call": number,
        "voicecli.reliable": call.reliable,
        "voicecli.worst_late_ms": call.pacing.worst_late_ms,
        "voicecli.virtual": run.server.virtual,
    }
    told |= {f"voicecli.engine.{role}": engine.name for role, engine in run.engines.items()}
    known = {"pipeline": run.server.pipeline, "url": run.server.url, "network": run.server.network}
    told |= {f"voicecli.server.{key}": value for key, value in known.items() if value is not UNSET}
    whole = trace.span("call", f"call {fixture.name}", 0.0, _end_ms(call), told)
    unmet = [expectation.name for expectation in call.expectations if expectation.failures]
    yield whole | ({"status": {"code": _ERROR, "message": f"not as expected: {', '.join(unmet)}"}} if unmet else {})
    for turn in call.turns:
        yield from _turn_spans(trace, turn, placed_marks(turn, call))


def _turn_spans(trace: _Trace, turn: Turn, marks: Mapping[Mark, float]) -> Iterator[_Json]:
    if not marks:
        return
    path = f"call/{turn.turn_id}"
    told: dict[str, _Value] = {"voicecli.turn": turn.turn_id}
    told |= {f"voicecli.{name}": value for name, value in turn.latencies.known().items()}
    if turn.outcome is not UNSET:
        told["voicecli.outcome"] = turn.outcome.value
    span = trace.span(path, "turn", min(marks.values()), max(marks.values()), told)
    span["events"] = [{"name": mark.value, "timeUnixNano": trace.at(t_ms)} for mark, t_ms in marks.items()]
    if turn.errors:
        span["status"] = {"code": _ERROR, "message": ", ".join(error.code.value for error in turn.errors)}
    yield span
    for latency in SPANS:
        if latency.start in marks and latency.end in marks:
            start_ms, end_ms = marks[latency.start], marks[latency.end]
            yield trace.span(f"{path}/{latency.name}", latency.name, start_ms, end_ms, {})
    if VOICE_TO_VOICE.start not in marks or VOICE_TO_VOICE.end not in marks:
        return
    zero_ms = marks[VOICE_TO_VOICE.start]
    for part in turn.parts:
        # The end of speech may be detected before it happens: a part of negative length.
        start_ms, end_ms = sorted((zero_ms + part.start_ms, zero_ms + part.start_ms + part.ms))
        meaning = {"voicecli.meaning": BY_NAME[part.part].meaning} if part.part in BY_NAME else {}
        of_part = f"{path}/{VOICE_TO_VOICE.name}/{part.part}"
        yield trace.span(of_part, part.part, start_ms, end_ms, {"voicecli.ms": part.ms, **meaning})


def _end_ms(call: CallRun) -> float:
    """When the call was over; in documents that do not tell it, when the last mark was."""
    marks = [t_ms for turn in call.turns for t_ms in placed_marks(turn, call).values()]
    return max([0.0 if call.duration_ms is UNSET else call.duration_ms, *marks])


def _attributes(told: Mapping[str, _Value]) -> list[_Json]:
    return [{"key": key, "value": _value(value)} for key, value in told.items()]


def _value(value: _Value) -> _Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"stringValue": value}


def _unix_ns(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000
