"""The worker's side of `workers.py`: a process that loads a model and answers on a socket.

Where the system can fork, one host process loads the model once and forks the workers, which share its memory until
they write to it; elsewhere each worker loads its own. Frames on the socket, both ways: length of kind and payload
(u32, big-endian), kind (u8), payload. A worker answers until its socket is closed, so it never outlives the server.
"""

import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import traceback
from enum import IntEnum
from typing import NamedTuple, Protocol

import msgspec

_LENGTH = struct.Struct(">I")
_PID = struct.Struct(">I")
_READ_BYTES = 65_536


class FrameKind(IntEnum):
    REQUEST = 0
    """To the worker: the next request of the stream it serves."""
    LAST_REQUEST = 1
    """The same, and when it is served the stream is over."""
    CANCEL = 2
    """To the worker: the stream is over, unless it is already."""
    READY = 3
    """From the worker, once, first: its process id."""
    ANSWER = 4
    FAILED = 5
    """From the worker, instead of an answer: a traceback, its last line the error."""
    IDLE = 6
    """From the worker, once for each stream, last."""


class Frame(NamedTuple):
    kind: FrameKind
    payload: bytes = b""

    def encode(self) -> bytes:
        return _LENGTH.pack(1 + len(self.payload)) + bytes((self.kind,)) + self.payload


class FrameParser:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            end = start + _LENGTH.size + _LENGTH.unpack_from(buffer, start)[0]
            if len(buffer) < end:
                break
            kind = start + _LENGTH.size
            frames.append(Frame(FrameKind(buffer[kind]), bytes(buffer[kind + 1 : end])))
            start = end
        del buffer[:start]
        return frames


def ready_frame(pid: int) -> Frame:
    return Frame(FrameKind.READY, _PID.pack(pid))


def ready_pid(frame: Frame) -> int:
    return int(_PID.unpack(frame.payload)[0])


class Disconnected(Exception):
    """The server closed the socket or is gone."""


class Channel:
    """The worker's end of its socket. Blocks: that is the backpressure."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._parser = FrameParser()
        self._frames: list[Frame] = []

    def receive(self) -> Frame:
        """Wait for the next frame. Raises Disconnected."""
        while not self._frames:
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError as error:
                raise Disconnected from error
            if not data:
                raise Disconnected
            self._frames = self._parser.feed(data)
        return self._frames.pop(0)

    def send(self, frame: Frame) -> None:
        """Raises Disconnected."""
        try:
            self._socket.sendall(frame.encode())
        except OSError as error:
            raise Disconnected from error

    def answer(self, payload: bytes) -> None:
        self.send(Frame(FrameKind.ANSWER, payload))

    def interrupted(self) -> bool:
        """Whether a frame waits, or the server is gone: whoever makes a long answer is to stop making it."""
        return bool(self._frames) or bool(select.select([self._socket], [], [], 0)[0])


class Worker(Protocol):
    """What serves the requests; made by calling `entry` with the settings, which is where the model is loaded."""

    def answer(self, request: bytes, channel: Channel) -> None:
        """Serve one request with any number of answers."""

    def reset(self) -> None:
        """Forget the stream served so far."""


def serve(worker: Worker, sock: socket.socket) -> None:
    """Answer until the socket is closed. An exception of `answer` is an answer, too; one of `reset` ends the worker."""
    channel = Channel(sock)
    is_idle = True
    try:
        channel.send(ready_frame(os.getpid()))
        while True:
            frame = channel.receive()
            if frame.kind is not FrameKind.CANCEL:
                is_idle = False
                _answer(worker, frame.payload, channel)
            if frame.kind is not FrameKind.REQUEST and not is_idle:
                worker.reset()
                is_idle = True
                channel.send(Frame(FrameKind.IDLE))
    except Disconnected:
        return


def _answer(worker: Worker, request: bytes, channel: Channel) -> None:
    try:
        worker.answer(request, channel)
    except Disconnected:
        raise
    except Exception:
        channel.send(_failure())


def serve_forks(load: "Loader", control: socket.socket) -> None:
    """Load the model once, then fork a worker for every socket that arrives on `control`, until that is closed."""
    if sys.platform == "win32":
        raise AssertionError("no fork here")
    worker: Worker | None = None
    failure = Frame(FrameKind.FAILED)
    try:
        worker = load()
    except Exception:
        failure = _failure()
    # Reaped by the system; and what is alive now is never collected, so that its pages stay shared.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            return
        with socket.socket(fileno=descriptors[0]) as sock:
            if worker is None:
                _report(failure, sock)
                continue
            try:
                pid = os.fork()
            except OSError:
                _report(_failure(), sock)
                continue
            if pid == 0:
                try:
                    control.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    serve(worker, sock)
                finally:
                    os._exit(0)


def serve_alone(load: "Loader", sock: socket.socket) -> None:
    """Load the model and be the one worker that uses it."""
    try:
        worker = load()
    except Exception:
        _report(_failure(), sock)
        return
    serve(worker, sock)


def _failure() -> Frame:
    return Frame(FrameKind.FAILED, traceback.format_exc().encode(errors="replace"))


def _report(failure: Frame, sock: socket.socket) -> None:
    try:
        Channel(sock).send(failure)
    except Disconnected:
        return


class Loader(msgspec.Struct, frozen=True):
    """What the process is told on its command line, as JSON."""

    path: list[str]
    """`sys.path` of the server, so that the worker finds what the server found."""
    entry: str
    """`module:callable` that takes the settings and returns a Worker."""
    settings: str
    forks: bool
    descriptor: int = -1
    """The socket, inherited; on Windows it comes through stdin instead."""

    def __call__(self) -> Worker:
        module, _, name = self.entry.partition(":")
        worker: Worker = getattr(importlib.import_module(module), name)(self.settings.encode())
        return worker


def main(arguments: str) -> None:
    """The process. `arguments` is a Loader in JSON."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    load = msgspec.json.decode(arguments, type=Loader)
    if sys.platform == "win32":
        sock = socket.fromshare(sys.stdin.buffer.read())
    else:
        sock = socket.socket(fileno=load.descriptor)
    (serve_forks if load.forks else serve_alone)(load, sock)
