"""A worker that does what it is told, also what no worker should."""

import os
import signal
import threading

from voiceserver.engines.worker_host import Channel

ENTRY = f"{__name__}:FaultyWorker"
BROKEN_ENTRY = f"{__name__}:broken"
CRASHING_ENTRY = f"{__name__}:crashing"
FLOOD_BYTES = 100_000


class FaultyWorker:
    def __init__(self, settings: bytes) -> None:
        self._settings = settings
        self._asked = 0
        self._hangs_at_reset = False
        print("noise of a library")
        os.write(2, b"noise of a library\n")

    def reset(self) -> None:
        self._asked = 0
        if self._hangs_at_reset:
            threading.Event().wait()

    def answer(self, request: bytes, channel: Channel) -> None:
        match request:
            case b"count":
                self._asked += 1
                channel.answer(str(self._asked).encode())
            case b"twice":
                channel.answer(b"1")
                channel.answer(b"2")
            case b"settings":
                channel.answer(self._settings)
            case b"main":
                channel.answer(str(__import__("__main__").__dict__.get("__file__")).encode())
            case b"interrupt self":
                os.kill(os.getpid(), signal.SIGINT)
                channel.answer(b"still here")
            case b"flood":
                while not channel.interrupted():
                    channel.answer(bytes(FLOOD_BYTES))
            case b"raise":
                raise ValueError("no such request")
            case b"die":
                os._exit(3)
            case b"hang at reset":
                self._hangs_at_reset = True
                channel.answer(b"")
            case b"hang":
                threading.Event().wait()


def broken(settings: bytes) -> FaultyWorker:
    raise LookupError(f"no model for {settings.decode()}")


def crashing(settings: bytes) -> FaultyWorker:
    os._exit(3)
