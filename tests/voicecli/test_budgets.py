from pathlib import Path

import pytest

from tests.voicecli.peer import Peer, call, made, spoken
from voicecli import budgets
from voicecli.calls.take import concluded
from voicecli.exits import CliError, ExitCode


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_budgets_of_the_command_line_come_before_those_of_the_project() -> None:
    Path("voicecli.toml").write_text('budgets = ["wer < 5%"]')
    assert [(str(each.budget), each.place, each.is_general) for each in budgets.asked(["ttft p50 < 1s"])] == [
        ("ttft p50 < 1000ms", "--budget", False),
        ("wer < 5%", "voicecli.toml", True),
    ]


@pytest.mark.parametrize(("content", "texts"), [("", ["ttft"]), ('budgets = ["ttft"]', []), ("x", [])])
def test_what_is_no_budget_is_a_matter_of_usage(content: str, texts: list[str]) -> None:
    Path("voicecli.toml").write_text(content)
    with pytest.raises(CliError) as refused:
        budgets.asked(texts)
    assert refused.value.exit_code is ExitCode.USAGE


def test_a_fixtures_budgets_are_judged_by_its_own_calls_and_the_others_by_all() -> None:
    fixtures = [made(spoken(), name="one", budgets=("false_cutoffs == 0",)), made(spoken(), name="two")]

    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.answer(1, "hello there", from_ms=200, to_ms=700)

    takes = [concluded(each, call(script, each)[0]) for each in fixtures]
    found = budgets.results(budgets.asked(["wer == 0%"]), takes)
    assert [(each.budget, each.fixture or None, each.n, each.failed) for each in found] == [
        ("false_cutoffs == 0", "one", 1, False),
        ("wer == 0%", None, 4, False),
    ]
