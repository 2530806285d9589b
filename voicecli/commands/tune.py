"""`voicecli tune`: which settings of turn-taking cut callers off, and which let them wait."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.exits import CliError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from voicecli.tuning.study import Begin, Study

_ENV = "VOICECLI_"
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)\s*%")


def tune(
    fixture: Annotated[
        list[Path], typer.Argument(metavar="FIXTURES", help="Fixture folders, or folders that hold some at any depth.")
    ],
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUES",
            help="A setting and what to try, such as silence_ms=300..900/50 or vad.threshold=0.3,0.5. May be repeated:"
            " then all combinations. [default: silence_ms=200..1200/100]",
        ),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="%", help="Share of the utterances that the setting to choose may cut off.")
    ] = "5%",
    vad: Annotated[
        str | None, typer.Option(metavar="ENGINE", help="VAD to hear with. [default: that of serve]")
    ] = None,
    stt: Annotated[
        str | None,
        typer.Option(
            metavar="ENGINE",
            help="Recogniser, on the virtual clock, which that of `serve` cannot be on. [default:"
            " scripted(final=150ms)]",
        ),
    ] = None,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write one JSON document; - is standard output.")
    ] = None,
    svg: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the plot as a picture; - is standard output.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one page with plot, table, and those who were cut off to listen to."),
    ] = None,
    save_audio: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a WAV of each utterance that was cut off: the caller left; right a tick at the cut, and the"
            " reply.",
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, metavar="N", help="Processes at once. [default: one for each core]")
    ] = None,
) -> ExitCode:
    """Try settings of turn-taking, and say which one to choose.

    Calls a server with each fixture and each setting on a virtual clock, codecs and VAD computed for real. Sets the
    utterances during which it took the turn (false cutoffs) against how long it waited after they had ended. What a
    fixture asks for itself holds where it is not swept.

    Exit codes: 0 a setting keeps the tolerance, 1 none does, 2 usage, 5 an engine could not start.
    """
    from msgspec import UNSET
    from rich.console import Console

    from voicecli.calls.virtualsettings import own_vad
    from voicecli.reports.outfile import outfile, refuse_shared
    from voicecli.serversettings import warn_of_misspelt
    from voicecli.stopping import unwound_by_signals
    from voicecli.tuning import page, picture
    from voicecli.tuning.document import cut_utterances
    from voicecli.tuning.report import report
    from voicecli.tuning.study import Asked, Study, studied

    writers: dict[str, Callable[[Study], bytes]] = {
        "--json": lambda study: study.document.serialize(),
        "--svg": lambda study: picture.standalone(study.document),
        "--html": lambda study: page.page(study.document, study.clips),
    }
    names = (("--json", json), ("--svg", svg), ("--html", html))
    files = [file for flag, name in names if (file := outfile(flag, name)) is not None]
    refuse_shared(files)
    folder = _folder(save_audio)
    warn_of_misspelt(os.environ)
    engines = {"vad": vad or own_vad(os.environ), "stt": stt}
    asked = Asked(
        fixtures=fixture,
        sweep=sweep or [],
        tolerance=_share(tolerance),
        engines={role: engine for role, engine in engines.items() if engine},
        env={name: value for name, value in os.environ.items() if name.startswith(_ENV)},
        jobs=jobs,
        with_clips=html is not None or folder is not None,
    )
    # Standard output is for a document alone, where one is asked for there.
    console = Console(stderr=any(file.is_stdout for file in files), highlight=False)
    with unwound_by_signals(), _progress() as begin:
        study = studied(asked, begin)
    for part in report(study.document):
        console.print(part)
    for file in files:
        file.write(writers[file.flag](study))
    if folder is not None:
        _save(folder, study)
    if cut_utterances(study.document) and not asked.with_clips:
        console.print("\nto listen to them: --html FILE or --save-audio DIR", style="dim")
    return ExitCode.EXPECTATION_FAILED if study.document.chosen is UNSET else ExitCode.GOOD


def _share(tolerance: str) -> float:
    found = _PERCENT.fullmatch(tolerance.strip())
    if found is None or float(found[1]) >= 100:
        raise CliError("--tolerance: write a percentage below 100, such as 5%", ExitCode.USAGE)
    return round(float(found[1]) / 100, 6)


def _folder(save_audio: Path | None) -> Path | None:
    if save_audio is not None:
        try:
            save_audio.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CliError(f"--save-audio {save_audio}: {error.strerror}", ExitCode.USAGE) from error
    return save_audio


def _save(folder: Path, study: "Study") -> None:
    from voicecli.reports.outfile import OutFile
    from voicecli.tuning.study import clip_name

    for each, sound in study.clips:
        OutFile("--save-audio", str(folder / clip_name(each, study.document))).write(sound.wav())


@contextmanager
def _progress() -> Iterator["Begin"]:
    """On standard error: a bar for each step, gone when all is done, and a line now and then where no terminal is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def begin(what: str, of: int) -> Callable[[], object]:
        if not console.is_terminal:
            return _lines(console, what, of)
        bars.start()
        task = bars.add_task(what, total=of)
        return lambda: bars.advance(task)

    try:
        yield begin
    finally:
        bars.stop()


def _lines(console: "Console", what: str, of: int) -> Callable[[], object]:
    """For a log, which is read later: how far it is, four times."""
    done = count(1)

    def advance() -> None:
        at = next(done)
        if 4 * at // of > 4 * (at - 1) // of:
            console.print(f"{what}: {at} of {of}", highlight=False, markup=False)

    return advance
