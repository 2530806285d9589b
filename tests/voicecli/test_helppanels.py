import inspect

import pytest

from voicecli.__main__ import main
from voicecli.commands.replay import replay
from voicecli.commands.serve import serve
from voicecli.serverflags import TURN_TAKING
from voiceserver.settings import flag


@pytest.mark.parametrize("command", ["replay", "serve"])
def test_turn_taking_has_a_panel_of_its_own_in_plain_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    before, heading, after = capsys.readouterr().out.partition("\nTurn-taking:\n")
    assert heading
    for name in TURN_TAKING:
        assert f"  {flag(name)} " in after
        assert f"\n  {flag(name)} " not in before
    assert "--help" in before
    assert "--llm ENGINE" in before


def test_replay_has_every_flag_of_turn_taking_as_serve_has_it() -> None:
    def of_turns(command: object) -> dict[str, inspect.Parameter]:
        assert callable(command)
        parameters = inspect.signature(command).parameters
        return {name: parameters[name] for name in parameters if name in TURN_TAKING}

    ours, theirs = of_turns(replay), of_turns(serve)
    assert list(ours) == list(theirs) == list(TURN_TAKING)
    told = [[vars(each.annotation.__metadata__[0]) for each in them.values()] for them in (ours, theirs)]
    assert told[0] == told[1]
