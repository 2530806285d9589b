from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.voicecli.peer import made
from tests.voicecli.runs import calls, document, fixture
from voicecli.baseline import prepared
from voicecli.exits import CliError, ExitCode
from voicecli.figures import runfile
from voicecli.figures.run import Run, script_digest

BEFORE = document(fixture(calls(6, tts=80.0)))
SLOWER = document(fixture(calls(6, tts=140.0)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked(
    save: str | None = None,
    overwrite: bool = False,
    baseline: str | None = None,
    tolerance: str = "5%,10ms",
    force: bool = False,
) -> tuple[str | None, bool, str | None, str, bool]:
    return save, overwrite, baseline, tolerance, force


def concluded(run: Run, *options: str | bool | None) -> tuple[bool, str]:
    told = StringIO()
    return prepared(*options).conclude(run, Console(file=told, width=300)), told.getvalue()  # type: ignore[arg-type]


def test_a_run_is_saved_and_the_next_one_compared_with_it() -> None:
    assert concluded(BEFORE, *asked(save="main")) == (False, "\nsaved as .voicecli/runs/main.json\n")
    regressed, told = concluded(SLOWER, *asked(baseline="main"))
    assert regressed
    assert "regression against main" in told
    assert concluded(BEFORE, *asked(baseline="main"))[0] is False
    assert concluded(SLOWER, *asked(baseline="main", tolerance="20%"))[0] is False


def test_a_baseline_may_be_replaced_by_the_run_that_is_compared_with_it() -> None:
    concluded(BEFORE, *asked(save="main"))
    regressed, _ = concluded(SLOWER, *asked(save="main", overwrite=True, baseline="main"))
    assert regressed
    assert runfile.read(runfile.find("main")) == SLOWER


def test_without_options_nothing_is_done() -> None:
    assert concluded(BEFORE, *asked()) == (False, "")
    assert list(Path().iterdir()) == []


def test_runs_that_cannot_be_compared_are_refused_with_what_to_do() -> None:
    concluded(BEFORE, *asked(save="main"))
    other = document(fixture(calls(6, tts=80.0), digest="b" * 64))
    with pytest.raises(CliError) as refused:
        concluded(other, *asked(baseline="main"))
    assert (refused.value.message, refused.value.exit_code) == (
        "these runs cannot be compared: "
        "tone: other audio, or the same in another codec (SHA-256 aaaaaaaa against bbbbbbbb); "
        "take the same fixtures and engines, or add --force where there is something to compare",
        ExitCode.USAGE,
    )
    assert "FORCED: tone: other audio" in concluded(other, *asked(baseline="main", force=True))[1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (asked(save="a/b"), '"a/b" is no name for a run'),
        (asked(save="taken"), "is there already"),
        (asked(baseline="nobody"), "nobody: no such run"),
        (asked(tolerance="much"), "--tolerance: "),
        (asked(overwrite=True), "--overwrite goes with --save"),
        (asked(force=True), "--force goes with --baseline"),
    ],
)
def test_what_cannot_be_done_after_the_run_is_refused_before_it(
    options: tuple[str | None, bool, str | None, str, bool], told: str
) -> None:
    runfile.save(BEFORE, runfile.free_path("taken", overwrite=False))
    with pytest.raises(CliError, match=told) as refused:
        prepared(*options)
    assert refused.value.exit_code is ExitCode.USAGE


def test_another_fixture_than_the_baselines_is_refused_before_the_call() -> None:
    made_before = fixture(calls(6, tts=80.0), name="made", digest=made().digest, script=script_digest(made()))
    runfile.save(document(made_before), runfile.free_path("main", overwrite=False))
    prepared(*asked(baseline="main")).check([made()])
    prepared(*asked()).check([made(digest="other")])
    for other, told in (
        (made(digest="other"), "made: other audio"),
        (made(name="new"), "no fixture in common"),
    ):
        with pytest.raises(CliError, match=told):
            prepared(*asked(baseline="main")).check([other])
        prepared(*asked(baseline="main", force=True)).check([other])
