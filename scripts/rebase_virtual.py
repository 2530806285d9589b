"""Write the figures that the fixtures have in virtual time; a test compares them exactly.

`rebase_virtual.py` accepts what they are now, and `rebase_virtual.py --check` only tells what moved. Read what it tells
before you commit the file: each line is a change that users hear.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "server")]

from voicecli import fixture as fixtures  # noqa: E402
from voicecli.call import CallSettings  # noqa: E402
from voicecli.microphone import record  # noqa: E402
from voicecli.run import CallRun, Turn  # noqa: E402
from voicecli.virtualcall import VirtualServer  # noqa: E402
from voicecli.waterfall import BY_NAME  # noqa: E402

BASELINE = ROOT / "tests/voicecli/virtual-baseline.json"
ACCEPT = "if this is meant, accept it with `.venv/bin/python scripts/rebase_virtual.py`, and commit the file"


class TurnFigures(msgspec.Struct, frozen=True):
    """A turn. `ms` has the parts of its waterfall, its latencies, and what was heard of the reply."""

    outcome: str
    transcript: str
    ms: dict[str, float]


class FixtureFigures(msgspec.Struct, frozen=True):
    """One call with a fixture."""

    digest: str
    """SHA-256 of its audio."""
    frames: int
    """Sent until the call was over."""
    events: tuple[str, ...]
    failures: tuple[str, ...]
    turns: tuple[TurnFigures, ...]


Figures = dict[str, FixtureFigures]
"""By the fixture's name."""


def measured(folders: Sequence[Path], flags: Mapping[str, object] | None = None) -> Figures:
    """The figures now; `flags` are settings of the server, for which the environment is not asked."""
    server = VirtualServer(flags or {}, {})
    figures: Figures = {}
    for folder in folders:
        fixture = fixtures.load(folder)
        call = server.take(fixture, record(fixture), CallSettings()).document
        figures[fixture.name] = _call_figures(fixture.digest, call)
    return figures


def _call_figures(digest: str, call: CallRun) -> FixtureFigures:
    turns = tuple(_turn_figures(turn) for turn in call.turns)
    return FixtureFigures(digest, call.pacing.frames, call.events, call.failures, turns)


def _turn_figures(turn: Turn) -> TurnFigures:
    figures = {part.part: part.ms for part in turn.parts} | turn.latencies.known()
    if turn.reply_audio is not UNSET:
        figures |= {"heard_ms": turn.reply_audio.heard_ms, "underrun_ms": turn.reply_audio.underrun_ms}
    return TurnFigures(
        outcome="unfinished" if turn.outcome is UNSET else turn.outcome.value,
        transcript="" if turn.transcript_final is UNSET else turn.transcript_final,
        ms=figures,
    )


def differences(before: Figures, after: Figures) -> list[str]:
    """One line for each figure that differs: which fixture, turn and stage, and by how much. None where all agree."""
    found: list[str] = []
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            found.append(f"{name}: is not there any more")
        elif name not in before:
            found.append(f"{name}: is new")
        else:
            found += (f"{name}{line}" for line in _call_differences(before[name], after[name]))
    return found


def _call_differences(before: FixtureFigures, after: FixtureFigures) -> Iterator[str]:
    if before.digest != after.digest:
        yield ": its audio is another"
    if before.frames != after.frames:
        yield f": frames sent {before.frames} -> {after.frames}"
    for what in ("events", "failures"):
        was, now = getattr(before, what), getattr(after, what)
        if was != now:
            yield f": {what} {', '.join(was) or 'none'} -> {', '.join(now) or 'none'}"
    if len(before.turns) != len(after.turns):
        yield f": turns {len(before.turns)} -> {len(after.turns)}"
    for number, (was_turn, now_turn) in enumerate(zip(before.turns, after.turns, strict=False), start=1):
        yield from (f", turn {number}: {line}" for line in _turn_differences(was_turn, now_turn))


def _turn_differences(before: TurnFigures, after: TurnFigures) -> Iterator[str]:
    for what in ("outcome", "transcript"):
        was, now = getattr(before, what), getattr(after, what)
        if was != now:
            yield f"{what} {was!r} -> {now!r}"
    for key in [*before.ms, *(key for key in after.ms if key not in before.ms)]:
        was_ms, now_ms = before.ms.get(key), after.ms.get(key)
        if was_ms == now_ms:
            continue
        title = BY_NAME[key].title if key in BY_NAME else key.removesuffix("_ms").replace("_", " ")
        by = "" if was_ms is None or now_ms is None else f" ({now_ms - was_ms:+.3f} ms)"
        yield f"{title} {_shown(was_ms)} -> {_shown(now_ms)}{by}"


def _shown(value_ms: float | None) -> str:
    return "none" if value_ms is None else f"{value_ms:.3f} ms"


def recorded(path: Path = BASELINE) -> Figures:
    """The baseline; empty where there is none yet."""
    return msgspec.json.decode(path.read_bytes(), type=Figures) if path.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a figure moved")
    check = parser.parse_args().check
    figures = measured(fixtures.found_in(ROOT / "fixtures"))
    moved = differences(recorded(), figures)
    for line in moved:
        print(line)
    if check:
        if moved:
            print(ACCEPT)
        return 1 if moved else 0
    BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    print(f"{len(moved)} figures moved; {BASELINE.relative_to(ROOT)} has {len(figures)} fixtures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
