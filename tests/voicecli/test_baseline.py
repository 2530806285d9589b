from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.voicecli.peer import ENGINES, PCM_16K, made
from tests.voicecli.runs import call, calls, document, fixture
from voicecli.baseline import Baseline, prepared
from voicecli.exits import CliError, ExitCode
from voicecli.figures import runfile
from voicecli.figures.run import Run, Server, script_digest
from voicecli.figures.verdict import Answer
from voicecli.fixtures.fixture import Fixture
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import EngineInfo, SessionReady

BEFORE = document(fixture(calls(6, tts=80.0)))
SLOWER = document(fixture(calls(6, tts=140.0)))
OPUS = AudioFormat(Codec.OPUS)
Options = tuple[str | None, bool, str | None, str | None, bool]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def asked(
    save: str | None = None,
    overwrite: bool = False,
    baseline: str | None = None,
    tolerance: str | None = None,
    force: bool = False,
) -> Options:
    return save, overwrite, baseline, tolerance, force


def concluded(run: Run, *options: str | bool | None) -> tuple[ExitCode, str]:
    told = StringIO()
    return prepared(*options).conclude(run, Console(file=told, width=300)), told.getvalue()  # type: ignore[arg-type]


def test_a_run_is_saved_and_the_next_one_compared_with_it() -> None:
    assert concluded(BEFORE, *asked(save="main")) == (ExitCode.GOOD, "\nsaved as .voicecli/runs/main.json\n")
    code, told = concluded(SLOWER, *asked(baseline="main"))
    assert code is ExitCode.EXPECTATION_FAILED
    assert "regression against main" in told
    assert concluded(BEFORE, *asked(baseline="main"))[0] is ExitCode.GOOD
    assert concluded(SLOWER, *asked(baseline="main", tolerance="20%"))[0] is ExitCode.GOOD


FASTER = document(fixture(calls(6, tts=20.0)))
FEW = document(fixture(calls(2, tts=80.0)))
LATE = document(fixture([replace(each, reliable=False) for each in calls(6, tts=80.0)]))
SILENT = document(fixture([call(failures=("no answer",))] * 2))


@pytest.mark.parametrize("named", ["main", ".voicecli/runs/main.json"])
@pytest.mark.parametrize(("run", "is_saved"), [(FASTER, True), (BEFORE, True), (SLOWER, False), (FEW, False)])
def test_a_baseline_is_replaced_by_a_run_that_is_found_to_be_as_fast(
    run: Run, is_saved: bool, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = replace(BEFORE, created="2026-01-01T00:00:00+00:00")
    concluded(before, *asked(save="main"))
    concluded(run, *asked(save="main", overwrite=True, baseline=named))
    assert runfile.read(runfile.find("main")) == (run if is_saved else before)
    kept = "voicecli: .voicecli/runs/main.json is kept as it was: this run was not found to be as fast; give --save"
    assert (capsys.readouterr().err == "") if is_saved else capsys.readouterr().err.startswith(kept)


def test_a_baseline_is_kept_from_a_run_that_cannot_be_compared_with_it_and_no_other_run_is() -> None:
    concluded(BEFORE, *asked(save="main"))
    other = document(fixture(calls(6, tts=80.0), digest="b" * 64))
    for name in ("main", "other"):
        with pytest.raises(CliError, match="cannot be compared"):
            concluded(other, *asked(save=name, overwrite=True, baseline="main"))
    assert runfile.read(runfile.find("main")) == BEFORE
    assert runfile.read(runfile.find("other")) == other
    concluded(SLOWER, *asked(save="main", overwrite=True))
    assert runfile.read(runfile.find("main")) == SLOWER


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (LATE, "this machine was too busy to keep a caller's pace in 6 of 6 calls"),
        (SILENT, "nothing that could be compared was measured"),
    ],
)
def test_a_run_that_nothing_can_be_told_from_is_saved_with_a_warning(
    run: Run, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = concluded(run, *asked(save="main"))
    assert (code, told) == (ExitCode.GOOD, "\nsaved as .voicecli/runs/main.json\n")
    assert capsys.readouterr().err == (
        f"voicecli: .voicecli/runs/main.json is no baseline to compare with: {reason}; see to that, and save it anew\n"
    )
    concluded(BEFORE, *asked(save="good"))
    assert capsys.readouterr().err == ""


def test_without_options_nothing_is_done() -> None:
    assert concluded(BEFORE, *asked()) == (ExitCode.GOOD, "")
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
        (asked(save=""), '"" is no name for a run'),
        (asked(save="taken"), "is there already"),
        (asked(baseline="nobody"), "nobody: no such run"),
        (asked(baseline="taken", tolerance="much"), "--tolerance: "),
        (asked(tolerance="5%"), "--tolerance goes with --baseline or --versus; add it, or leave the other out"),
        (asked(overwrite=True), "--overwrite goes with --save"),
        (asked(force=True), "--force goes with --baseline"),
    ],
)
def test_what_cannot_be_done_after_the_run_is_refused_before_it(options: Options, told: str) -> None:
    runfile.save(BEFORE, runfile.free_path("taken", overwrite=False))
    with pytest.raises(CliError, match=told) as refused:
        prepared(*options)
    assert refused.value.exit_code is ExitCode.USAGE


