"""Incremental decoding of what MediaRecorder gives: pieces of a WebM, MP4 or Ogg byte stream."""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import av
from av.audio.stream import AudioStream

from voiceaudio.errors import AudioError, AudioOverflow
from voiceaudio.pcm import SAMPLE_BYTES, pcm_of
from voiceaudio.resample import FrameResampler
from voicewire.formats import Codec

# The format is always named: guessing it costs FFmpeg over a second of audio. No `nobuffer` either, which loses the
# first packet.
_FORMATS = {Codec.WEBM_OPUS: "matroska", Codec.MP4: "mp4", Codec.OGG_OPUS: "ogg"}
_CODECS = ("opus", "aac")
_OPTIONS = {"codec_whitelist": ",".join(_CODECS), "analyzeduration": "0"}

MAX_WAITING_BYTES = 1 << 20
"""Fed and not yet read by the demuxer: minutes at the bitrates of speech."""
MAX_SILENT_BYTES = 48 * 1024
"""Read without a sample coming out. A fragment of one second at 256 kbit/s holds 32 KiB."""
MAX_DECODED_SECONDS = 10
"""Decoded and not yet taken."""
_JOIN_SECONDS = 2.0


class Flushed(NamedTuple):
    """Everything fed before the flush of this number was decoded."""

    number: int


Decoded = bytes | Flushed | AudioError


class _Boundary(NamedTuple):
    """The next byte stream begins here."""


class _Source(NamedTuple):
    """What FFmpeg reads from. Without `seek`, so that it never tries."""

    read: Callable[[int], bytes]


class _Closed(Exception):
    """The decoder was closed; unwinds its thread."""


def begins_stream(codec: Codec, data: bytes) -> bool:
    """Whether a piece (8 bytes of it are enough) is the beginning of a byte stream of this format."""
    match codec:
        case Codec.WEBM_OPUS:
            return data[:4] == b"\x1a\x45\xdf\xa3"
        case Codec.MP4:
            return data[4:8] == b"ftyp"
        case _:
            return data[:4] == b"OggS" and data[5:6] == b"\x02"


