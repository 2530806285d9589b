"""Runs that are kept, to compare later ones with: the documents of `voicecli replay`, saved under a name.

They lie in `.voicecli/runs/NAME.json` in the working directory, and are the same as what `--json` writes.
"""

import os
import re
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct

from voicecli import __version__
from voicecli.figures.run import SCHEMA, Run

FOLDER = Path(".voicecli") / "runs"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_FAMILY = SCHEMA.partition("/")[0]


class RunFileError(Exception):
    """A run cannot be read or saved; the message names the file and says what to do."""


class _Headed(Struct):
    schema: str


def path_of(name: str) -> Path:
    """Where the run of this name is saved. Raises RunFileError."""
    if not _NAME.fullmatch(name):
        raise RunFileError(f'"{name}" is no name for a run; use letters, digits, dots, dashes and underscores')
    return FOLDER / f"{name}.json"


def free_path(name: str, *, overwrite: bool) -> Path:
    """Where a run can be saved under this name, with its folder made. Raises RunFileError."""
    path = path_of(name)
    if path.exists() and not overwrite:
        raise RunFileError(f"{path} is there already; choose another name, or add --overwrite")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFileError(f"{path.parent}: cannot be made: {error.strerror}") from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise RunFileError(f"{path}: cannot be written; change its permissions, or work in another folder")
    return path


def save(run: Run, path: Path, *, overwrite: bool = False) -> None:
    """All of it or nothing: what was there stays until the new file is whole, and without `overwrite` for good.

    Raises RunFileError.
    """
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(run.serialize())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            if overwrite:
                Path(temporary).replace(path)
            else:
                _move_to_free(Path(temporary), path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except FileExistsError as error:
        raise RunFileError(f"{path} is there already; choose another name, or add --overwrite") from error
    except OSError as error:
        raise RunFileError(f"{path}: cannot be written: {error.strerror}") from error


def _move_to_free(temporary: Path, path: Path) -> None:
    """Raises FileExistsError where another run has the name by now."""
    try:
        path.hardlink_to(temporary)  # a rename would replace the other
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError from None
        temporary.replace(path)


def find(named: str) -> Path:
    """The run saved under a name, or else the file of that path. Raises RunFileError."""
    if _NAME.fullmatch(named) and path_of(named).is_file():
        return path_of(named)
    path = Path(named)
    if path.exists():
        return path
    saved = sorted(each.stem for each in FOLDER.glob("*.json") if not each.name.startswith("."))
    there = f"saved are {', '.join(saved)}" if saved else "save one with `voicecli replay FIXTURE --save NAME`"
    raise RunFileError(f"{named}: no such run, and no such file; {there}")


def read(path: Path) -> Run:
    """Raises RunFileError."""
    if path.is_dir():
        raise RunFileError(f"{path}: a folder; name the file of a run in it")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunFileError(f"{path}: cannot be read: {error.strerror}; check its permissions") from error
    try:
        schema = msgspec.json.decode(content, type=_Headed).schema
    except msgspec.ValidationError:
        raise RunFileError(f"{path}: no run; give a file that `voicecli replay --save` or `--json` wrote") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RunFileError(f"{path}: damaged or cut off; save the run again") from None
    if schema != SCHEMA:
        raise RunFileError(f"{path}: {_foreign(schema)}")
    try:
        return msgspec.json.decode(content, type=Run)
    except msgspec.ValidationError as error:
        raise RunFileError(f"{path}: damaged: {error}; save the run again") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RunFileError(f"{path}: damaged or cut off; save the run again") from None


def _foreign(schema: str) -> str:
    family, _, version = schema.partition("/")
    if family == _FAMILY and version.isdecimal():
        return f"written by another voicecli ({schema}, this one, {__version__}, reads {SCHEMA}); update the older one"
    return f"no run, but {ascii(schema)[:60]}; give a file that `voicecli replay --save` or `--json` wrote"
