"""docs/ci.md: its workflows are acted out as a runner would, with stand-ins for what is elsewhere.

Calls in virtual time are placed; commands in real time are read as the command line reads them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from tests.docs.documents import ROOT, blocks
from voicecli.__main__ import application
from voicecli.figures.run import Run

GIVEN = {
    "github.event.number": "7",
    "github.repository": "owner/name",
    "github.token": "token",
}
STAND_IN = f"""#!{sys.executable}
import json, os, sys
name, *arguments = os.path.basename(sys.argv[0]), *sys.argv[1:]
with open(os.environ["CALLED"], "a") as file:
    print(json.dumps([name, *arguments]), file=file)
if name == "voicecli" and ("--virtual" in arguments or "compare" in arguments):
    os.execv(sys.executable, [sys.executable, "-m", "voicecli", *arguments])
"""


class Machine:
    """A runner's: a checkout, and programs that note how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        (self.folder / "base").mkdir(parents=True)
        weather = self.folder / "tests" / "fixtures" / "weather"
        shutil.copytree(ROOT / "fixtures" / "question-weather", weather)
        toml = weather / "fixture.toml"
        toml.write_text(toml.read_text().replace('"question-weather"', '"weather"'))
        self._called = folder / "called"
        self._called.touch()
        programs = folder / "bin"
        programs.mkdir()
        for name in ("voicecli", "pip", "curl", "gh", "git", "pytest"):
            (programs / name).write_text(STAND_IN)
            (programs / name).chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("CI_", "GITHUB_", "VOICECLI_"))}
        self.env = kept | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server"))),
            "CALLED": str(self._called),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        }

    def run(self, script: str) -> None:
        filled = re.sub(r"\$\{\{ (.*?) \}\}", lambda found: GIVEN[found[1]], script)
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled]
        ended = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120)
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"

    @property
    def called(self) -> list[list[str]]:
        return [json.loads(line) for line in self._called.read_text().splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def workflow(name: str) -> Any:
    (found,) = (block for block in blocks("ci.md") if block.file and block.file.endswith(name))
    return yaml.safe_load(found.text)


def scripts(job: Any, event: str) -> list[str]:
    """Of the steps that run for an event."""
    other = {"push": "pull_request", "pull_request": "push"}[event]
    return [
        step["run"] for step in job["steps"] if "run" in step and f"event_name == '{other}'" not in str(step.get("if"))
    ]


def accepted(arguments: list[str]) -> bool:
    """As the command line reads it, without running it."""
    group = typer.main.get_command(application(arguments))
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[arguments[0]]
    command.make_context(arguments[0], arguments[1:])
    return True


def test_every_yaml_is_yaml() -> None:
    written = [block for block in blocks("ci.md") if block.language == "yaml"]
    assert len(written) == 3
    assert all(yaml.safe_load(block.text) for block in written)


def test_turn_taking_is_compared_with_what_main_came_to(machine: Machine) -> None:
    job = workflow("voice.yml")["jobs"]["turn-taking"]
    push = scripts(job, "push")
    for script in [each for each in push if "compare" not in each]:
        machine.run(script)
    (machine.folder / "run.json").rename(machine.folder / "run-of-main.json")
    for script in scripts(job, "pull_request"):
        machine.run(script)
    replays = [call for call in machine.called if call[:2] == ["voicecli", "replay"]]
    assert ["--baseline" in call for call in replays] == [False, True]
    assert (machine.folder / "run.json").read_bytes() == (machine.folder / "run-of-main.json").read_bytes()
    assert "weather, utterance 1, voice-to-voice: no change" in (machine.folder / "compared.txt").read_text()
    assert "✓ weather" in (machine.folder / "report.txt").read_text()
    (uploaded,) = (step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    for pattern in uploaded.split():
        assert list(machine.folder.glob(pattern)), pattern


def test_speed_is_measured_of_both_versions_with_commands_that_are_accepted(machine: Machine) -> None:
    for script in scripts(workflow("voice.yml")["jobs"]["speed"], "pull_request"):
        if "compare" not in script:
            machine.run(script)
    commands = [call[1:] for call in machine.called if call[0] == "voicecli"]
    assert sorted(arguments[0] for arguments in commands) == ["replay", "serve", "serve"]
    assert all(map(accepted, commands))
    with pytest.raises(typer.TyperException):
        accepted(["replay", "--no-such-option"])
    assert accepted(["compare", "base", "head", "--tolerance", "10%,30ms"])


def test_the_comment_has_what_both_jobs_say(machine: Machine) -> None:
    job = workflow("voice.yml")["jobs"]["comment"]
    for name in ("turn-taking", "speed"):
        (machine.folder / name).mkdir()
        (machine.folder / name / "comment.md").write_text(f"### of {name}\n")
    (machine.folder / "speed" / "compared.txt").write_text("slower\n")
    for script in scripts(job, "pull_request"):
        machine.run(script)
    comment = (machine.folder / "comment.md").read_text()
    assert comment.splitlines() == [
        *("", "## turn-taking", "", "### of turn-taking", "", "## speed", "", "### of speed", ""),
        *("<details><summary>Compared with main</summary>", "", "```text", "slower", "```", "", "</details>"),
    ]
    assert Path(machine.env["GITHUB_STEP_SUMMARY"]).read_text() == comment
    assert machine.called == [
        [
            "gh",
            "pr",
            "comment",
            "7",
            "--repo",
            "owner/name",
            "--edit-last",
            "--create-if-none",
            "--body-file",
            "comment.md",
        ]
    ]


def test_only_the_job_that_comments_may_write() -> None:
    document = workflow("voice.yml")
    assert document["permissions"] == {"contents": "read"}
    writing = {name: job["permissions"] for name, job in document["jobs"].items() if "permissions" in job}
    assert writing == {"comment": {"pull-requests": "write"}}
    assert not any("checkout" in step.get("uses", "") for step in document["jobs"]["comment"]["steps"])


def test_gitlab_does_the_same(machine: Machine) -> None:
    job = workflow(".gitlab-ci.yml")["turn-taking"]
    machine.env |= {"CI_MERGE_REQUEST_IID": "7", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc", "PROJECT": "https://gitlab"}
    machine.env |= {"CI_DEFAULT_BRANCH": "main", "VOICE_TOKEN": "token"}
    machine.run("\n".join(job["script"]))
    machine.run("\n".join(job["after_script"]))
    asked = [call[-1] for call in machine.called if call[0] == "curl"]
    assert asked == [
        "https://gitlab/jobs/artifacts/main/raw/run.json?job=turn-taking",
        "https://gitlab/merge_requests/7/notes",
    ]
    for file in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (machine.folder / file).is_file()
    assert Run.__struct_fields__[0] in json.loads((machine.folder / "run.json").read_text())
