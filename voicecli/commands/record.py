"""`voicecli record`: the microphone alone, as a fixture to fill in."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from voiceaudio.level import rms_dbfs
from voiceaudio.opus import OpusEncoder
from voicecli.calls.eventloop import run_precisely
from voicecli.exits import CliError, ExitCode, cause_of
from voicecli.fixtures import draft, fixture, lint
from voicecli.fixtures.fixture import Fixture, FixtureError
from voicecli.fixtures.tape import Tape, record_into
from voicecli.sound.card import Card
from voicecli.sound.devices import Direction, choose, devices, libraries_hushed
from voicecli.sound.errors import NoSuchDevice, SoundError
from voicecli.sound.files import FileMicrophone
from voicecli.sound.roles import RATE, Microphone
from voicecli.stopping import stopped_by_enter, stopped_by_signals
from voicewire.clock import Clock, SystemClock
from voicewire.formats import FRAME_MS

DRAWN_FRAMES = 5
"""The level is drawn ten times a second."""
BAR_WIDTH = 30
BAR_FROM_DBFS = -60.0
HOT_DBFS = -6.0
"""A frame this loud all but clips."""


class _Source(NamedTuple):
    """Where to record from."""

    file: Path | None
    device: str | None


def record(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder: the fixture.")],
    input_device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Microphone: its number, or a part of its name.")
    ] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Record this sound file in place of a microphone.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.2, max=12 * 3600, metavar="S", help="Stop after so long. [default: at Enter]")
    ] = None,
    finish: Annotated[bool, typer.Option("--finish", help="Finish a recording that was cut off by a crash.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document about the recording.")] = False,
) -> None:
    """Record the microphone as a fixture to fill in and replay.

    Stops at Enter or Ctrl-C. Then write what was said into fixture.toml, and send it with `voicecli replay FOLDER`.
    `voicecli talk --record FOLDER` records a session with a server instead.
    """
    if input_device is not None and input_file is not None:
        raise CliError("--input-device and --input exclude each other; leave one out", ExitCode.USAGE)
    if finish and (input_device, input_file, seconds) != (None, None, None):
        raise CliError("--finish records nothing; leave the other options out", ExitCode.USAGE)
    try:
        if finish:
            draft.finish(folder)
        else:
            with libraries_hushed():
                run_precisely(_record(folder, _Source(input_file, input_device), seconds, SystemClock()))
        _tell(fixture.load(folder), as_json)
    except* (FixtureError, NoSuchDevice) as failed:
        raise CliError(str(cause_of(failed, FixtureError, SoundError)), ExitCode.USAGE) from None
    except* SoundError as failed:
        code = ExitCode.USAGE if input_file is not None else ExitCode.SERVER_FAILED
        raise CliError(str(cause_of(failed, FixtureError, SoundError)), code) from None


async def _record(folder: Path, source: _Source, seconds: float | None, clock: Clock) -> None:
    encoder = OpusEncoder(RATE)
    meter = Meter()
    frames = None if seconds is None else max(1, round(seconds * 1000 / FRAME_MS))
    async with _microphone(source, clock) as microphone:
        name = microphone.name if source.file is None else source.file.name
        with record_into(folder, clock.now_ns(), pre_skip=encoder.delay_samples, microphone=name) as tape:
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(listen(microphone, encoder, tape, clock, meter, frames))
                with meter, stopped_by_signals(listening.cancel), stopped_by_enter(listening.cancel) as can_type:
                    how = "Enter or Ctrl-C stops it" if can_type else "Ctrl-C stops it"
                    print(f"recording {name} into {folder}; {how}", file=sys.stderr, flush=True)
                    await asyncio.wait([listening])
    if tape.failure is not None:
        raise CliError(f"{tape.failure}; {folder} holds what came before", ExitCode.SERVER_FAILED)


async def listen(
    microphone: Microphone, encoder: OpusEncoder, tape: Tape, clock: Clock, meter: "Meter", frames: int | None
) -> None:
    """Record so many frames, or until the microphone ends; a tape that fails ends it, too. Raises SoundError."""
    async with aclosing(microphone.frames()) as heard:
        async for captured in heard:
            packets = encoder.encode(captured.pcm)
            tape.audio_sent(packets, captured.captured_ns, clock.now_ns())
            meter.heard(captured.pcm)
            if tape.packets == frames or tape.failure is not None:
                return


class Meter:
    """Draws time and level on a terminal's last line; nothing where there is none."""

    def __init__(self) -> None:
        self._is_drawn = sys.stderr.isatty()
        self._frames = 0
        self._loudest_dbfs = -math.inf

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        self._write("\n")

    def heard(self, pcm: bytes) -> None:
        self._frames += 1
        self._loudest_dbfs = max(self._loudest_dbfs, rms_dbfs(pcm))
        if self._frames % DRAWN_FRAMES == 0:
            self._write(f"\r{meter_line(self._frames * FRAME_MS, self._loudest_dbfs)}\x1b[K")
            self._loudest_dbfs = -math.inf

    def _write(self, text: str) -> None:
        if not self._is_drawn:
            return
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            self._is_drawn = False  # the terminal was closed; the recording ends by a signal


def meter_line(elapsed_ms: int, dbfs: float) -> str:
    minutes, ms = divmod(elapsed_ms, 60_000)
    share = (dbfs - BAR_FROM_DBFS) / -BAR_FROM_DBFS
    filled = round(BAR_WIDTH * min(max(share, 0.0), 1.0))
    level = "silence" if dbfs == -math.inf else f"{dbfs:.0f} dBFS"
    advice = "  too loud" if dbfs >= HOT_DBFS else ""
    return f"{minutes:02}:{ms / 1000:04.1f}  {'█' * filled}{'·' * (BAR_WIDTH - filled)}  {level}{advice}"


@asynccontextmanager
async def _microphone(source: _Source, clock: Clock) -> AsyncIterator[Microphone]:
    """Raises SoundError."""
    if source.file is not None:
        yield FileMicrophone(source.file, clock, tail_s=0)
        return
    chosen = choose(devices(), Direction.INPUT, source.device)
    listener = lambda event: print(f"\n{event}", file=sys.stderr)  # noqa: E731
    async with Card(clock, microphone=chosen, listener=listener) as card, asyncio.TaskGroup() as group:
        assert card.microphone is not None, "a card that was opened with one"
        watching = group.create_task(card.run())
        yield card.microphone
        watching.cancel()


def _tell(recorded: Fixture, as_json: bool) -> None:
    """What was recorded, and what is left to do."""
    folder = recorded.folder
    problems = [str(problem) for problem in lint.lint(folder)]
    segments = [segment for utterance in recorded.utterances for segment in utterance.segments_ms]
    if as_json:
        document = {
            "fixture": str(folder),
            "seconds": recorded.end_ms / 1000,
            "segments_ms": segments,
            "problems": problems,
        }
        print(msgspec.json.format(msgspec.json.encode(document)).decode())
        return
    heard = f"{len(segments)} stretch{'es' * (len(segments) != 1)} of sound" if segments else "nothing was heard"
    print(f"{folder}: {recorded.end_ms / 1000:.1f} s, {heard}", file=sys.stderr)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"write what is said into {folder / fixture.TOML_NAME}, then: voicecli replay {folder}", file=sys.stderr)
