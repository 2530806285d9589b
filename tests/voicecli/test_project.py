from pathlib import Path

import pytest

from voicecli.project import Project, ProjectError, found_from, load


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The folder `a/b` of a repository; there is a voicecli.toml above the repository."""
    (tmp_path / "voicecli.toml").write_text("")
    folder = tmp_path / "repository" / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    return folder


def test_nothing_is_looked_for_above_the_repository(repository: Path) -> None:
    assert found_from(repository) is None


def test_the_nearest_file_is_the_one(repository: Path) -> None:
    at_root, nearer = repository.parents[1] / "voicecli.toml", repository.parent / "voicecli.toml"
    at_root.write_text("")
    assert found_from(repository) == at_root
    nearer.write_text("")
    assert found_from(repository) == nearer


def test_outside_of_a_repository_only_the_folder_itself_counts(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "voicecli.toml").write_text("")
    assert found_from(inner) is None
    assert found_from(tmp_path) == tmp_path / "voicecli.toml"


def test_a_project_has_budgets(tmp_path: Path) -> None:
    file = tmp_path / "voicecli.toml"
    file.write_text('budgets = ["wer < 5%"]')
    assert load(file) == Project(budgets=("wer < 5%",))
    file.write_text("")
    assert load(file) == Project()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"budgets = [", "not valid TOML"),
        (b"\xff", "cannot be read"),
        (b"budget = []", "Object contains unknown field `budget`; it holds budgets = "),
        (b'budgets = "wer < 5%"', "Expected `array`, got `str`"),
    ],
)
def test_what_cannot_be_used_is_one_sentence_with_the_file(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "voicecli.toml"
    file.write_bytes(content)
    with pytest.raises(ProjectError) as refused:
        load(file)
    assert str(refused.value).startswith(f"{file}: {told}")
    with pytest.raises(ProjectError, match="cannot be read"):
        load(tmp_path)
