"""A call as it sounded: the caller on the left, what was heard of the replies on the right, on one time axis."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from voiceaudio.pcm import samples_of
from voiceaudio.resample import Resampler
from voicecli.calls.call import CallRecord
from voicecli.client.player import HeardReply
from voicecli.fixtures import wavfile
from voicecli.fixtures.fixture import AudioCodec, Fixture, Utterance
from voicecli.fixtures.schedule import Schedule
from voicewire.clock import NS_PER_S

RATE = 48_000

Samples = NDArray[np.int16]


def save(path: Path, fixture: Fixture, record: CallRecord) -> None:
    """Write the call as a stereo WAV of 48 kHz. Raises OSError."""
    stereo = audible(fixture, record)
    try:
        soundfile.write(path, stereo, RATE, subtype="PCM_16", format="WAV")
    except soundfile.SoundFileError as error:
        raise OSError(str(error)) from None


def audible(fixture: Fixture, record: CallRecord) -> Samples:
    """The call as samples of shape (n, 2) at RATE."""
    # An Opus fixture's WAV is the same audio before it was encoded.
    spoken, rate = wavfile.read(fixture.audio_path(AudioCodec.WAV))
    return call_audio(fixture, record, _resampled(spoken.tobytes(), rate))


def call_audio(fixture: Fixture, record: CallRecord, spoken: Samples) -> Samples:
    """The call as samples of shape (n, 2) at RATE; `spoken` is the fixture's audio at RATE."""
    placed = [
        piece
        for start_ms, utterance in zip(record.starts_ms, fixture.utterances, strict=False)
        for piece in _said(start_ms, utterance, record.schedule, spoken)
    ]
    heard = [piece for reply in record.replies for piece in _pieces(reply, record.origin_ns)]
    length = max((at + len(samples) for at, samples in placed + heard), default=0)
    stereo = np.zeros((length, 2), np.int16)
    for channel, pieces in enumerate((placed, heard)):
        for at, samples in pieces:
            stereo[max(at, 0) : at + len(samples), channel] = samples[max(-at, 0) :]
    return stereo


def _said(start_ms: int, utterance: Utterance, schedule: Schedule, spoken: Samples) -> Iterator[tuple[int, Samples]]:
    """The pieces of an utterance that began at `start_ms` of the microphone audio, and where in the call each lies."""
    from_ms, to_ms = utterance.audio_ms
    for stretch in schedule.stretches(start_ms, start_ms + to_ms - from_ms):
        edges_ms = (from_ms + at_ms - start_ms for at_ms in (stretch.position_ms, stretch.end_ms))
        yield round(stretch.captured_ms * RATE / 1000), spoken[slice(*(round(edge * RATE / 1000) for edge in edges_ms))]


def _pieces(reply: HeardReply, origin_ns: int) -> list[tuple[int, Samples]]:
    """Each stretch that was heard without a break, and where in the call it lies."""
    stretches: list[tuple[int, bytearray]] = []
    end_ns = None
    for piece in reply.pieces:
        # Both ends of a piece are rounded to the nanosecond.
        if end_ns is not None and abs(piece.play_ns - end_ns) <= 1:
            stretches[-1][1].extend(piece.pcm)
        else:
            stretches.append((piece.play_ns, bytearray(piece.pcm)))
        end_ns = piece.play_ns + len(piece.pcm) // 2 * NS_PER_S // reply.rate
    return [
        ((play_ns - origin_ns) * RATE // NS_PER_S, _resampled(bytes(pcm), reply.rate)) for play_ns, pcm in stretches
    ]


def _resampled(pcm: bytes, rate: int) -> Samples:
    resampler = Resampler(rate, RATE)
    return samples_of(resampler.resample(pcm) + resampler.flush())
