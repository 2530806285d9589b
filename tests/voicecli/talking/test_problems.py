import pytest

from voicecli.talking.problems import Problem, server_problem
from voicewire.errors import ErrorCode
from voicewire.messages import Error


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_of_the_protocol_is_told_in_two_sentences(code: ErrorCode) -> None:
    problem = server_problem(Error(code=code, message="for the log"))
    assert problem.code == code.value
    assert problem.title.endswith(".")
    assert problem.advice.endswith(".")


def test_an_error_that_ends_the_session_lasts() -> None:
    assert server_problem(Error(code=ErrorCode.IDLE_TIMEOUT, message="m", fatal=True)) == Problem(
        "idle_timeout", "The session ended because nothing was said for a while.", "Start again to talk.", lasting=True
    )
    assert not server_problem(Error(code=ErrorCode.LLM_FAILED, message="m")).lasting