class ContainerDecoder:
    """Decodes the pieces of container streams, in a thread of its own, to mono PCM at `rate`.

    One byte stream after the other: a piece that begins as the format does (`begins_stream`) ends the one and begins
    the next. A stream that cannot be read, or out of which nothing comes for MAX_SILENT_BYTES, gives one AudioError,
    and what is fed is thrown away until the next stream.

    Bounds: `feed` refuses what does not fit into MAX_WAITING_BYTES; the thread pauses while MAX_DECODED_SECONDS wait
    to be taken. Every method may be called from one thread, the owner's, and none waits for the decoder but `close`.
    """

    def __init__(self, codec: Codec, rate: int, on_decoded: Callable[[], None]) -> None:
        """`on_decoded` is called in the decoder's thread whenever there is something new to take."""
        self.rate = rate
        self._format = _FORMATS[codec]
        self._codec = codec
        self._on_decoded = on_decoded
        self._changed = threading.Condition()
        self._fed: deque[bytes | Flushed | _Boundary] = deque()
        self._fed_bytes = 0
        self._decoded: deque[Decoded] = deque()
        self._decoded_bytes = 0
        self._silent_bytes = 0
        self._is_swallowing = False
        self._flushes = 0
        self._failed = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"decode-{codec.value}", daemon=True)
        self._thread.start()

    def feed(self, data: bytes) -> None:
        """The next piece of the byte stream. Raises AudioOverflow, and drops the piece, when too much waits."""
        with self._changed:
            if self._fed_bytes + len(data) > MAX_WAITING_BYTES:
                raise AudioOverflow(f"{self._fed_bytes} bytes of {self._codec.value} wait to be decoded; slow down")
            if data:
                if begins_stream(self._codec, data):
                    self._fed.append(_Boundary())
                self._fed.append(data)
                self._fed_bytes += len(data)
                self._changed.notify_all()

    def flush(self) -> int:
        """Ask for `Flushed` when what was fed so far is decoded; returns its number. The stream may go on."""
        with self._changed:
            self._flushes += 1
            self._fed.append(Flushed(self._flushes))
            self._changed.notify_all()
            return self._flushes

    def take(self) -> list[Decoded]:
        """What has come out since the last call, in order."""
        with self._changed:
            taken = list(self._decoded)
            self._decoded.clear()
            self._decoded_bytes = 0
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """End the thread; what was not taken is lost. Legal twice. Raises AudioError if the demuxer hangs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(_JOIN_SECONDS)
        if self._thread.is_alive():
            raise AudioError(f"the {self._codec.value} demuxer hangs; its thread is given up")

    # --- in the thread

    def _run(self) -> None:
        try:
            while True:
                self._await_stream()
                self._decode_stream()
        except _Closed:
            pass

    def _await_stream(self) -> None:
        """Throw away what is fed until the next stream begins."""
        with self._changed:
            while not self._closed:
                if not self._fed:
                    self._changed.wait()
                    continue
                passed = self._fed.popleft()
                if isinstance(passed, _Boundary):
                    self._silent_bytes = 0
                    self._is_swallowing = False
                    self._failed = False
                    return
                if isinstance(passed, Flushed):
                    self._emit(passed)
                else:
                    self._fed_bytes -= len(passed)
                    # FFmpeg takes some kinds of damage for the end of the stream.
                    self._fail(f"these bytes belong to no {self._codec.value} stream; start a new one")
            raise _Closed

    def _decode_stream(self) -> None:
        """One byte stream, to its end or to its failure."""
        reason = ""
        try:
            with av.open(_Source(self._read), "r", format=self._format, options=_OPTIONS) as container:
                self._decode_audio(container)
        except _Closed:
            raise
        except Exception as error:  # whatever FFmpeg makes of hostile bytes ends this stream only
            reason = (error.strerror if isinstance(error, av.FFmpegError) else None) or str(error)
        if self._is_swallowing:
            reason = f"{MAX_SILENT_BYTES} bytes held no audio"
        if reason:
            self._fail(f"the {self._codec.value} stream cannot be decoded: {reason}; start a new one")

    def _decode_audio(self, container: av.container.InputContainer) -> None:
        stream = next(iter(container.streams.audio), None)
        if stream is None or stream.codec_context.name not in _CODECS:
            raise AudioError("it has no Opus or AAC audio")
        resampler = FrameResampler(self.rate)
        for packet in container.demux(stream):
            for frame in _frames(packet):
                for resampled in resampler.resample(frame):
                    self._emit_audio(pcm_of(resampled))
        for resampled in resampler.resample(None):
            self._emit_audio(pcm_of(resampled))

    def _read(self, size: int) -> bytes:
        """For FFmpeg: the next bytes of the stream, b"" at its end. That it asks means that it is done with the last.

        Raises nothing: PyAV would print it.
        """
        with self._changed:
            while not self._closed:
                if self._silent_bytes > MAX_SILENT_BYTES:
                    self._is_swallowing = True
                    break
                if not self._fed:
                    self._changed.wait()
                    continue
                head = self._fed[0]
                if isinstance(head, _Boundary):
                    break
                self._fed.popleft()
                if isinstance(head, Flushed):
                    self._emit(head)
                    continue
                if len(head) > size:
                    self._fed.appendleft(head[size:])
                    head = head[:size]
                self._fed_bytes -= len(head)
                self._silent_bytes += len(head)
                return head
            return b""

    def _fail(self, message: str) -> None:
        """One error a stream."""
        if not self._failed:
            self._failed = True
            self._emit(AudioError(message))

    def _emit_audio(self, pcm: bytes) -> None:
        with self._changed:
            while self._decoded_bytes > MAX_DECODED_SECONDS * self.rate * SAMPLE_BYTES and not self._closed:
                self._changed.wait()
            if self._closed:
                raise _Closed
            if not pcm:
                return
            self._silent_bytes = 0
            self._decoded_bytes += len(pcm)
            self._emit(pcm)

    def _emit(self, decoded: Decoded) -> None:
        with self._changed:
            self._decoded.append(decoded)
        self._on_decoded()


def _frames(packet: "av.Packet[AudioStream]") -> list[av.AudioFrame]:
    """The packet's audio; none where it is damaged: the stream goes on behind it."""
    try:
        return packet.decode()
    except av.FFmpegError:
        return []
