"""What a run may take: budgets of the command line, of the project and of each fixture."""

from collections.abc import Sequence
from pathlib import Path

from voicecli import project
from voicecli.calls.take import Take
from voicecli.exits import CliError, ExitCode
from voicecli.figures.budget import Asked, BudgetError, BudgetResult, judged, parsed
from voicecli.figures.samples import Called, samples


def asked(texts: Sequence[str]) -> list[Asked]:
    """Of the command line, and of the project. Raises CliError."""
    try:
        given = [Asked(parsed(text, "--budget"), "--budget") for text in texts]
        path = project.found_from(Path.cwd())
        of_project = project.load(path).budgets if path else ()
        return given + [Asked(parsed(text, f"{path}: budgets"), project.TOML_NAME, True) for text in of_project]
    except (BudgetError, project.ProjectError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def results(general: Sequence[Asked], takes: Sequence[Take]) -> list[BudgetResult]:
    """Each fixture's budgets by its own calls, the `general` ones by all."""
    called = [Called(take.fixture, take.document) for take in takes]
    found = []
    for fixture in dict.fromkeys(take.fixture.name for take in takes):
        own = [each for each in called if each.fixture.name == fixture]
        found += [judged(budget, samples(own), fixture) for budget in own[0].fixture.asked_budgets]
    return found + [judged(budget, samples(called)) for budget in general]
