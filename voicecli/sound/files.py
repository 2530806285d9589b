"""Files in place of a microphone and a loudspeaker, in real time."""

import asyncio
import math
import os
import struct
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile

from voiceaudio.pcm import SAMPLE_BYTES, silence
from voiceaudio.resample import Resampler
from voicecli.calls.pacing import Pace
from voicecli.sound.errors import SoundError
from voicecli.sound.playback import PlaybackQueue
from voicecli.sound.reference import Reference
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_S, Clock

FRAME_NS = FRAME_SAMPLES * NS_PER_S // RATE
LONGEST_WAV_S = 12 * 3600
"""A WAV file counts its bytes in 32 bits."""

_FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
_FRAMES_TO_DISK = 10


class FileMicrophone:
    """Speaks a sound file: what libsndfile reads (WAV, FLAC, Ogg Opus and more), of any rate, mixed to mono.

    Behind its end there is silence for `tail_s`: for as long as somebody listens with None, not at all with 0. Then
    `frames` ends. Raises SoundError for a file that cannot be read.
    """

    def __init__(self, path: Path, clock: Clock, *, tail_s: float | None = None) -> None:
        self.name = str(path)
        self.is_over = False
        """All of the file was spoken, and silence follows."""
        self._clock = clock
        self._tail_frames = math.inf if tail_s is None else round(tail_s * NS_PER_S / FRAME_NS)
        if not path.is_file():
            raise SoundError(f"{path}: there is no such file; name one that holds speech")
        try:
            self._file = soundfile.SoundFile(path)
        except (soundfile.SoundFileError, OSError) as error:
            raise SoundError(f"{path} cannot be read as sound ({_reason(error)}); convert it to WAV") from None
        self._resampler = Resampler(self._file.samplerate, RATE)

    async def frames(self) -> AsyncGenerator[Captured, None]:
        """Each when its last sample has been spoken; the file's first sample is spoken now. Once only."""
        pace = Pace(self._clock.now_ns(), FRAME_NS)
        with self._file:
            spoken = self._spoken()
            tail_frames = 0
            while True:
                pcm = next(spoken, None)
                if pcm is None:
                    self.is_over = True
                    if tail_frames >= self._tail_frames:
                        return
                    tail_frames += 1
                captured_ns = pace.captured_ns(pace.index)
                await asyncio.sleep(max(0, pace.deadline_ns - self._clock.now_ns()) / NS_PER_S)
                pace.sent(self._clock.now_ns())
                yield Captured(pcm or silence(FRAME_SAMPLES), captured_ns, 0)

    def _spoken(self) -> Iterator[bytes]:
        """The file in frames, the last one filled up."""
        pending = b""
        while len(block := self._read()):
            pending += self._resampler.resample(block.tobytes())
            while len(pending) >= _FRAME_BYTES:
                yield pending[:_FRAME_BYTES]
                pending = pending[_FRAME_BYTES:]
        pending += self._resampler.flush()
        for at in range(0, len(pending), _FRAME_BYTES):
            yield pending[at : at + _FRAME_BYTES].ljust(_FRAME_BYTES, b"\0")

    def _read(self) -> Samples:
        """About 20 ms of it; none at its end."""
        try:
            # Not as int16: libsndfile does not scale a float file to it.
            block = self._file.read(max(1, self._file.samplerate // 50), dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise SoundError(f"{self.name} cannot be read to its end: {_reason(error)}") from None
        # What is no number is silence.
        mono = np.nan_to_num(block.mean(axis=1) * 32_768)
        samples: Samples = np.clip(np.rint(mono), -32_768, 32_767).astype(np.int16)
        return samples


class FileSpeaker:
    """Writes a WAV file of what a loudspeaker would have played since `run`, silence included.

    The file is whole after every 200 ms; a process that is killed loses no more than that.
    """

    latency_ns = 0

    def __init__(self, path: Path, clock: Clock) -> None:
        self.name = str(path)
        self.queue = PlaybackQueue()
        self._path = path
        self._clock = clock
        self._reference = Reference(RATE)

    def played(self) -> bytes:
        return self._reference.read()

    async def run(self) -> None:
        """Play, until it is cancelled. Raises SoundError for a file that cannot be written."""
        pace = Pace(self._clock.now_ns(), FRAME_NS)
        block: Samples = np.empty(FRAME_SAMPLES, np.int16)
        with _GrowingWav(self._path) as wav:
            while pace.index < LONGEST_WAV_S * RATE // FRAME_SAMPLES:
                self.queue.fill(block, max(pace.captured_ns(pace.index), self._clock.now_ns()))
                self._reference.write(block)
                wav.append(block)
                await asyncio.sleep(max(0, pace.deadline_ns - self._clock.now_ns()) / NS_PER_S)
                pace.sent(self._clock.now_ns())
        raise SoundError(f"{self._path}: a WAV file holds no more than {LONGEST_WAV_S // 3600} hours")


class _GrowingWav:
    """A WAV file whose header is true after each write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: list[bytes] = []
        self._size = 0
        try:
            self._file = path.open("w+b", buffering=0)
        except OSError as error:
            raise SoundError(f"{path} cannot be written: {error.strerror}") from None

    def append(self, block: Samples) -> None:
        self._pending.append(block.tobytes())
        if len(self._pending) == _FRAMES_TO_DISK:
            self._to_disk()

    def __enter__(self) -> Self:
        try:
            self._to_disk()
        except SoundError:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            self._to_disk()

    def _to_disk(self) -> None:
        """The audio first, then the header that speaks of it."""
        pcm = b"".join(self._pending)
        self._pending.clear()
        try:
            self._file.seek(0, os.SEEK_END)
            self._write(pcm)
            self._size += len(pcm)
            self._file.seek(0)
            self._write(_header(self._size))
        except OSError as error:
            raise SoundError(f"{self._path} cannot be written: {error.strerror}") from None

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) :]


def _header(size: int) -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, RATE * SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES * 8)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)


def _reason(error: Exception) -> str:
    return str(error).partition(": ")[2].rstrip(".").lower() or str(error)
