"""`voicecli compare`: whether one saved run is slower than another."""

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.exits import CliError, ExitCode

if TYPE_CHECKING:
    from voicecli.figures.run import Run


def compare(
    baseline: Annotated[str, typer.Argument(metavar="A", help="The run before: a name or a file.")],
    candidate: Annotated[str, typer.Argument(metavar="B", help="The run after it.")],
    tolerance: Annotated[
        str, typer.Option(metavar="%,MS", help="A change counts when it reaches both of these, and is no chance.")
    ] = "5%,10ms",
    force: Annotated[bool, typer.Option("--force", help="Compare what differs in more than speed.")] = False,
    require_verdict: Annotated[
        bool,
        typer.Option(
            "--require-verdict",
            help="Exit with 6 where there is no verdict, for lack of runs or of quiet, or on a fixture that B has not.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one page with both runs side by side; - is standard output."),
    ] = None,
) -> ExitCode:
    """Compare two saved runs, and say whether the second is slower.

    A and B are names given to `replay --save`, or files that `replay --json` wrote.

    Exit codes: 0 no regression, 1 a regression, 2 usage, or runs that cannot be compared, 6 no verdict, where
    --require-verdict asks for one.
    """
    from rich.console import Console

    from voicecli import baseline as baselines
    from voicecli.reports.comparison_report import comparison_lines
    from voicecli.reports.html.page import Compared, page
    from voicecli.reports.outfile import outfile

    file = outfile("--html", html)
    if file is not None and file.is_stdout and as_json:
        raise CliError("--html - and --json both want standard output; give --html a file", ExitCode.USAGE)
    before, after = _read(baseline), _read(candidate)
    compared = baselines.comparison(before, after, baselines.parsed(tolerance), force=force)
    if file is not None:
        file.write(page(after, candidate, compared=Compared(baseline, before, compared)))
    if as_json:
        print(compared.serialize().decode(), end="")
    else:
        console = Console(stderr=file is not None and file.is_stdout, highlight=False)
        for line in comparison_lines(compared, baseline):
            console.print(line, soft_wrap=True)
    absent = sorted({fixture.name for fixture in before.fixtures} - {fixture.name for fixture in after.fixtures})
    return baselines.exit_code(compared, require_verdict=require_verdict, absent=absent)


def _read(named: str) -> "Run":
    from voicecli.baseline import stored
    from voicecli.figures.runfile import RunFileError

    try:
        return stored(named).run
    except RunFileError as error:
        raise CliError(str(error), ExitCode.USAGE) from error
