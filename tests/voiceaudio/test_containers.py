import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.voiceaudio.signals import container, tone
from voiceaudio.containers import (
    MAX_DECODED_SECONDS,
    MAX_SILENT_BYTES,
    MAX_WAITING_BYTES,
    ContainerDecoder,
    Decoded,
    Flushed,
    begins_stream,
)
from voiceaudio.errors import AudioOverflow
from voiceaudio.level import rms_dbfs
from voicewire.formats import Codec

CONTAINERS = [Codec.WEBM_OPUS, Codec.MP4, Codec.OGG_OPUS]
AUDIO = tone(1.0, 48_000)
STREAMS = {codec: container(codec, AUDIO) for codec in CONTAINERS}
CLUSTER = bytes.fromhex("1f43b675")
SWALLOWING = bytes.fromhex("ec10100000")
"""Announces 1 MB to be passed over: FFmpeg swallows all that comes."""


class Tap:
    """A decoder, and what came out of it."""

    def __init__(self, codec: Codec) -> None:
        self._woken = threading.Event()
        self.decoder = ContainerDecoder(codec, 16_000, self._woken.set)

    def take(self) -> list[Decoded]:
        """All that comes of what was fed."""
        taken: list[Decoded] = []
        flushed = Flushed(self.decoder.flush())
        while flushed not in taken:
            assert self._woken.wait(5), "the decoder hangs"
            self._woken.clear()
            taken += self.decoder.take()
        return [item for item in taken if not isinstance(item, Flushed)]

    def feed(self, data: bytes, size: int = 500) -> list[Decoded]:
        for at in range(0, len(data), size):
            self.decoder.feed(data[at : at + size])
        return self.take()


@contextmanager
def tapped(codec: Codec) -> Iterator[Tap]:
    tap = Tap(codec)
    try:
        yield tap
    finally:
        tap.decoder.close()
    assert threading.active_count() == 1


def pcm(items: list[Decoded]) -> bytes:
    assert all(isinstance(item, bytes) for item in items), items
    return b"".join(item for item in items if isinstance(item, bytes))


def errors(items: list[Decoded]) -> list[str]:
    return [str(item) for item in items if isinstance(item, Exception)]


@pytest.mark.parametrize("codec", CONTAINERS)
@pytest.mark.parametrize("size", [100, 997, 1 << 20])
def test_a_stream_in_pieces_becomes_pcm_at_the_rate_asked_for(codec: Codec, size: int) -> None:
    with tapped(codec) as tap:
        decoded = pcm(tap.feed(STREAMS[codec], size))
    # What is missing or more: pre-skip, the resampler's tail, and the padding of the last packet.
    assert abs(len(decoded) // 2 - 16_000) <= 16 * 27
    assert rms_dbfs(decoded) == pytest.approx(rms_dbfs(AUDIO.tobytes()), abs=0.5)


def test_aac_in_mp4_is_decoded_too() -> None:
    with tapped(Codec.MP4) as tap:
        assert abs(len(pcm(tap.feed(container(Codec.MP4, AUDIO, "aac")))) // 2 - 16_000) < 1_500


@pytest.mark.parametrize("codec", CONTAINERS)
def test_audio_comes_out_while_the_stream_goes_on(codec: Codec) -> None:
    with tapped(codec) as tap:
        half = len(STREAMS[codec]) // 2
        first = pcm(tap.feed(STREAMS[codec][:half]))
        assert len(first) // 2 > 6_000
        assert len(first + pcm(tap.feed(STREAMS[codec][half:]))) // 2 > 15_500


@pytest.mark.parametrize("codec", CONTAINERS)
def test_a_new_stream_may_follow_the_first(codec: Codec) -> None:
    with tapped(codec) as tap:
        first = len(pcm(tap.feed(STREAMS[codec]))) // 2
        assert abs(len(pcm(tap.feed(STREAMS[codec]))) // 2 - first) < 500


@pytest.mark.parametrize("codec", CONTAINERS)
def test_bytes_outside_of_a_stream_give_one_error_and_a_new_stream_decodes(codec: Codec) -> None:
    with tapped(codec) as tap:
        assert errors(tap.feed(b'{"type": "surprise"}' * 100)) == [
            f"these bytes belong to no {codec.value} stream; start a new one"
        ]
        assert tap.feed(b"more of it") == []
        assert len(pcm(tap.feed(STREAMS[codec]))) // 2 > 15_500


@pytest.mark.parametrize("codec", CONTAINERS)
def test_a_stream_that_is_noise_after_its_beginning_gives_one_error(codec: Codec) -> None:
    with tapped(codec) as tap:
        items = tap.feed(STREAMS[codec][:60] + bytes(range(256)) * 1_000, 1000)
        assert len(errors(items)) == 1
        assert len(pcm(tap.feed(STREAMS[codec]))) // 2 > 15_500


def test_bytes_without_audio_are_noticed_within_the_bound() -> None:
    with tapped(Codec.WEBM_OPUS) as tap:
        stream = STREAMS[Codec.WEBM_OPUS]
        assert pcm(tap.feed(stream[: stream.rindex(CLUSTER)]))
        assert tap.feed(SWALLOWING + bytes(MAX_SILENT_BYTES - 1_000)) == []
        (error,) = errors(tap.feed(bytes(2_000)))
        assert "held no audio; start a new one" in error
        assert len(pcm(tap.feed(STREAMS[Codec.WEBM_OPUS]))) // 2 > 15_500


@pytest.mark.parametrize("codec", CONTAINERS)
@pytest.mark.parametrize("fed", [0, 4, 50, 3_000])
def test_closing_ends_the_thread_wherever_it_waits(codec: Codec, fed: int) -> None:
    with tapped(codec) as tap:
        tap.decoder.feed(STREAMS[codec][:fed])


def test_closing_twice_is_legal() -> None:
    with tapped(Codec.MP4) as tap:
        tap.decoder.close()


def test_closing_ends_a_thread_that_waits_to_be_rid_of_its_audio() -> None:
    stream = container(Codec.WEBM_OPUS, tone(MAX_DECODED_SECONDS + 5, 48_000))
    with tapped(Codec.WEBM_OPUS) as tap:
        tap.decoder.feed(stream)


def test_audio_that_nobody_takes_holds_the_decoder_and_is_not_lost() -> None:
    seconds = MAX_DECODED_SECONDS + 5
    with tapped(Codec.WEBM_OPUS) as tap:
        decoded = pcm(tap.feed(container(Codec.WEBM_OPUS, tone(seconds, 48_000)), 1 << 20))
        assert abs(len(decoded) // 2 - seconds * 16_000) <= 16 * 27


def test_more_than_fits_is_refused() -> None:
    with tapped(Codec.WEBM_OPUS) as tap:
        with pytest.raises(AudioOverflow, match="slow down"):
            tap.decoder.feed(bytes(MAX_WAITING_BYTES + 1))
        assert len(pcm(tap.feed(STREAMS[Codec.WEBM_OPUS]))) // 2 > 15_500


@pytest.mark.parametrize("codec", CONTAINERS)
def test_a_stream_is_known_by_its_first_8_bytes(codec: Codec) -> None:
    stream = STREAMS[codec]
    assert begins_stream(codec, stream[:8])
    assert not any(begins_stream(codec, stream[at : at + 8]) for at in range(1, len(stream)))
