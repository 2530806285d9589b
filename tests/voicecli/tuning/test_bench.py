import shutil
from pathlib import Path

import pytest
from msgspec import structs

from voicecli.exits import CliError
from voicecli.tuning.bench import Bench, Labelled, found, planned
from voicecli.tuning.sweep import Setting

FIXTURES = Path(__file__).parents[3] / "fixtures"


def bench(name: str, *settings: Setting) -> Bench:
    return Bench(planned(found([FIXTURES / name])), settings, {}, {})


def test_what_is_swept_wins_over_what_the_fixture_asks_for() -> None:
    # The fixture itself asks for 1000 ms, because of its pause of 700.
    fixed = ("endpointing", "fixed")
    made = bench("pause-700ms", (("silence_ms", 500), fixed), (("silence_ms", 900), fixed), (fixed,))
    results = [made.results(setting, 0)[0] for setting in range(3)]
    assert [(each.is_cut, round(float(each.waited_ms or 0), -1)) for each in results] == [
        (True, 510.0),
        (False, 910.0),
        (False, 1010.0),
    ]
    (cut,) = results[0].cuts
    assert (cut.pause_ms, cut.said) == (700.0, "good morning")
    assert 1060 + 450 <= cut.at_ms <= 1060 + 550


def test_a_setting_of_an_engine_reaches_it() -> None:
    made = bench("numbers", (("stt.final", 500), ("silence_ms", 200)), (("stt.final", 900), ("silence_ms", 200)))
    slow, slower = (made.results(setting, 0)[0].waited_ms for setting in range(2))
    assert isinstance(slow, float)
    assert isinstance(slower, float)
    assert slower - slow == pytest.approx(400, abs=0.1)


def test_a_caller_who_speaks_into_a_reply_is_given_one_to_speak_into() -> None:
    assert all(each.is_spoken for each in bench("barge-in", (("silence_ms", 600),)).results(0, 0))


def test_the_clip_has_a_tick_where_the_turn_was_taken_and_the_caller_beside_it() -> None:
    made = bench("pause-700ms", (("silence_ms", 500),))
    sound = made.clip(0, 0, 0)
    at = round(sound.cut_ms * 48)
    assert sound.samples[at - 480 : at, 1].any() == False  # noqa: E712  a numpy truth
    assert abs(sound.samples[at : at + 1440, 1].astype(int)).max() > 5000
    assert abs(sound.samples[: at - 24_000, 0].astype(int)).max() > 5000


def test_a_caller_whose_words_nobody_wrote_is_refused_before_any_is_called() -> None:
    known, drafted = planned(found([FIXTURES / "numbers", FIXTURES / "pause-700ms"]))
    wordless = [structs.replace(each, text="") for each in drafted.fixture.utterances]
    drafted = drafted._replace(fixture=structs.replace(drafted.fixture, utterances=tuple(wordless)))
    Bench([known], [()], {}, {}).check()
    with pytest.raises(CliError, match="utterance 1 has no text"):
        Bench([known, drafted], [()], {}, {}).check()


def copied(to: Path, *names: str) -> None:
    for name in names:
        shutil.copytree(FIXTURES / name, to / name)


def test_fixtures_are_found_at_any_depth_each_once(tmp_path: Path) -> None:
    copied(tmp_path / "mine" / "deep", "numbers", "silence")
    copied(tmp_path / "mine", "backchannel")
    mine = tmp_path / "mine"
    assert found([mine, mine / "backchannel"]) == [
        Labelled("backchannel", mine / "backchannel"),
        Labelled("deep/numbers", mine / "deep" / "numbers"),
        Labelled("deep/silence", mine / "deep" / "silence"),
    ]


def test_fixtures_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        copied(tmp_path / folder, "numbers")
    paths = [tmp_path / folder / "numbers" for folder in ("a", "b")]
    assert [each.label for each in found(paths)] == [path.as_posix() for path in paths]


def test_what_has_no_end_of_speech_to_find_is_left_out() -> None:
    assert [each.label for each in planned(found([FIXTURES / "silence", FIXTURES / "numbers"]))] == ["numbers"]


def test_a_fixture_whose_user_says_when_they_have_finished_is_left_out(tmp_path: Path) -> None:
    copied(tmp_path, "numbers")
    toml = tmp_path / "numbers" / "fixture.toml"
    toml.write_text(toml.read_text("utf-8") + '\n[session.turn_detection]\nmode = "manual"\n', "utf-8")
    assert planned(found([tmp_path])) == []


def test_what_is_no_fixture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="no such fixture"):
        planned(found([tmp_path / "nothing"]))
    with pytest.raises(CliError, match="missing; a fixture folder describes its audio there"):
        planned(found([tmp_path]))
