"""Exit codes: what scripts branch on does not change."""

import pickle

from voicecli.exits import CliError, ExitCode, cause_of


def test_the_exit_codes_are_stable() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "GOOD": 0,
        "EXPECTATION_FAILED": 1,
        "USAGE": 2,
        "NO_CONNECTION": 3,
        "PROTOCOL": 4,
        "SERVER_FAILED": 5,
        "NO_VERDICT": 6,
        "DEFECT": 70,
        "INTERRUPTED": 130,
        "BROKEN_PIPE": 141,
    }


def test_an_error_keeps_its_sentence_and_its_code() -> None:
    error = CliError("port 80 is taken", ExitCode.SERVER_FAILED)
    assert (str(error), error.message, error.exit_code) == ("port 80 is taken",) * 2 + (ExitCode.SERVER_FAILED,)


def test_an_error_comes_whole_out_of_another_process() -> None:
    error = pickle.loads(pickle.dumps(CliError("port 80 is taken", ExitCode.SERVER_FAILED)))
    assert (error.message, error.exit_code) == ("port 80 is taken", ExitCode.SERVER_FAILED)


def test_the_foreseen_error_of_a_group_goes_before_others_and_the_only_one_before_the_group() -> None:
    foreseen, other = CliError("full", ExitCode.USAGE), ValueError("odd")
    group = BaseExceptionGroup("", [other, BaseExceptionGroup("", [foreseen])])
    assert cause_of(group, CliError) is foreseen
    assert cause_of(group, OSError) is group
    assert cause_of(BaseExceptionGroup("", [other]), CliError) is other
    assert cause_of(other, CliError) is other
