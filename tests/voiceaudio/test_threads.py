"""What FFmpeg makes for a stream of audio starts no thread: hundreds of them would sleep in a busy server."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.voiceaudio.signals import container, tone
from voiceaudio.containers import ContainerDecoder
from voiceaudio.opus import OpusDecoder, OpusEncoder
from voiceaudio.resample import Resampler
from voicewire.formats import Codec

TASKS = Path("/proc/self/task")
MANY = 10

pytestmark = pytest.mark.skipif(not TASKS.is_dir(), reason="only Linux lists a process's threads")


def threads() -> set[str]:
    return {task.name for task in TASKS.iterdir()}


def resampler() -> Resampler:
    made = Resampler(48_000, 16_000)
    made.resample(tone(0.02, 48_000).tobytes())
    return made


def encoder() -> OpusEncoder:
    made = OpusEncoder(48_000)
    made.encode(tone(0.02, 48_000).tobytes())
    return made


def decoder() -> OpusDecoder:
    made = OpusDecoder()
    made.decode(OpusEncoder(48_000).encode(tone(0.02, 48_000).tobytes())[0])
    return made


@pytest.mark.parametrize("make", [resampler, encoder, decoder])
def test_a_codec_has_no_thread_of_its_own(make: Callable[[], object]) -> None:
    before = threads()
    made = [make() for _ in range(MANY)]
    while_they_live = threads() - before
    del made
    assert (while_they_live, threads() - before) == (set(), set())


@pytest.mark.parametrize("codec", [Codec.WEBM_OPUS, Codec.MP4, Codec.OGG_OPUS])
def test_a_container_decoder_has_the_one_thread_that_it_says(codec: Codec) -> None:
    stream = container(codec, tone(1.0, 48_000), "aac" if codec is Codec.MP4 else "libopus")
    before = threads()
    decoded = threading.Event()
    decoder = ContainerDecoder(codec, 16_000, decoded.set)
    try:
        decoder.feed(stream)
        assert decoded.wait(5), "the decoder hangs"
        assert len(threads() - before) == 1
    finally:
        decoder.close()


def test_making_an_encoder_leaves_the_processors_of_its_thread_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_to: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, processors: kept_to.append(processors))
    OpusEncoder(48_000)
    assert kept_to == [{2}, {2, 5}]
