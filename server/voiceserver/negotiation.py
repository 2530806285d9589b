"""What a client asks for in `session_start` against what the server can do."""

from collections.abc import Sequence

from voiceserver.turn import TurnSettings
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import OPUS_RATES, AudioFormat, Codec
from voicewire.messages import Endpointing, TurnDetection, TurnDetectionMode

_PLAYABLE = (Codec.OPUS, Codec.PCM_S16LE)


def choose_input(offered: Sequence[AudioFormat]) -> AudioFormat:
    """The first format of microphone audio that can be decoded. Raises ProtocolError (`unsupported_format`, fatal)."""
    for audio_format in offered:
        if audio_format.codec is not Codec.OPUS or audio_format.rate in OPUS_RATES:
            return audio_format
    raise _unsupported("input", offered)


def choose_output(offered: Sequence[AudioFormat]) -> AudioFormat:
    """The first format that replies can be coded in. Raises ProtocolError (`unsupported_format`, fatal)."""
    for audio_format in offered:
        if audio_format.codec in _PLAYABLE and (
            audio_format.codec is not Codec.OPUS or audio_format.rate in OPUS_RATES
        ):
            return audio_format
    raise _unsupported("output", offered)


def turn_settings(asked: TurnDetection, own: TurnSettings, *, locale: str) -> TurnSettings:
    """The server's settings with what the client asked to be otherwise."""
    return own._replace(
        mode=TurnDetectionMode.VAD if asked.mode is None else asked.mode,
        locale=locale,
        is_adaptive=own.is_adaptive if asked.endpointing is None else asked.endpointing is Endpointing.ADAPTIVE,
        silence_ns=own.silence_ns if asked.silence_ms is None else asked.silence_ms * NS_PER_MS,
        barge_in=own.barge_in if asked.barge_in is None else asked.barge_in,
        barge_in_ns=own.barge_in_ns if asked.barge_in_ms is None else asked.barge_in_ms * NS_PER_MS,
    )


def _unsupported(field: str, offered: Sequence[AudioFormat]) -> ProtocolError:
    formats = ", ".join(str(audio_format) for audio_format in offered)
    rates = ", ".join(f"{rate / 1000:g}" for rate in OPUS_RATES)
    return ProtocolError(
        ErrorCode.UNSUPPORTED_FORMAT,
        f"none of these can be used as {field}: {formats}; offer opus at {rates} kHz, or pcm_s16le",
        field=field,
        fatal=True,
    )
