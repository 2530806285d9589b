"""What a run is kept as, and what it is compared with: asked for before the run, done after it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from voicecli.exits import CliError, ExitCode
from voicecli.figures import runfile
from voicecli.figures.comparison import Comparison, Identity, Incomparable, compare, fixture_obstacles
from voicecli.figures.run import Run, script_digest
from voicecli.figures.runfile import RunFileError
from voicecli.figures.verdict import Answer, Tolerance
from voicecli.fixtures.fixture import Fixture
from voicecli.reports.comparison_report import comparison_lines


class Baseline(NamedTuple):
    """The run to compare with."""

    name: str
    run: Run


class Afterwards(NamedTuple):
    """What to do with a run when it is over."""

    save_to: Path | None
    baseline: Baseline | None
    tolerance: Tolerance
    force: bool

    def check(self, fixtures: Iterable[Fixture]) -> None:
        """Refuse before the run what can already be told not to compare. Raises CliError."""
        if self.baseline is None:
            return
        identities = [Identity(fixture.name, fixture.digest, script_digest(fixture)) for fixture in fixtures]
        obstacles = tuple(fixture_obstacles(self.baseline.run, identities))
        if obstacles and not self.force:
            raise _incomparable(Incomparable(obstacles))

    def conclude(self, run: Run, console: Console) -> bool:
        """Save it, compare it and tell how it compares; whether it is a regression. Raises CliError."""
        if self.save_to is not None:
            try:
                runfile.save(run, self.save_to)
            except RunFileError as error:
                raise CliError(f"--save: {error}", ExitCode.USAGE) from error
            console.print(f"\nsaved as {self.save_to}")
        if self.baseline is None:
            return False
        compared = comparison(self.baseline.run, run, self.tolerance, force=self.force)
        for line in comparison_lines(compared, self.baseline.name):
            console.print(line, soft_wrap=True)
        return compared.answer is Answer.REGRESSION


def prepared(save: str | None, overwrite: bool, baseline: str | None, tolerance: str, force: bool) -> Afterwards:
    """From the options; what cannot be done after the run is refused before it. Raises CliError."""
    for option, given, needed in (
        ("--overwrite goes with --save", overwrite, save),
        ("--force goes with --baseline", force, baseline),
    ):
        if given and needed is None:
            raise CliError(f"{option}; add it, or leave the other out", ExitCode.USAGE)
    try:
        against = None if baseline is None else stored(baseline)
        path = None if save is None else runfile.free_path(save, overwrite=overwrite)
    except RunFileError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    return Afterwards(path, against, parsed(tolerance), force)


def stored(named: str) -> Baseline:
    """The run of that name or file. Raises RunFileError."""
    return Baseline(named, runfile.read(runfile.find(named)))


def parsed(tolerance: str) -> Tolerance:
    """Raises CliError."""
    try:
        return Tolerance.parse(tolerance)
    except ValueError as error:
        raise CliError(f"--tolerance: {error}", ExitCode.USAGE) from error


def comparison(baseline: Run, candidate: Run, tolerance: Tolerance, *, force: bool) -> Comparison:
    """Raises CliError."""
    try:
        return compare(baseline, candidate, tolerance, force=force)
    except Incomparable as error:
        raise _incomparable(error) from error


def _incomparable(error: Incomparable) -> CliError:
    return CliError(
        f"these runs cannot be compared: {error}; take the same fixtures and engines, or add --force where there is "
        "something to compare",
        ExitCode.USAGE,
    )
