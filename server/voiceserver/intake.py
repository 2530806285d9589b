"""Microphone frames into PCM for the VAD and the recogniser, with each sample's position in the microphone audio."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from voiceaudio.containers import ContainerDecoder, Flushed
from voiceaudio.errors import AudioError, AudioOverflow
from voiceaudio.opus import DECODED_RATE, OpusDecoder
from voiceaudio.pcm import SAMPLE_BYTES, silence
from voiceaudio.resample import Resampler
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import FRAME_MS, AudioFormat, Codec
from voicewire.frames import AudioFrame, unpack_packets

PIECE_MS = 100
"""Longest piece given out, so that what follows (the VAD) never holds the event loop for long."""
MAX_FILLED_MS = 2_000
"""Longest gap in the audio that is filled with silence; a longer one only moves the position."""
MAX_QUEUED_MS = 10_000
MAX_PACKETS = 50
"""Opus packets in one frame."""


class Heard(NamedTuple):
    """The next piece of microphone audio, at most PIECE_MS of it."""

    start_sample: int
    """Its position since the session's first sample, at the rate asked for. It leaps where audio is missing."""
    pcm: bytes


class Trouble(NamedTuple):
    """Some audio could not be used. The session goes on."""

    code: ErrorCode
    message: str


class Ended(NamedTuple):
    """Everything fed before `end` was given out."""


class _Acknowledged(NamedTuple):
    sequence: int


IntakeEvent = Heard | Trouble | Ended


