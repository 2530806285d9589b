"""Write the figures that the fixtures have in virtual time; a test compares them exactly.

`rebase_virtual.py` accepts what they are now, and `rebase_virtual.py --check` only tells what moved. Read what it tells
before you commit the file: each line is a change that users hear.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, takewhile
from pathlib import Path

import msgspec
from msgspec import UNSET

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "server")]

from voicecli.calls.call import CallSettings  # noqa: E402
from voicecli.calls.virtualcall import VirtualServer  # noqa: E402
from voicecli.figures.run import Turn  # noqa: E402
from voicecli.figures.waterfall import BY_NAME  # noqa: E402
from voicecli.fixtures import fixture as fixtures  # noqa: E402
from voicecli.fixtures.fixture import Fixture  # noqa: E402
from voicecli.fixtures.microphone import record  # noqa: E402
from voicewire.clock import ms  # noqa: E402
from voicewire.frames import AudioFrame  # noqa: E402
from voicewire.marks import ClockSide, Mark  # noqa: E402

BASELINE = ROOT / "tests/voicecli/calls/virtual-baseline.json"
ACCEPT = "if this is meant, accept it with `.venv/bin/python scripts/rebase_virtual.py`, and commit the file"
MARKS = (Mark.VAD_CLOSED, Mark.STT_FIRST_PARTIAL, Mark.LLM_DONE, Mark.TTS_DONE)
"""Those that no part of the waterfall ends with."""


class TurnFigures(msgspec.Struct, frozen=True):
    """A turn. `ms` has the parts of its waterfall, its latencies, `MARKS` counted from the commit, how long after its
    first message of audio the last one was sent, and what was heard of it."""

    outcome: str
    transcript: str
    audio_messages: int
    ms: dict[str, float]


class FixtureFigures(msgspec.Struct, frozen=True):
    """One call with a fixture."""

    digest: str
    """SHA-256 of its audio."""
    frames: int
    """Sent until the call was over."""
    events: tuple[str, ...]
    """With ` x 3` after one that came three times running."""
    failures: tuple[str, ...]
    turns: tuple[TurnFigures, ...]


Figures = dict[str, FixtureFigures]
"""By the fixture's name."""


def measured(folders: Sequence[Path], flags: Mapping[str, object] | None = None) -> Figures:
    """The figures now; `flags` are settings of the server, for which the environment is not asked."""
    server = VirtualServer(flags or {}, {})
    return {fixture.name: _measured(server, fixture) for fixture in map(fixtures.load, folders)}


def _measured(server: VirtualServer, fixture: Fixture) -> FixtureFigures:
    audio_ns: dict[int, list[int]] = {}

    def watch(data: str | bytes, now_ns: int) -> None:
        if isinstance(data, bytes):
            audio_ns.setdefault(AudioFrame.parse(data).turn_id, []).append(now_ns)

    call = server.take(fixture, record(fixture), CallSettings(), watch).document
    runs = [(event, len(list(group))) for event, group in groupby(call.events)]
    return FixtureFigures(
        digest=fixture.digest,
        frames=call.pacing.frames,
        events=tuple(event if count == 1 else f"{event} x {count}" for event, count in runs),
        failures=call.failures,
        turns=tuple(_turn_figures(turn, audio_ns.get(turn.turn_id, [])) for turn in call.turns),
    )


def _turn_figures(turn: Turn, audio_ns: list[int]) -> TurnFigures:
    figures = {part.part: part.ms for part in turn.parts} | turn.latencies.known()
    marks = {mark.mark: mark.t_ms for mark in turn.marks if mark.clock is ClockSide.SERVER}
    commit_ms = marks.get(Mark.TURN_COMMITTED)
    if commit_ms is not None:
        figures |= {mark.value: round(marks[mark] - commit_ms, 3) for mark in MARKS if mark in marks}
    if audio_ns:
        figures["audio_sent_ms"] = ms(audio_ns[-1] - audio_ns[0])
    if turn.reply_audio is not UNSET:
        figures |= {"heard_ms": turn.reply_audio.heard_ms, "underrun_ms": turn.reply_audio.underrun_ms}
    return TurnFigures(
        outcome="unfinished" if turn.outcome is UNSET else turn.outcome.value,
        transcript="" if turn.transcript_final is UNSET else turn.transcript_final,
        audio_messages=len(audio_ns),
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
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(was, now, strict=False)))
            which = f"{what} from number {same + 1} on " if same else f"{what} "
            yield f": {which}{', '.join(was[same:]) or 'none'} -> {', '.join(now[same:]) or 'none'}"
    if len(before.turns) != len(after.turns):
        yield f": turns {len(before.turns)} -> {len(after.turns)}"
    for number, (was_turn, now_turn) in enumerate(zip(before.turns, after.turns, strict=False), start=1):
        yield from (f", turn {number}: {line}" for line in _turn_differences(was_turn, now_turn))


def _turn_differences(before: TurnFigures, after: TurnFigures) -> Iterator[str]:
    for what in ("outcome", "transcript", "audio_messages"):
        was, now = getattr(before, what), getattr(after, what)
        if was != now:
            yield f"{what.replace('_', ' ')} {was!r} -> {now!r}"
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
    """The baseline; empty where there is none yet. Raises msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Figures) if path.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a figure moved")
    check = parser.parse_args().check
    figures = measured(fixtures.found_in(ROOT / "fixtures"))
    try:
        moved = differences(recorded(), figures)
    except msgspec.DecodeError as error:
        moved = [f"{BASELINE.relative_to(ROOT)} cannot be read: {error}"]
    for line in moved:
        print(line)
    if check:
        if moved:
            print(ACCEPT)
        return 1 if moved else 0
    BASELINE.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n")
    print(f"{BASELINE.relative_to(ROOT)} now has the figures of {len(figures)} fixtures; {len(moved)} differed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
