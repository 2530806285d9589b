"""The messages of the wire: JSON text frames tagged by `type`. This file is the source of the schema and the docs.

Times are milliseconds: `t_ms` on the server's monotonic clock (its origin means nothing; `clock` measures the offset),
`*_position_ms` in the microphone audio since its first sample. Fields with a default may be left out.
Fields that a peer does not know are ignored, so that a newer peer can add some.
"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from voicewire import VERSION
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat, Codec
from voicewire.marks import Mark

MAX_TEXT_INPUT = 4000
"""Longest typed utterance, in characters."""

TurnId = Annotated[int, Meta(ge=1, le=0xFFFF, description="Turn of the session, from 1.")]
Milliseconds = Annotated[float, Meta(ge=0, le=1e12)]
Index = Annotated[int, Meta(ge=0)]


class TurnDetectionMode(StrEnum):
    VAD = "vad"
    """The server's VAD opens and commits turns; `audio_end` commits at once."""
    MANUAL = "manual"
    """Only `audio_end` commits a turn (push-to-talk)."""


class TurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """How turns are taken; what is left out is the server's setting."""

    mode: TurnDetectionMode | None = None
    silence_ms: Annotated[int, Meta(ge=100, le=10_000)] | None = None
    """Silence after the last speech that commits the turn."""
    barge_in: bool | None = None
    """Whether speech over a reply cancels it."""
    barge_in_ms: Annotated[int, Meta(ge=0, le=5_000)] | None = None
    """Speech over a reply that is shorter than this does not cancel it."""


# --- up: client to server


class SessionStart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session_start"):
    """The first message of a connection."""

    version: int = VERSION
    locale: Annotated[str, Meta(min_length=2, max_length=35)] = "en-US"
    """BCP 47 language tag of the user."""
    voice: Annotated[str, Meta(max_length=100)] | None = None
    """Voice of the reply; left out, the engine's own."""
    input: Annotated[list[AudioFormat], Meta(min_length=1, max_length=16)] = msgspec.field(
        default_factory=lambda: [AudioFormat(Codec.OPUS)]
    )
    """Formats of the microphone audio that the client can send, best first."""
    output: Annotated[list[AudioFormat], Meta(min_length=1, max_length=16)] = msgspec.field(
        default_factory=lambda: [AudioFormat(Codec.OPUS)]
    )
    """Formats of the reply that the client can play, best first."""
    turn_detection: TurnDetection = TurnDetection()
    token: Annotated[str, Meta(max_length=8192)] | None = None
    """Proof that the client may use the server, where it asks for one."""
    metadata: dict[str, str] = {}
    """The app's own notes about the session; not interpreted."""
    resume_token: Annotated[str, Meta(max_length=256)] | None = None
    """From an earlier `session_ready`: go on with that session's conversation."""


class AudioEnd(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="audio_end"):
    """The user stopped speaking: push-to-talk released, or the client's own VAD closed the turn."""


class Interrupt(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="interrupt"):
    """The user stopped the reply that was playing."""

    turn_id: TurnId
    played_ms: Milliseconds
    """Playhead: how much of the reply the user had heard."""


class Playback(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="playback"):
    """Playhead; about ten a second while playing, and at start and end."""

    turn_id: TurnId
    played_ms: Milliseconds
    buffered_ms: Milliseconds
    """Received and not yet played."""


class TextInput(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="text_input"):
    """A typed utterance instead of a spoken one."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_INPUT)]


# --- both directions


class Clock(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="clock", omit_defaults=True):
    """A ping, and with all four times its answer. Offset and round trip as in NTP; the smallest round trip wins."""

    ping_id: Index
    sent_ms: float
    """On the asking side's clock, when it asked; returned as it came."""
    received_ms: float | None = None
    """On the answering side's clock, when the ping arrived."""
    replied_ms: float | None = None
    """On the answering side's clock, when the answer left."""


# --- down: server to client


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine in use."""

    name: str
    settings: dict[str, str | int | float | bool] = {}


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    vad: EngineInfo
    stt: EngineInfo
    llm: EngineInfo
    tts: EngineInfo


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes from a client; past one of them comes an `error`."""

    max_message_bytes: int = 262_144
    max_audio_ahead_ms: int = 5_000
    """Audio sent faster than real time, at most."""
    max_frames_per_second: int = 400
    """Messages of either kind, averaged over two seconds."""


class SessionReady(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session_ready"):
    """The answer to `session_start`: audio may flow."""

    version: int = VERSION
    session_id: str
    resume_token: str
    input: AudioFormat
    output: AudioFormat
    engines: Engines
    limits: Limits = Limits()
    lead_ms: Index
    """Reply audio is sent at most this far ahead of the playhead."""


class AudioAck(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="audio_ack"):
    """The last microphone audio received and decoded; four times a second while audio flows."""

    sequence: Index
    position_ms: Milliseconds
    """Audio decoded so far."""


class SpeechStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="speech_started"):
    """The server's VAD heard speech begin."""

    turn_id: TurnId
    position_ms: Milliseconds


class SpeechStopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="speech_stopped"):
    """The server's VAD heard speech end, dated back to the last speech."""

    turn_id: TurnId
    position_ms: Milliseconds


class TranscriptPartial(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript_partial"):
    """What the user has said so far; may change."""

    turn_id: TurnId
    text: str
    stable_chars: Index
    """The first so many characters are not expected to change."""


class TranscriptFinal(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript_final"):
    """What the user said in this turn, as the reply will answer it."""

    turn_id: TurnId
    text: str


class LlmToken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="llm_token"):
    """One piece of the reply's text."""

    turn_id: TurnId
    index: Index
    text: str


class CancelReason(StrEnum):
    BARGE_IN = "barge_in"
    """The server's VAD heard the user speak over the reply."""
    INTERRUPT = "interrupt"
    """The client asked."""
    TEXT_INPUT = "text_input"
    """The user typed something else."""
    FAILED = "failed"
    """An engine failed; an `error` names it."""


class ReplyCancelled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reply_cancelled"):
    """The reply is over: drop what is buffered of it, and whatever still arrives of it."""

    turn_id: TurnId
    reason: CancelReason
    heard_ms: Milliseconds
    heard_text: str
    """What of the reply the user had heard; the conversation goes on from it."""


class TurnOutcome(StrEnum):
    COMPLETED = "completed"
    """The reply was heard to its end."""
    CANCELLED = "cancelled"
    """The reply was cut short."""
    NO_SPEECH = "no_speech"
    """What was heard held no words, or was too short to count."""
    FAILED = "failed"
    """An engine failed before there was a reply."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn used, and the session's hearing so far."""

    input_tokens: Index = 0
    output_tokens: Index = 0
    tts_characters: Index = 0
    tts_audio_ms: Milliseconds = 0.0
    heard_audio_ms: Milliseconds = 0.0
    """Microphone audio of the session that was received."""
    decoded_audio_ms: Milliseconds = 0.0
    """Of that, what the recogniser was given: silence is not."""
    vad_audio_ms: Milliseconds = 0.0
    """Of that, what the VAD engine was given: what the energy gate lets through."""


class TurnEnd(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="turn_end"):
    """The turn is over."""

    turn_id: TurnId
    outcome: TurnOutcome
    latencies_ms: dict[str, float] = {}
    """The spans of the server's own marks by name, such as `ttft`; one whose mark is missing is absent."""
    usage: Usage = Usage()


class Timing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="timing"):
    """A mark of a turn as it happens. A `speech_started` before the commit withdraws the turn's end-of-speech marks."""

    turn_id: TurnId
    mark: Mark
    t_ms: float


class Error(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something went wrong."""

    code: ErrorCode
    message: str
    """A sentence for a person."""
    fatal: bool = False
    """The session does not go on: the connection is closed after this."""
    field: str = ""
    """The field at fault, such as `input[0].rate`."""
    turn_id: TurnId | None = None
    """The turn it belongs to."""


class GoingAway(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="going_away"):
    """The server drains: finish within the time left, or resume elsewhere."""

    time_left_ms: Milliseconds
    resume_token: str


Up = SessionStart | AudioEnd | Interrupt | Playback | TextInput | Clock
Down = (
    SessionReady
    | AudioAck
    | SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | TranscriptFinal
    | LlmToken
    | ReplyCancelled
    | TurnEnd
    | Timing
    | Error
    | GoingAway
    | Clock
)
Message = Up | Down

_encoder = msgspec.json.Encoder()
_up: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)
_down: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)


def encode(message: Message) -> str:
    """The JSON text of a message."""
    return _encoder.encode(message).decode()


def decode_up(text: str) -> Up:
    """A client's message. Raises ProtocolError: `malformed_json`, `unknown_type` or `invalid_field`."""
    try:
        return _up.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _diagnose(text, error) from None


def decode_down(text: str) -> Down:
    """A server's message; raises as `decode_up` does."""
    try:
        return _down.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _diagnose(text, error) from None


def _diagnose(text: str, error: Exception) -> ProtocolError:
    """Which of the three decoding errors this is. Runs only on bad input, so it may decode once more."""
    if not isinstance(error, msgspec.ValidationError):
        return ProtocolError(ErrorCode.MALFORMED_JSON, f"a text frame must be a JSON object: {error}")
    reason, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    try:
        raw: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as deeper:
        return ProtocolError(ErrorCode.MALFORMED_JSON, f"a text frame must be a JSON object: {deeper}")
    if not isinstance(raw, dict):
        return ProtocolError(ErrorCode.MALFORMED_JSON, "a text frame must be a JSON object")
    if "type" not in raw:
        return ProtocolError(ErrorCode.INVALID_FIELD, "a message needs a `type`", field="type")
    if field == "type":
        return ProtocolError(ErrorCode.UNKNOWN_TYPE, f"unknown message type {str(raw['type'])[:64]!r}", field="type")
    return ProtocolError(ErrorCode.INVALID_FIELD, f"{raw['type']}: {reason}", field=field)
