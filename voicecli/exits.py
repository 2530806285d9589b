"""How a command ends: its exit code, and the error that people see instead of a traceback."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Stable: scripts branch on it."""

    GOOD = 0
    EXPECTATION_FAILED = 1
    """What was measured is not what the fixture, the budget or the baseline asks for."""
    USAGE = 2
    """An argument or a setting is wrong."""
    NO_CONNECTION = 3
    """There is no voice server at the address, or it went away."""
    PROTOCOL = 4
    """The other end broke the protocol."""
    SERVER_FAILED = 5
    """The server cannot start: port taken, library missing."""
    NO_VERDICT = 6
    """Two runs could not be judged, and --require-verdict asks for it."""
    DEFECT = 70
    """An error that voicecli did not foresee."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    """Whoever read the output stopped reading."""


class CliError(Exception):
    """Ends the command. The message is a sentence for whoever ran it: what is wrong, and what to do."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type["CliError"], tuple[str, ExitCode]]:
        # By default it would come out of another process with its message alone.
        return type(self), (self.message, self.exit_code)


def cause_of(error: BaseException, *foreseen: type[BaseException]) -> BaseException:
    """What ended a group of tasks: the first of the foreseen errors in it, else its only one, else the group itself."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    causes = [cause_of(each, *foreseen) for each in error.exceptions]
    known = [cause for cause in causes if isinstance(cause, foreseen)]
    return next(iter(known), causes[0] if len(causes) == 1 else error)
