"""What a run is kept as, and what it is compared with: asked for before the run, done after it."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from voicecli.exits import CliError, ExitCode
from voicecli.figures import runfile
from voicecli.figures.comparison import (
    Comparison,
    Identity,
    Incomparable,
    compare,
    engine_obstacles,
    fixture_obstacles,
    format_obstacles,
    setting_obstacles,
)
from voicecli.figures.evidence import weakness
from voicecli.figures.run import Run, Server, script_digest
from voicecli.figures.runfile import RunFileError
from voicecli.figures.verdict import Answer, Tolerance
from voicecli.fixtures.fixture import Fixture
from voicecli.reports.comparison_report import comparison_lines
from voicecli.reports.judged import Judged, missing
from voicewire.messages import Engines, SessionReady


class Baseline(NamedTuple):
    """The run to compare with."""

    name: str
    run: Run


class Kept(NamedTuple):
    """Where a run is saved, and whether it may replace another there."""

    path: Path
    overwrite: bool
    is_baseline: bool = False
    """There is the run that this one is compared with."""

    def save(self, run: Run, console: Console, option: str = "--save") -> None:
        """Raises CliError."""
        try:
            runfile.save(run, self.path, overwrite=self.overwrite)
        except RunFileError as error:
            raise CliError(f"{option}: {error}", ExitCode.USAGE) from error
        console.print(f"\nsaved as {self.path}")
        if reason := weakness(run):
            print(
                f"voicecli: {self.path} is no baseline to compare with: {reason}; see to that, and save it anew",
                file=sys.stderr,
            )


class Afterwards(NamedTuple):
    """What to do with a run when it is over."""

    keep: Kept | None
    keep_versus: Kept | None
    baseline: Baseline | None
    tolerance: Tolerance
    force: bool
    require_verdict: bool = False

    def check(self, fixtures: Iterable[Fixture], server: Server) -> None:
        """Refuse before the calls what can already be told not to compare, or warn of it. Raises CliError."""
        if self.baseline is None:
            return
        identities = [Identity(fixture.name, fixture.digest, script_digest(fixture)) for fixture in fixtures]
        run = self.baseline.run
        self._refuse((*fixture_obstacles(run, identities), *setting_obstacles(run, server)))

    def admit(self, ready: SessionReady, fixture: Fixture) -> None:
        """Likewise by what a server offers, before anything is said to it. Raises CliError."""
        if self.baseline is None:
            return
        run, engines = self.baseline.run, {role: getattr(ready.engines, role) for role in Engines.__struct_fields__}
        formats = format_obstacles(run, fixture.name, str(ready.input), str(ready.output))
        self._refuse((*engine_obstacles(run, engines), *formats))

    def of_interrupted(self, calls: int, planned: int) -> "Afterwards":
        """What is left to do where fewer calls were made than planned; says so."""
        unsaved = [f"as {keep.path}" for keep in (self.keep, self.keep_versus) if keep is not None]
        told = f"; nothing is saved {' or '.join(unsaved)}" if unsaved else ""
        print(f"voicecli: interrupted after {calls} of {planned} calls{told}", file=sys.stderr)
        return self._replace(keep=None, keep_versus=None)

    def _refuse(self, obstacles: tuple[str, ...]) -> None:
        if obstacles and not self.force:
            raise _incomparable(Incomparable(obstacles))
        for obstacle in obstacles:
            print(f"voicecli: compared by force: {obstacle}", file=sys.stderr)

    def judged(self, run: Run, versus: Baseline | None = None) -> Judged | None:
        """How it compares; None where there is nothing to compare with, or no way, which `conclude` says.

        `versus` is the run whose calls alternated with this one's.
        """
        baseline = versus or self.baseline
        if baseline is None:
            return None
        try:
            compared = compare(baseline.run, run, self.tolerance, force=self.force)
        except Incomparable:
            return None
        return Judged(baseline.name, compared, self.require_verdict)

    def conclude(
        self, run: Run, console: Console, versus: Baseline | None = None, judged: Judged | None = None
    ) -> ExitCode:
        """Save it and tell how it compares; with the code to end with. Raises CliError.

        `judged` is what `judged` gave, where it was asked.
        """
        judged = judged or self.judged(run, versus)
        if self.keep is not None and not self._would_hide_a_change(self.keep, judged):
            self.keep.save(run, console)
        if self.keep_versus is not None and versus is not None:
            self.keep_versus.save(versus.run, console, "--save-versus")
        baseline = versus or self.baseline
        if baseline is None:
            return ExitCode.GOOD
        compared = judged.comparison if judged else comparison(baseline.run, run, self.tolerance, force=self.force)
        for line in comparison_lines(compared, baseline.name):
            console.print(line, soft_wrap=True)
        return exit_code(compared, require_verdict=self.require_verdict)

    def _would_hide_a_change(self, keep: Kept, judged: Judged | None) -> bool:
        """Whether this run would replace the one it is compared with, and is not shown to be as fast; says so then.

        The next run would be compared with the slower one, and found to be good.
        """
        if not keep.is_baseline or (judged and judged.comparison.answer in (Answer.IMPROVEMENT, Answer.NO_CHANGE)):
            return False
        print(
            f"voicecli: {keep.path} is kept as it was: this run was not found to be as fast; give --save another name"
            " to keep it",
            file=sys.stderr,
        )
        return True


def exit_code(compared: Comparison, *, require_verdict: bool, absent: Sequence[str] = ()) -> ExitCode:
    """What a command ends with. A verdict that is required and missing is told on stderr; none there is of fixtures
    that are `absent` from the second run."""
    if compared.answer is Answer.REGRESSION:
        return ExitCode.EXPECTATION_FAILED
    sentence = missing(compared)
    if sentence is None and absent:
        sentence = f"no verdict: the second run has no calls with {', '.join(absent)}; replay the same fixtures"
    if sentence is None or not require_verdict:
        return ExitCode.GOOD
    print(f"voicecli: {sentence}", file=sys.stderr)
    return ExitCode.NO_VERDICT


def prepared(
    save: str | None,
    overwrite: bool,
    baseline: str | None,
    tolerance: str | None,
    force: bool,
    *,
    versus: Sequence[str] = (),
    save_versus: str | None = None,
    require_verdict: bool = False,
) -> Afterwards:
    """From the options; what cannot be done after the run is refused before it. Raises CliError."""
    for option, given, needed in (
        ("--overwrite goes with --save", overwrite, save or save_versus),
        ("--force goes with --baseline", force, baseline),
        ("--tolerance goes with --baseline or --versus", tolerance, baseline or versus),
        ("--save-versus goes with --versus", save_versus, versus),
        ("--require-verdict goes with --baseline or --versus", require_verdict, baseline or versus),
    ):
        if given and not needed:
            raise CliError(f"{option}; add it, or leave the other out", ExitCode.USAGE)
    if versus and baseline is not None:
        raise CliError("--versus and --baseline are two things to compare with; leave one out", ExitCode.USAGE)
    if save is not None and save == save_versus:
        raise CliError(f"--save and --save-versus are both {save}; give one another name", ExitCode.USAGE)
    try:
        against = None if baseline is None else stored(baseline)
        compared = None if baseline is None else runfile.find(baseline).resolve()
        keep, keep_versus = (None if name is None else _kept(name, overwrite, compared) for name in (save, save_versus))
    except RunFileError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    wanted = Tolerance() if tolerance is None else parsed(tolerance)
    return Afterwards(keep, keep_versus, against, wanted, force, require_verdict)


def _kept(name: str, overwrite: bool, compared: Path | None) -> Kept:
    """Raises RunFileError."""
    path = runfile.free_path(name, overwrite=overwrite)
    return Kept(path, overwrite, is_baseline=path.resolve() == compared)


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