SERVER = Server(in_process=True)
READY = SessionReady(session_id="s", resume_token="r", input=PCM_16K, output=PCM_16K, engines=ENGINES, lead_ms=500)


def saved_before(**fields: str) -> None:
    formats = {"input": str(PCM_16K), "output": str(PCM_16K)}
    before = fixture(
        calls(6, tts=80.0), name="made", digest=made().digest, script=script_digest(made()), **formats | fields
    )
    runfile.save(document(before), runfile.free_path("main", overwrite=False))


@pytest.mark.parametrize(
    ("other", "server", "told"),
    [
        (made(digest="other"), SERVER, "made: other audio"),
        (made(name="new"), SERVER, "no fixture in common"),
        (made(), Server(virtual=True), "pacing: real time against virtual time"),
        (made(), Server(network="rtt=80ms seed=1"), "network: none against rtt=80ms seed=1"),
    ],
)
def test_other_calls_than_the_baselines_are_refused_before_they_are_made(
    other: Fixture, server: Server, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved_before()
    prepared(*asked(baseline="main")).check([made()], SERVER)
    prepared(*asked()).check([other], server)
    with pytest.raises(CliError, match=told):
        prepared(*asked(baseline="main")).check([other], server)
    assert capsys.readouterr().err == ""
    prepared(*asked(baseline="main", force=True)).check([other], server)
    assert capsys.readouterr().err.startswith(f"voicecli: compared by force: {told}")


@pytest.mark.parametrize(
    ("ready", "told"),
    [
        (replace(READY, engines=replace(ENGINES, tts=EngineInfo("espeak"))), "tts: t against espeak"),
        (replace(READY, output=OPUS), "made: heard as pcm_s16le 16 kHz against opus 48 kHz"),
    ],
)
def test_another_session_than_the_baselines_is_refused_before_anything_is_said(
    ready: SessionReady, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved_before()
    prepared(*asked(baseline="main")).admit(READY, made())
    prepared(*asked()).admit(ready, made())
    with pytest.raises(CliError, match=told):
        prepared(*asked(baseline="main")).admit(ready, made())
    prepared(*asked(baseline="main", force=True)).admit(ready, made())
    assert capsys.readouterr().err == f"voicecli: compared by force: {told}\n"


def test_of_alternating_calls_both_runs_are_kept_and_compared() -> None:
    told = StringIO()
    afterwards = prepared(*asked(save="new"), versus=["tts=x"], save_versus="old")
    before, after = (replace(run, series="1") for run in (BEFORE, SLOWER))
    versus = Baseline("tts=x", before)
    judged = afterwards.judged(after, versus)
    assert judged is not None
    assert (judged.against, judged.comparison.answer) == ("tts=x", Answer.REGRESSION)
    assert afterwards.conclude(after, Console(file=told, width=300), versus, judged) is ExitCode.EXPECTATION_FAILED
    assert "regression against tts=x" in told.getvalue()
    assert "each is compared with the one made next to it" in told.getvalue()
    assert [runfile.read(runfile.find(name)) for name in ("old", "new")] == [before, after]


@pytest.mark.parametrize(
    ("options", "versus", "save_versus", "told"),
    [
        (asked(), [], "old", "--save-versus goes with --versus"),
        (asked(baseline="taken"), ["tts=x"], None, "--versus and --baseline are two things"),
        (asked(save="one"), ["tts=x"], "one", "are both one"),
        (asked(), ["tts=x"], "taken", "is there already"),
    ],
)
def test_what_cannot_be_kept_of_alternating_calls_is_refused_before_them(
    options: Options,
    versus: list[str],
    save_versus: str | None,
    told: str,
) -> None:
    runfile.save(BEFORE, runfile.free_path("taken", overwrite=False))
    with pytest.raises(CliError, match=told):
        prepared(*options, versus=versus, save_versus=save_versus)


def test_no_verdict_ends_well_unless_one_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    few = document(fixture(calls(2, tts=80.0)))
    concluded(few, *asked(save="main"))
    assert concluded(few, *asked(baseline="main"))[0] is ExitCode.GOOD
    assert capsys.readouterr().err == ""
    afterwards = prepared(*asked(baseline="main"), require_verdict=True)
    assert afterwards.conclude(few, Console(file=StringIO())) is ExitCode.NO_VERDICT
    err = capsys.readouterr().err
    assert err.startswith("voicecli: no verdict: there are too few calls")
    assert err.count("\n") == 1
    judged = afterwards.judged(few)
    assert judged is not None
    assert judged.required
    assert concluded(SLOWER, *asked(baseline="main", force=True))[0] is ExitCode.GOOD


def test_a_regression_is_a_verdict_and_what_cannot_be_compared_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    concluded(BEFORE, *asked(save="main"))
    afterwards = prepared(*asked(baseline="main"), require_verdict=True)
    assert afterwards.conclude(SLOWER, Console(file=StringIO())) is ExitCode.EXPECTATION_FAILED
    assert afterwards.conclude(BEFORE, Console(file=StringIO())) is ExitCode.GOOD
    other = document(fixture(calls(6, tts=80.0), digest="b" * 64))
    assert afterwards.judged(other) is None
    with pytest.raises(CliError, match="these runs cannot be compared"):
        afterwards.conclude(other, Console(file=StringIO()))
    assert capsys.readouterr().err == ""
    with pytest.raises(CliError, match="--require-verdict goes with --baseline or --versus"):
        prepared(*asked(), require_verdict=True)


def test_a_name_that_was_taken_during_the_calls_is_not_overwritten() -> None:
    afterwards = prepared(*asked(save="main"))
    runfile.save(SLOWER, runfile.free_path("main", overwrite=False))
    with pytest.raises(CliError, match=r"--save: .*main.json is there already"):
        afterwards.conclude(BEFORE, Console(file=StringIO()))
    assert runfile.read(runfile.find("main")) == SLOWER


def test_calls_that_were_interrupted_are_told_and_take_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    afterwards = prepared(*asked(save="main")).of_interrupted(3, 20)
    assert afterwards.conclude(BEFORE, Console(file=StringIO())) is ExitCode.GOOD
    prepared(*asked()).of_interrupted(1, 2)
    assert capsys.readouterr().err == (
        "voicecli: interrupted after 3 of 20 calls; nothing is saved as .voicecli/runs/main.json\n"
        "voicecli: interrupted after 1 of 2 calls\n"
    )
    assert not Path(".voicecli/runs/main.json").exists()
