"""Is the instrument right? Calls to scripted engines whose delays are declared, and by how much each figure is off."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voicecli.calls.take import Take
from voicecli.fixtures.fixture import AudioCodec, Fixture, Kind, Session, Utterance, When
from voicecli.fixtures.microphone import RATE, Recording
from voicewire.formats import FRAME_MS, AudioFormat, Codec

QUIET_MS = 400
TONE_MS = 400
TAIL_MS = 200
OUTPUT = AudioFormat(Codec.PCM_S16LE, 24_000)
"""PCM at the rate of the scripted speech: no codec between what is declared and what is found."""

HANGOVER_MS = 200


class Delays(NamedTuple):
    """What is declared, in ms."""

    silence: int
    stt_final: int
    ttft: int
    ttfb: int

    @property
    def endpointing(self) -> int:
        """Silence and final transcript are waited for side by side."""
        return max(self.silence, HANGOVER_MS + self.stt_final)

    def expected(self) -> dict[str, float]:
        """Each latency as it must be reported; voice-to-voice is the sum of the parts on its path."""
        return {
            "endpointing_delay": self.endpointing,
            "stt_finalization": self.stt_final,
            "ttft": self.ttft,
            "tts_ttfb": self.ttfb,
            "voice_to_voice": self.endpointing + self.ttft + self.ttfb,
        }

    def settings(self) -> dict[str, str]:
        """The server's settings, as flags."""
        return {
            "vad": "scripted",
            "stt": f"scripted(text='calibrate', final={self.stt_final}ms)",
            "llm": f"scripted(text='Yes.', ttft={self.ttft}ms)",
            "tts": f"scripted(ttfb={self.ttfb}ms, char=20ms, rate={OUTPUT.rate})",
            "silence_ms": str(self.silence),
            "endpointing": "fixed",
            "speculation": "false",
            "hangover_ms": str(HANGOVER_MS),
        }


RUNS = (
    Delays(silence=300, stt_final=0, ttft=0, ttfb=0),
    Delays(silence=300, stt_final=50, ttft=120, ttfb=80),
    Delays(silence=250, stt_final=150, ttft=200, ttfb=40),
    Delays(silence=400, stt_final=250, ttft=40, ttfb=150),
    Delays(silence=600, stt_final=20, ttft=400, ttfb=150),
)
"""Silence decides in some, the final transcript in others."""


def script(turns: int) -> tuple[Fixture, Recording]:
    """A caller who says a tone, waits for the answer, and says it again."""
    turn_ms = QUIET_MS + TONE_MS + TAIL_MS
    utterances = tuple(
        Utterance(
            kind=Kind.SPEECH,
            text="calibrate",
            audio_ms=(number * turn_ms, (number + 1) * turn_ms),
            segments_ms=((number * turn_ms + QUIET_MS, number * turn_ms + QUIET_MS + TONE_MS),),
            when=When.AFTER_REPLY if number else When.START,
        )
        for number in range(turns)
    )
    fixture = Fixture(
        schema="voicecli.fixture/1",
        name="calibration",
        description="A tone, again and again.",
        made_with="voicecli",
        licence="none needed",
        session=Session(),
        utterances=utterances,
        folder=Path(),
        codec=AudioCodec.WAV,
        digest="",
    )
    return fixture, Recording(AudioFormat(Codec.PCM_S16LE, RATE), tuple(_frames()) * turns, RATE * FRAME_MS // 1000)


def _frames() -> Iterator[bytes]:
    size = RATE * FRAME_MS // 1000
    tone = (np.sin(np.arange(size) * 2 * np.pi * 440 / RATE + np.pi / 2) * 12_000).astype("<i2").tobytes()
    for start_ms in range(0, QUIET_MS + TONE_MS + TAIL_MS, FRAME_MS):
        yield tone if QUIET_MS <= start_ms < QUIET_MS + TONE_MS else bytes(2 * size)


class Errors(NamedTuple):
    """By how much one latency is off, in ms, over all turns; the reported minus the declared."""

    name: str
    raw_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.raw_ms)

    @property
    def p95_abs_ms(self) -> float:
        """Of the errors without their sign."""
        return float(np.percentile(np.abs(self.raw_ms), 95))

    @property
    def worst_ms(self) -> float:
        return max(self.raw_ms, key=abs)


def errors(takes: Sequence[tuple[Delays, Take]]) -> list[Errors]:
    """Per latency, over the turns of all takes. A latency that a turn lacks is a defect and raises KeyError."""
    raw: dict[str, list[float]] = {}
    for delays, take in takes:
        for turn in take.turns:
            measured = turn.document.latencies.known()
            for name, expected_ms in delays.expected().items():
                raw.setdefault(name, []).append(round(measured[f"{name}_ms"] - expected_ms, 3))
    return [Errors(name, tuple(values)) for name, values in raw.items()]
