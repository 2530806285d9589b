from pathlib import Path

import pytest

from voicecli.exits import CliError, ExitCode
from voicecli.fixtures import fixture as fixtures
from voicecli.serverflags import ASKED_FOR, as_given, asked_of_server, of_turns, values, without_effect

FIXTURES = Path(__file__).parents[2] / "fixtures"


def test_settings_of_turns_are_taken_out_as_text() -> None:
    found = of_turns({"silence_ms": "400", "speculation": False, "barge_in": True, "port": "1"})
    given = {name: value for name, value in found.items() if value is not None}
    assert given == {"silence_ms": "400", "speculation": "false", "barge_in": "true"}


def test_a_setting_that_is_a_list_is_one_text_and_none_where_it_is_empty() -> None:
    assert of_turns({"anticipate": ["what time is it", "who are you"]})["anticipate"] == "what time is it|who are you"
    assert of_turns({"anticipate": []})["anticipate"] is None
    assert values({"anticipate": "what time is it | who are you"}) == {"anticipate": "what time is it|who are you"}


def test_a_server_elsewhere_is_asked_for_what_a_client_may_ask_for() -> None:
    assert ASKED_FOR == ("silence_ms", "endpointing", "barge_in", "barge_in_ms")
    flags = {"silence_ms": "400", "endpointing": "fixed", "barge_in": "false", "barge_in_ms": "0", "resume_ms": None}
    assert asked_of_server(flags, "ws://x/") == {
        "silence_ms": 400,
        "endpointing": "fixed",
        "barge_in": False,
        "barge_in_ms": 0,
    }


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (
            {"speculation": "false"},
            "--no-speculation is a setting of the server at ws://x/, which no client can ask for; set it there"
            " (voicecli serve --no-speculation, or VOICECLI_SPECULATION), or leave --url out",
        ),
        (
            {"silence_ms": "400", "resume_ms": "0"},
            "--resume-ms is a setting of the server at ws://x/, which no client can ask for; set it there"
            " (voicecli serve --resume-ms, or VOICECLI_RESUME_MS), or leave --url out",
        ),
        ({"silence_ms": "soon"}, "--silence-ms: must be a whole number between 100 and 10000, got soon"),
    ],
)
def test_what_no_client_can_ask_for_is_refused_with_what_to_do(flags: dict[str, str | None], told: str) -> None:
    with pytest.raises(CliError) as refused:
        asked_of_server(flags, "ws://x/")
    assert (refused.value.message, refused.value.exit_code) == (told, ExitCode.USAGE)


def test_a_flag_is_told_as_it_was_given() -> None:
    given = [("barge_in", "false"), ("barge_in", "true"), ("silence_ms", "400")]
    assert [as_given(*each) for each in given] == ["--no-barge-in", "--barge-in", "--silence-ms"]


def test_a_fixture_that_asks_for_its_own_is_named() -> None:
    given = [fixtures.load(FIXTURES / name) for name in ("pause-700ms", "question-weather")]
    flags = {"silence_ms": "400", "barge_in_ms": None}
    assert without_effect(flags, given) == [
        "--silence-ms changes nothing for pause-700ms, whose fixture.toml asks for its own"
    ]
    assert without_effect({"silence_ms": None}, given) == []
