"""The `.venv` of the scripts: made once, again when what it came from changed, and not taken for done too early."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import bootstrap
from scripts.bootstrap import BootstrapError, Checkout

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout without `.venv`, in a folder whose name needs quoting."""
    root = tmp_path / "a check out"
    (root / "scripts").mkdir(parents=True)
    for name in ("voicecli", "bootstrap.sh", "bootstrap.py"):
        shutil.copy(SCRIPTS / name, root / "scripts" / name)
    for name in ("pyproject.toml", *bootstrap.LOCKS.values()):
        (root / name).write_text(f"{name}, first version\n")
    return root


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of the installations, which do nothing but to make the two programs that are looked for."""
    steps: list[str] = []

    def run(step: str, command: Sequence[str]) -> None:
        steps.append(step)
        if step == "making .venv":
            programs = Path(command[-1]) / "bin"
            programs.mkdir(parents=True)
            (programs / "python").symlink_to(sys.executable)
            (programs / "voicecli").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
            (programs / "voicecli").chmod(0o755)

    monkeypatch.setattr(bootstrap, "_run", run)
    return steps


def voicecli(root: Path, *arguments: str, script: Path | None = None, **env: str) -> str:
    """What scripts/voicecli prints, where no Python is to be found and nothing can be installed."""
    ended = subprocess.run(
        [script or root / "scripts" / "voicecli", *arguments],
        capture_output=True,
        text=True,
        cwd=root.parent,
        env={"PATH": "/usr/bin:/bin", **env},
        timeout=60,
    )
    return ended.stdout


def test_an_installation_makes_the_environment_then_the_dependencies_then_the_project(
    root: Path, steps: list[str]
) -> None:
    Checkout(root).install("runtime")
    assert steps == ["making .venv", "installing the dependencies", "installing voicecli"]


def test_an_environment_that_is_there_is_installed_into(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    steps.clear()
    Checkout(root).install("dev")
    assert steps == ["installing the dependencies", "installing voicecli"]


def test_what_was_installed_is_current(root: Path, steps: list[str]) -> None:
    assert not Checkout(root).is_current("runtime")
    Checkout(root).install("runtime")
    assert [Checkout(root).is_current(level) for level in bootstrap.LOCKS] == [True, False]


def test_dev_includes_runtime(root: Path, steps: list[str]) -> None:
    Checkout(root).install("dev")
    assert [Checkout(root).is_current(level) for level in bootstrap.LOCKS] == [True, True]


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_a_change_of_the_project_or_of_the_lock_makes_it_stale(changed: str, root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    (root / changed).write_text("second version\n")
    assert not Checkout(root).is_current("runtime")


def test_a_file_that_is_touched_and_not_changed_leaves_it_current(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    os.utime(root / "requirements.lock", (2e9, 2e9))
    assert Checkout(root).is_current("runtime")


def test_a_checkout_that_was_moved_is_made_anew(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    steps.clear()
    moved = Checkout(root.rename(root.with_name("moved")))
    assert not moved.is_current("runtime")
    shutil.rmtree(moved.venv / "bin")  # as `venv --clear` would
    moved.install("runtime")
    assert (steps[0], moved.is_current("runtime")) == ("making .venv", True)


def test_another_python_than_the_one_asked_for_makes_it_stale(root: Path, steps: list[str]) -> None:
    Checkout(root, "python3.12").install("runtime")
    assert [Checkout(root, asked).is_current("runtime") for asked in ("", "python3.12", "python3.13")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("failing", ["making .venv", "installing the dependencies", "installing voicecli"])
@pytest.mark.parametrize("failure", [BootstrapError("no network"), KeyboardInterrupt()])
def test_an_installation_that_fails_is_not_taken_for_done(
    failing: str, failure: BaseException, root: Path, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    working = bootstrap._run

    def run(step: str, command: Sequence[str]) -> None:
        working(step, command)
        if step == failing:
            raise failure

    monkeypatch.setattr(bootstrap, "_run", run)
    code = bootstrap.main("runtime", Checkout(root))
    assert code == (bootstrap.INTERRUPTED if isinstance(failure, KeyboardInterrupt) else bootstrap.FAILED)
    assert not Checkout(root).is_current("runtime")


def test_a_step_that_fails_is_told_with_the_end_of_its_output() -> None:
    print_many = "for n in range(100): print('line', n)\nraise SystemExit(3)"
    with pytest.raises(BootstrapError) as failed:
        bootstrap._run("installing", [sys.executable, "-c", print_many])
    lines = str(failed.value).splitlines()
    assert lines[0] == "installing failed (exit code 3); the last it said:"
    assert lines[1:] == [f"  line {n}" for n in range(100 - bootstrap.OUTPUT_LINES, 100)]


def test_the_script_passes_its_arguments_on(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    assert voicecli(root, "replay", "two words", "") == "<replay><two words><>"


def test_scripts_that_are_strict_about_unset_variables_can_use_it(root: Path, steps: list[str]) -> None:
    Checkout(root).install("dev")
    strict = root / "scripts" / "strict"
    strict.write_text('#!/bin/bash\nset -u\nself=$0\n. "${self%/*}/bootstrap.sh"\nensure_venv dev\necho "$root"\n')
    strict.chmod(0o755)
    assert voicecli(root, script=strict) == f"{root}\n"


def test_the_script_works_through_links(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    (root.parent / "absolute").symlink_to(root / "scripts" / "voicecli")
    (root.parent / "relative").symlink_to("absolute")
    assert voicecli(root, "--help", script=root.parent / "relative") == "<--help>"


def test_the_script_does_not_run_what_is_stale(root: Path, steps: list[str]) -> None:
    Checkout(root).install("runtime")
    (root / "scripts" / "bootstrap.py").write_text("import sys\nsys.exit('would install')\n")
    assert voicecli(root, "--help") == "<--help>"
    (root / "requirements.lock").write_text("second version\n")
    assert voicecli(root, "--help") == ""


def test_the_script_heeds_which_python_is_asked_for(root: Path, steps: list[str]) -> None:
    Checkout(root, sys.executable).install("runtime")
    (root / "scripts" / "bootstrap.py").write_text("import sys\nsys.exit('would install')\n")
    assert voicecli(root, "--help", PYTHON=sys.executable) == "<--help>"
    assert voicecli(root, "--help", PYTHON=f"{sys.executable}3") == ""


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("echo 3.10; exit 3", "{} is 3.10."),
        ("echo 3.12; exit 4", "{} (3.12) lacks the venv module (on Debian: apt-get install python3.12-venv)."),
        ("exit 127", "{} does not run."),
    ],
)
def test_a_python_that_will_not_do_is_told_with_the_reason(program: str, sentence: str, root: Path) -> None:
    python = root.parent / "python"
    python.write_text(f"#!/bin/sh\n{program}\n")
    python.chmod(0o755)
    ended = subprocess.run(
        [root / "scripts" / "voicecli"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        timeout=60,
    )
    first_line = ended.stderr.splitlines()[0]
    assert first_line == "voicecli needs Python 3.11, 3.12 or 3.13, with its venv module: " + sentence.format(python)
    assert (ended.returncode, (root / ".venv").exists()) == (5, False)
