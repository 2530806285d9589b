from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voicecli.runs import calls, document, fixture
from voicecli.figures import runfile
from voicecli.figures.runfile import RunFileError

RUN = document(fixture(calls(2, tts=80.0)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def saved(name: str) -> Path:
    path = runfile.free_path(name, overwrite=False)
    runfile.save(RUN, path)
    return path


def test_what_was_saved_is_found_by_name_or_path_and_read_back() -> None:
    path = saved("main")
    assert path == Path(".voicecli/runs/main.json")
    assert [runfile.read(runfile.find(named)) for named in ("main", ".voicecli/runs/main.json")] == [RUN, RUN]
    assert [each.name for each in path.parent.iterdir()] == ["main.json"]


def test_a_saved_run_wins_over_a_file_of_that_name() -> None:
    Path("main").write_text("something else")
    assert runfile.find(str(saved("main").stem)) == Path(".voicecli/runs/main.json")


def test_a_name_that_is_taken_is_refused_unless_it_may_be_overwritten() -> None:
    path = saved("main")
    with pytest.raises(RunFileError, match=r"main\.json is there already; choose another name, or add --overwrite"):
        runfile.free_path("main", overwrite=False)
    assert runfile.free_path("main", overwrite=True) == path


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "-dash", "a b", "x" * 101, "naïve", "a\n"])
def test_a_name_must_do_on_every_system(name: str) -> None:
    with pytest.raises(RunFileError, match="is no name for a run"):
        runfile.path_of(name)


def test_a_folder_that_cannot_be_made_is_said_before_the_run() -> None:
    Path(".voicecli").write_text("in the way")
    with pytest.raises(RunFileError, match="cannot be made"):
        runfile.free_path("main", overwrite=False)


def test_a_run_that_cannot_be_written_leaves_the_old_one_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("main")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunFileError, match="No space left on device"):
        runfile.save(document(), path, overwrite=True)
    assert runfile.read(path) == RUN
    assert [each.name for each in path.parent.iterdir()] == ["main.json"]


def test_an_interrupted_save_leaves_the_old_run_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("main")

    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runfile.save(document(), path, overwrite=True)
    assert runfile.read(path) == RUN
    assert [each.name for each in path.parent.iterdir()] == ["main.json"]


def test_without_leave_a_run_saved_meanwhile_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("main")

    def refused(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    for _ in range(2):
        with pytest.raises(RunFileError, match="is there already"):
            runfile.save(document(), path)
        assert runfile.read(path) == RUN
        monkeypatch.setattr(Path, "hardlink_to", refused)  # as on a file system without hard links
    runfile.save(document(), path.with_stem("other"))
    assert sorted(each.name for each in path.parent.iterdir()) == ["main.json", "other.json"]


def test_a_run_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(RunFileError, match=r"^main: no such run, and no such file; save one with `voicecli replay"):
        runfile.find("main")
    saved("b")
    saved("a")
    with pytest.raises(RunFileError, match=r"saved are a, b$"):
        runfile.find("main")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "damaged or cut off; save the run again"),
        (RUN.serialize()[:-300], "damaged or cut off; save the run again"),
        (
            RUN.serialize().replace(b'"turn_id": 1', b'"turn_id": "one"'),
            r"Expected `int`, got `str`.*save the run again",
        ),
        (b"\xff\xfe", "damaged or cut off"),
        (b'{"schema": "voicecli.run/1", "x": ' + b"[" * 100_000, "damaged or cut off"),
        (b"[]", "no run; give a file that"),
        (b"{}", "no run; give a file that"),
        (b'{"schema": "voicecli.fixture/1"}', "no run, but 'voicecli.fixture/1'; give a file that"),
        (b'{"schema": "voicecli.run/2", "turns": []}', r"written by another voicecli \(voicecli.run/2"),
    ],
)
def test_what_is_no_run_of_this_version_is_named_and_left_alone(content: bytes, told: str) -> None:
    path = Path("run.json")
    path.write_bytes(content)
    with pytest.raises(RunFileError, match=f"^run.json: .*{told}"):
        runfile.read(path)
    assert path.read_bytes() == content


def test_a_folder_is_no_run() -> None:
    with pytest.raises(RunFileError, match="a folder; name the file of a run in it"):
        runfile.read(Path())


def test_what_a_later_version_adds_to_the_schema_is_passed_over() -> None:
    Path("run.json").write_bytes(RUN.serialize().replace(b'"schema"', b'"later": [1], "schema"'))
    assert runfile.read(Path("run.json")) == RUN


@given(st.data())
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(msgspec.json.encode(RUN))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = Path("run.json")
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(RunFileError):
        runfile.read(path)
