"""Makes what a recipe asks for audible: flite and espeak-ng speak, numpy makes noise. The same each time."""

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.callers.recipe import Cough, Echo, Keys, Noise, Part, Recipe, Say, Slam, Utterance
from voiceaudio.pcm import samples_of
from voiceaudio.resample import Resampler
from voicecli.fixtures import wavfile
from voicecli.fixtures.segments import SOUND_DBFS
from voiceserver.engines.espeak import EspeakTts

RATE = 16_000
REGION_STEP_MS = 20
TAIL_MS = 500
PEAK_DBFS = -6.0
TRIM_DBFS = -35.0
"""flite puts near-silence around what it says (kal16: a hum at -40): windows of 5 ms below this are cut off there."""
TRIM_WINDOW = RATE * 5 // 1000
LOUDSPEAKER_HZ = (300, 3800)
"""What a small one plays of a voice."""
ROOM = ((0.0, 1.0), (7.0, 0.45), (19.0, 0.25))
"""After how many ms the sound arrives at the microphone again, and how loud."""

THROAT = ((650.0, 90.0, 1.0), (1150.0, 110.0, 0.5), (2450.0, 160.0, 0.2))
"""Resonances of an open mouth: Hz, width, and how strong."""

Samples = NDArray[np.int16]
Wave = NDArray[np.float64]


class MakeError(Exception):
    pass


