"""What a caller's microphone gives: a fixture's audio as the payloads of 20 ms, and silence like that around it."""

from pathlib import Path
from typing import NamedTuple

from voicecli import fixture, oggopus, wavfile
from voicewire.formats import FRAME_MS, AudioFormat, Codec
from voicewire.frames import pack_packets

RATE = 16_000
"""Of a fixture's WAV."""

QUIET_FRAMES = range(2, 8)
"""Frames of silence that every fixture begins with, past the encoder's first ones; repeated between utterances."""


class Recording(NamedTuple):
    """A fixture's audio, ready to be sent."""

    format: AudioFormat
    payloads: tuple[bytes, ...]
    """One for each 20 ms."""
    samples_per_frame: int
    """What one payload adds to `pts`."""

    def payload(self, index: int) -> bytes:
        """Frame `index` of the file; silence past its end."""
        return self.payloads[index] if index < len(self.payloads) else self.quiet(index)

    def quiet(self, index: int) -> bytes:
        return self.payloads[QUIET_FRAMES[index % len(QUIET_FRAMES)]]


def record(script: fixture.Fixture) -> Recording:
    """The audio that the fixture selects: its Opus packets as they are, or PCM.

    Raises FixtureError, OggOpusError or WavError.
    """
    path = script.audio_path()
    if script.codec is fixture.AudioCodec.OPUS:
        packets = oggopus.read_packets(path).packets
        recording = Recording(
            AudioFormat(Codec.OPUS, oggopus.RATE),
            tuple(pack_packets([packet]) for packet in packets),
            oggopus.PACKET_SAMPLES,
        )
    else:
        recording = _pcm(path)
    if len(recording.payloads) < max(script.end_ms // FRAME_MS, QUIET_FRAMES.stop):
        held_ms = len(recording.payloads) * FRAME_MS
        raise fixture.FixtureError(path, f"holds {held_ms} ms, and fixture.toml speaks of {script.end_ms} ms")
    return recording


def _pcm(path: Path) -> Recording:
    samples, rate = wavfile.read(path)
    if rate != RATE:
        raise wavfile.WavError(path, f"is sampled at {rate} Hz; resample it to {RATE} Hz")
    size = RATE * FRAME_MS // 1000
    frames = (samples[at : at + size] for at in range(0, len(samples), size))
    payloads = tuple(frame.astype("<i2").tobytes().ljust(size * 2, b"\0") for frame in frames)
    return Recording(AudioFormat(Codec.PCM_S16LE, RATE), payloads, size)
