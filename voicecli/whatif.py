"""`replay --from RUN --with CHANGE`: a recorded run again, with one stage changed."""

from collections.abc import Mapping, Sequence

from rich.console import Console

from voicecli.baseline import stored
from voicecli.calls.plan import Planned
from voicecli.calls.whatif import what_if
from voicecli.exits import CliError, ExitCode
from voicecli.figures.change import ChangeError, parsed
from voicecli.figures.comparison import Identity, fixture_obstacles
from voicecli.figures.run import script_digest
from voicecli.figures.runfile import RunFileError
from voicecli.figures.whatif import WhatIf
from voicecli.reports.outfile import OutFile
from voicecli.reports.whatif_report import whatif_lines


def refuse_beside(given: Mapping[str, object]) -> None:
    """Options that are of calls to a server, where they have a value. Raises CliError."""
    for option in filter(given.get, given):
        raise CliError(f"{option} does not go with --from, which calls no server; leave one out", ExitCode.USAGE)


def tell(
    run: str | None, changes: Sequence[str], planned: Sequence[Planned], files: Sequence[OutFile], console: Console
) -> ExitCode:
    """Raises CliError."""
    if run is None:
        raise CliError("--with changes a recorded run; say which one, with --from NAME|FILE", ExitCode.USAGE)
    try:
        asked = parsed(changes)
        recorded = stored(run).run
    except ChangeError as error:
        raise CliError(f"--with: {error}", ExitCode.USAGE) from error
    except RunFileError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    known = {fixture.name for fixture in recorded.fixtures}
    of_run = [each for each in planned if each.fixture.name in known]
    identities = [Identity(each.fixture.name, each.fixture.digest, script_digest(each.fixture)) for each in of_run]
    obstacles = list(fixture_obstacles(recorded, identities))
    if obstacles:
        raise CliError(
            f"--from {run}: {'; '.join(obstacles)}; name the fixtures that were recorded, as they were", ExitCode.USAGE
        )
    found = what_if(recorded, of_run, asked)
    told = WhatIf(run=run, changes=tuple(changes), turns=found.turns, notes=found.notes)
    for line in whatif_lines(told):
        console.print(line, soft_wrap=True)
    for file in files:
        file.write(told.serialize())
    return ExitCode.GOOD
