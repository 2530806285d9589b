from pathlib import Path

import pytest

from tests.voicecli.documents import call, fixture_runs, run
from voicecli.exits import CliError, ExitCode
from voicecli.reports.documents import outputs, write
from voicecli.reports.outfile import outfile


def test_each_file_has_the_format_of_its_option(tmp_path: Path) -> None:
    options = ("--json", "--junit", "--markdown", "--trace")
    document = run(fixture_runs("tone", call()))
    write(outputs({option: str(tmp_path / option) for option in options}), document)
    begins = {option: (tmp_path / option).read_bytes()[:12] for option in options}
    assert (tmp_path / "--json").read_bytes() == document.serialize()
    assert begins["--junit"].startswith(b"<?xml")
    assert begins["--markdown"] == b"### voicecli"
    assert begins["--trace"].startswith(b"{")


def test_what_is_not_given_is_not_written_and_standard_output_holds_one(tmp_path: Path) -> None:
    assert outputs({"--json": None, "--trace": None}) == []
    with pytest.raises(CliError, match="--json and --trace both want standard output") as refused:
        outputs({"--json": "-", "--junit": None, "--trace": "-"})
    assert refused.value.exit_code is ExitCode.USAGE
    page = outfile("--html", str(tmp_path / "x"))
    with pytest.raises(CliError, match="--json and --html both write"):
        outputs({"--json": str(tmp_path / "x")}, page)
