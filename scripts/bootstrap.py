"""Makes .venv, and installs a lock file and the checkout into it. Called by bootstrap.sh; standard library only.

    python bootstrap.py runtime|dev

Two callers at once are safe: the second waits for the first. The stamp is written last, so that whatever is cut short
is done again.
"""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
"""What dev pins includes what runtime pins, at the same versions."""
FAILED = 5
INTERRUPTED = 130
OUTPUT_LINES = 12


class BootstrapError(Exception):
    """A step of the installation failed: what, and the end of what it printed."""


class Checkout:
    """A checkout and its `.venv`."""

    def __init__(self, root: Path, python_asked_for: str = "") -> None:
        self.root = root
        self._asked_for = python_asked_for
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"

    def is_current(self, level: str) -> bool:
        """Whether the level was installed from the very files that are here now."""
        try:
            return (
                self.python.exists()
                and self._asked_for in ("", self._made_with.read_text().strip())
                and self._stamp(level).read_bytes() == self._wanted(level)
            )
        except FileNotFoundError:
            return False

    def install(self, level: str) -> None:
        """Raises BootstrapError, or OSError where .venv cannot be written."""
        reusable = self._is_reusable()
        for stale in LOCKS:
            self._stamp(stale).unlink(missing_ok=True)
        if not reusable:
            # .venv may be what runs this: it is cleared by the Python that it was made from.
            base = getattr(sys, "_base_executable", sys.executable)
            _run("making .venv", [base, "-m", "venv", "--clear", str(self.venv)])
        pip = [str(self.python), "-I", "-m", "pip", "install", "--no-input", "--no-deps"]
        _run("installing the dependencies", [*pip, "--require-hashes", "-r", str(self.root / LOCKS[level])])
        _run("installing voicecli", [*pip, "--no-build-isolation", "--editable", str(self.root)])
        self._made_with.write_text(f"{self._asked_for}\n")
        for done in ("runtime", level):
            self._stamp(done).write_bytes(self._wanted(done))

    def _is_reusable(self) -> bool:
        """Whether .venv can be installed into: made in this place, with this version of Python, and pip works."""
        if not self.python.exists():
            return False
        made_in = {self._stamp(level).read_bytes().split(b"\n")[0] for level in LOCKS if self._stamp(level).exists()}
        probe = "import sys, pip; sys.exit(sys.version_info[:2] != ({}, {}))".format(*sys.version_info)
        return (
            made_in <= {os.fsencode(self.root)}
            and subprocess.run([self.python, "-I", "-c", probe], capture_output=True).returncode == 0
        )

    @property
    def _made_with(self) -> Path:
        """Holds $PYTHON as it was, for a later caller that sets it."""
        return self.venv / "made-with"

    def _stamp(self, level: str) -> Path:
        return self.venv / f"installed-{level}"

    def _wanted(self, level: str) -> bytes:
        """What the level's stamp holds when it is current; bootstrap.sh compares the same."""
        files = (self.root / "pyproject.toml", self.root / LOCKS[level])
        return os.fsencode(self.root) + b"\n" + b"".join(file.read_bytes() for file in files)


def main(level: str, checkout: Checkout) -> int:
    with _alone():
        if checkout.is_current(level):
            return 0
        started = time.monotonic()
        version = ".".join(map(str, sys.version_info[:3]))
        _say(f"voicecli: installing into .venv with Python {version}, once; about half a minute ...", end="")
        try:
            checkout.install(level)
        except KeyboardInterrupt:
            _say(" interrupted")
            return INTERRUPTED
        except (BootstrapError, OSError) as error:
            _say(f" failed\n{error}")
            return FAILED
        _say(f" done in {time.monotonic() - started:.0f} s")
    return 0


@contextmanager
def _alone() -> Iterator[None]:
    """One installation at a time; the lock goes with the process, however that ends."""
    with Path(__file__).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("voicecli: waiting for another installation into .venv")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(step: str, command: Sequence[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        output = "\n".join(f"  {line}" for line in done.stdout.rstrip().splitlines()[-OUTPUT_LINES:])
        raise BootstrapError(f"{step} failed (exit code {done.returncode}); the last it said:\n{output}")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Checkout(Path(__file__).resolve().parent.parent, os.environ.get("PYTHON", ""))))
