"""Binary frames: one piece of audio behind a 16-byte header.

    offset  size  field
    0       1     version (high four bits) and kind (low four bits)
    1       1     codec
    2       2     turn id: of the reply; 0 in microphone audio
    4       4     sequence: from 0, up by one in each frame of a direction
    8       8     pts: position of the first sample, in samples at the agreed rate, below 2^53; for a container, 0
    16            payload

All numbers are big-endian. A reply's audio ends with a frame without payload, whose pts is the reply's length.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from voicewire import VERSION
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import Codec

HEADER = struct.Struct(">BBHIQ")
_LENGTH = struct.Struct(">H")

MAX_TURN_ID = 0xFFFF
MAX_SEQUENCE = 0xFFFF_FFFF
MAX_PTS = 2**53 - 1
"""What a double holds exactly, so that a browser needs no BigInt."""


class FrameKind(IntEnum):
    AUDIO_CHUNK = 1
    """Up: one piece of microphone audio."""
    TTS_AUDIO_CHUNK = 2
    """Down: one piece of a reply."""


CODEC_NUMBERS: dict[Codec, int] = {
    Codec.OPUS: 1,
    Codec.WEBM_OPUS: 2,
    Codec.MP4: 3,
    Codec.OGG_OPUS: 4,
    Codec.PCM_S16LE: 5,
}
_CODECS = {number: codec for codec, number in CODEC_NUMBERS.items()}


class AudioFrame(NamedTuple):
    """One binary frame. `payload` is coded as `codec` says; empty only at the end of a reply."""

    kind: FrameKind
    codec: Codec
    turn_id: int
    sequence: int
    pts: int
    payload: bytes

    def serialize(self) -> bytes:
        header = HEADER.pack(VERSION << 4 | self.kind, CODEC_NUMBERS[self.codec], self.turn_id, self.sequence, self.pts)
        return header + self.payload

    @classmethod
    def parse(cls, data: bytes) -> "AudioFrame":
        """Raises ProtocolError (`malformed_frame`, with the header's field) for anything that is not a frame."""
        if len(data) < HEADER.size:
            raise _malformed(
                f"a binary frame has a header of {HEADER.size} bytes; this one has {len(data)} bytes",
                "header",
            )
        first, codec, turn_id, sequence, pts = HEADER.unpack_from(data)
        if first >> 4 != VERSION:
            raise _malformed(f"frame version {first >> 4} is not {VERSION}", "version")
        try:
            kind = FrameKind(first & 0x0F)
        except ValueError:
            raise _malformed(f"frame kind {first & 0x0F} is not known", "kind") from None
        if codec not in _CODECS:
            raise _malformed(f"codec number {codec} is not known", "codec")
        if pts > MAX_PTS:
            raise _malformed(f"position {pts} is above {MAX_PTS}", "pts")
        return cls(kind, _CODECS[codec], turn_id, sequence, pts, data[HEADER.size :])


def pack_packets(packets: Sequence[bytes]) -> bytes:
    """The payload of an `opus` frame: each packet behind its length."""
    return b"".join(_LENGTH.pack(len(packet)) + packet for packet in packets)


def unpack_packets(payload: bytes) -> list[bytes]:
    """The packets of an `opus` payload; raises ProtocolError (`malformed_frame`) where lengths and bytes disagree."""
    packets = []
    at = 0
    while at < len(payload):
        if at + _LENGTH.size > len(payload):
            raise _malformed("the last packet's length is cut off", "payload")
        (length,) = _LENGTH.unpack_from(payload, at)
        at += _LENGTH.size
        if length == 0:
            raise _malformed("an Opus packet has at least one byte", "payload")
        if at + length > len(payload):
            raise _malformed(f"a packet of {length} bytes is announced and {len(payload) - at} are there", "payload")
        packets.append(payload[at : at + length])
        at += length
    return packets


def packet_duration_ms(packet: bytes) -> float:
    """How much audio an Opus packet holds, from its first bytes (RFC 6716, section 3.1); raises ProtocolError."""
    config, frames_code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame_ms = (10.0, 20.0, 40.0, 60.0)[config & 3]
    elif config < 16:
        frame_ms = (10.0, 20.0)[config & 1]
    else:
        frame_ms = (2.5, 5.0, 10.0, 20.0)[config & 3]
    if frames_code < 3:
        return frame_ms * (1, 2, 2)[frames_code]
    if len(packet) < 2:
        raise _malformed("an Opus packet of several frames is cut off before their count", "payload")
    return frame_ms * (packet[1] & 0x3F)


def _malformed(message: str, field: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED_FRAME, message, field=field)
