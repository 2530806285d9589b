import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.json_format import ParseDict
from msgspec import UNSET
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.voicecli.documents import TURN, call, fixture_runs, run
from voicecli.figures.run import CallRun, EngineFailure, Run, Server, Turn
from voicecli.reports.otlp import UNDATED, otlp
from voicewire.errors import ErrorCode

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
IDS = ("traceId", "spanId", "parentSpanId")


def dated(*turns: Turn, **failures: tuple[str, ...]) -> CallRun:
    return msgspec.structs.replace(
        call(*turns, reliable=True, **failures), started=STARTED.isoformat(), duration_ms=3000.0
    )


def request(document: Run, undated: datetime = UNDATED) -> ExportTraceServiceRequest:
    """As the official definitions read it; they refuse what they do not know. Ids are hexadecimal in OTLP's JSON."""
    told = json.loads(otlp(document, undated))
    for span in told["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for key in IDS:
            if key in span:
                span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return ParseDict(told, ExportTraceServiceRequest())


def spans(document: Run, undated: datetime = UNDATED) -> list[Span]:
    return list(request(document, undated).resource_spans[0].scope_spans[0].spans)


def attributes(told: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told}


def tree(found: list[Span], parent: bytes = b"") -> dict[str, Any]:
    """By name: ms after the start of the call, of both ends, and what is below."""
    zero_ns = int(STARTED.timestamp()) * 10**9 + 678_901_000
    return {
        span.name: (
            (span.start_time_unix_nano - zero_ns) / 1e6,
            (span.end_time_unix_nano - zero_ns) / 1e6,
            tree(found, span.span_id),
        )
        for span in found
        if span.parent_span_id == parent
    }


def test_a_call_is_a_trace_of_its_turns_their_latencies_and_the_parts_of_voice_to_voice() -> None:
    assert tree(spans(run(fixture_runs("tone", dated())))) == {
        "call tone": (
            0.0,
            3000.0,
            {
                "turn": (
                    690.0,
                    1420.0,
                    {
                        "voice_to_voice": (
                            700.0,
                            1420.0,
                            {
                                "speech_end": (690.0, 700.0, {}),
                                "endpointing": (690.0, 1300.0, {}),
                                "llm": (1300.0, 1420.0, {}),
                                "buffer": (1420.0, 1420.0, {}),
                            },
                        ),
                        "endpointing_delay": (690.0, 1300.0, {}),
                    },
                )
            },
        )
    }


def test_marks_are_events_of_their_turn() -> None:
    turn = spans(run(fixture_runs("tone", dated())))[1]
    assert [(event.name, (event.time_unix_nano - turn.start_time_unix_nano) / 1e6) for event in turn.events] == [
        ("audio.last_speech", 0.0),
        ("turn.committed", 610.0),
        ("mic.speech_end", 10.0),
        ("reply.first_audible", 730.0),
    ]


def test_it_is_told_what_was_called_and_with_what_engines_but_no_words() -> None:
    document = run(fixture_runs("tone", dated()))
    (resource,) = request(document).resource_spans
    assert attributes(resource.resource.attributes) == {"service.name": "voicecli", "service.version": "1.0"}
    whole, turn, *_ = spans(document)
    assert (whole.kind, turn.kind) == (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL)
    assert attributes(whole.attributes) == {
        "voicecli.fixture": "tone",
        "voicecli.fixture.digest": "00",
        "voicecli.call": 1,
        "voicecli.reliable": True,
        "voicecli.worst_late_ms": 0.0,
        "voicecli.virtual": False,
        "voicecli.engine.vad": "v",
        "voicecli.engine.stt": "s",
    }
    assert attributes(turn.attributes) == {
        "voicecli.turn": 1,
        "voicecli.outcome": "completed",
        "voicecli.voice_to_voice_ms": 720.0,
    }
    assert b"hello there" not in otlp(document)
    assert b"Good day" not in otlp(document)


def test_a_call_that_was_not_as_expected_is_an_error_that_names_the_expectations() -> None:
    failing = msgspec.structs.replace(TURN, errors=(EngineFailure(code=ErrorCode.STT_FAILED, message="no"),))
    document = run(fixture_runs("tone", dated(failing, transcript=('heard "secret"',), reply=())))
    whole, turn, *_ = spans(document)
    assert (whole.status.code, whole.status.message) == (Status.STATUS_CODE_ERROR, "not as expected: transcript")
    assert (turn.status.code, turn.status.message) == (Status.STATUS_CODE_ERROR, "stt_failed")


def test_each_call_is_a_trace_of_its_own_with_the_same_ids_each_time() -> None:
    document = run(fixture_runs("tone", dated(), dated()), fixture_runs("other", dated()))
    found = spans(document)
    assert len({span.trace_id for span in found}) == 3
    assert len({span.span_id for span in found}) == len(found)
    assert otlp(document) == otlp(document)
    later = msgspec.structs.replace(dated(), started=(STARTED + timedelta(seconds=1)).isoformat())
    assert {span.trace_id for span in spans(run(fixture_runs("tone", later)))}.isdisjoint(s.trace_id for s in found)


def test_calls_in_virtual_time_follow_each_other_from_an_instant_that_is_given() -> None:
    undated = msgspec.structs.replace(dated(), started=UNSET)
    document = msgspec.structs.replace(
        run(fixture_runs("tone", undated, undated)), created=UNSET, server=Server(in_process=True, virtual=True)
    )
    starts = [span.start_time_unix_nano for span in spans(document) if not span.parent_span_id]
    assert starts == [946_684_800_000_000_000, 946_684_803_000_000_000]
    (first, _) = [span for span in spans(document, STARTED) if not span.parent_span_id]
    assert first.start_time_unix_nano == 1_767_323_045_678_901_000


def test_without_the_servers_clock_or_its_duration_a_call_is_told_as_far_as_it_is_known() -> None:
    unplaced = msgspec.structs.replace(dated(), clock=UNSET, duration_ms=UNSET)
    assert tree(spans(run(fixture_runs("tone", unplaced))))["call tone"][1] == 1420.0
    assert "endpointing_delay" not in {span.name for span in spans(run(fixture_runs("tone", unplaced)))}
    silent = dated(msgspec.structs.replace(TURN, marks=(), parts=()))
    assert [span.name for span in spans(run(fixture_runs("tone", silent)))] == ["call tone"]
