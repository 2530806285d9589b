"""The document of `voicecli replay --json`: `voicecli.run/1`. What is not known is absent, never 0 or null.

Instants (`t_ms`) are ms since the first sample of the microphone audio on the client's clock, and ms of the server's
own clock on the server's; `clock.offset_ms` is what to subtract from the latter to get the former.
"""

import hashlib
import os
import platform
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from voicecli import __version__
from voicecli.calls.call import CallRecord
from voicecli.client.player import HeardReply
from voicecli.client.viewstate import TurnView
from voicecli.figures.budget import BudgetResult
from voicecli.figures.waterfall import Waterfall, disagreements, waterfall
from voicecli.figures.wer import WordErrors, word_errors
from voicecli.fixtures.fixture import Fixture, UtteranceExpect
from voicewire.clock import NS_PER_MS, ms, ns, utc_now
from voicewire.errors import ErrorCode
from voicewire.marks import SPANS, ClockSide, Mark
from voicewire.messages import CancelReason, EngineInfo, Engines, SessionReady, Speculation, TurnOutcome
from voicewire.timeline import Timeline, TimelineError

SCHEMA: Literal["voicecli.run/1"] = "voicecli.run/1"

_SINCE_SPEECH_END = {
    *(f"{span.name}_ms" for span in SPANS if span.start in (Mark.MIC_SPEECH_END, Mark.AUDIO_LAST_SPEECH)),
    "unattributed_ms",
}


class Machine(Struct, frozen=True, kw_only=True):
    """Where the client ran; with a server in the same process, both."""

    system: str
    architecture: str
    processor: str | UnsetType = UNSET
    """Its model, where the system tells."""
    cpus: int
    python: str


class Server(Struct, frozen=True, kw_only=True, omit_defaults=True):
    url: str | UnsetType = UNSET
    """Absent for a server in the client's process."""
    in_process: bool = False
    virtual: bool = False
    """Client and server shared a virtual clock: the figures are exact, and of no machine."""
    pipeline: str | UnsetType = UNSET
    """How the stages follow each other, where the client chose it."""
    silence_ms: int | UnsetType = UNSET
    """Its setting, where the client knows it; a fixture's `session.turn_detection` wins over it."""
    endpointing: str | UnsetType = UNSET
    """`fixed`: that silence ends each turn; `adaptive`: it depends on the words."""
    speculation: bool | UnsetType = UNSET
    """Whether answers are begun before the turn is committed."""
    network: str | UnsetType = UNSET
    """The bad link that was put before it, and its seed."""

    @property
    def fixed_silence_ms(self) -> int | None:
        """The silence that ends every turn; None where it is not known, or depends on the words."""
        if self.silence_ms is UNSET or self.endpointing not in (UNSET, "fixed"):
            return None
        if self.endpointing is UNSET and self.url is not UNSET:  # it was asked for that silence, and may be adaptive
            return None
        return self.silence_ms


class PacingDocument(Struct, frozen=True, kw_only=True):
    frames: int
    late_frames: int
    worst_late_ms: float
    median_late_ms: float


class ClockDocument(Struct, frozen=True, kw_only=True):
    offset_ms: float
    """The server's clock minus the client's, counted as `t_ms` is."""
    round_trip_ms: float


class MarkDocument(Struct, frozen=True, kw_only=True):
    mark: Mark
    t_ms: float
    clock: ClockSide


class PartDocument(Struct, frozen=True, kw_only=True):
    """A part of the waterfall; all of them sum to voice-to-voice."""

    part: str
    start_ms: float
    """After the end of the user's speech."""
    ms: float


class WordErrorsDocument(Struct, frozen=True, kw_only=True):
    errors: int
    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def counted(self) -> WordErrors:
        return WordErrors(self.substitutions, self.deletions, self.insertions, self.words)


