"""The fixture linter: whether the annotations of a fixture say what its audio holds.

`python -m voicecli.lint fixtures/*` lists the problems on stdout, one per line, and exits 1 when there are any.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voicecli import oggopus, wavfile
from voicecli.fixture import JOURNAL_NAME, AudioCodec, Fixture, FixtureError, Kind, load
from voicecli.microphone import record
from voicecli.segments import FULL_SCALE, JOIN_MS, MIN_SPEECH_MS, RATE, WINDOW_MS, Samples, joined, runs, sound

LEAD_MS = 200
"""Digital silence that a file begins with: what the caller sends while it waits."""
EDGE_MS = 30.0
"""How far sound may reach out of a segment, or begin and end inside it."""
LENGTH_MS = 10.0
"""How much the two audio files may differ in length."""
MIN_CORRELATION = 0.5
"""Opus at 24 kbps keeps above 0.85 of the waveform of speech and 0.65 of hiss; other sentences are below 0.3."""
MAX_LAG_MS = 5.0


class Problem(NamedTuple):
    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def lint(fixture_dir: Path) -> list[Problem]:
    """Everything that is wrong with a fixture; an empty list when it is sound."""
    try:
        fixture = load(fixture_dir)
        wav = fixture.audio_path(AudioCodec.WAV)
        samples, rate = wavfile.read(wav)
    except (FixtureError, wavfile.WavError) as error:
        return [Problem(error.path, error.reason)]
    if rate != RATE:
        return [Problem(wav, f"is recorded at {rate} Hz; resample it to {RATE} Hz")]
    problems = [Problem(wav, reason) for reason in _wav_problems(fixture, samples)]
    problems += [Problem(fixture.folder / "fixture.toml", reason) for reason in _annotation_problems(fixture, samples)]
    opus = fixture.audio_path(AudioCodec.OPUS)
    if opus.exists():
        problems += [Problem(opus, reason) for reason in _opus_problems(opus, samples)]
    if fixture.is_recorded and not problems:
        try:
            record(fixture)
        except FixtureError as error:
            problems.append(Problem(error.path, error.reason))
    return problems


def _wav_problems(fixture: Fixture, samples: Samples) -> Iterator[str]:
    full = np.flatnonzero(np.abs(samples.astype(np.int32)) >= FULL_SCALE)
    if len(full):
        yield f"clips: {len(full)} samples at full scale, first at {_ms(int(full[0])):.1f} ms; record it softer"
    length_ms = _ms(len(samples))
    if length_ms != fixture.end_ms:
        yield (
            f"is {length_ms:g} ms long, but audio_ms of the last utterance ends at {fixture.end_ms} ms; "
            "make them equal (pad the file with silence)"
        )
    if fixture.background is None and (length_ms < LEAD_MS or np.any(samples[: _samples(LEAD_MS)])):
        yield f"does not begin with {LEAD_MS} ms of digital silence; add it, or name the `background`"


def _annotation_problems(fixture: Fixture, samples: Samples) -> Iterator[str]:
    segments = [segment for utterance in fixture.utterances for segment in utterance.segments_ms]
    heard = sound(samples, segments, fixture.background is not None)
    starts_ms = np.arange(len(heard)) * WINDOW_MS
    annotated = np.zeros(len(heard), np.bool_)
    for start, end in segments:
        annotated |= (starts_ms + WINDOW_MS > start - EDGE_MS) & (starts_ms < end + EDGE_MS)
    stray: Sequence[tuple[float, float]] = list(runs(heard & ~annotated))
    if (fixture.folder / JOURNAL_NAME).exists():
        # A room has clicks, and nobody can silence them in packets that stay as they were sent.
        stray = [(start, end) for start, end in joined(stray, JOIN_MS) if end - start >= MIN_SPEECH_MS]
    for start, end in stray:
        yield f"sound from {start} to {end} ms is in no segment; annotate it in segments_ms, or silence it"
    for index, utterance in enumerate(fixture.utterances):
        field = f"utterances[{index}].segments_ms"
        spoken_ms = sum(end - start for start, end in utterance.segments_ms)
        if utterance.kind is not Kind.SILENCE and spoken_ms < MIN_SPEECH_MS:
            yield f"{field}: {spoken_ms:g} ms of speech; a VAD needs {MIN_SPEECH_MS} ms to report it"
        for start, end in utterance.segments_ms:
            inside = starts_ms[heard & (starts_ms + WINDOW_MS > start) & (starts_ms < end)]
            if not len(inside):
                yield f"{field}: no sound from {start:g} to {end:g} ms; correct the segment"
            elif fixture.background is None and inside[0] > start + EDGE_MS:
                yield f"{field}: begins at {start:g} ms, but its sound at {inside[0]} ms; correct the onset"
            elif fixture.background is None and inside[-1] + WINDOW_MS < end - EDGE_MS:
                yield f"{field}: ends at {end:g} ms, but its sound at {inside[-1] + WINDOW_MS} ms; correct the end"


def _opus_problems(opus: Path, samples: Samples) -> Iterator[str]:
    try:
        file = oggopus.read_packets(opus)
        decoded = oggopus.decode(opus, RATE)
    except oggopus.OggOpusError as error:
        yield error.reason
        return
    opus_ms, wav_ms = file.samples / oggopus.RATE * 1000, _ms(len(samples))
    if abs(opus_ms - wav_ms) > LENGTH_MS:
        yield f"is {opus_ms:g} ms long, audio.wav is {wav_ms:g} ms; encode audio.wav again"
        return
    reason = difference(samples, decoded)
    if reason:
        yield f"{reason}; encode audio.wav again"


def difference(expected: Samples, decoded: Samples) -> str | None:
    """How `decoded` is not what a lossy codec makes of `expected`, both at `RATE`; None when it is."""
    size = 1 << (len(expected) + len(decoded)).bit_length()
    one, other = (np.fft.rfft(samples.astype(np.float64), size) for samples in (expected, decoded))
    energies = [float(np.sum(samples.astype(np.float64) ** 2)) for samples in (expected, decoded)]
    if not any(energies):
        return None
    correlation = np.fft.irfft(other * np.conj(one), size)
    best = int(np.argmax(correlation))
    lag_ms = _ms(best if best < size // 2 else best - size)
    if not all(energies) or correlation[best] < MIN_CORRELATION * np.sqrt(energies[0] * energies[1]):
        return "does not sound like audio.wav"
    return f"lags audio.wav by {lag_ms:.1f} ms" if abs(lag_ms) > MAX_LAG_MS else None


def _ms(samples: int) -> float:
    return samples / RATE * 1000


def _samples(ms: int) -> int:
    return ms * RATE // 1000


def main(arguments: Sequence[str]) -> int:
    """List the problems of the fixtures named; 1 when there are any."""
    if not arguments:
        print("usage: python -m voicecli.lint FIXTURE...", file=sys.stderr)
        return 2
    folders = [Path(argument) for argument in arguments if not _is_other(Path(argument))]
    if not folders:
        print(f"no fixture in {', '.join(arguments)}", file=sys.stderr)
        return 2
    problems = [problem for folder in folders for problem in lint(folder)]
    for problem in problems:
        print(problem)
    print(f"{len(folders)} fixtures, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


def _is_other(path: Path) -> bool:
    """What a glob over fixtures/ gives besides fixtures: its README, the wire vectors."""
    if path.is_dir():
        return not any((path / name).exists() for name in ("fixture.toml", "audio.wav", "audio.opus"))
    return path.suffix == ".md"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