class Voices:
    """All that can be heard of a recipe's parts."""

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise MakeError("flite is missing; install it (Debian, Ubuntu: apt-get install flite)")
        self._program = program
        banner = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"flite-(\d+\.\d+)", banner)
        self.version = f"flite {found[1]}" if found else "flite"
        self._kept: dict[Part, Samples] = {}

    def heard(self, part: Part) -> Samples:
        """From its first audible sample to its last."""
        if part not in self._kept:
            self._kept[part] = self._made(part)
        return self._kept[part]

    def _made(self, part: Part) -> Samples:
        match part:
            case Say():
                return _trimmed(_at_peak(self._said(part).astype(np.float64), PEAK_DBFS), TRIM_DBFS)
            case Echo(what, gain_db):
                return _trimmed(_at_peak(_through_room(_espeak(what)), PEAK_DBFS + gain_db), SOUND_DBFS)
            case Cough():
                return _trimmed(_at_peak(_cough(part), -9.0), SOUND_DBFS)
            case Slam(seed):
                return _trimmed(_at_peak(_slam(seed), -6.0), SOUND_DBFS)
            case Keys():
                return _trimmed(_at_peak(_keys(part), -18.0), SOUND_DBFS)

    def _said(self, say: Say) -> Samples:
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "said.wav"
            options = ["--setf", f"duration_stretch={say.stretch}"] if say.stretch != 1.0 else []
            options += ["--setf", f"int_f0_target_mean={say.pitch_hz}"] if say.pitch_hz else []
            what = ["-p" if say.phones else "-t", say.what]
            command = [self._program, "-voice", say.voice, *options, *what, "-o", str(wav)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or not wav.exists() or wav.stat().st_size == 0:
                raise MakeError(f'flite cannot say "{say.what}" with voice {say.voice}: {done.stderr.strip()}')
            samples, rate = wavfile.read(wav)
        if rate != RATE:
            raise MakeError(f"voice {say.voice} speaks at {rate} Hz; choose one of {RATE} Hz")
        return samples


def _at_peak(wave: Wave, dbfs: float) -> Samples:
    return np.rint(wave * (_amplitude(dbfs) / float(np.abs(wave).max()))).astype(np.int16)


def _trimmed(samples: Samples, dbfs: float) -> Samples:
    """From the first window louder than this to the last."""
    windows = samples[: len(samples) // TRIM_WINDOW * TRIM_WINDOW].reshape(-1, TRIM_WINDOW).astype(np.float64)
    audible = np.flatnonzero(np.sqrt(np.mean(windows**2, axis=1)) > _amplitude(dbfs))
    return samples[audible[0] * TRIM_WINDOW : (audible[-1] + 1) * TRIM_WINDOW]


# --- the server's own voice


@cache
def _espeak(text: str) -> Wave:
    async def spoken() -> bytes:
        tts = EspeakTts(EspeakTts.Settings(workers=1))
        await tts.start()
        try:
            return b"".join([piece.audio async for piece in tts.synthesize(text, voice=None, locale="en-US")])
        finally:
            await tts.close()

    resampler = Resampler(EspeakTts.sample_rate, RATE)
    return samples_of(resampler.resample(asyncio.run(spoken())) + resampler.flush()).astype(np.float64)


def _through_room(wave: Wave) -> Wave:
    heard = np.zeros(len(wave) + _samples(ROOM[-1][0]))
    for after_ms, gain in ROOM:
        at = _samples(after_ms)
        heard[at : at + len(wave)] += gain * wave
    return _band(heard, *LOUDSPEAKER_HZ)


# --- noises


def _cough(cough: Cough) -> Wave:
    """Each burst: the glottis opens with a bang, breath follows, and the voice where there is one."""
    bursts = []
    for burst in range(cough.bursts):
        length = _samples(cough.length_ms - 60 * burst)
        at_ms = np.arange(length) * 1000 / RATE
        breath = _band(_white(cough.seed + burst, length), 400, 5000)
        bang = np.minimum(at_ms / 4, 1) * np.exp(-at_ms / 45)
        tail = np.minimum(at_ms / 30, 1) * np.exp(-at_ms / cough.length_ms * 2) * 0.6
        voice = _throat(length, 170 - 20 * burst)
        voice *= _loudness(breath) / _loudness(voice)
        bursts.append((breath * (1 - cough.voiced) + voice * cough.voiced) * (bang + tail) * 0.8**burst)
        bursts.append(np.zeros(_samples(90)))
    return np.concatenate(bursts)


def _throat(length: int, hz: float) -> Wave:
    """A voice that falls by a third of its pitch, through an open mouth."""
    phase = np.cumsum(hz * (1 - np.arange(length) / length / 3)) / RATE
    pulses = np.diff(np.floor(phase), prepend=0.0)
    spectrum = np.fft.rfft(pulses)
    at_hz = np.fft.rfftfreq(length, 1 / RATE)
    mouth = np.zeros(len(at_hz))
    for formant_hz, width_hz, gain in THROAT:
        mouth += gain / (1 + ((at_hz - formant_hz) / width_hz) ** 2)
    return np.fft.irfft(spectrum * mouth, length)


def _slam(seed: int) -> Wave:
    """A bang of the latch, and the panel that it shakes."""
    length = _samples(600)
    at_ms = np.arange(length) * 1000 / RATE
    panel = _band(_white(seed, length), 40, 220) * np.exp(-at_ms / 120)
    latch = _band(_white(seed + 1, length), 300, 3000) * np.exp(-at_ms / 15)
    return panel / _loudness(panel) + 0.5 * latch / _loudness(latch)


def _keys(keys: Keys) -> Wave:
    """A click going down, and a softer one coming up, eight times a second or so."""
    gaps = np.random.PCG64(keys.seed).random_raw(keys.presses)
    starts = np.cumsum([_samples(90 + int(gap >> np.uint64(57))) for gap in gaps])
    wave = np.zeros(int(starts[-1]) + _samples(200))
    for number, start in enumerate(starts.tolist()):
        for after_ms, gain in ((0, 1.0), (70, 0.4)):
            click = _band(_white(keys.seed + number, _samples(30)), 1500, 6000)
            click *= np.exp(-np.arange(len(click)) * 1000 / RATE / 3)
            at = start + _samples(after_ms)
            wave[at : at + len(click)] += gain * click
    return wave


def _band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    """What lies between two frequencies."""
    padded = len(wave) + RATE // 10
    spectrum = np.fft.rfft(wave, padded)
    hz = np.fft.rfftfreq(padded, 1 / RATE)
    spectrum *= 1 / np.sqrt(1 + (low_hz / np.maximum(hz, 1)) ** 4) / np.sqrt(1 + (hz / high_hz) ** 8)
    return np.fft.irfft(spectrum, padded)[: len(wave)]


def _white(seed: int, length: int) -> Wave:
    """In integers from the raw bits of the generator, which numpy promises never to change."""
    bits = np.random.PCG64(seed).random_raw(length)
    return ((bits >> np.uint64(48)).astype(np.int64) - 2**15).astype(np.float64)


def _loudness(wave: Wave) -> float:
    return float(np.sqrt(np.mean(wave**2)))


# --- a whole fixture


class Region(NamedTuple):
    samples: Samples
    segments: tuple[tuple[int, int], ...]
    """Onset and end of each part, in samples from the start of the region."""


def region(utterance: Utterance, voices: Voices) -> Region:
    if not utterance.parts:
        return Region(_silence(utterance.length_ms), ())
    pieces = [_silence(utterance.lead_ms)]
    segments = []
    position = len(pieces[0])
    for number, part in enumerate(utterance.parts):
        if number:
            pauses = utterance.pauses_ms
            pieces.append(_silence(pauses[number - 1] if len(pauses) > 1 else pauses[0]))
            position += len(pieces[-1])
        pieces.append(voices.heard(part))
        segments.append((position, position + len(pieces[-1])))
        position = segments[-1][1]
    pieces.append(_silence(TAIL_MS))
    step = RATE * REGION_STEP_MS // 1000
    pieces.append(np.zeros(-(position + len(pieces[-1])) % step, np.int16))
    return Region(np.concatenate(pieces), tuple(segments))


def with_noise(noise: Noise, clean: Samples, segments: list[tuple[int, int]]) -> Samples:
    shape = _noise(noise, len(clean))
    if noise.snr_db is not None:
        speech = np.concatenate([clean[start:end] for start, end in segments])
        over = np.concatenate([shape[start:end] for start, end in segments])
        level = _rms(speech) * 10 ** (-noise.snr_db / 20) / _rms(over)
    else:
        assert noise.level_dbfs is not None
        level = _amplitude(noise.level_dbfs) / _rms(shape)
    return np.rint(clean + shape * level).astype(np.int16)


def makers(recipe: Recipe, voices: Voices) -> Iterator[str]:
    """Who can be heard in it, for people."""
    parts = [part for utterance in recipe.utterances for part in utterance.parts]
    if spoken := sorted({_voice(part) for part in parts if isinstance(part, Say)}):
        yield f"{voices.version}, voice {', '.join(spoken)}"
    if any(isinstance(part, Echo) for part in parts):
        yield "espeak-ng, voice en-us"
    seeds: Iterable[int] = [part.seed for part in parts if isinstance(part, Cough | Slam | Keys)]
    if recipe.noise:
        seeds = [*seeds, recipe.noise.seed]
    if seeds := sorted(set(seeds)):
        yield f"numpy noise, seed {', '.join(map(str, seeds))}"


def _voice(say: Say) -> str:
    slower = f" at {say.stretch:g} of its length" if say.stretch != 1.0 else ""
    return say.voice + slower + (f" at {say.pitch_hz} Hz" if say.pitch_hz else "")


def _noise(noise: Noise, length: int) -> NDArray[np.int64]:
    white = _white(noise.seed, length).astype(np.int64)
    if noise.kind == "white":
        return white
    # A leaky sum: falls by 6 dB an octave above about 20 Hz, and stays around zero.
    brown = np.empty(length, np.int64)
    level = 0
    for index, step in enumerate(white.tolist()):
        level += step - (level >> 7)
        brown[index] = level
    return brown


def _rms(samples: NDArray[np.int16] | NDArray[np.int64]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _amplitude(dbfs: float) -> float:
    return float(32768 * 10 ** (dbfs / 20))


def _silence(ms: int) -> Samples:
    return np.zeros(_samples(ms), np.int16)


def _samples(ms: float) -> int:
    return round(ms * RATE / 1000)
