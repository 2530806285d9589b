import json
import os
import re
from pathlib import Path

import pytest

from tests.voicecli.runs import calls, document, fixture
from voicecli.__main__ import main
from voicecli.exits import ExitCode
from voicecli.figures import runfile


@pytest.fixture(autouse=True)
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, tts_ms in (("before", 80.0), ("after", 140.0)):
        runfile.save(document(fixture(calls(6, tts=tts_ms))), runfile.free_path(name, overwrite=False))
    runfile.save(document(fixture(calls(6, tts=80.0), digest="b" * 64)), Path("other.json"))
    Path("cut.json").write_bytes(Path("other.json").read_bytes()[:-40])


def test_the_second_run_that_is_slower_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "before", "after"]) == ExitCode.EXPECTATION_FAILED
    assert re.search(r"\+60 ms \(95 % interval .*\), of which TTS first audio \+60\n", capsys.readouterr().out)


@pytest.mark.parametrize("runs", [["after", "before"], ["before", "before"], ["before", ".voicecli/runs/before.json"]])
def test_what_is_not_slower_ends_with_0(runs: list[str]) -> None:
    assert main(["compare", *runs]) == ExitCode.GOOD


def test_the_tolerance_can_be_set() -> None:
    assert main(["compare", "before", "after", "--tolerance", "61ms"]) == ExitCode.GOOD


def test_where_a_verdict_is_required_its_lack_ends_with_6(capsys: pytest.CaptureFixture[str]) -> None:
    runfile.save(document(fixture(calls(2, tts=80.0))), Path("few.json"))
    assert main(["compare", "before", "few.json"]) == ExitCode.GOOD
    assert main(["compare", "before", "few.json", "--require-verdict", "--json"]) == ExitCode.NO_VERDICT
    out, err = capsys.readouterr()
    assert json.loads(out[out.index("{") :])["answer"] == "not enough runs"
    assert err.startswith("voicecli: no verdict: there are too few calls to tell a change from chance; about 5 on each")
    assert main(["compare", "before", "after", "--require-verdict"]) == ExitCode.EXPECTATION_FAILED
    assert main(["compare", "before", "before", "--require-verdict"]) == ExitCode.GOOD


def test_a_verdict_is_required_on_each_fixture_of_the_first_run(capsys: pytest.CaptureFixture[str]) -> None:
    both = document(fixture(calls(6, tts=80.0)), fixture(calls(6, tts=80.0), name="weather"))
    runfile.save(both, Path("both.json"))
    assert main(["compare", "both.json", "before"]) == ExitCode.GOOD
    assert main(["compare", "before", "both.json", "--require-verdict"]) == ExitCode.GOOD
    assert main(["compare", "both.json", "before", "--require-verdict"]) == ExitCode.NO_VERDICT
    assert capsys.readouterr().err == (
        "voicecli: no verdict: the second run has no calls with weather; replay the same fixtures\n"
    )


def test_a_document_goes_alone_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "before", "other.json", "--force", "--json"]) == ExitCode.GOOD
    document = json.loads(capsys.readouterr().out)
    assert (document["answer"], document["forced"]) == (
        "no change",
        ["tone: other audio, or the same in another codec (SHA-256 aaaaaaaa against bbbbbbbb)"],
    )


def test_a_page_shows_both_runs_and_the_verdict_stays_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "before", "after", "--html", "both.html"]) == ExitCode.EXPECTATION_FAILED
    assert "regression" in capsys.readouterr().out
    page = Path("both.html").read_text()
    assert page.startswith("<!doctype html>")
    assert '"answer":"regression"' in page


def test_a_page_goes_alone_to_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "before", "before", "--html", "-"]) == ExitCode.GOOD
    out, err = capfd.readouterr()
    assert out.startswith("<!doctype html>")
    assert out.endswith("</html>\n")
    assert "no change" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["before", "nobody"], "nobody: no such run, and no such file; saved are after, before"),
        (["before", "cut.json"], "cut.json: damaged or cut off"),
        (["before", "other.json"], "these runs cannot be compared: tone: other audio"),
        (["before", "after", "--tolerance", "5"], "--tolerance"),
        (["before"], "Missing argument 'B'"),
        (["before", "after", "--html", "nowhere/both.html"], "--html nowhere/both.html: cannot be written"),
        (["before", "after", "--html", "-", "--json"], "--html - and --json both want standard output"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_a_matter_of_usage(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("voicecli: ")
    assert told in err
    assert err.count("\n") == 1


BROKEN = {
    "empty": (b"", "damaged or cut off; save the run again"),
    "text": (b"hello", "damaged or cut off; save the run again"),
    "binary": (bytes(range(256)), "damaged or cut off; save the run again"),
    "deep": (b'{"schema": "voicecli.run/1", "x": ' + b"[" * 100_000, "damaged or cut off; save the run again"),
    "nothing": (b"{}", "no run; give a file that"),
    "list": (b"[1]", "no run; give a file that"),
    "fixture": (b'{"schema": "voicecli.fixture/1"}', "no run, but 'voicecli.fixture/1'"),
    "future": (b'{"schema": "voicecli.run/2"}', "written by another voicecli (voicecli.run/2, "),
    "hollow": (b'{"schema": "voicecli.run/1"}', "damaged: Object missing required field"),
}


@pytest.mark.parametrize("name", [*BROKEN, "folder", "unreadable"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "before", "{}"],
        ["compare", "{}", "before"],
        ["replay", "{fixture}", "--baseline", "{}"],
        ["replay", "{fixture}", "--baseline", "{}", "--save", "{}", "--overwrite"],
    ],
)
def test_a_file_that_is_no_run_is_named_in_one_sentence_and_left_alone(
    name: str, arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path(".voicecli/runs") / f"{name}.json"
    content, told = BROKEN.get(name, (b"", "a folder; name the file" if name == "folder" else "cannot be read"))
    if name == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    if name == "unreadable":
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("root may read everything")
    named = str(path) if name == "folder" else name
    fixture = Path(__file__).parents[3] / "fixtures" / "numbers"
    assert main([argument.format(named, fixture=fixture) for argument in arguments]) == ExitCode.USAGE
    out, err = capfd.readouterr()
    assert (out, err.count("\n"), err.startswith("voicecli: ")) == ("", 1, True)
    assert told in err
    assert path.is_dir() or name == "unreadable" or path.read_bytes() == content
