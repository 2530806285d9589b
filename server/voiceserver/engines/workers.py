"""Worker processes for engines that hold the GIL, have global state or may crash: a pool that lends them to streams.

`multiprocessing` is not used: it imports the program's `__main__` again in every worker, and its fork server lives as
long as the program. `worker_host.py` is the other side. No task and no thread is kept: what happens between two leases
happens in the callbacks of the workers' sockets.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncIterator
from enum import Enum, auto

from voiceserver.engines.roles import EngineError
from voiceserver.engines.worker_host import Frame, FrameKind, FrameParser, Loader, ready_pid
from voiceserver.engines.worker_launcher import Forkserver, Launcher, Spawner

log = logging.getLogger(__name__)

INBOX_BYTES = 1_000_000
_CLOSE_S = 1.0
_SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # os.kill with SIGTERM ends a process on Windows


class WorkerPool:
    """`size` processes of a `worker_host.Worker`, each lent to one stream at a time, first come first served.

    A worker that crashes, or does not answer within `hang_ms`, fails its own stream with an EngineError and is
    replaced. To be used within one event loop.
    """

    def __init__(
        self,
        entry: str,
        settings: bytes,
        *,
        name: str,
        size: int,
        hang_ms: int = 5_000,
        start_ms: int = 30_000,
        single_use: bool = False,
        fork: bool = hasattr(os, "fork"),
    ) -> None:
        """`entry` is `module:callable`, called with `settings` (JSON) in the worker; `name` begins error messages.

        With `single_use` each stream gets a worker that has served no other, where the system can fork: for a library
        that does not forget what it did before. Elsewhere a worker costs too much for that.
        """
        self.name = name
        self.size = size
        self.hang_ms = hang_ms
        self.start_ms = start_ms
        self._single_use = single_use and fork
        loader = Loader(path=sys.path, entry=entry, settings=settings.decode(), forks=fork)
        self._launcher: Launcher = Forkserver(loader) if fork else Spawner(loader)
        self._connections: set[_Connection] = set()
        self._idle: deque[_Connection] = deque()
        """As many as `_free` counts; some may still be starting."""
        self._free = asyncio.Semaphore(0)
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The workers that have started."""
        return tuple(sorted(connection.pid for connection in self._connections if connection.pid))

    async def start(self) -> None:
        """Returns when every worker has loaded its model. Raises EngineError."""
        try:
            for _ in range(self.size):
                self._add()
            for connection in tuple(self._idle):
                await connection.connect()
        except BaseException:
            await self.close()
            raise
        for _ in range(self.size):
            self._free.release()

    async def close(self) -> None:
        """Kill every worker and wait for its end. Streams served and waiting fail. Legal at any time, and twice."""
        self._closed = True
        self._free.release()
        connections = tuple(self._connections)
        for connection in connections:
            connection.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                for connection in connections:
                    await connection.lost.wait()
        for connection in connections:
            connection.discard()
        self._connections.clear()
        self._idle.clear()
        await self._launcher.close()

    @contextlib.asynccontextmanager
    async def lease(self, timeout_ms: int) -> AsyncIterator["Lease"]:
        """A worker for one stream. Waits for a free one, up to `timeout_ms`, behind those who came before.

        Leaving does not wait: what the worker still does for the stream is cancelled, and its answers are dropped.
        Raises EngineError.
        """
        if not self._connections:
            raise self.lost_error()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._free.acquire()
        except TimeoutError:
            raise EngineError(
                f"{self.name} is busy: its {self.size} workers were in use for {timeout_ms / 1000:g} s; "
                "give it more with the setting `workers`"
            ) from None
        if self._closed:
            self._free.release()
            raise self.lost_error()
        connection = self._idle.popleft()
        lease = Lease(connection, self)
        try:
            await connection.connect()
            connection.serve(lease)
            yield lease
        finally:
            if not lease.is_over:
                self._give_back(connection)

    # --- what happens to a worker, called without awaiting

    def _add(self) -> None:
        connection = _Connection(self)
        try:
            connection.socket, theirs = socket.socketpair()
            with theirs:
                self._launcher.launch(theirs)
        except OSError as error:
            connection.failure = str(error)
        self._connections.add(connection)
        self._idle.append(connection)

    def _give_back(self, connection: "_Connection") -> None:
        if self._closed:
            self._free.release()
        elif connection.lost.is_set() or self._single_use or not connection.is_serving:
            connection.kill()
            self._replace(connection)
        elif connection.recover():
            self.recovered(connection)

    def _replace(self, connection: "_Connection") -> None:
        connection.discard()
        self._connections.discard(connection)
        self._add()
        self._free.release()

    def recovered(self, connection: "_Connection") -> None:
        """The worker is idle again after a stream."""
        if self._closed:
            return
        if self._single_use:
            connection.kill()
            self._replace(connection)
        else:
            self._idle.append(connection)
            self._free.release()

    def lost_error(self) -> EngineError:
        """Why a stream has no worker any more."""
        running = self._connections and not self._closed
        return EngineError(f"{self.name} {'ended unexpectedly and was restarted' if running else 'is not running'}")

    def worker_lost(self, connection: "_Connection") -> None:
        """The worker's process ended. While it serves a stream or starts, the stream sees to it."""
        log.debug("%s: worker %d ended (%s)", self.name, connection.pid, connection.state.name.lower())
        if self._closed:
            return
        if connection.state is _State.IDLE:
            self._idle.remove(connection)
            self._connections.discard(connection)
            self._add()
        elif connection.state is _State.RECOVERING:
            self._replace(connection)


