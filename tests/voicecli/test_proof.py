import pytest

from voicecli.proof import TOKEN_ENV, token


@pytest.mark.parametrize(
    ("given", "variable", "shown"),
    [
        (None, None, None),
        (None, "", None),
        (None, " , ", None),
        (None, "one", "one"),
        (None, "new,old", "new"),
        (None, " new old", "new"),
        ("mine", "new,old", "mine"),
        ("", "new", "new"),
        ("a,b", None, "a,b"),
    ],
)
def test_of_the_tokens_that_a_server_may_accept_a_client_shows_the_first(
    given: str | None, variable: str | None, shown: str | None
) -> None:
    assert token(given, {} if variable is None else {TOKEN_ENV: variable}) == shown
