"""Audio formats as both ends name them in `session_start` and `session_ready`."""

from enum import StrEnum
from typing import Annotated

import msgspec

FRAME_MS = 20
"""Length of one Opus packet, and of one PCM frame of the reply."""


class Codec(StrEnum):
    """How the payload of a binary frame is coded."""

    OPUS = "opus"
    """Raw Opus packets of 20 ms, mono, each behind its length (u16, big-endian)."""
    WEBM_OPUS = "webm-opus"
    """Any piece of one WebM byte stream, as MediaRecorder gives it."""
    MP4 = "mp4"
    """Any piece of one fragmented MP4 byte stream, as MediaRecorder gives it."""
    OGG_OPUS = "ogg-opus"
    """Any piece of one Ogg Opus byte stream."""
    PCM_S16LE = "pcm_s16le"
    """Signed 16-bit little-endian samples, mono."""

    @property
    def is_container(self) -> bool:
        """A byte stream whose pieces mean nothing alone; its position is known only after decoding."""
        return self in (Codec.WEBM_OPUS, Codec.MP4, Codec.OGG_OPUS)


OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


class AudioFormat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A codec at a sample rate; mono. `rate` is also the unit of `pts` in the binary header, in samples a second."""

    codec: Codec
    """How the audio is coded."""
    rate: Annotated[int, msgspec.Meta(ge=8000, le=192_000)] = 48_000
    """Samples a second."""

    def __str__(self) -> str:
        return f"{self.codec.value} {self.rate / 1000:g} kHz"
