import os
import stat
from pathlib import Path

import pytest

from voicecli.exits import CliError, ExitCode
from voicecli.reports.outfile import outfile, refuse_shared


def written(path: Path, data: bytes) -> None:
    file = outfile("--x", str(path))
    assert file is not None
    file.write(data)


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "x"
    written(path, b"old")
    path.chmod(0o640)
    written(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("x", b"new")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_may_be_read_as_any_other(tmp_path: Path) -> None:
    written(tmp_path / "x", b"")
    (tmp_path / "usual").touch()
    assert (tmp_path / "x").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_link_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    written(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_file_whose_writing_fails_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CliError) as failed:
        written(tmp_path / "x", b"new")
    assert failed.value.message == f"--x {tmp_path}/x: No space left on device"
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("x", b"old")]


def test_a_device_is_written_to_and_stays_one() -> None:
    written(Path(os.devnull), b"gone")
    assert Path(os.devnull).is_char_device()


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    written(Path("-"), b"data")
    assert capfdbinary.readouterr().out == b"data"


@pytest.mark.parametrize("name", ["", "nowhere/x"])
def test_what_cannot_be_written_is_refused_before(name: str, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="cannot be written; name a file in a folder that is there") as refused:
        outfile("--x", str(tmp_path / name))
    assert refused.value.exit_code is ExitCode.USAGE
    assert outfile("--x", None) is None


def test_two_that_go_to_one_place_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("x")
    for one, other in (("x", "x"), ("x", "./x"), ("link", str(tmp_path / "x"))):
        with pytest.raises(CliError, match=f"--a and --b both write {other}; give one another name") as refused:
            refuse_shared([outfile("--a", one), None, outfile("--b", other)])
        assert refused.value.exit_code is ExitCode.USAGE
    with pytest.raises(CliError, match="--a and --b both want standard output; give one a file"):
        refuse_shared([outfile("--a", "-"), outfile("--b", "-")])
    refuse_shared([outfile("--a", "x"), outfile("--b", "y"), outfile("--c", "-")])
    refuse_shared([outfile("--a", os.devnull), outfile("--b", os.devnull)])
