"""The messages of the wire: JSON text frames tagged by `type`. This file is the source of the schema and the docs.

Times are milliseconds: `t_ms` on the server's monotonic clock (its origin means nothing; `clock` measures the offset),
`*_position_ms` in the microphone audio since its first sample. Fields with a default may be left out.
Fields that a peer does not know are ignored, so that a newer peer can add some; only an audio format with an unknown
field is refused, because it would change what the bytes mean.
"""

import re
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
Instant = Annotated[float, Meta(ge=-1e15, le=1e15)]
Index = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class TurnDetectionMode(StrEnum):
    """Who decides that the user has finished."""

    VAD = "vad"
    """The server's VAD opens and commits turns; `audio_end` commits at once."""
    MANUAL = "manual"
    """Only `audio_end` commits a turn (push-to-talk)."""


class Endpointing(StrEnum):
    """How long a silence must last to commit a turn."""

    FIXED = "fixed"
    """As long as `silence_ms` says, whatever was said."""
    ADAPTIVE = "adaptive"
    """Shorter where the words sound complete, longer where they do not, and after turns that were ended too early."""


class TurnDetection(msgspec.Struct, frozen=True, kw_only=True):
    """How turns are taken; what is left out is the server's setting."""

    mode: TurnDetectionMode | None = None
    """Who decides that the user has finished."""
    silence_ms: Annotated[int, Meta(ge=100, le=10_000)] | None = None
    """Silence after the last speech that commits the turn."""
    endpointing: Endpointing | None = None
    """Whether that silence is the same after all words."""
    barge_in: bool | None = None
    """Whether speech over a reply cancels it."""
    barge_in_ms: Annotated[int, Meta(ge=0, le=5_000)] | None = None
    """Speech over a reply that is shorter than this does not cancel it."""


# --- up: client to server


class SessionStart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session_start"):
    """The first message of a connection."""

    version: int = VERSION
    """Version of the protocol."""
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
    """How turns are taken."""
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
    """Playhead: how much of the reply the user has heard."""
    buffered_ms: Milliseconds
    """Received and not yet played."""


class TextInput(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="text_input"):
    """A typed utterance instead of a spoken one."""

    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_INPUT)]
    """What the user typed."""


# --- both directions


class Clock(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="clock", omit_defaults=True):
    """A ping, and with all four times its answer. Offset and round trip as in NTP; the smallest round trip wins."""

    ping_id: Index
    """Chosen by the asking side; returned as it came."""
    sent_ms: Instant
    """On the asking side's clock, when it asked; returned as it came."""
    received_ms: Instant | None = None
    """On the answering side's clock, when the ping arrived."""
    replied_ms: Instant | None = None
    """On the answering side's clock, when the answer left."""

    def __post_init__(self) -> None:
        if self.received_ms is not None and self.replied_ms is None:
            raise ValueError("an answer is missing field `replied_ms`")
        if self.replied_ms is not None and self.received_ms is None:
            raise ValueError("an answer is missing field `received_ms`")


# --- down: server to client


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine in use."""

    name: str
    """As it is chosen on the server, such as `espeak`."""
    settings: dict[str, str | int | float | bool] = {}
    """What it was told to do, such as a voice and a rate."""


class Engines(msgspec.Struct, frozen=True, kw_only=True):
    """The engine of each role."""

    vad: EngineInfo
    """Voice activity detection."""
    stt: EngineInfo
    """Speech recognition."""
    llm: EngineInfo
    """Language model."""
    tts: EngineInfo
    """Speech synthesis."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes from a client; past one of them comes an `error`."""

    max_message_bytes: int = 262_144
    """One WebSocket message of either kind."""
    max_audio_ahead_ms: int = 5_000
    """Audio sent faster than real time, at most."""
    max_frames_per_second: int = 400
    """Messages of either kind, averaged over two seconds."""
    idle_timeout_ms: int = 300_000
    """A user who neither speaks nor types for so long, while no reply is being given, is let go (`idle_timeout`)."""


class SessionReady(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="session_ready"):
    """The answer to `session_start`: audio may flow."""

    version: int = VERSION
    """Version of the protocol."""
    session_id: str
    """Names the session in the server's log."""
    resume_token: str
    """For the `session_start` of a later connection that goes on with this conversation."""
    resumed: bool | None = None
    """Whether the conversation of `session_start.resume_token` goes on. False: the server does not know it, and a new
    one begins. Null: none was given."""
    input: AudioFormat
    """Format of the microphone audio: one of those offered."""
    output: AudioFormat
    """Format of the reply: one of those offered."""
    engines: Engines
    """Engines in use."""
    limits: Limits = Limits()
    """What the server takes from the client."""
    lead_ms: Index
    """Reply audio is sent at most this far ahead of the playhead."""
    locales: list[str] = []
    """Languages that are understood, as BCP 47 tags; none where the recogniser does not say."""
    voices: list[str] = []
    """Voices to choose from; none where speech synthesis does not say. It may take others as well, such as variants."""


