"""What a caller's microphone gives: a fixture's audio as the payloads of 20 ms, and silence like that around it."""

from pathlib import Path
from typing import NamedTuple

from voicecli import fixture, journal, oggopus, schedule, wavfile
from voicecli.schedule import EVEN, Schedule
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
    schedule: Schedule = EVEN
    """Of a recorded session, when its payloads and what else the user did were sent."""
    quiet_frames: range = QUIET_FRAMES
    """What is repeated where nothing is said."""

    def payload(self, index: int) -> bytes:
        """Frame `index` of the file; silence past its end."""
        return self.payloads[index] if index < len(self.payloads) else self.quiet(index)

    def quiet(self, index: int) -> bytes:
        return self.payloads[self.quiet_frames[index % len(self.quiet_frames)]]


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
    recording = recording._replace(quiet_frames=_quiet_frames(script))
    if not script.is_recorded:
        return recording
    try:
        recorded = schedule.recorded(journal.read(script.folder), len(recording.payloads))
    except ValueError as error:
        raise fixture.FixtureError(script.folder / fixture.JOURNAL_NAME, str(error)) from None
    return recording._replace(schedule=recorded)


def _quiet_frames(script: fixture.Fixture) -> range:
    """The first frames without speech: a recorded caller may have spoken at once."""
    length = len(QUIET_FRAMES)
    segments = [segment for utterance in script.utterances for segment in utterance.segments_ms]
    for start in range(QUIET_FRAMES.start, script.end_ms // FRAME_MS - length):
        start_ms, end_ms = start * FRAME_MS, (start + length) * FRAME_MS
        if all(end <= start_ms or onset >= end_ms for onset, end in segments):
            return range(start, start + length)
    return QUIET_FRAMES


def _pcm(path: Path) -> Recording:
    samples, rate = wavfile.read(path)
    if rate != RATE:
        raise wavfile.WavError(path, f"is sampled at {rate} Hz; resample it to {RATE} Hz")
    size = RATE * FRAME_MS // 1000
    frames = (samples[at : at + size] for at in range(0, len(samples), size))
    payloads = tuple(frame.astype("<i2").tobytes().ljust(size * 2, b"\0") for frame in frames)
    return Recording(AudioFormat(Codec.PCM_S16LE, RATE), payloads, size)