class Lease:
    """A worker while it serves one stream; from `WorkerPool.lease`. Answers wait here until they are asked for."""

    def __init__(self, connection: "_Connection", pool: WorkerPool) -> None:
        self._connection = connection
        self._pool = pool
        self._inbox: deque[Frame] = deque()
        self._arrived = asyncio.Event()
        self.waiting_bytes = 0
        """The size of the answers that wait."""
        self.is_over = False
        """The last request was served, and the worker may serve another stream."""

    @property
    def pid(self) -> int:
        return self._connection.pid

    async def ask(self, request: bytes) -> bytes:
        """Send a request that has one answer, and wait for that. Raises EngineError."""
        self._connection.send(Frame(FrameKind.REQUEST, request))
        answer = await self.receive()
        assert answer is not None
        return answer

    def send_last(self, request: bytes) -> None:
        """Send the stream's last request; its answers are for `receive`. Raises EngineError.

        The worker is given back when it has answered, not when the answers have been taken: up to 1 MB waits here.
        """
        self._connection.send(Frame(FrameKind.LAST_REQUEST, request))

    async def receive(self) -> bytes | None:
        """The next answer; None after the last one. A worker that gives none within the time limit is killed.

        Raises EngineError.
        """
        name, hang_s = self._pool.name, self._pool.hang_ms / 1000
        try:
            async with asyncio.timeout(hang_s):
                while not self._inbox:
                    if self.is_over:
                        return None
                    if self._connection.lost.is_set():
                        raise self._pool.lost_error()
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            self._connection.kill()
            raise EngineError(f"{name} did not answer within {hang_s:g} s and was restarted") from None
        frame = self._inbox.popleft()
        self.waiting_bytes -= len(frame.payload)
        if not self.is_over and self.waiting_bytes < INBOX_BYTES:
            self._connection.resume_reading()
        if frame.kind is FrameKind.FAILED:
            raise EngineError(f"{name} failed: {_last_line(frame.payload)}")
        return frame.payload

    # --- called by the connection

    def deliver(self, frame: Frame) -> None:
        self._inbox.append(frame)
        self.waiting_bytes += len(frame.payload)
        self._arrived.set()

    def end(self) -> None:
        self.is_over = True
        self._arrived.set()

    def wake(self) -> None:
        """The worker is lost."""
        self._arrived.set()


