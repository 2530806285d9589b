"""Exit codes: what scripts branch on does not change."""

from voicecli.exits import CliError, ExitCode


def test_the_exit_codes_are_stable() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "GOOD": 0,
        "EXPECTATION_FAILED": 1,
        "USAGE": 2,
        "NO_CONNECTION": 3,
        "PROTOCOL": 4,
        "SERVER_FAILED": 5,
        "DEFECT": 70,
        "INTERRUPTED": 130,
        "BROKEN_PIPE": 141,
    }


def test_an_error_keeps_its_sentence_and_its_code() -> None:
    error = CliError("port 80 is taken", ExitCode.SERVER_FAILED)
    assert (str(error), error.message, error.exit_code) == ("port 80 is taken",) * 2 + (ExitCode.SERVER_FAILED,)
