#!/usr/bin/env python3
"""Make every fixture from scratch: flite speaks, numpy adds pauses and noise, PyAV encodes.

python scripts/make_fixtures.py [NAME...]    write fixtures/NAME
python scripts/make_fixtures.py --check      only say which committed files differ from what would be made
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voicecli.fixtures import oggopus, wavfile
from voicecli.fixtures.lint import difference

ROOT = Path(__file__).resolve().parent.parent / "fixtures"
RATE = 16_000
REGION_STEP_MS = 20
LEAD_MS = 400
TAIL_MS = 500
PEAK_DBFS = -6.0
TRIM_DBFS = -35.0
"""flite puts near-silence around what it says (kal16: a hum at -40): windows of 5 ms below this are cut off there."""
TRIM_WINDOW = RATE * 5 // 1000
SPEECH_LICENCE = (
    "The recording: Apache-2.0, as this project. The voices: Carnegie Mellon University, "
    "the permissive licence of flite (see fixtures/README.md)."
)
GENERATED_LICENCE = "Apache-2.0, as this project; nothing in it is recorded."

Samples = NDArray[np.int16]
Value = bool | int | float | str
Table = dict[str, Value]


class Say(NamedTuple):
    """Something flite says."""

    what: str
    voice: str
    phones: bool = False
    """`what` is phones of the voice, not words."""


@dataclass(frozen=True)
class Utterance:
    text: str
    parts: tuple[Say, ...] = ()
    pause_ms: int = 0
    """Silence between two parts, each of which is a segment."""
    length_ms: int = 0
    """Of silence, where there are no parts."""
    kind: str = "speech"
    when: str = "start"
    into_reply_ms: int | None = None
    expect: Table = field(default_factory=dict)


class Noise(NamedTuple):
    kind: str
    """`white`, or `brown`: falling by 6 dB an octave, like the rumble in a car."""
    seed: int
    level_dbfs: float | None = None
    snr_db: float | None = None
    """Below the speech, both by their RMS over the segments."""


@dataclass(frozen=True)
class Recipe:
    name: str
    description: str
    utterances: tuple[Utterance, ...]
    turns: int
    events: tuple[str, ...]
    turn_detection: Table = field(default_factory=dict)
    budgets_ms: Table = field(default_factory=lambda: {"voice_to_voice": 3000})
    noise: Noise | None = None
    background: str = ""


TURN = ("speech_started", "speech_stopped", "transcript_final", "turn_end")
LONG_STORY = Utterance("please tell me a long story", (Say("please tell me a long story", "rms"),))

RECIPES = (
    Recipe(
        name="question-weather",
        description="One clean question.",
        utterances=(
            Utterance(
                "what will the weather be like in london tomorrow",
                (Say("what will the weather be like in london tomorrow", "kal16"),),
            ),
        ),
        turns=1,
        events=TURN,
    ),
    Recipe(
        name="conversation-three-turns",
        description="A greeting and two requests, each said once the reply before it has been heard.",
        utterances=(
            Utterance("hello there", (Say("hello there", "rms"),)),
            Utterance("what time is it", (Say("what time is it", "rms"),), when="after_reply"),
            Utterance(
                "can you please count to five", (Say("can you please count to five", "rms"),), when="after_reply"
            ),
        ),
        turns=3,
        events=TURN * 3,
    ),
    Recipe(
        name="pause-700ms",
        description="One utterance with a pause of 700 ms in it, to a server that waits 1000 ms: one turn.",
        utterances=(
            Utterance(
                "good morning what time is it",
                (Say("good morning", "rms"), Say("what time is it", "rms")),
                pause_ms=700,
            ),
        ),
        turns=1,
        events=TURN,
        turn_detection={"silence_ms": 1000},
        budgets_ms={"voice_to_voice": 3500},
    ),
    Recipe(
        name="barge-in",
        description="Another question, 1.5 s into the reply to the first: the reply stops.",
        utterances=(
            LONG_STORY,
            Utterance(
                "what time is it",
                (Say("what time is it", "rms"),),
                when="into_reply",
                into_reply_ms=1500,
                expect={"cancels_reply": True},
            ),
        ),
        turns=2,
        events=(*TURN[:3], "speech_started", "reply_cancelled", *TURN[1:]),
        budgets_ms={"voice_to_voice": 3000, "barge_in_stop": 1000},
    ),
    Recipe(
        name="backchannel",
        description='"Mm-hm", 1.5 s into a reply, to a server that stops for 700 ms of speech: the reply goes on.',
        utterances=(
            Utterance("can you please count to twelve", (Say("can you please count to twelve", "rms"),)),
            Utterance(
                "mm hm",
                (Say("pau m hh m pau", "rms", phones=True),),
                kind="backchannel",
                when="into_reply",
                into_reply_ms=1500,
                expect={"reply": False, "cancels_reply": False},
            ),
        ),
        turns=1,
        events=TURN,
        turn_detection={"barge_in_ms": 700},
    ),
    Recipe(
        name="noise-10db",
        description="One question over the rumble of a car, 10 dB below the speech.",
        utterances=(
            Utterance("what can you do for me", (Say("what can you do for me", "kal16"),), expect={"max_wer": 0.35}),
        ),
        turns=1,
        events=TURN,
        noise=Noise("brown", seed=10, snr_db=10),
        background="brown noise, 10 dB SNR",
    ),
    Recipe(
        name="silence",
        description="Five seconds in which nobody speaks: no turn.",
        utterances=(Utterance("", length_ms=5000, kind="silence"),),
        turns=0,
        events=(),
        budgets_ms={},
        noise=Noise("white", seed=5, level_dbfs=-70),
        background="white noise, -70 dBFS, as of a quiet microphone",
    ),
    Recipe(
        name="monologue-20s",
        description="Seven sentences without a pause of more than 300 ms, the last one a question: one turn.",
        utterances=(
            Utterance(
                "good morning my name is john and i live in boston"
                " prices rose by three percent in the last year"
                " this morning the president said that the economy is growing"
                " analysts said that interest rates will fall next month"
                " the company said it would sell its bonds to the public"
                " we went to the market and bought some bread and milk"
                " so my question is this what can you do",
                (
                    Say("good morning my name is john and i live in boston", "kal16"),
                    Say("prices rose by three percent in the last year", "kal16"),
                    Say("this morning the president said that the economy is growing", "kal16"),
                    Say("analysts said that interest rates will fall next month", "kal16"),
                    Say("the company said it would sell its bonds to the public", "kal16"),
                    Say("we went to the market and bought some bread and milk", "kal16"),
                    Say("so my question is this what can you do", "kal16"),
                ),
                pause_ms=300,
            ),
        ),
        turns=1,
        events=TURN,
        # Above 300 ms, so that the sentences stay one turn.
        turn_detection={"silence_ms": 800},
        budgets_ms={"voice_to_voice": 4000},
    ),
    Recipe(
        name="numbers",
        description="A number of seven digits.",
        utterances=(
            Utterance(
                "my number is four one five two six three",
                (Say("my number is four one five two six three", "kal16"),),
            ),
        ),
        turns=1,
        events=TURN,
    ),
)


class MakeError(Exception):
    pass


class Flite:
    """The flite program; the same words give the same samples."""

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise MakeError("flite is missing; install it (Debian, Ubuntu: apt-get install flite)")
        self._program = program
        banner = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"flite-(\d+\.\d+)", banner)
        self.version = f"flite {found[1]}" if found else "flite"

    def say(self, say: Say) -> Samples:
        """What it says at `PEAK_DBFS`, from the first audible sample to the last."""
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "said.wav"
            option = "-p" if say.phones else "-t"
            command = [self._program, "-voice", say.voice, option, say.what, "-o", str(wav)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or not wav.exists() or wav.stat().st_size == 0:
                raise MakeError(f'flite cannot say "{say.what}" with voice {say.voice}: {done.stderr.strip()}')
            samples, rate = wavfile.read(wav)
        if rate != RATE:
            raise MakeError(f"voice {say.voice} speaks at {rate} Hz; choose one of {RATE} Hz")
        peak = int(np.abs(samples.astype(np.int32)).max())
        return _trimmed(np.rint(samples * (_amplitude(PEAK_DBFS) / peak)).astype(np.int16))


def _trimmed(samples: Samples) -> Samples:
    windows = samples[: len(samples) // TRIM_WINDOW * TRIM_WINDOW].reshape(-1, TRIM_WINDOW).astype(np.float64)
    audible = np.flatnonzero(np.sqrt(np.mean(windows**2, axis=1)) > _amplitude(TRIM_DBFS))
    return samples[audible[0] * TRIM_WINDOW : (audible[-1] + 1) * TRIM_WINDOW]


class Region(NamedTuple):
    samples: Samples
    segments: tuple[tuple[int, int], ...]
    """Onset and end of each part, in samples from the start of the region."""


def _region(utterance: Utterance, flite: Flite) -> Region:
    if not utterance.parts:
        return Region(_silence(utterance.length_ms), ())
    pieces = [_silence(LEAD_MS)]
    segments = []
    position = len(pieces[0])
    for number, part in enumerate(utterance.parts):
        if number:
            pieces.append(_silence(utterance.pause_ms))
            position += len(pieces[-1])
        pieces.append(flite.say(part))
        segments.append((position, position + len(pieces[-1])))
        position = segments[-1][1]
    pieces.append(_silence(TAIL_MS))
    step = RATE * REGION_STEP_MS // 1000
    pieces.append(np.zeros(-(position + len(pieces[-1])) % step, np.int16))
    return Region(np.concatenate(pieces), tuple(segments))


def _with_noise(noise: Noise, clean: Samples, segments: list[tuple[int, int]]) -> Samples:
    shape = _noise(noise, len(clean))
    if noise.snr_db is not None:
        speech = np.concatenate([clean[start:end] for start, end in segments])
        over = np.concatenate([shape[start:end] for start, end in segments])
        level = _rms(speech) * 10 ** (-noise.snr_db / 20) / _rms(over)
    else:
        assert noise.level_dbfs is not None
        level = _amplitude(noise.level_dbfs) / _rms(shape)
    return np.rint(clean + shape * level).astype(np.int16)


def _noise(noise: Noise, length: int) -> NDArray[np.int64]:
    """Noise in integers from the raw bits of the generator, which numpy promises never to change."""
    bits = np.random.PCG64(noise.seed).random_raw(length)
    white = (bits >> np.uint64(48)).astype(np.int64) - 2**15
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
    return np.zeros(ms * RATE // 1000, np.int16)


def make(recipe: Recipe, flite: Flite, folder: Path) -> None:
    """Write fixture.toml, audio.wav and audio.opus into `folder`."""
    regions = [_region(utterance, flite) for utterance in recipe.utterances]
    samples = np.concatenate([region.samples for region in regions])
    starts = np.cumsum([0, *(len(region.samples) for region in regions)]).tolist()
    segments = [
        [(start + onset, start + end) for onset, end in region.segments]
        for start, region in zip(starts, regions, strict=False)
    ]
    if recipe.noise:
        samples = _with_noise(recipe.noise, samples, [segment for of_one in segments for segment in of_one])
    folder.mkdir(parents=True, exist_ok=True)
    wavfile.write(folder / "audio.wav", samples, RATE)
    oggopus.write(folder / "audio.opus", samples, RATE)
    (folder / "fixture.toml").write_text(_toml(recipe, flite, starts, segments), "utf-8")


def _toml(recipe: Recipe, flite: Flite, starts: list[int], segments: list[list[tuple[int, int]]]) -> str:
    voices = sorted({part.voice for utterance in recipe.utterances for part in utterance.parts})
    made = [f"{flite.version}, voice {', '.join(voices)}"] if voices else []
    made += [f"numpy noise, seed {recipe.noise.seed}"] if recipe.noise else []
    head: Table = {
        "schema": "voicecli.fixture/1",
        "name": recipe.name,
        "description": recipe.description,
        "made_with": f"scripts/make_fixtures.py: {'; '.join(made)}",
        "licence": SPEECH_LICENCE if voices else GENERATED_LICENCE,
    }
    if recipe.background:
        head["background"] = recipe.background
    lines = _pairs(head)
    if recipe.turn_detection:
        lines += ["", "[session.turn_detection]", *_pairs(recipe.turn_detection)]
    for index, utterance in enumerate(recipe.utterances):
        lines += ["", "[[utterances]]", *_pairs({"kind": utterance.kind, "text": utterance.text})]
        lines.append(f"audio_ms = {_span(starts[index], starts[index + 1])}")
        if segments[index]:
            lines.append(f"segments_ms = [{', '.join(_span(*segment) for segment in segments[index])}]")
        lines += _pairs({"when": utterance.when})
        if utterance.into_reply_ms is not None:
            lines += _pairs({"into_reply_ms": utterance.into_reply_ms})
        if utterance.expect:
            lines += ["[utterances.expect]", *_pairs(utterance.expect)]
    events = ", ".join(_literal(event) for event in recipe.events)
    lines += ["", "[expect]", *_pairs({"turns": recipe.turns}), f"events = [{events}]"]
    if recipe.budgets_ms:
        lines += ["", "[budgets_ms]", *_pairs(recipe.budgets_ms)]
    return "\n".join(lines) + "\n"


def _pairs(table: Table) -> list[str]:
    return [f"{key} = {_literal(value)}" for key, value in table.items()]


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{value:g}"


def _span(start: int, end: int) -> str:
    """Two positions in ms: exact, since parts begin and end on windows of 5 ms."""
    return f"[{start * 1000 / RATE:.10g}, {end * 1000 / RATE:.10g}]"


def check(made: Path, committed: Path) -> list[str]:
    """What is stale in a committed fixture."""
    stale = []
    for name in ("fixture.toml", "audio.wav", "audio.opus"):
        file = committed / name
        if not file.exists():
            stale.append(f"{file}: missing")
        elif file.read_bytes() != (made / name).read_bytes():
            if name == "audio.opus" and _same_sound(made / name, file):
                print(f"{file}: other bytes from this libopus, same sound", file=sys.stderr)
            else:
                stale.append(f"{file}: differs from what scripts/make_fixtures.py makes")
    return stale


def _same_sound(one: Path, other: Path) -> bool:
    """Opus encoders differ by version and processor."""
    try:
        return difference(oggopus.decode(one, RATE), oggopus.decode(other, RATE)) is None
    except oggopus.OggOpusError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these fixtures")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a committed file is stale")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {recipe.name for recipe in RECIPES}
    if unknown:
        parser.error(f"no recipe for {', '.join(sorted(unknown))}; there are {', '.join(r.name for r in RECIPES)}")
    try:
        flite = Flite()
        stale = []
        for recipe in RECIPES:
            if arguments.names and recipe.name not in arguments.names:
                continue
            if not arguments.check:
                make(recipe, flite, ROOT / recipe.name)
                continue
            with tempfile.TemporaryDirectory() as folder:
                make(recipe, flite, Path(folder))
                stale += check(Path(folder), ROOT / recipe.name)
    except MakeError as error:
        print(error, file=sys.stderr)
        return 2
    for line in stale:
        print(line)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