class Intake(AsyncIterator[IntakeEvent]):
    """Decodes one session's microphone frames. Fed from one place, iterated at another, in the same event loop.

    Raw Opus and PCM are decoded as they are fed, without a thread. Gaps in `pts` are filled with silence up to
    MAX_FILLED_MS, a corrupt packet is replaced by 20 ms of it. The position of a container counts its samples, and its
    pieces are decoded in a thread; when it turns out corrupt there is one Trouble, and the next piece that begins a
    stream starts anew.

    Bounds: with MAX_QUEUED_MS of audio waiting to be taken (or, in a container, too many bytes waiting to be decoded)
    frames are dropped with one Trouble (`overloaded`), until there is room again.
    """

    def __init__(self, audio_format: AudioFormat, to_rate: int = 16_000) -> None:
        """A container's intake has a thread, wants a running event loop and must be closed."""
        self.rate = to_rate
        self.sequence: int | None = None
        """Of the last frame whose audio was given out."""
        self._position = 0
        self._events: deque[IntakeEvent | _Acknowledged] = deque()
        self._queued_samples = 0
        self._overloaded = False
        self._closed = False
        self._ready = asyncio.Event()
        self._source: _Raw | _Container
        if audio_format.codec.is_container:
            self._source = _Container(audio_format.codec, to_rate, self._wake_from_thread())
        else:
            self._source = _Raw(audio_format, to_rate)

    @property
    def position_samples(self) -> int:
        """End of what was given out, or is ready to be."""
        return self._position

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame. Raises ProtocolError (`malformed_frame`) when the payload breaks its codec's framing."""
        assert not self._closed
        if self._queued_samples > MAX_QUEUED_MS * self.rate // 1000:
            self._overload("audio comes in faster than it is used; some was dropped")
            return
        try:
            self._source.feed(frame)
        except AudioOverflow as overflow:
            self._overload(str(overflow))
            return
        self._overloaded = False
        self._collect()

    def end(self) -> None:
        """The user stopped speaking: `Ended` comes when all audio fed so far was given out. More may follow."""
        self._source.end()
        self._collect()

    def close(self) -> None:
        """End the iteration and the thread, if there is one. Raises AudioError when that thread hangs. Legal twice."""
        self._closed = True
        self._ready.set()
        self._source.close()

    def __aiter__(self) -> "Intake":
        return self

    async def __anext__(self) -> IntakeEvent:
        await asyncio.sleep(0)  # a long backlog leaves the loop to others between its pieces
        while not self._closed:
            self._acknowledge()
            if self._events:
                event = self._events.popleft()
                assert not isinstance(event, _Acknowledged)
                self._acknowledge()
                if isinstance(event, Heard):
                    self._queued_samples -= len(event.pcm) // SAMPLE_BYTES
                return event
            self._collect()
            if not self._events:
                self._ready.clear()
                await self._ready.wait()
        raise StopAsyncIteration

    def _acknowledge(self) -> None:
        """A frame counts as heard together with the last of its audio."""
        while self._events and isinstance(self._events[0], _Acknowledged):
            self.sequence = self._events[0].sequence
            self._events.popleft()

    def _collect(self) -> None:
        for item in self._source.take(MAX_QUEUED_MS * self.rate // 1000 - self._queued_samples):
            if isinstance(item, _Leap):
                self._position = max(self._position, item.to_sample)
            elif isinstance(item, bytes):
                self._cut(item)
            else:
                self._events.append(item)
        if self._events:
            self._ready.set()

    def _cut(self, pcm: bytes) -> None:
        size = PIECE_MS * self.rate // 1000 * SAMPLE_BYTES
        for at in range(0, len(pcm), size):
            piece = pcm[at : at + size]
            self._events.append(Heard(self._position, piece))
            self._position += len(piece) // SAMPLE_BYTES
            self._queued_samples += len(piece) // SAMPLE_BYTES

    def _overload(self, message: str) -> None:
        if not self._overloaded:
            self._overloaded = True
            self._events.append(Trouble(ErrorCode.OVERLOADED, message))
            self._ready.set()

    def _wake_from_thread(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._ready.set)

        return wake


class _Leap(NamedTuple):
    """The next audio lies at this position or later."""

    to_sample: int


_Item = bytes | _Leap | Trouble | Ended | _Acknowledged


class _Raw:
    """Opus packets and PCM: decoded at once; positions from `pts`."""

    def __init__(self, audio_format: AudioFormat, to_rate: int) -> None:
        self._codec = audio_format.codec
        self._pts_rate = audio_format.rate
        self._rate = DECODED_RATE if audio_format.codec is Codec.OPUS else audio_format.rate
        self._resampler = Resampler(self._rate, to_rate)
        self._opus = OpusDecoder()
        self._next = 0
        self._items: list[_Item] = []

    def feed(self, frame: AudioFrame) -> None:
        if self._codec is Codec.OPUS:
            pcm = self._decode(frame.payload)
        elif len(frame.payload) % SAMPLE_BYTES:
            raise _malformed(f"PCM of 16 bits has an even number of bytes; this has {len(frame.payload)}")
        else:
            pcm = frame.payload
        gap = frame.pts * self._rate // self._pts_rate - self._next
        if gap > MAX_FILLED_MS * self._rate // 1000:
            self._items.append(self._resampler.flush())
            self._next += gap
            self._items.append(_Leap(self._next * self._resampler.to_rate // self._rate))
        elif gap > 0:
            pcm = silence(gap) + pcm
        self._next += len(pcm) // SAMPLE_BYTES
        self._items.append(self._resampler.resample(pcm))
        self._items.append(_Acknowledged(frame.sequence))

    def _decode(self, payload: bytes) -> bytes:
        packets = unpack_packets(payload)
        if len(packets) > MAX_PACKETS:
            raise _malformed(f"{len(packets)} packets in one frame are too many; send at most {MAX_PACKETS}")
        decoded = []
        trouble = None
        for packet in packets:
            try:
                decoded.append(self._opus.decode(packet))
            except AudioError as error:
                decoded.append(silence(DECODED_RATE * FRAME_MS // 1000))
                trouble = Trouble(ErrorCode.CORRUPT_AUDIO, str(error))
        if trouble:
            self._items.append(trouble)
        return b"".join(decoded)

    def end(self) -> None:
        self._items.append(Ended())

    def take(self, room_samples: int) -> list[_Item]:
        items, self._items = self._items, []
        return items

    def close(self) -> None:
        self._items.clear()


class _Container:
    """A container's byte stream; each piece is followed by a flush, which tells that it was decoded."""

    def __init__(self, codec: Codec, to_rate: int, on_decoded: Callable[[], None]) -> None:
        self._decoder = ContainerDecoder(codec, to_rate, on_decoded)
        self._flushes: dict[int, _Acknowledged | Ended] = {}

    def feed(self, frame: AudioFrame) -> None:
        self._decoder.feed(frame.payload)
        self._flushes[self._decoder.flush()] = _Acknowledged(frame.sequence)

    def end(self) -> None:
        self._flushes[self._decoder.flush()] = Ended()

    def take(self, room_samples: int) -> list[_Item]:
        """All that is decoded, while there is room for any."""
        if room_samples <= 0:
            return []
        items: list[_Item] = []
        for decoded in self._decoder.take():
            if isinstance(decoded, Flushed):
                items.append(self._flushes.pop(decoded.number))
            elif isinstance(decoded, AudioError):
                items.append(Trouble(ErrorCode.CORRUPT_AUDIO, str(decoded)))
            else:
                items.append(decoded)
        return items

    def close(self) -> None:
        self._decoder.close()


def _malformed(message: str) -> ProtocolError:
    return ProtocolError(ErrorCode.MALFORMED_FRAME, message, field="payload")