class Latencies(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Named as in the latency vocabulary."""

    voice_to_voice_ms: float | UnsetType = UNSET
    endpointing_delay_ms: float | UnsetType = UNSET
    stt_finalization_ms: float | UnsetType = UNSET
    ttft_ms: float | UnsetType = UNSET
    tts_ttfb_ms: float | UnsetType = UNSET
    server_turnaround_ms: float | UnsetType = UNSET
    unattributed_ms: float | UnsetType = UNSET
    barge_in_stop_ms: float | UnsetType = UNSET

    def known(self) -> dict[str, float]:
        """By name with `_ms`, in the order of the fields."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}


class ReplyAudio(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was heard of a reply."""

    heard_ms: float
    underruns: int
    underrun_ms: float
    pauses: int = 0
    """How often it was silent because the user might have been speaking over it. No underrun counts in it."""
    paused_ms: float = 0.0


class EngineFailure(Struct, frozen=True, kw_only=True):
    code: ErrorCode
    message: str


class Turn(Struct, frozen=True, kw_only=True, omit_defaults=True):
    turn_id: int
    utterance: int | UnsetType = UNSET
    """The utterance of the fixture that opened it, from 0."""
    outcome: TurnOutcome | UnsetType = UNSET
    """Absent where the turn did not end."""
    cancelled: CancelReason | UnsetType = UNSET
    transcript_final: str | UnsetType = UNSET
    word_errors: WordErrorsDocument | UnsetType = UNSET
    """Of all that was understood of its utterance; only at the last turn of it that has words."""
    reply_text: str = ""
    reply_heard_text: str = ""
    reply_audio: ReplyAudio | UnsetType = UNSET
    speculation: Speculation | UnsetType = UNSET
    """Answers that were begun before the commit; absent where there were none."""
    latencies: Latencies = msgspec.field()
    parts: tuple[PartDocument, ...] = ()
    marks: tuple[MarkDocument, ...] = ()
    disagreements: tuple[str, ...] = ()
    """Where the server's marks and the audio, or the marks themselves, contradict each other."""
    errors: tuple[EngineFailure, ...] = ()

    @property
    def is_taken_back(self) -> bool:
        """The user had not finished, and its words come again in the next turn."""
        return self.cancelled is CancelReason.RESUMED

    def counted_ms(self) -> dict[str, float]:
        """The latencies that count among those of a run, by name with `_ms`. What was waited for since the end of the
        user's speech is none where that was not its end."""
        known = self.latencies.known()
        return {name: known[name] for name in known if not (self.is_taken_back and name in _SINCE_SPEECH_END)}


class Expectation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that the fixture asks of a call, and where the call fell short of it."""

    name: str
    failures: tuple[str, ...] = ()


class CallRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call."""

    started: str | UnsetType = UNSET
    """When the first sample was captured: UTC, ISO 8601, to the microsecond. Absent in virtual time."""
    duration_ms: float | UnsetType = UNSET
    """From there to the end of the call."""
    reliable: bool
    pacing: PacingDocument
    clock: ClockDocument | UnsetType = UNSET
    """Absent where the server answered no ping."""
    turns: tuple[Turn, ...] = msgspec.field()
    events: tuple[str, ...] = ()
    """Types of the server's messages in order, without `audio_ack`, `clock`, `timing` and `llm_token`."""
    stale_frames: int = 0
    """Frames of cancelled replies that still came, and were not played."""
    failures: tuple[str, ...] = ()
    """Expectations of the fixture that were not met."""
    expectations: tuple[Expectation, ...] = ()
    """All of them, met or not."""
    gave_up: str | UnsetType = UNSET


class FixtureRuns(Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    """SHA-256 of the audio file that was sent."""
    script: str | UnsetType = UNSET
    """SHA-256 of what else the fixture lays down of the call: its session, and its utterances without what they expect.
    """
    input: str
    output: str
    runs: tuple[CallRun, ...]


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: Literal["voicecli.run/1"] = msgspec.field()
    voicecli: str
    created: str | UnsetType = UNSET
    """UTC, ISO 8601. Absent in virtual time, where the same call gives the same document."""
    series: str | UnsetType = UNSET
    """The same in two runs whose calls alternated: call i of one was made next to call i of the other."""
    server: Server
    engines: dict[str, EngineInfo] = msgspec.field()
    """By role: vad, stt, llm, tts."""
    machine: Machine
    fixtures: tuple[FixtureRuns, ...] = msgspec.field()
    budgets: tuple[BudgetResult, ...] = ()

    def serialize(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


class ExaminedTurn(Struct, frozen=True, kw_only=True):
    """A turn as it goes into the document, and its waterfall as it is drawn."""

    document: Turn
    waterfall: Waterfall | None


def script_digest(fixture: Fixture) -> str:
    utterances = [structs.asdict(structs.replace(each, expect=UtteranceExpect())) for each in fixture.utterances]
    for utterance in utterances:
        # It describes the audio, whose digest stands beside this one.
        del utterance["segments_text"]
    return hashlib.sha256(msgspec.json.encode((fixture.session, utterances), order="sorted")).hexdigest()


def machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        processor=_processor() or UNSET,
        cpus=os.cpu_count() or 1,
        python=platform.python_version(),
    )


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text("utf-8", errors="replace")
    except OSError:  # not Linux
        return platform.processor()
    model = re.search(r"^model name\s*:\s*(.*)$", told, re.MULTILINE)
    return model[1].strip() if model else platform.processor()


def run_document(
    server: Server,
    ready: SessionReady,
    fixtures: Sequence[FixtureRuns],
    budgets: Sequence[BudgetResult] = (),
    series: str | UnsetType = UNSET,
) -> Run:
    return Run(
        schema=SCHEMA,
        voicecli=__version__,
        created=UNSET if server.virtual else utc_now().isoformat(timespec="seconds"),
        series=series,
        server=server,
        engines={role: getattr(ready.engines, role) for role in Engines.__struct_fields__},
        machine=machine(),
        fixtures=tuple(fixtures),
        budgets=tuple(budgets),
    )


def call_document(
    record: CallRecord, turns: Sequence[Turn], expectations: Sequence[Expectation], started: datetime | None = None
) -> CallRun:
    offset_ns, round_trip_ns = record.view.offset_ns, record.view.round_trip_ns
    clock: ClockDocument | UnsetType = UNSET
    if offset_ns is not None and round_trip_ns is not None:
        clock = ClockDocument(offset_ms=ms(offset_ns + record.origin_ns), round_trip_ms=ms(round_trip_ns))
    return CallRun(
        started=UNSET if started is None else started.isoformat(timespec="microseconds"),
        duration_ms=ms(record.ended_ns - record.origin_ns),
        reliable=record.pacing.reliable,
        pacing=PacingDocument(**record.pacing._asdict()),
        clock=clock,
        turns=tuple(turns),
        events=tuple(event for event in record.events if event not in ("timing", "llm_token")),
        stale_frames=record.stale_frames,
        failures=tuple(failure for expectation in expectations for failure in expectation.failures),
        expectations=tuple(expectations),
        gave_up=record.gave_up or UNSET,
    )


def examined(fixture: Fixture, record: CallRecord, silence_ms: float | None = None) -> list[ExaminedTurn]:
    """Every turn of a call, with what can be concluded about it; `silence_ms` is what the server lets every turn end
    with, where that is known."""
    asked = fixture.session.turn_detection
    is_known = silence_ms is not None or asked.get("endpointing") == "fixed"
    silence_ms = float(asked["silence_ms"]) if is_known and "silence_ms" in asked else silence_ms
    silence_ns = None if silence_ms is None else ns(silence_ms)
    replies = {reply.turn_id: reply for reply in record.replies}
    return [_examined(turn, fixture, record, replies.get(turn.turn_id), silence_ns) for turn in record.view.turns]


def _examined(
    turn: TurnView, fixture: Fixture, record: CallRecord, reply: HeardReply | None, silence_ns: int | None
) -> ExaminedTurn:
    timeline, contradictions = _timeline(turn)
    own_marks = record.view.own_marks(turn)
    fall = waterfall(own_marks, reply_play_ns=turn.reply_play_ns, silence_ns=silence_ns)
    latencies = timeline.latencies_ms()
    held_ns = 0 if reply is None else reply.onset_paused_ns
    said = disagreements(own_marks, latencies, turn.reported_ms, held_ns)
    named = {f"{name}_ms": value for name, value in latencies.items()}
    if fall is not None and fall.unattributed_ns is not None:
        named["unattributed_ms"] = ms(fall.unattributed_ns)
    utterance = record.utterances.get(turn.turn_id)
    document = Turn(
        turn_id=turn.turn_id,
        utterance=UNSET if utterance is None else utterance,
        outcome=turn.outcome or UNSET,
        cancelled=turn.cancelled or UNSET,
        transcript_final=UNSET if turn.transcript is None else turn.transcript,
        word_errors=_word_errors(turn, fixture, record),
        reply_text=turn.reply,
        reply_heard_text=turn.reply_heard,
        reply_audio=_reply_audio(reply),
        speculation=turn.speculation if turn.speculation is not None and turn.speculation.started else UNSET,
        latencies=Latencies(**named),
        parts=_parts(fall) if fall is not None and fall.voice_to_voice_ns is not None else (),
        marks=tuple(_mark(mark, t_ns, record.origin_ns) for mark, t_ns in timeline.marks()),
        disagreements=(*contradictions, *(disagreement.sentence for disagreement in said)),
        errors=tuple(EngineFailure(code=error.code, message=error.message) for error in turn.errors),
    )
    return ExaminedTurn(document=document, waterfall=fall)


def _timeline(turn: TurnView) -> tuple[Timeline, list[str]]:
    """The turn's marks, without those that cannot be true, of which it is said why."""
    timeline = Timeline(turn.turn_id)
    contradictions = [f"the server sent {mark.value} twice" for mark in turn.repeated_marks]
    for mark, t_ns in turn.marks.items():
        try:
            timeline.mark(mark, t_ns)
        except TimelineError as error:
            contradictions.append(str(error))
    return timeline, contradictions


def _word_errors(turn: TurnView, fixture: Fixture, record: CallRecord) -> WordErrorsDocument | UnsetType:
    """Of all that was understood of the turn's utterance, at the last turn that has words of it."""
    utterance = record.utterances.get(turn.turn_id)
    if utterance is None or not fixture.utterances[utterance].expects_transcript:
        return UNSET
    understood = [
        each
        for each in record.view.turns
        if record.utterances.get(each.turn_id) == utterance
        and each.transcript is not None
        and each.cancelled is not CancelReason.RESUMED  # its words come again, with the others, in the next
    ]
    if not understood or understood[-1].turn_id != turn.turn_id:
        return UNSET
    heard = " ".join(each.transcript or "" for each in understood)
    counted = word_errors(fixture.utterances[utterance].text, heard)
    return WordErrorsDocument(errors=counted.errors, **counted._asdict())


def _reply_audio(reply: HeardReply | None) -> ReplyAudio | UnsetType:
    if reply is None:
        return UNSET
    heard_ms = round(reply.samples * 1000 / reply.rate, 3)
    told = ReplyAudio(heard_ms=heard_ms, underruns=reply.underruns, underrun_ms=ms(reply.underrun_ns))
    return structs.replace(told, pauses=reply.pauses, paused_ms=ms(reply.paused_ns)) if reply.pauses else told


def _parts(fall: Waterfall) -> tuple[PartDocument, ...]:
    return tuple(
        PartDocument(part=bar.part.name, start_ms=ms(bar.critical.start_ns), ms=ms(bar.critical.length_ns))
        for bar in fall.bars
    )


def _mark(mark: Mark, t_ns: int, origin_ns: int) -> MarkDocument:
    since_ns = t_ns - origin_ns if mark.side is ClockSide.CLIENT else t_ns
    return MarkDocument(mark=mark, t_ms=round(since_ns / NS_PER_MS, 3), clock=mark.side)