class _State(Enum):
    STARTING = auto()
    IDLE = auto()
    LEASED = auto()
    RECOVERING = auto()
    """The stream is over; the worker has yet to say that it is idle."""


class _Connection(asyncio.Protocol):
    """The pool's end of one worker's socket.

    While the answers that wait in the lease are more than 1 MB, reading pauses, and the worker blocks in its next one.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self.socket: socket.socket | None = None
        self.state = _State.STARTING
        self.pid = 0
        self.failure = ""
        self.lost = asyncio.Event()
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = FrameParser()
        self._lease: Lease | None = None
        self._asked = False
        self._started = asyncio.Event()
        self._watchdog: asyncio.TimerHandle | None = None
        self._killed = False

    async def connect(self) -> None:
        """Wait until the worker has started, if it has not. Raises EngineError."""
        if self.state is not _State.STARTING:
            return
        name, start_s = self._pool.name, self._pool.start_ms / 1000
        try:
            if not self.failure:
                async with asyncio.timeout(start_s):
                    await asyncio.get_running_loop().create_connection(lambda: self, sock=self.socket)
                    await self._started.wait()
        except TimeoutError:
            raise EngineError(f"{name} did not start within {start_s:g} s") from None
        if self.state is _State.STARTING:
            raise EngineError(f"{name} could not start: {self.failure or 'its process ended at once'}")

    @property
    def is_serving(self) -> bool:
        return self.state is _State.LEASED

    def serve(self, lease: Lease) -> None:
        self.state = _State.LEASED
        self._lease = lease
        self._asked = False

    def send(self, frame: Frame) -> None:
        if self.lost.is_set() or self._transport is None:
            raise self._pool.lost_error()
        self._asked = True
        self._transport.write(frame.encode())

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def recover(self) -> bool:
        """End the stream. False if `WorkerPool.recovered` or `.worker_lost` will follow, within the time limit."""
        self._lease = None
        if not self._asked:
            self.state = _State.IDLE
            return True
        self.state = _State.RECOVERING
        self.resume_reading()
        self.send(Frame(FrameKind.CANCEL))
        self._watchdog = asyncio.get_running_loop().call_later(self._pool.hang_ms / 1000, self.kill)
        return False

    def kill(self) -> None:
        """End the process. As long as its socket is open its process id cannot be another's."""
        if self.lost.is_set():
            return
        if self.pid and self._transport is not None:
            self._killed = True
            self._transport.resume_reading()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, _SIGKILL)
        else:
            self.discard()

    def discard(self) -> None:
        """Close the socket, at which a worker that is well ends."""
        if self._transport is not None:
            self._transport.abort()
        elif self.socket is not None:
            self.socket.close()
        self._lose()

    def _lose(self) -> None:
        self._stop_watchdog()
        self.lost.set()
        self._started.set()
        if self._lease is not None:
            self._lease.wake()

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None

    # --- callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for frame in self._parser.feed(data):
            self._take(frame)
        if self._lease is not None and self._lease.waiting_bytes >= INBOX_BYTES and not self._killed:
            assert self._transport is not None
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.is_set():
            self._lose()
            self._pool.worker_lost(self)

    def _take(self, frame: Frame) -> None:
        match self.state, frame.kind:
            case _State.STARTING, FrameKind.READY:
                self.pid = ready_pid(frame)
                self.state = _State.IDLE
                self._started.set()
            case _State.STARTING, FrameKind.FAILED:
                log.debug("%s did not start\n%s", self._pool.name, frame.payload.decode(errors="replace"))
                self.failure = _last_line(frame.payload)
            case _State.LEASED, FrameKind.ANSWER | FrameKind.FAILED:
                assert self._lease is not None
                self._lease.deliver(frame)
            case _State.LEASED | _State.RECOVERING, FrameKind.IDLE:
                if self._lease is not None:
                    self._lease.end()
                self._lease = None
                self._stop_watchdog()
                self.state = _State.IDLE
                self._pool.recovered(self)


def _last_line(trace: bytes) -> str:
    return trace.decode(errors="replace").strip().rpartition("\n")[2]
