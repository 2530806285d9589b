"""Starting the worker processes of `workers.py`: forked from one process that holds the model, or each on its own."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from typing import Protocol

import msgspec

from voiceserver.engines.worker_host import Loader

_END_S = 1.0
_POLL_S = 0.005
_BOOTSTRAP = (
    "import sys, json; arguments = sys.argv[1]; sys.path[:] = json.loads(arguments)['path']; "
    "from voiceserver.engines.worker_host import main; main(arguments)"
)


class Launcher(Protocol):
    """Starts workers. Blocks for the milliseconds that starting a process takes."""

    def launch(self, sock: socket.socket) -> None:
        """Have a new worker serve `sock`; the caller may close it at once. Raises OSError."""

    async def close(self) -> None: ...


class Forkserver:
    """One process that loads the model and forks the workers. It ends when its control socket is closed."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def launch(self, sock: socket.socket) -> None:
        if self._control is None or self._process is None or self._process.poll() is not None:
            self._disconnect()
            control, theirs = socket.socketpair()
            with theirs:
                self._process = _start_python(self._loader, theirs)
            self._control = control
        socket.send_fds(self._control, [b"\0"], [sock.fileno()])

    async def close(self) -> None:
        self._disconnect()
        if self._process is not None:
            await _ended(self._process)

    def _disconnect(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None


class Spawner:
    """A process of its own for each worker, where the system cannot fork."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._processes: list[subprocess.Popen[bytes]] = []

    def launch(self, sock: socket.socket) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
        self._processes.append(_start_python(self._loader, sock))

    async def close(self) -> None:
        for process in self._processes:
            await _ended(process)


def _start_python(loader: Loader, sock: socket.socket) -> subprocess.Popen[bytes]:
    """A fresh interpreter that serves `sock`, apart from the terminal: Ctrl-C is for the server alone."""
    if sys.platform == "win32":
        process = subprocess.Popen(
            _command(loader),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
        assert process.stdin is not None
        with process.stdin:
            process.stdin.write(sock.share(process.pid))
        return process
    return subprocess.Popen(
        _command(msgspec.structs.replace(loader, descriptor=sock.fileno())),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[sock.fileno()],
        start_new_session=True,
    )


def _command(loader: Loader) -> list[str]:
    return [sys.executable, "-c", _BOOTSTRAP, msgspec.json.encode(loader).decode()]


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process whose socket is closed has ended, and see that it does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            while process.poll() is None:  # noqa: ASYNC110 - a process has no event without a thread of asyncio
                await asyncio.sleep(_POLL_S)
    process.kill()
    process.wait()
