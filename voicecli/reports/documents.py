"""The files that a run is written to, each in the format that its option names."""

from collections.abc import Callable, Mapping, Sequence

from voicecli.figures.run import Run
from voicecli.reports.judged import Judged
from voicecli.reports.junit import junit
from voicecli.reports.markdown import markdown
from voicecli.reports.otlp import otlp
from voicecli.reports.outfile import OutFile, outfile, refuse_shared
from voicecli.reports.trace import trace

_WRITERS: dict[str, Callable[[Run, Judged | None], bytes]] = {
    "--json": lambda run, judged: run.serialize(),
    "--junit": junit,
    "--markdown": lambda run, judged: markdown(run).encode(),
    "--trace": lambda run, judged: trace(run),
    "--otlp": lambda run, judged: otlp(run),
}


def outputs(named: Mapping[str, str | None], *others: OutFile | None) -> list[OutFile]:
    """Files by option; None was not given. `others` are written by others, but to no place of these. Raises CliError
    for what cannot be written."""
    files = [file for flag, name in named.items() if (file := outfile(flag, name)) is not None]
    refuse_shared((*files, *others))
    return files


def write(files: Sequence[OutFile], run: Run, judged: Judged | None = None) -> None:
    """`judged` is how the run compares with another, where there is one. Raises CliError."""
    for file in files:
        file.write(_WRITERS[file.flag](run, judged))
