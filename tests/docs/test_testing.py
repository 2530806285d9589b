"""docs/testing.md: every file in it is written, and every command run, in its order."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, blocks

SPOKEN = {"tests/fixtures/weather": "question-weather", "tests/fixtures/interrupted": "barge-in"}
"""What is recorded, and a recording of it."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With the commands that the document calls, running this checkout."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {
        "voicecli": "-m voicecli",
        "pytest": "-m pytest -p voicecli.pytest_plugin",
        "python": "",
    }.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (programs / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "VOICECLI_"))}
    path = os.pathsep.join([str(programs), *filter(None, [os.environ.get("PATH")])])
    return {**kept, "PATH": path, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server")))}


def test_a_suite_is_built_from_nothing_as_the_document_says(tmp_path: Path, environment: dict[str, str]) -> None:
    project = tmp_path / "project"
    project.mkdir()
    ran = []
    for block in blocks("testing.md"):
        if block.file is not None:
            file = project / block.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        for command in block.commands:
            ran.append(command)
            act_out(command, project, environment)
    assert sum(command.startswith("pytest") for command in ran) == 5
    assert all(block.file for block in blocks("testing.md") if block.language in ("python", "toml"))


def act_out(command: str, project: Path, environment: dict[str, str]) -> None:
    words = shlex.split(command)
    match words:
        case ["pip", "install", *_]:
            return
        case ["voicecli", "record", folder]:
            spoken = ROOT / "fixtures" / SPOKEN[folder]
            (project / folder).mkdir(parents=True)
            for audio in spoken.glob("audio.*"):
                shutil.copy(audio, project / folder)
            return
        case ["pytest", *rest] if not {"tests/test_turn_taking.py", "tests/test_agent.py"} & set(rest):
            # In real time the twenty calls alone take three minutes, and this machine may be of any speed.
            words += ["--voice-virtual", "--deselect", "tests/test_speed.py::test_it_answers_on_a_train"]
    ended = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    if words[0] == "pytest":
        assert "= voice =" in ended.stdout
