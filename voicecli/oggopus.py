"""Ogg Opus files: their raw packets byte for byte, their samples, and writing one, also packet by packet.

The pages are read here and not by libavformat, which drops a damaged page in silence (RFC 3533 pages, RFC 7845 Opus).
"""

import fractions
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
"""The clock of Opus, whatever rate was recorded."""
PACKET_SAMPLES = 960
PACKET_MS = 20
PAGE_PACKETS = 10
"""What a recording that is cut off may lack at its end: 200 ms."""

_PAGE_HEADER = 27
_CONTINUED, _FIRST, _LAST = 1, 2, 4


class OggOpusError(Exception):
    """Not a mono Ogg Opus file with packets of 20 ms; the message names the file and what is wrong."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class OpusFile(NamedTuple):
    pre_skip: int
    """Samples at 48 kHz that a decoder drops first: packet i carries the audio from i * 20 ms - pre_skip on."""
    packets: tuple[bytes, ...]
    """Raw Opus packets of `PACKET_SAMPLES`, as they are in the file."""
    samples: int
    """Length of the audio at 48 kHz, after the pre-skip and without padding at the end."""


def read_packets(path: Path) -> OpusFile:
    """The packets of an Ogg Opus file. Raises OggOpusError, also for anything but mono packets of 20 ms."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise OggOpusError(path, f"cannot be read: {error.strerror}") from None
    try:
        packets, end = _packets(data)
        pre_skip = _pre_skip(packets)
    except _DamagedError as error:
        raise OggOpusError(path, str(error)) from None
    audio = tuple(packets[2:])
    for index, packet in enumerate(audio):
        samples, stereo = _toc(packet)
        if stereo or samples != PACKET_SAMPLES:
            length = f"{samples / RATE * 1000:g} ms {'stereo' if stereo else 'mono'}"
            raise OggOpusError(path, f"packet {index} is {length}; encode in mono with frames of {PACKET_MS} ms")
    samples = end - pre_skip
    if not 0 < samples <= len(audio) * PACKET_SAMPLES:
        raise OggOpusError(path, f"says it has {samples} samples in {len(audio)} packets; encode it again")
    return OpusFile(pre_skip, audio, samples)


def decode(path: Path, rate: int = 16_000) -> NDArray[np.int16]:
    """The samples of an Ogg Opus file, mono, pre-skip and end padding removed. Raises OggOpusError."""
    resampler = av.AudioResampler("s16", "mono", rate)
    try:
        with av.open(str(path), format="ogg") as container:
            frames = [piece for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
        frames += resampler.resample(None)
    except (av.FFmpegError, IndexError) as error:
        raise OggOpusError(path, f"cannot be decoded as Ogg Opus: {error}") from None
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]).astype(np.int16)


def write(path: Path, samples: NDArray[np.int16], rate: int = 16_000, bit_rate: int = 24_000) -> None:
    """Encode mono samples as voice in packets of 20 ms. The same samples give the same bytes."""
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.int16).reshape(1, -1), "s16", "mono")
    frame.sample_rate = rate
    frame.time_base = fractions.Fraction(1, rate)
    frame.pts = 0
    resampler = av.AudioResampler("s16", "mono", RATE, PACKET_SAMPLES)
    # Otherwise the muxer draws a random serial number and writes its version.
    reproducible = {"fflags": "+bitexact", "serial_offset": "1"}
    with av.open(str(path), "w", format="ogg", options=reproducible) as container:
        stream = container.add_stream(
            "libopus", rate=RATE, layout="mono", options={"application": "voip", "frame_duration": str(PACKET_MS)}
        )
        stream.bit_rate = bit_rate
        stream.format = "s16"
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


class OggOpusPages:
    """Wraps packets of one stream into pages as they come; knows no file.

    What the methods return is appended to the file: first `begin`, then `add` for each packet, then `end`.
    """

    def __init__(self, pre_skip: int) -> None:
        self._pre_skip = pre_skip
        self._number = 0
        self._samples = 0
        self._waiting: list[bytes] = []

    def begin(self) -> bytes:
        head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, self._pre_skip, RATE, 0, 0)
        vendor = b"voicecli"
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
        return self._page([head], _FIRST) + self._page([tags], 0)

    def add(self, packet: bytes) -> bytes:
        # One packet waits for the next, because the page of the last one has to say so.
        page = self._audio_page(0) if len(self._waiting) == PAGE_PACKETS else b""
        self._waiting.append(packet)
        return page

    def end(self) -> bytes:
        return self._audio_page(_LAST) if self._waiting else b""

    def _audio_page(self, flags: int) -> bytes:
        self._samples += sum(_toc(packet)[0] for packet in self._waiting)
        page = self._page(self._waiting, flags)
        self._waiting = []
        return page

    def _page(self, packets: list[bytes], flags: int) -> bytes:
        lacing = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
        # Capture pattern, version, flags, granule position, serial number, page number, checksum, lacing values.
        header = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, self._samples, 1, self._number, 0, len(lacing))
        self._number += 1
        return _sealed(header + lacing + b"".join(packets))


