"""Error codes of the wire, and the exceptions of the protocol.

    Exception
    └── ProtocolError     the peer broke the protocol: code, sentence, field at fault, whether the session goes on

A code is stable: clients branch on it. The sentence beside it is for a person and may change.
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """What went wrong, as `error.code` on the wire."""

    MALFORMED_JSON = "malformed_json"
    """A text frame is not a JSON object."""
    UNKNOWN_TYPE = "unknown_type"
    """`type` names no message of this version, or one that this side does not take."""
    INVALID_FIELD = "invalid_field"
    """A field is missing, of the wrong type or out of range; `field` names it."""
    MALFORMED_FRAME = "malformed_frame"
    """A binary frame is truncated, of an unknown kind or version, or its payload breaks its codec's framing."""
    MESSAGE_TOO_LARGE = "message_too_large"
    """A message is larger than the limit told in `session_ready`."""
    NOT_STARTED = "not_started"
    """The first message must be `session_start`."""
    ALREADY_STARTED = "already_started"
    """A second `session_start`."""
    UNSUPPORTED_VERSION = "unsupported_version"
    """The server does not speak the version asked for."""
    UNSUPPORTED_FORMAT = "unsupported_format"
    """None of the audio formats offered can be used."""
    WRONG_CODEC = "wrong_codec"
    """Audio in another codec than the one agreed in `session_ready`."""
    BAD_SEQUENCE = "bad_sequence"
    """Audio whose sequence number or position goes backwards, or leaps too far ahead."""
    TOO_FAR_AHEAD = "too_far_ahead"
    """More audio than real time allows; slow down."""
    TOO_MANY_FRAMES = "too_many_frames"
    """More frames a second than the limit told in `session_ready`."""
    CORRUPT_AUDIO = "corrupt_audio"
    """The audio could not be decoded; for a container a new stream may be started."""
    OVERLOADED = "overloaded"
    """The server cannot keep up with this session's audio, and dropped some."""
    UNAUTHORIZED = "unauthorized"
    """The token is missing, has expired or is not accepted."""
    VAD_FAILED = "vad_failed"
    """The VAD engine failed."""
    STT_FAILED = "stt_failed"
    """The speech recogniser failed or did not answer in time; the utterance is lost."""
    LLM_FAILED = "llm_failed"
    """The language model failed or did not answer in time; the reply is cut short."""
    TTS_FAILED = "tts_failed"
    """Speech synthesis failed or did not answer in time; the reply is cut short."""
    SERVER_FULL = "server_full"
    """No session is free; try again later."""
    TOO_MANY_SESSIONS = "too_many_sessions"
    """One address has all the sessions it may have; close one of them first."""
    SESSION_EXPIRED = "session_expired"
    """The session has lasted as long as one may; another can be started, and resume its conversation."""
    IDLE_TIMEOUT = "idle_timeout"
    """The user has neither spoken nor typed for too long; another session can resume the conversation."""
    TAKEN_OVER = "taken_over"
    """Another connection came with this session's `resume_token`, and goes on with its conversation."""
    GOING_AWAY = "going_away"
    """The server is shutting down."""
    INTERNAL = "internal"
    """A defect of the server; its log has the details."""


CLOSE_CODES: dict[ErrorCode, int] = {
    ErrorCode.MALFORMED_JSON: 1007,
    ErrorCode.UNKNOWN_TYPE: 1002,
    ErrorCode.INVALID_FIELD: 1002,
    ErrorCode.MALFORMED_FRAME: 1002,
    ErrorCode.MESSAGE_TOO_LARGE: 1009,
    ErrorCode.NOT_STARTED: 1002,
    ErrorCode.ALREADY_STARTED: 1002,
    ErrorCode.UNSUPPORTED_VERSION: 1002,
    ErrorCode.UNSUPPORTED_FORMAT: 1003,
    ErrorCode.WRONG_CODEC: 1003,
    ErrorCode.BAD_SEQUENCE: 1002,
    ErrorCode.TOO_FAR_AHEAD: 1008,
    ErrorCode.TOO_MANY_FRAMES: 1008,
    ErrorCode.UNAUTHORIZED: 1008,
    ErrorCode.SERVER_FULL: 1013,
    ErrorCode.TOO_MANY_SESSIONS: 1013,
    ErrorCode.SESSION_EXPIRED: 1008,
    ErrorCode.IDLE_TIMEOUT: 1008,
    ErrorCode.TAKEN_OVER: 1008,
    ErrorCode.GOING_AWAY: 1001,
    ErrorCode.INTERNAL: 1011,
}
"""The WebSocket close code (RFC 6455, section 7.4.1) that goes with a code when it ends the session."""


class ProtocolError(Exception):
    """The peer broke the protocol.

    `fatal` says that the connection cannot go on and is to be closed with `close_code`; otherwise the offending
    message alone is dropped. `field` is a path such as `input[0].rate`, or "" where no one field is at fault.
    """

    def __init__(self, code: ErrorCode, message: str, *, field: str = "", fatal: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.fatal = fatal

    @property
    def close_code(self) -> int:
        return CLOSE_CODES.get(self.code, 1002)

    def __repr__(self) -> str:
        return f"ProtocolError({self.code.value!r}, {self.message!r}, field={self.field!r}, fatal={self.fatal})"
