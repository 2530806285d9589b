import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from voicecli.calls.virtualtime import VirtualLoop, run_virtual
from voicecli.sound.errors import SoundError
from voicecli.sound.files import FRAME_NS, FileMicrophone, FileSpeaker
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_MS, SystemClock


def ramp(count: int) -> NDArray[np.int16]:
    return (np.arange(count) % 30_000 - 15_000).astype(np.int16)


def tone(rate: int, count: int) -> NDArray[np.int16]:
    return (8_000 * np.sin(np.arange(count) * 2 * np.pi * 440 / rate)).astype(np.int16)


def spoken(path: Path, *, tail_s: float | None = 0, frames: int = 10_000) -> list[tuple[Captured, int]]:
    """What the microphone gave, and when."""
    loop = VirtualLoop()

    async def listen() -> list[tuple[Captured, int]]:
        heard: list[tuple[Captured, int]] = []
        async for captured in FileMicrophone(path, loop, tail_s=tail_s).frames():
            heard.append((captured, loop.now_ns()))
            if len(heard) == frames:
                break
        return heard

    return run_virtual(listen(), loop)


def test_a_file_is_spoken_in_real_time_sample_by_sample(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(FRAME_SAMPLES * 2 + 100), RATE)
    heard = spoken(tmp_path / "a.wav")
    whole = ramp(FRAME_SAMPLES * 2 + 100).tobytes() + bytes(2 * (FRAME_SAMPLES - 100))
    assert b"".join(captured.pcm for captured, _ in heard) == whole
    assert [(captured.captured_ns, captured.lost_samples, at_ns) for captured, at_ns in heard] == [
        (index * FRAME_NS, 0, (index + 1) * FRAME_NS) for index in range(3)
    ]


