"""`session.jsonl`, the journal of a recorded session: one JSON object a line, each with its time, the first a header.

    {"schema":"voicecli.session/1","voicecli":"0.1.0","created":"2026-01-31T12:00:00+00:00","microphone":"USB headset"}
    {"event":"message_sent","t_ms":0.412,"message":{"type":"session_start", ...}}
    {"event":"audio_sent","t_ms":61.337,"captured_ms":38.911,"packets":1}
    {"event":"message_received","t_ms":902.114,"message":{"type":"speech_started","turn_id":1,"position_ms":420.0}}

All times are ms since the recording began, on the client's clock. Packets are counted as they lie in `audio.opus`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from voicecli import __version__
from voicecli.fixture import JOURNAL_NAME, FixtureError
from voicewire.marks import Mark
from voicewire.messages import (
    AudioEnd,
    Error,
    GoingAway,
    Interrupt,
    LlmToken,
    Playback,
    ReplyCancelled,
    SessionReady,
    SessionStart,
    SpeechStarted,
    SpeechStopped,
    TextInput,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
)

REPLIES_NAME = "replies.opus"
"""The packets of all replies, in the order in which they were received."""
SCHEMA: Literal["voicecli.session/1"] = "voicecli.session/1"

Parsed = TypeVar("Parsed")

Sent = SessionStart | AudioEnd | Interrupt | Playback | TextInput
Received = (
    SessionReady
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
)


class Header(Struct, frozen=True, kw_only=True):
    schema: Literal["voicecli.session/1"] = SCHEMA
    voicecli: str = __version__
    created: str
    """UTC, ISO 8601."""
    microphone: str = ""
    sent_before_ms: float = 0.0
    """Microphone audio of the session that was sent before the recording began; the server's positions count it."""


class Line(Struct, frozen=True, tag_field="event"):
    t_ms: float


class AudioSent(Line, frozen=True, kw_only=True, omit_defaults=True, tag="audio_sent"):
    """One message with microphone audio."""

    captured_ms: float
    """When its first sample was captured."""
    packets: Annotated[int, Meta(ge=1)]
    skipped_ms: int = 0
    """Left out before it: muted, the key was up, or lost. The server's positions count it; `audio.opus` does not."""


class MessageSent(Line, frozen=True, kw_only=True, tag="message_sent"):
    message: Sent


class MessageReceived(Line, frozen=True, kw_only=True, tag="message_received"):
    """Of the server; without `audio_ack` and `clock`."""

    message: Received


class ReplyAudioReceived(Line, frozen=True, kw_only=True, tag="reply_audio_received"):
    """One message with audio of a reply; its Opus packets are the next ones of `replies.opus`."""

    turn_id: int
    pts: int
    packets: int
    """0 at the end of a reply, and for another codec, whose audio is not kept."""


class MarkNoted(Line, frozen=True, kw_only=True, tag="mark_noted"):
    turn_id: int
    mark: Mark
    at_ms: float | None
    """None takes the mark back."""


class ReplyScheduled(Line, frozen=True, kw_only=True, tag="reply_scheduled"):
    turn_id: int
    at_ms: float


class ClockMeasured(Line, frozen=True, kw_only=True, tag="clock_measured"):
    offset_ms: float
    """The server's clock minus this journal's."""
    round_trip_ms: float


class PlayheadMoved(Line, frozen=True, kw_only=True, tag="playhead_moved"):
    turn_id: int
    played_ms: float
    buffered_ms: float


class Muted(Line, frozen=True, kw_only=True, tag="muted"):
    muted: bool


Entry = (
    AudioSent
    | MessageSent
    | MessageReceived
    | ReplyAudioReceived
    | MarkNoted
    | ReplyScheduled
    | ClockMeasured
    | PlayheadMoved
    | Muted
)


class Journal(NamedTuple):
    header: Header
    entries: tuple[Entry, ...]

    @property
    def audio(self) -> list[AudioSent]:
        return [entry for entry in self.entries if isinstance(entry, AudioSent)]


_encoder = msgspec.json.Encoder()
_header: msgspec.json.Decoder[Header] = msgspec.json.Decoder(Header)
_entry: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def line(entry: Header | Entry) -> bytes:
    return _encoder.encode(entry) + b"\n"


def read(folder: Path) -> Journal:
    """The journal of a recording. A last line that was cut off is left out. Raises FixtureError."""
    path = folder / JOURNAL_NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FixtureError(path, 'missing; it says when what was recorded is sent (when = "recorded")') from None
    except OSError as error:
        raise FixtureError(path, f"cannot be read: {error.strerror}") from None
    # What follows the last line feed was cut off while it was written.
    lines = data.split(b"\n")[:-1]
    if not lines:
        raise FixtureError(path, "is empty; record it again")
    return Journal(_parsed(path, 1, lines[0], _header), tuple(_entries(path, lines[1:])))


def _entries(path: Path, lines: list[bytes]) -> Iterator[Entry]:
    for number, each in enumerate(lines, 2):
        yield _parsed(path, number, each, _entry)


def _parsed(path: Path, number: int, text: bytes, decoder: msgspec.json.Decoder[Parsed]) -> Parsed:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise FixtureError(path, f"line {number}: {error}") from None
