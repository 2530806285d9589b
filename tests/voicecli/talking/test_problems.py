import pytest

from voicecli.client.transport import NoConnection, NoVoicewire, Refused
from voicecli.talking.problems import Problem, ending, sentence, server_problem
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
        "idle_timeout",
        "The session ended because nothing was said for a while.",
        "The conversation can go on in another one.",
        lasting=True,
    )
    assert not server_problem(Error(code=ErrorCode.LLM_FAILED, message="m")).lasting


def test_the_end_of_a_session_is_told_in_the_words_for_the_servers_reason() -> None:
    told = Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was heard for 300 s", fatal=True)
    assert ending(Refused("the server ended the session: nothing was heard", told)) == server_problem(told)


def test_an_end_without_a_reason_of_the_server_is_told_as_a_sentence() -> None:
    assert ending(NoConnection("nobody listens")) == Problem("closed", "Nobody listens.", lasting=True)
    assert ending(NoVoicewire("is this the right URL?")).title == "Is this the right URL?"


def test_a_message_that_names_what_is_wrong_is_told_too() -> None:
    message = "pocketsphinx understands en; what is said in de-DE is taken for that"
    assert server_problem(Error(code=ErrorCode.INVALID_FIELD, message=message, field="locale")).detail == (
        "Pocketsphinx understands en; what is said in de-DE is taken for that."
    )
    assert server_problem(Error(code=ErrorCode.BAD_SEQUENCE, message="frame 3 came after frame 5")).detail == ""


@pytest.mark.parametrize(("text", "told"), [("it is so", "It is so."), ("Is it so?", "Is it so?"), ("", "")])
def test_a_part_of_a_sentence_becomes_one(text: str, told: str) -> None:
    assert sentence(text) == told