def mend(path: Path) -> None:
    """End a file that was cut off after its last whole page. Raises OggOpusError where it has none with audio."""
    try:
        data = path.read_bytes()
        ends = [0]
        try:
            for _, _, sizes, body in _pages(data):
                ends.append(ends[-1] + _PAGE_HEADER + len(sizes) + len(body))
        except _DamagedError:
            pass  # what was cut off
        if len(ends) < 4:  # the two pages of headers
            raise OggOpusError(path, "holds no audio; record it again")
        page_at, end = ends[-2:]
        page = bytearray(data[page_at:end])
        page[5] |= _LAST
        whole = path.with_suffix(".mended")
        whole.write_bytes(data[:page_at] + _sealed(page))
        whole.replace(path)
    except OSError as error:
        raise OggOpusError(path, f"cannot be mended: {error.strerror}") from None


class _DamagedError(Exception):
    pass


def _packets(data: bytes) -> tuple[list[bytes], int]:
    """Every packet of the one logical stream, headers included, and the last granule position."""
    packets: list[bytes] = []
    pending = b""
    end = 0
    last = False
    for number, (flags, granule, sizes, body) in enumerate(_pages(data)):
        if last or bool(flags & _FIRST) != (number == 0):
            raise _DamagedError("holds more than one stream; keep one")
        if bool(flags & _CONTINUED) != bool(pending):
            raise _DamagedError(f"page {number} does not go on where the page before it ended; encode it again")
        position = 0
        for size in sizes:
            pending += body[position : position + size]
            position += size
            if size < 255:
                packets.append(pending)
                pending = b""
        if granule >= 0:
            end = granule
        last = bool(flags & _LAST)
    if not last:
        raise _DamagedError("ends before its last page; copy or encode it again")
    return packets, end


def _pages(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Flags, granule position, lacing values and body of each page."""
    if not data.startswith(b"OggS"):
        raise _DamagedError("not an Ogg file; encode it as Ogg Opus")
    offset = number = 0
    while offset < len(data):
        header = data[offset : offset + _PAGE_HEADER]
        if len(header) < _PAGE_HEADER or not header.startswith(b"OggS"):
            raise _DamagedError(f"damaged at byte {offset}; copy or encode it again")
        lacing_at = offset + _PAGE_HEADER
        sizes = data[lacing_at : lacing_at + header[26]]
        body_at = lacing_at + header[26]
        page_end = body_at + sum(sizes)
        if page_end > len(data):
            raise _DamagedError(f"cut off in page {number}; copy or encode it again")
        if _sealed(data[offset:page_end])[22:26] != header[22:26]:
            raise _DamagedError(f"page {number} at byte {offset} is damaged; copy or encode it again")
        if int.from_bytes(header[18:22], "little") != number:
            raise _DamagedError(f"page {number} is missing; copy or encode it again")
        yield header[5], int.from_bytes(header[6:14], "little", signed=True), sizes, data[body_at:page_end]
        offset = page_end
        number += 1


def _sealed(page: bytes | bytearray) -> bytes:
    """The page with its right checksum."""
    sealed = bytearray(page)
    sealed[22:26] = bytes(4)
    sealed[22:26] = _crc(sealed).to_bytes(4, "little")
    return bytes(sealed)


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        crc = value << 24
        for _ in range(8):
            crc = crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)
        table.append(crc & 0xFFFFFFFF)
    return table


_CRC_TABLE = _crc_table()


def _crc(page: bytearray) -> int:
    """CRC-32 as Ogg has it: neither reflected nor inverted, so not the one of zlib."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC_TABLE[crc >> 24 ^ byte]
    return crc


def _pre_skip(packets: list[bytes]) -> int:
    if len(packets) < 2 or len(packets[0]) < 19 or not packets[0].startswith(b"OpusHead"):
        raise _DamagedError("an Ogg file, but not Opus; encode it as Ogg Opus")
    head = packets[0]
    if head[9] != 1:
        raise _DamagedError(f"has {head[9]} channels; encode it in mono")
    return int.from_bytes(head[10:12], "little")


def _toc(packet: bytes) -> tuple[int, bool]:
    """Duration in samples at 48 kHz, and whether it is stereo, from the first bytes of a packet (RFC 6716, 3.1)."""
    if not packet:
        return 0, False
    config, count_code = packet[0] >> 3, packet[0] & 3
    if config < 12:  # SILK
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:  # hybrid
        frame = (480, 960)[config & 1]
    else:  # CELT
        frame = (120, 240, 480, 960)[config & 3]
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[count_code]
    return frame * count, bool(packet[0] & 4)
