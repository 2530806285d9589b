from pathlib import Path

import pytest

from scripts import generate


def test_generated_files_are_fresh() -> None:
    assert generate.stale() == [], "run .venv/bin/python scripts/generate.py"


def test_a_file_that_differs_or_is_missing_is_stale(tmp_path: Path) -> None:
    names = list(generate.generated())
    for name, text in generate.generated().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert generate.stale(tmp_path) == []
    (tmp_path / names[0]).write_text("old", encoding="utf-8")
    (tmp_path / names[1]).unlink()
    assert generate.stale(tmp_path) == names[:2]


def test_check_names_what_is_stale_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 0
    monkeypatch.setattr(generate, "stale", lambda: ["docs/protocol.md"])
    assert generate.main() == 1
    assert capsys.readouterr().err == "docs/protocol.md is stale: run .venv/bin/python scripts/generate.py\n"