def test_deadlines_do_not_drift_however_late_the_listener_is(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(FRAME_SAMPLES * 5), RATE)
    loop = VirtualLoop()

    async def listen() -> list[tuple[int, int]]:
        heard = []
        async for captured in FileMicrophone(tmp_path / "a.wav", loop, tail_s=0).frames():
            heard.append((captured.captured_ns // NS_PER_MS, loop.now_ns() // NS_PER_MS))
            await asyncio.sleep(0.05 if len(heard) == 1 else 0)
        return heard

    assert run_virtual(listen(), loop) == [(0, 20), (20, 70), (40, 70), (60, 80), (80, 100)]


def test_silence_follows_for_the_tail_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(FRAME_SAMPLES), RATE)
    heard = spoken(tmp_path / "a.wav", tail_s=0.1)
    assert [any(captured.pcm) for captured, _ in heard] == [True] + [False] * 5


def test_silence_follows_without_end_unless_a_tail_is_asked_for(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(FRAME_SAMPLES), RATE)
    assert len(spoken(tmp_path / "a.wav", tail_s=None, frames=500)) == 500


def test_a_microphone_knows_when_its_file_is_over(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(FRAME_SAMPLES * 2), RATE)
    loop = VirtualLoop()
    microphone = FileMicrophone(tmp_path / "a.wav", loop, tail_s=0.02)

    async def listen() -> list[bool]:
        return [microphone.is_over async for _ in microphone.frames()]

    assert run_virtual(listen(), loop) == [False, False, True]


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
def test_another_rate_is_converted(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(rate, rate // 2), rate)
    pcm = np.frombuffer(b"".join(captured.pcm for captured, _ in spoken(tmp_path / "a.wav")), np.int16)
    assert len(pcm) == RATE // 2
    middle = slice(480, RATE // 2 - 480)
    assert np.abs(pcm[middle].astype(int) - tone(RATE, RATE // 2)[middle]).max() < 200


def test_channels_are_mixed(tmp_path: Path) -> None:
    both = np.column_stack([np.full(960, 1000), np.full(960, 3000)]).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", both, RATE)
    assert spoken(tmp_path / "a.wav")[0][0].pcm == np.full(960, 2000, np.int16).tobytes()


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_24"])
def test_another_sample_format_is_scaled_to_16_bits(tmp_path: Path, subtype: str) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(960) / 32_768, RATE, subtype=subtype)
    assert spoken(tmp_path / "a.wav")[0][0].pcm == ramp(960).tobytes()


def test_what_is_no_number_in_a_float_file_is_silence(tmp_path: Path) -> None:
    samples = np.array([0.5, np.nan, np.inf, -np.inf], np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    [(captured, _)] = spoken(tmp_path / "a.wav")
    assert np.frombuffer(captured.pcm, np.int16)[:4].tolist() == [16_384, 0, 32_767, -32_768]


def test_ogg_opus_is_spoken_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.opus", tone(RATE, RATE // 2), RATE, format="OGG", subtype="OPUS")
    pcm = np.frombuffer(b"".join(captured.pcm for captured, _ in spoken(tmp_path / "a.opus")), np.int16)
    assert np.corrcoef(pcm[4800:19_200], tone(RATE, RATE // 2)[4800:19_200])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "{path}: there is no such file; name one that holds speech"),
        (b"text", "{path} cannot be read as sound (format not recognised); convert it to WAV"),
    ],
)
def test_a_file_that_is_no_sound_is_told_in_a_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "a.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SoundError) as raised:
        FileMicrophone(path, SystemClock())
    assert str(raised.value) == sentence.format(path=path)


def recorded(path: Path) -> NDArray[np.int16]:
    samples, rate = soundfile.read(path, dtype="int16")
    assert rate == RATE
    return np.asarray(samples, np.int16)


def test_the_output_is_what_would_have_been_heard_silence_included(tmp_path: Path) -> None:
    loop = VirtualLoop()
    speaker = FileSpeaker(tmp_path / "out.wav", loop)

    async def converse() -> None:
        async with asyncio.timeout(0.2), asyncio.TaskGroup() as group:
            group.create_task(speaker.run())
            await asyncio.sleep(0.05)
            speaker.queue.received(1, 0, ramp(FRAME_SAMPLES * 2).tobytes(), loop.now_ns())

    with pytest.raises(TimeoutError):
        run_virtual(converse(), loop)
    heard = recorded(tmp_path / "out.wav")
    reply = speaker.queue.reply(1)
    assert reply is not None
    assert (reply.play_ns, reply.heard_until_ns, speaker.latency_ns) == (60 * NS_PER_MS, 100 * NS_PER_MS, 0)
    assert not heard[: 3 * FRAME_SAMPLES].any()
    assert heard[3 * FRAME_SAMPLES : 5 * FRAME_SAMPLES].tolist() == ramp(FRAME_SAMPLES * 2).tolist()
    assert not heard[5 * FRAME_SAMPLES :].any()
    assert len(heard) >= 10 * FRAME_SAMPLES
    assert speaker.played() == heard.tobytes()


def test_an_output_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    loop = VirtualLoop()
    with pytest.raises(SoundError) as raised:
        run_virtual(FileSpeaker(tmp_path / "no" / "out.wav", loop).run(), loop)
    assert str(raised.value) == f"{tmp_path}/no/out.wav cannot be written: No such file or directory"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_in_a_sentence() -> None:
    loop = VirtualLoop()
    with pytest.raises(SoundError, match=r"^/dev/full cannot be written: No space left on device$"):
        run_virtual(FileSpeaker(Path("/dev/full"), loop).run(), loop)


def test_the_output_can_be_read_at_any_time_to_200_ms_before(tmp_path: Path) -> None:
    loop = VirtualLoop()
    speaker = FileSpeaker(tmp_path / "out.wav", loop)
    behind_ms = []

    async def read() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(speaker.run())
            for played_ms in range(10, 1000, 20):
                await asyncio.sleep(played_ms / 1000 - loop.time())
                behind_ms.append(played_ms - len(recorded(tmp_path / "out.wav")) * 1000 // RATE)
            running.cancel()

    run_virtual(read(), loop)
    assert max(behind_ms) < 200
    assert len(recorded(tmp_path / "out.wav")) == 50 * FRAME_SAMPLES


SPEAKS = """
import asyncio, sys
from pathlib import Path
from voicecli.sound.files import FileSpeaker
from voicewire.clock import SystemClock

class Quick(SystemClock):
    def now_ns(self):
        return super().now_ns() * 50

speaker = FileSpeaker(Path(sys.argv[1]), Quick())
asyncio.run(speaker.run())
"""


def test_the_output_of_a_process_that_was_killed_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    process = subprocess.Popen([sys.executable, "-c", SPEAKS, str(path)], env={**os.environ, "PYTHONPATH": ".:server"})
    while process.poll() is None and not (path.exists() and path.stat().st_size > 100_000):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    heard = recorded(path)
    # Between the audio and the header that speaks of it, exactly a block is missing.
    assert 0 <= path.stat().st_size - 44 - 2 * len(heard) <= 2 * 10 * FRAME_SAMPLES
    assert len(heard) >= 40_000
