from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET

from tests.voicecli.tuning.results import document
from voicecli.exits import CliError
from voicecli.tuning import study
from voicecli.tuning.document import cut_utterances
from voicecli.tuning.study import Asked, Study, clip_name, studied

FIXTURES = Path(__file__).parents[3] / "fixtures"


def asked(**fields: Any) -> Asked:
    known: dict[str, Any] = {
        "fixtures": [FIXTURES / "pause-700ms", FIXTURES / "numbers"],
        "sweep": ["silence_ms=600,800"],
        "tolerance": 0.05,
        "engines": {},
        "env": {},
        "jobs": 1,
        "with_clips": False,
    }
    return Asked(**(known | fields))


def run(**fields: Any) -> Study:
    return studied(asked(**fields), lambda what, of: lambda: None)


def test_a_sweep_tells_who_was_cut_off_by_which_setting_and_which_to_choose() -> None:
    told = run(with_clips=True)
    assert [(each.values, each.figures.cut, each.figures.utterances) for each in told.document.settings] == [
        ({"silence_ms": 600}, 1, 2),
        ({"silence_ms": 800}, 0, 2),
    ]
    assert (told.document.chosen, told.document.current) == (1, 0)
    assert [each.fixture for each, _ in told.clips] == ["pause-700ms"]


def test_the_same_sweep_gives_the_same_bytes() -> None:
    assert run().document.serialize() == run().document.serialize()


def test_each_step_is_told_with_how_much_there_is_of_it() -> None:
    steps: list[tuple[str, int]] = []
    done: list[str] = []

    def begin(what: str, of: int) -> Any:
        steps.append((what, of))
        return lambda: done.append(what)

    studied(asked(with_clips=True), begin)
    assert steps == [("calls", 4), ("clips", 1)]
    assert done == ["calls"] * 4 + ["clips"]


def test_what_is_swept_of_an_engine_is_not_told_as_its_setting() -> None:
    told = run(sweep=["vad.threshold=0.4,0.5"], fixtures=[FIXTURES / "numbers"]).document
    assert told.engines["vad"].settings == {}
    assert told.current == 1
    assert run(engines={"vad": "silero(threshold=0.7)"}).document.engines["vad"].settings == {"threshold": 0.7}


def test_what_the_environment_says_of_the_server_holds_where_it_is_not_swept() -> None:
    env = {"VOICECLI_SILENCE_MS": "800"}
    assert run(env=env).document.current == 1
    told = run(env=env, sweep=["endpointing=fixed"], fixtures=[FIXTURES / "numbers"]).document
    assert told.settings[0].figures.waiting_p50_ms == pytest.approx(810, abs=10)


def test_nothing_is_tried_on_fixtures_without_speech() -> None:
    with pytest.raises(CliError, match="there is no speech in these fixtures whose end a server has to find"):
        run(fixtures=[FIXTURES / "silence"])


def test_there_is_an_end_to_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "MAX_CALLS", 3)
    with pytest.raises(CliError, match="2 settings of 2 fixtures are 4 calls, and at most 3 are placed"):
        run()


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        (["silence"], "--sweep: .* is no sweep"),
        (["silence_mss=1"], "there is no setting silence_mss, did you mean silence_ms"),
        (["silence_ms=600,50"], "--sweep: silence_ms must be between 100 and 10000, got 50"),
        (["vad.threshold=2"], "threshold must be between 0.05 and 0.95, got 2"),
    ],
)
def test_every_value_is_looked_at_before_the_first_call(sweep: list[str], told: str) -> None:
    def begin(what: str, of: int) -> Any:
        raise AssertionError("a call was placed")

    with pytest.raises(CliError, match=told):
        studied(asked(sweep=sweep), begin)


def test_without_a_sweep_the_silence_is_swept() -> None:
    told = run(sweep=[], fixtures=[FIXTURES / "numbers"]).document
    assert (list(told.sweep), len(told.settings)) == (["silence_ms"], 11)
    assert told.chosen is not UNSET


def test_a_clips_file_is_named_by_fixture_utterance_and_setting() -> None:
    told = document(1, 0, name="deep/../pause")
    (each,) = cut_utterances(told)
    assert clip_name(each, told) == "deep-..-pause-1 silence_ms=200.wav"
