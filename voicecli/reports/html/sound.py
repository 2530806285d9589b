"""The calls of a run as a page plays and draws them: stereo Opus in WebM, and the peaks of its waveform.

WebM, because Chromium, Firefox and Safari from 15 play it; Safari plays Ogg only from 18.4. At 48 kbit/s one channel is
heard in the other at -74 dB, and a call takes some 8 kB for each second.
"""

import fractions
import io
from collections.abc import Iterator, Sequence
from statistics import median_low
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from voicecli.calls.callaudio import RATE, whole
from voicecli.calls.take import Take
from voicecli.figures.run import CallRun

BIT_RATE = 48_000
PACKET_SAMPLES = 960
PEAK_MS = 5
"""What one peak stands for."""
CALLS_OF_FIXTURE = 5
"""At most, with audio."""

MB = 1_000_000


class CallSound(NamedTuple):
    webm: bytes
    peaks: bytes
    """The loudest sample of each PEAK_MS, from 0 to 255: the caller's, then those of the replies."""
    duration_ms: float


class Kept(NamedTuple):
    """What of the takes of a run can be heard."""

    sounds: dict[int, CallSound]
    """By the place of the take."""
    left_out: int
    """Takes that would have been kept, had there been room."""


def call_sound(stereo: NDArray[np.int16]) -> CallSound:
    """Of samples of shape (n, 2) at 48 kHz. The same samples give the same bytes."""
    return CallSound(_webm(stereo), _peaks(stereo), round(len(stereo) * 1000 / RATE, 3))


def kept(takes: Sequence[Take], most_bytes: int) -> Kept:
    """The sound of a few calls of each fixture, as long as all together take `most_bytes` or less.

    Of every fixture the typical call comes first, then the slowest, then those that failed, then others.
    Raises WavError.
    """
    by_fixture: dict[str, list[int]] = {}
    for at, take in enumerate(takes):
        by_fixture.setdefault(take.fixture.name, []).append(at)
    ranked = []
    for places in by_fixture.values():
        order = by_interest([takes[at].document for at in places])[:CALLS_OF_FIXTURE]
        ranked += [(rank, places[number]) for rank, number in enumerate(order)]
    sounds: dict[int, CallSound] = {}
    left_bytes, left_out = most_bytes, 0
    for _, at in sorted(ranked):
        seconds = takes[at].record.pacing.frames * 0.02
        if left_bytes < seconds * BIT_RATE / 16:  # not worth the work: the caller alone takes half of it
            left_out += 1
            continue
        sound = call_sound(whole(takes[at].fixture, takes[at].record))
        if len(sound.webm) > left_bytes:
            left_out += 1
            continue
        left_bytes -= len(sound.webm)
        sounds[at] = sound
    return Kept(dict(sorted(sounds.items())), left_out)


def by_interest(calls: Sequence[CallRun]) -> list[int]:
    """The calls with one fixture, by number from 0: the typical one, the slowest, those that failed, the others."""
    first = [number for number in (typical(calls), slowest(calls)) if number is not None]
    failed = [number for number, call in enumerate(calls) if call.failures]
    return list(dict.fromkeys([*first, *failed, *range(len(calls))]))


def typical(calls: Sequence[CallRun]) -> int | None:
    """The call in the middle by voice-to-voice, a reliable one where there is one; None of no calls."""
    ranked = _ranked(calls)
    return ranked[median_low(range(len(ranked)))] if ranked else None


def slowest(calls: Sequence[CallRun]) -> int | None:
    ranked = _ranked(calls)
    return ranked[-1] if ranked else None


def _ranked(calls: Sequence[CallRun]) -> list[int]:
    reliable = [number for number, call in enumerate(calls) if call.reliable]
    return sorted(reliable or range(len(calls)), key=lambda number: _voice_to_voice_ms(calls[number]))


def _voice_to_voice_ms(call: CallRun) -> float:
    return sum(turn.counted_ms().get("voice_to_voice_ms", 0.0) for turn in call.turns)


def _peaks(stereo: NDArray[np.int16]) -> bytes:
    samples = RATE * PEAK_MS // 1000
    padded = np.zeros((-(-len(stereo) // samples) * samples, 2), np.int32)
    padded[: len(stereo)] = np.abs(stereo.astype(np.int32))
    loudest = padded.reshape(-1, samples, 2).max(axis=1)
    peaks: NDArray[np.uint8] = (loudest * 255 // 32_768).astype(np.uint8)
    return peaks.T.tobytes()


def _webm(stereo: NDArray[np.int16]) -> bytes:
    out = io.BytesIO()
    # Otherwise the muxer draws random numbers and writes its version.
    with av.open(out, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=RATE, layout="stereo", options={"frame_duration": "20"})
        stream.bit_rate = BIT_RATE
        stream.format = "s16"
        for frame in _frames(stereo):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _frames(stereo: NDArray[np.int16]) -> Iterator[av.AudioFrame]:
    # A call in which nothing sounded still is a file that plays.
    samples = stereo if len(stereo) else np.zeros((PACKET_SAMPLES, 2), np.int16)
    for start in range(0, len(samples), PACKET_SAMPLES):
        piece = np.ascontiguousarray(samples[start : start + PACKET_SAMPLES]).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, "s16", "stereo")
        frame.sample_rate = RATE
        frame.time_base = fractions.Fraction(1, RATE)
        frame.pts = start
        yield frame
