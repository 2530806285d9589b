"""The mirror of modules and tests: whatever breaks it is named."""

from pathlib import Path

import pytest

from scripts import check_mirror


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one module in each package, with its test, one script with and one without, and no exceptions."""
    for path in (
        "voicewire/__init__.py",
        "voicewire/frames.py",
        "voiceaudio/level.py",
        "voicecli/commands/serve.py",
        "server/voiceserver/engines/espeak.py",
        "scripts/lock",
        "scripts/fuzz.py",
        "tests/voicewire/test_frames.py",
        "tests/voicewire/conftest.py",
        "tests/voiceaudio/test_level.py",
        "tests/voicecli/commands/test_serve.py",
        "tests/voiceserver/engines/test_espeak.py",
        "tests/scripts/test_lock.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    monkeypatch.setattr(check_mirror, "NO_TEST", {})
    monkeypatch.setattr(check_mirror, "NO_MODULE", {})
    return tmp_path


def test_a_whole_mirror_has_no_problems(root: Path) -> None:
    assert list(check_mirror.problems(root)) == []


def test_a_module_without_tests_is_a_problem_unless_it_is_excepted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "server/voiceserver/turn.py").touch()
    assert list(check_mirror.problems(root)) == [
        "server/voiceserver/turn.py has no tests: write tests/voiceserver/test_turn.py"
    ]
    monkeypatch.setattr(check_mirror, "NO_TEST", {"server/voiceserver/turn.py": "reason"})
    assert list(check_mirror.problems(root)) == []


def test_tests_without_a_module_are_a_problem_unless_they_are_excepted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "tests/test_wheel.py").touch()
    assert list(check_mirror.problems(root)) == [
        "tests/test_wheel.py mirrors no module: rename it, or add it to NO_MODULE with a reason"
    ]
    monkeypatch.setattr(check_mirror, "NO_MODULE", {"tests/test_wheel.py": "reason"})
    assert list(check_mirror.problems(root)) == []


def test_an_exception_that_is_none_any_more_is_a_problem(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_mirror, "NO_TEST", {"voicewire/frames.py": "reason", "voicewire/gone.py": "reason"})
    assert list(check_mirror.problems(root)) == [
        "voicewire/frames.py has tests: take it out of NO_TEST",
        "voicewire/gone.py is an exception that does not exist: take it out",
    ]


def test_the_exit_code_says_whether_there_are_problems(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_mirror.main(root) == 0
    (root / "tests/voicewire/test_frames.py").unlink()
    assert check_mirror.main(root) == 1
    assert capsys.readouterr().out == "voicewire/frames.py has no tests: write tests/voicewire/test_frames.py\n"
