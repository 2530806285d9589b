"""The command line: how commands are found, and how each way of ending is told."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from voicecli import __main__, __version__
from voicecli.__main__ import COMMANDS, main
from voicecli.exits import CliError, ExitCode


def run_with(monkeypatch: pytest.MonkeyPatch, command: Callable[[], object]) -> int:
    """The exit code of `voicecli serve` where the command does this instead."""
    monkeypatch.setattr(__main__, "import_module", lambda _name: SimpleNamespace(serve=command))
    return main(["serve"])


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_the_function_of_its_name_and_its_docstring_begins_with_its_summary(name: str) -> None:
    function = getattr(import_module(f"voicecli.commands.{name}"), name)
    assert (function.__doc__ or "").strip().splitlines()[0] == COMMANDS[name]


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == ExitCode.GOOD
    text = capsys.readouterr().out
    assert [line.split(maxsplit=1) for line in text.partition("Commands:\n")[2].splitlines()] == [
        [name, summary] for name, summary in COMMANDS.items()
    ]


def test_no_arguments_ask_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    asked = capsys.readouterr().out
    assert main([]) == ExitCode.GOOD
    assert capsys.readouterr().out == asked


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.GOOD
    assert capsys.readouterr().out == f"voicecli {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["srve"], "voicecli: No such command 'srve'. Did you mean 'serve'? (see voicecli --help)\n"),
        (["--nope"], "voicecli: No such option: --nope (see voicecli --help)\n"),
        (
            ["engines", "--jsn"],
            "voicecli: No such option: --jsn (Possible options: --json) (see voicecli engines --help)\n",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ExitCode.USAGE
    assert tuple(capsys.readouterr()) == ("", sentence)


@pytest.mark.parametrize(
    ("returned", "code"), [(None, ExitCode.GOOD), (ExitCode.EXPECTATION_FAILED, ExitCode.EXPECTATION_FAILED)]
)
def test_what_a_command_returns_is_the_exit_code(
    returned: object, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_with(monkeypatch, lambda: returned) == code


@pytest.mark.parametrize(
    "error",
    [
        CliError("no server at ws://x", ExitCode.NO_CONNECTION),
        ExceptionGroup("tasks", [ExceptionGroup("more", [CliError("no server at ws://x", ExitCode.NO_CONNECTION)])]),
    ],
)
def test_an_expected_error_is_one_line_and_its_exit_code(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, raising(error)) == ExitCode.NO_CONNECTION
    assert tuple(capsys.readouterr()) == ("", "voicecli: no server at ws://x\n")


def test_an_unexpected_error_is_one_line_that_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VOICECLI_DEBUG", raising=False)
    assert run_with(monkeypatch, raising(KeyError("x"))) == ExitCode.DEFECT
    assert tuple(capsys.readouterr()) == (
        "",
        "voicecli: this is a defect: KeyError: 'x'; run it with VOICECLI_DEBUG=1 for the traceback\n",
    )


def test_an_unexpected_error_is_raised_where_debugging_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_DEBUG", "1")
    with pytest.raises(KeyError):
        run_with(monkeypatch, raising(KeyError("x")))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    error = ModuleNotFoundError("No module named 'av.audio'", name="av.audio")
    assert run_with(monkeypatch, raising(error)) == ExitCode.SERVER_FAILED
    assert capsys.readouterr().err == "voicecli: the library av.audio is missing; install voicecli again\n"


def test_an_interrupted_command_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, raising(KeyboardInterrupt())) == ExitCode.INTERRUPTED
    assert tuple(capsys.readouterr()) == ("", "")


def test_a_command_can_end_with_a_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_with(monkeypatch, raising(typer.Exit(4))) == ExitCode.PROTOCOL


@pytest.mark.parametrize("arguments", [["--help"], ["engines"]])
def test_output_that_nobody_reads_ends_the_command_quietly(arguments: list[str]) -> None:
    unread, written = os.pipe()
    os.close(unread)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "voicecli", *arguments],
            stdout=written,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(written)
    assert (ended.returncode, ended.stderr) == (ExitCode.BROKEN_PIPE, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_written_to_in_vain(closed: str) -> None:
    command = f'"{sys.executable}" -m voicecli engines {closed}'
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (ExitCode.GOOD, "")


def test_there_is_nothing_to_read_from_a_standard_input_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    read: list[str] = []

    def command() -> None:
        with sys.stdin:
            read.append(sys.stdin.read())

    assert run_with(monkeypatch, command) == ExitCode.GOOD
    assert read == [""]


def test_an_interruption_while_it_is_loaded_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    ended = subprocess.run(
        [sys.executable, "-m", "voicecli", "engines"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_a_full_disk_behind_standard_output_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(monkeypatch, raising(OSError(errno.ENOSPC, "No space left on device"))) == ExitCode.USAGE
    assert capsys.readouterr().err == "voicecli: the output cannot be written: the disk is full\n"
