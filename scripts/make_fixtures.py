#!/usr/bin/env python3
"""Make every fixture from scratch: `callers/` says what is heard in each, this writes it down.

python scripts/make_fixtures.py [NAME...]    write fixtures/NAME
python scripts/make_fixtures.py --check      only say which committed files differ from what would be made
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "server")]

from scripts.callers import heldout, plain, turntaking  # noqa: E402
from scripts.callers.recipe import Echo, Recipe, Say, Table, Value  # noqa: E402
from scripts.callers.sound import RATE, MakeError, Voices, makers, region, with_noise  # noqa: E402
from voicecli.fixtures import oggopus, wavfile  # noqa: E402
from voicecli.fixtures.lint import difference  # noqa: E402

ROOT = REPOSITORY / "fixtures"
RECIPES = (*plain.RECIPES, *turntaking.RECIPES, *heldout.RECIPES)
SPEECH_LICENCE = (
    "The recording: Apache-2.0, as this project. The voices: Carnegie Mellon University, "
    "the permissive licence of flite (see fixtures/README.md)."
)
ECHO_LICENCE = " What espeak-ng says is not under its licence."
GENERATED_LICENCE = "Apache-2.0, as this project; nothing in it is recorded."


def make(recipe: Recipe, voices: Voices, folder: Path) -> None:
    """Write fixture.toml, audio.opus and, where the recipe has one, audio.wav into `folder`."""
    regions = [region(utterance, voices) for utterance in recipe.utterances]
    samples = np.concatenate([each.samples for each in regions])
    starts = np.cumsum([0, *(len(each.samples) for each in regions)]).tolist()
    segments = [
        [(start + onset, start + end) for onset, end in each.segments]
        for start, each in zip(starts, regions, strict=False)
    ]
    if recipe.noise:
        samples = with_noise(recipe.noise, samples, [segment for of_one in segments for segment in of_one])
    folder.mkdir(parents=True, exist_ok=True)
    if recipe.has_wav:
        wavfile.write(folder / "audio.wav", samples, RATE)
    oggopus.write(folder / "audio.opus", samples, RATE)
    (folder / "fixture.toml").write_text(_toml(recipe, voices, starts, segments), "utf-8")


def _toml(recipe: Recipe, voices: Voices, starts: list[int], segments: list[list[tuple[int, int]]]) -> str:
    made = list(makers(recipe, voices))
    parts = [part for utterance in recipe.utterances for part in utterance.parts]
    is_spoken = any(isinstance(part, Say) for part in parts)
    has_echo = any(isinstance(part, Echo) for part in parts)
    head: Table = {
        "schema": "voicecli.fixture/1",
        "name": recipe.name,
        "description": recipe.description,
        "made_with": f"scripts/make_fixtures.py: {'; '.join(made)}",
        "licence": (SPEECH_LICENCE + ECHO_LICENCE * has_echo) if is_spoken else GENERATED_LICENCE,
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
        if utterance.parts_text:
            lines.append(f"segments_text = [{', '.join(map(_literal, utterance.parts_text))}]")
        lines += _pairs({"when": utterance.when})
        if utterance.into_reply_ms is not None:
            lines += _pairs({"into_reply_ms": utterance.into_reply_ms})
        if utterance.expect:
            lines += ["[utterances.expect]", *_pairs(utterance.expect)]
    events = ", ".join(_literal(event) for event in recipe.events)
    lines += ["", "[expect]", *_pairs({"turns": recipe.turns})]
    if recipe.events or not recipe.group:
        lines.append(f"events = [{events}]")
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
    for name in sorted(file.name for file in made.iterdir()):
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
        voices = Voices()
        stale = []
        for recipe in RECIPES:
            if arguments.names and recipe.name not in arguments.names:
                continue
            committed = ROOT / recipe.group / recipe.name
            if not arguments.check:
                make(recipe, voices, committed)
                continue
            with tempfile.TemporaryDirectory() as folder:
                make(recipe, voices, Path(folder))
                stale += check(Path(folder), committed)
    except MakeError as error:
        print(error, file=sys.stderr)
        return 2
    for line in stale:
        print(line)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
