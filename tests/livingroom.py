"""A living room by formula, from loudspeaker to microphone, and the server's hearing behind it; faster than time."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from voiceaudio.pcm import samples_of
from voiceaudio.resample import Resampler
from voicecli.sound.echo import EchoGuard
from voicecli.sound.roles import FRAME_SAMPLES, RATE
from voiceserver.ear import Ear, EarSettings, SpeechClosed, SpeechOpened
from voiceserver.engines.espeak import EspeakTts
from voiceserver.engines.silero import SileroVad
from voiceserver.turn import TurnMachine, TurnSettings
from voiceserver.turn_events import AudioHeard, CancelReply, Event, SpeechStarted, SpeechStopped, TextEntered
from voicewire.clock import NS_PER_S
from voicewire.messages import CancelReason

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]


class Room(NamedTuple):
    """The way from the loudspeaker's samples to the microphone's."""

    delay_ms: float = 80.0
    """Of the devices and the air."""
    level_db: float = -10.0
    """Of the echo, against what is played."""
    ring_ms: float = 300.0
    """How long the walls take to ring down by 60 dB."""
    direct_db: float = 0.0
    """Of the direct sound, against all that comes from the walls: some 6 in a laptop, 0 at arm's length."""
    noise_dbfs: float = -60.0
    drift_ppm: float = 0.0
    """By how much the microphone's clock is slower than the loudspeaker's."""
    overdrive: float = 0.0
    """How far the loudspeaker is driven into its limits; 0 is linear."""
    seed: int = 0

    def echo(self, played: Samples) -> Floats:
        """What of it is in the microphone: the direct sound and a dense decay."""
        random = np.random.default_rng(self.seed)
        wave = played.astype(np.float64)
        if self.overdrive:
            wave = np.tanh(wave / 32768 * self.overdrive) * 32768 / self.overdrive
        ring = round(self.ring_ms * RATE / 1000)
        response = random.standard_normal(ring) * 10 ** (-3 * np.arange(ring) / ring)
        response[0] = np.sqrt(np.sum(response[1:] ** 2)) * 10 ** (self.direct_db / 20)
        size = 1 << (len(wave) + ring).bit_length()
        heard = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(response, size), size)
        at = np.arange(len(wave)) * (1 + self.drift_ppm * 1e-6) - self.delay_ms * RATE / 1000
        heard = np.interp(at, np.arange(len(heard)), heard, left=0.0)
        power = np.mean(heard**2)
        gain = np.sqrt(np.mean(wave**2) / power) if power else 0.0
        return np.asarray(heard * gain * 10 ** (self.level_db / 20), np.float64)

    def noise(self, samples: int) -> Floats:
        noise: Floats = np.random.default_rng(self.seed + 1).standard_normal(samples) * 32768
        return noise * 10 ** (self.noise_dbfs / 20)


def frames(
    played: Samples, captured: Floats, *, block: int = FRAME_SAMPLES, drift_ppm: float = 0.0
) -> Iterator[tuple[bytes, bytes]]:
    """Frames of the microphone, each with the blocks that the output callback had played since the one before."""
    recorded = captured.clip(-32768, 32767).astype(np.int16)
    given = 0
    for at in range(0, len(recorded) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
        due = int((at + FRAME_SAMPLES) * (1 + drift_ppm * 1e-6)) // block * block
        yield recorded[at : at + FRAME_SAMPLES].tobytes(), played[given:due].tobytes()
        given = max(given, due)


def through(guard: EchoGuard, played: Samples, captured: Floats, room: Room) -> Samples:
    """What the server would be sent."""
    pieces = [guard.hear(pcm, far) for pcm, far in frames(played, captured, drift_ppm=room.drift_ppm)]
    return samples_of(b"".join(pieces))


class Server:
    """The server's VAD, its segments and its turn machine, while a reply is being given; no socket, no clock."""

    def __init__(self, vad: SileroVad) -> None:
        settings = EarSettings(is_gated=not vad.hears_silence, end_lag_ms=vad.end_lag_ms)
        self._ear = Ear(vad.detector(), sample_rate=vad.sample_rate, frame_samples=vad.frame_samples, settings=settings)
        self._rate = vad.sample_rate
        self._resampler = Resampler(RATE, vad.sample_rate)
        self._machine = TurnMachine(TurnSettings())
        self._machine.step(TextEntered("tell me a long story"), 0)
        self._heard = 0
        self.segments = 0
        self.interrupted_ms: float | None = None
        """Where in the microphone's audio it took what it heard for the user's interruption."""

    def hear(self, pcm: bytes) -> None:
        audio = self._resampler.resample(pcm)
        self._heard += len(audio) // 2
        for event in self._ear.hear(audio):
            match event:
                case SpeechOpened(start_sample=start):
                    self.segments += 1
                    self._step(SpeechStarted(self._ns(start)))
                case SpeechClosed(last_speech_sample=last):
                    self._step(SpeechStopped(self._ns(last)))
        last_speech = self._ear.last_speech_sample
        self._step(AudioHeard(self._ns(self._heard), None if last_speech is None else self._ns(last_speech)))

    def _step(self, event: Event) -> None:
        for effect in self._machine.step(event, self._ns(self._heard)):
            if isinstance(effect, CancelReply) and effect.reason is CancelReason.BARGE_IN:
                self.interrupted_ms = self._heard * 1000 / self._rate

    def _ns(self, sample: int) -> int:
        return sample * NS_PER_S // self._rate


def interruption(
    guard: EchoGuard, vad: SileroVad, answer: Samples, room: Room, user: Samples | None = None, user_ms: float = 0
) -> Server:
    """The server after an answer was played to its end, or to what it took for an interruption.

    `user` is what somebody says from `user_ms` on.
    """
    captured = room.echo(answer) + room.noise(len(answer))
    if user is not None:
        start = round(user_ms * RATE / 1000)
        captured[start : start + len(user)] += user[: len(captured) - start]
    server = Server(vad)
    for pcm, far in frames(answer, captured, drift_ppm=room.drift_ppm):
        server.hear(guard.hear(pcm, far))
        if server.interrupted_ms is not None:
            break
    return server


def speak(texts: Sequence[str]) -> list[Samples]:
    """The texts spoken by espeak, at RATE."""
    return asyncio.run(_speak(texts))


async def _speak(texts: Sequence[str]) -> list[Samples]:
    espeak = EspeakTts(EspeakTts.Settings(workers=1))
    await espeak.start()
    try:
        spoken = []
        for text in texts:
            resampler = Resampler(espeak.sample_rate, RATE)
            pieces = [resampler.resample(each.audio) async for each in espeak.synthesize(text, voice=None, locale="en")]
            spoken.append(samples_of(b"".join([*pieces, resampler.flush()])))
        return spoken
    finally:
        await espeak.close()


def silero() -> SileroVad:
    vad = SileroVad(SileroVad.Settings())
    asyncio.run(vad.start())
    return vad
