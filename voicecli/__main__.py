"""The command line. `voicecli --help` must answer at once, so nothing here imports what a command needs."""

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated

from voicecli import __version__
from voicecli.exits import CliError, ExitCode

try:
    import typer
except KeyboardInterrupt:  # it takes longest of all that is imported before `main` can say how a command ends
    sys.exit(ExitCode.INTERRUPTED)

from voicecli.helppanels import PanelCommand

COMMANDS = {
    "talk": "Talk from the terminal, and see where each millisecond goes.",
    "serve": "Serve voice sessions over WebSocket, and the page to talk from.",
    "replay": "Replay recorded callers, and draw where each millisecond went.",
    "load": "Call with many callers at once, and find where the server bends.",
    "compare": "Compare two saved runs, and say whether the second is slower.",
    "tune": "Try settings of turn-taking, and say which one to choose.",
    "record": "Record the microphone as a fixture to fill in and replay.",
    "devices": "List the sound card's inputs and outputs, and test them.",
    "doctor": "Check what a conversation needs here: engines, port, sound, echo.",
    "engines": "List the engines of each role, with their settings.",
}
"""Each is the function of that name in `voicecli.commands.NAME`, with this as the first line of its docstring."""


OWN_PACKAGES = ("voicecli", "voiceserver", "voiceaudio", "voicewire")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process. Returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    _open_closed_streams()
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal that lacks a character shows another one in its place.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = application(arguments)(arguments or ["--help"], prog_name="voicecli", standalone_mode=False)
        sys.stdout.flush()
        return ExitCode.GOOD if code is None else int(code)
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer ends the process at one
            return _unread()
        raise
    except BrokenPipeError:
        return _unread()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _report(error, arguments)


def _open_closed_streams() -> None:
    """Who closed a standard stream says nothing there, or wants to hear nothing; Python has None in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def application(arguments: Sequence[str]) -> typer.Typer:
    """The commands; the module of one is imported only where its name is among the arguments."""
    app = typer.Typer(
        rich_markup_mode=None,  # Rich would double the time that help takes
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="A real-time voice stack over one WebSocket, and the bench that measures it.")(_options)
    for name, summary in COMMANDS.items():
        if name in arguments:
            app.command(name, cls=PanelCommand)(getattr(import_module(f"voicecli.commands.{name}"), name))
        else:
            app.command(name, help=summary)(_not_asked_for)
    return app


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"voicecli {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def _not_asked_for() -> None:
    """Stands for a command in the list of commands."""


def _report(error: Exception, arguments: Sequence[str]) -> ExitCode:
    """One line on stderr about what ended the command."""
    cause: BaseException = error
    while isinstance(cause, BaseExceptionGroup) and len(cause.exceptions) == 1:
        cause = cause.exceptions[0]
    match cause:
        case CliError(message=message, exit_code=code):
            print(f"voicecli: {message}", file=sys.stderr)
            return code
        case typer.TyperException():
            command = next((f" {name}" for name in COMMANDS if name in arguments), "")
            print(f"voicecli: {cause.format_message()} (see voicecli{command} --help)", file=sys.stderr)
            return ExitCode.USAGE
        case OSError(errno=errno.ENOSPC, filename=None):
            print("voicecli: the output cannot be written: the disk is full", file=sys.stderr)
            return ExitCode.USAGE
        case ModuleNotFoundError(name=str(module)) if module.partition(".")[0] not in OWN_PACKAGES:
            print(f"voicecli: the library {module} is missing; install voicecli again", file=sys.stderr)
            return ExitCode.SERVER_FAILED
    if os.environ.get("VOICECLI_DEBUG"):
        raise error
    kind = type(cause).__name__
    print(
        f"voicecli: this is a defect: {kind}: {cause}; run it with VOICECLI_DEBUG=1 for the traceback", file=sys.stderr
    )
    return ExitCode.DEFECT


def _unread() -> ExitCode:
    """What is still buffered for stdout goes nowhere, so that the interpreter's own flush at its end succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return ExitCode.BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
