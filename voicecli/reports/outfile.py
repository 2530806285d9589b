"""Files that a command leaves behind: refused before its work if they cannot be written, and written whole after it."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voicecli.exits import CliError, ExitCode

_STDOUT = "-"


class OutFile(NamedTuple):
    """Where a flag says that something goes; `-` is standard output."""

    flag: str
    name: str

    @property
    def is_stdout(self) -> bool:
        return self.name == _STDOUT

    def write(self, data: bytes) -> None:
        """All or nothing: whoever reads the file sees the old content or the new one. Raises CliError."""
        if self.is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        try:
            _replace(Path(self.name), data)
        except OSError as error:
            raise CliError(f"{self.flag} {self.name}: {error.strerror}", ExitCode.USAGE) from error


def outfile(flag: str, name: str | None) -> OutFile | None:
    """None where the flag was not given. Raises CliError for what cannot be written."""
    if name is None or name == _STDOUT:
        return None if name is None else OutFile(flag, name)
    path = Path(name)
    touched = [path] if path.exists() else []
    touched += [] if _is_special(path) else [path.absolute().parent]
    if path.is_dir() or not all(os.access(each, os.W_OK) for each in touched):
        raise CliError(f"{flag} {name}: cannot be written; name a file in a folder that is there", ExitCode.USAGE)
    return OutFile(flag, name)


def refuse_shared(files: Sequence[OutFile | None]) -> None:
    """Where two go to one place, one would be all that is left. None was not given. Raises CliError."""
    places: dict[object, OutFile] = {}
    for file in files:
        if file is None or (not file.is_stdout and _is_special(Path(file.name))):
            continue
        other = places.setdefault(_STDOUT if file.is_stdout else Path(file.name).resolve(), file)
        if other is not file:
            sentence = (
                f"{other.flag} and {file.flag} both want standard output; give one a file"
                if file.is_stdout
                else f"{other.flag} and {file.flag} both write {file.name}; give one another name"
            )
            raise CliError(sentence, ExitCode.USAGE)


def _is_special(path: Path) -> bool:
    """A device or a pipe, which is not to be replaced by a file."""
    return path.exists() and not path.is_file()


def _replace(path: Path, data: bytes) -> None:
    if _is_special(path):
        path.write_bytes(data)
        return
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """Which the system tells only by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