class AudioAck(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="audio_ack"):
    """The last microphone audio received and decoded; four times a second while audio flows."""

    sequence: Index
    """Of the last frame of microphone audio received and decoded."""
    position_ms: Milliseconds
    """Audio decoded so far."""


class SpeechStarted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="speech_started"):
    """The server's VAD heard speech begin."""

    turn_id: TurnId
    position_ms: Milliseconds
    """Where the speech begins, in the microphone audio."""


class SpeechStopped(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="speech_stopped"):
    """The server's VAD heard speech end, dated back to the last speech."""

    turn_id: TurnId
    position_ms: Milliseconds
    """Where the speech ended, in the microphone audio."""


class TranscriptPartial(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript_partial"):
    """What the user has said so far; may change."""

    turn_id: TurnId
    text: str
    """Everything understood so far, not what was added."""
    stable_chars: Index
    """The first so many characters are not expected to change."""


class TranscriptFinal(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transcript_final"):
    """What the user said in this turn, as the reply will answer it."""

    turn_id: TurnId
    text: str
    """Everything that was understood."""


class LlmToken(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="llm_token"):
    """One piece of the reply's text."""

    turn_id: TurnId
    index: Index
    """Counts the pieces of a reply, from 0."""
    text: str
    """The pieces joined, as they are, make the reply."""


class ReplyPaused(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reply_paused"):
    """The user may be speaking over the reply: be silent at once, and keep what is buffered and what still arrives."""

    turn_id: TurnId


class ReplyResumed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reply_resumed"):
    """It was no interruption: play on where the reply was paused."""

    turn_id: TurnId


class CancelReason(StrEnum):
    """Why a reply was cut short."""

    BARGE_IN = "barge_in"
    """The server's VAD heard the user speak over the reply."""
    INTERRUPT = "interrupt"
    """The client asked."""
    TEXT_INPUT = "text_input"
    """The user typed something else."""
    RESUMED = "resumed"
    """The user had not finished: the words of this turn begin the next one."""
    FAILED = "failed"
    """An engine failed; an `error` names it."""


class ReplyCancelled(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="reply_cancelled"):
    """The reply is over: drop what is buffered of it, and whatever still arrives of it."""

    turn_id: TurnId
    reason: CancelReason
    """Why it was cut short."""
    heard_ms: Milliseconds
    """How much of the reply's audio the user had heard."""
    heard_text: str
    """What of the reply the user had heard; the conversation goes on from it."""


class TurnOutcome(StrEnum):
    """How a turn ended."""

    COMPLETED = "completed"
    """The reply was heard to its end."""
    CANCELLED = "cancelled"
    """The reply was cut short."""
    NO_SPEECH = "no_speech"
    """What was heard held no words, or was too short to count."""
    FAILED = "failed"
    """An engine failed; an `error` names it."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn used, and the session's hearing so far."""

    input_tokens: Index = 0
    """The language model read."""
    output_tokens: Index = 0
    """The language model wrote."""
    tts_characters: Index = 0
    """Handed to speech synthesis."""
    tts_audio_ms: Milliseconds = 0.0
    """Made by speech synthesis, heard or not."""
    heard_audio_ms: Milliseconds = 0.0
    """Microphone audio of the session that was received."""
    decoded_audio_ms: Milliseconds = 0.0
    """Of that, what the recogniser was given: silence is not."""
    vad_audio_ms: Milliseconds = 0.0
    """Of that, what the VAD engine was given: what the energy gate lets through."""


class Speculation(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that were begun before the turn was committed, held back until then."""

    started: Index = 0
    """Answers begun early."""
    hit: Index = 0
    """Of those, given: the user had said just that. At most one."""
    cancelled: Index = 0
    """Of those, thrown away unheard."""
    wasted_tokens: Index = 0
    """The language model wrote for those thrown away."""
    wasted_input_tokens: Index = 0
    """It read for those thrown away: an estimate, since a service tells at the end of an answer only."""
    wasted_tts_ms: Milliseconds = 0.0
    """Speech synthesis made for those thrown away."""
    saved_ms: Milliseconds = 0.0
    """The answer came so much sooner than one begun at the commit."""


class TurnEnd(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="turn_end"):
    """The turn is over."""

    turn_id: TurnId
    outcome: TurnOutcome
    """How the turn ended."""
    latencies_ms: dict[str, float] = {}
    """The spans of the server's own marks by name, such as `ttft`; one whose mark is missing is absent."""
    usage: Usage = Usage()
    """What it took."""
    speculation: Speculation = Speculation()
    """What was begun early for it."""


class Timing(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="timing"):
    """A mark of a turn as it happens. A `speech_started` before the commit withdraws the turn's end-of-speech marks."""

    turn_id: TurnId
    mark: Mark
    """What happened."""
    t_ms: Instant
    """When, on the server's clock."""


class Error(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """Something went wrong."""

    code: ErrorCode
    """What went wrong; stable, to branch on."""
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
    """Until the server closes the connection."""
    resume_token: str
    """For the `session_start` of the next connection."""


Up = SessionStart | AudioEnd | Interrupt | Playback | TextInput | Clock
Down = (
    SessionReady
    | AudioAck
    | SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | TranscriptFinal
    | LlmToken
    | ReplyPaused
    | ReplyResumed
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
_MISSING = re.compile(r"missing(?: required)? field `(\w+)`")


def encode(message: Message) -> str:
    """The JSON text of a message."""
    return _encoder.encode(message).decode()


def decode_up(text: str) -> Up:
    """A client's message. Raises ProtocolError: `malformed_json`, `unknown_type`, `invalid_field`, or for formats of
    which none is known `unsupported_format`."""
    try:
        return _up.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        if (start := _of_newer_client(text)) is not None:
            return start
        raise _diagnose(text, error) from None


def decode_down(text: str) -> Down:
    """A server's message; raises as `decode_up` does."""
    try:
        return _down.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _diagnose(text, error) from None


def _of_newer_client(text: str) -> SessionStart | None:
    """A `session_start` that offers codecs of which nothing is known here, without these; None where that is not all
    that is wrong with it."""
    try:
        raw: Any = msgspec.json.decode(text)
        if not isinstance(raw, dict) or raw.get("type") != "session_start":
            return None
        for field in ("input", "output"):
            offered = raw.get(field)
            if not isinstance(offered, list) or all(map(_is_known, offered)):
                continue
            raw[field] = [audio_format for audio_format in offered if _is_known(audio_format)]
            if not raw[field]:
                known = ", ".join(Codec)
                raise ProtocolError(
                    ErrorCode.UNSUPPORTED_FORMAT, f"no codec of {field} is known; offer one of {known}", field=field
                )
        return msgspec.convert(raw, SessionStart)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _is_known(audio_format: Any) -> bool:
    """False where it is of a codec with a name that this version does not have."""
    codec = audio_format.get("codec") if isinstance(audio_format, dict) else None
    return not isinstance(codec, str) or codec in set(Codec)


def _diagnose(text: str, error: Exception) -> ProtocolError:
    """Which of the decoding errors this is. Runs only on bad input, so it may decode once more."""
    reason, _, path = str(error).partition(" - at `")
    # The reason may quote the message at any length.
    reason = reason if len(reason) <= 200 else f"{reason[:199]}…"
    try:
        raw: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ProtocolError(ErrorCode.MALFORMED_JSON, f"a text frame must be a JSON object: {reason}")
    if not isinstance(raw, dict):
        return ProtocolError(ErrorCode.MALFORMED_JSON, "a text frame must be a JSON object")
    if "type" not in raw:
        return ProtocolError(ErrorCode.INVALID_FIELD, "a message needs a `type`", field="type")
    field = path.rstrip("`").removeprefix("$").removeprefix(".")
    if field == "type":
        named = repr(raw["type"][:64]) if isinstance(raw["type"], str) else f"of {type(raw['type']).__name__}"
        return ProtocolError(ErrorCode.UNKNOWN_TYPE, f"unknown message type {named}", field="type")
    version = raw.get("version", VERSION)
    if raw["type"] in ("session_start", "session_ready") and type(version) is int and version != VERSION:
        # Another version's fields need not fit this one's, and are not to blame.
        return unsupported_version(version)
    if missing := _MISSING.search(reason):
        field = f"{field}.{missing[1]}".removeprefix(".")
    return ProtocolError(ErrorCode.INVALID_FIELD, f"{raw['type']}: {reason}", field=field)


def unsupported_version(version: int) -> ProtocolError:
    return ProtocolError(
        ErrorCode.UNSUPPORTED_VERSION,
        f"version {str(version)[:20]} is not spoken here; version {VERSION} is",
        field="version",
    )
