"""A server of our own to be called: in another process, so that callers and server share no event loop."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Any

from voicecli.calls.localserver import LocalServer, local_server
from voicecli.exits import CliError, ExitCode, cause_of
from voicecli.load.child import ChildEnded, child

SPARE_SESSIONS = 32
"""Above the sessions that are asked for: an open arrival may find more than the average, and a call that is over may
not have left yet."""

MAX_SESSIONS = 10_000


@asynccontextmanager
async def own_server(flags: Mapping[str, object], sessions: int) -> AsyncIterator[LocalServer]:
    """Serve with room for so many sessions; flags as of `local_server`. Raises CliError."""
    limits = {"sessions": str(min(MAX_SESSIONS, 2 * sessions + SPARE_SESSIONS)), "sessions_per_address": "0"}
    async with child(serve, {**flags, **limits}) as process:
        try:
            told = await process.recv()
        except ChildEnded as ended:
            raise CliError(f"the own server did not start: {ended}", ExitCode.SERVER_FAILED) from None
        if not isinstance(told, LocalServer):
            raise CliError(*told)
        yield told


def serve(connection: "Connection[Any, Any]", flags: Mapping[str, object]) -> None:
    """The server's process: tells where it is or what is wrong, and serves until the pipe is closed."""
    # A turn that fails under load is told of by the call that it was part of.
    os.environ.setdefault("VOICECLI_LOG_LEVEL", "error")
    try:
        asyncio.run(_serve(connection, flags))
    except (CliError, BaseExceptionGroup) as error:
        cause = cause_of(error, CliError)
        if not isinstance(cause, CliError):
            raise
        connection.send((cause.message, cause.exit_code))


async def _serve(connection: "Connection[Any, Any]", flags: Mapping[str, object]) -> None:
    async with local_server(flags) as server:
        connection.send(server)
        try:
            await asyncio.to_thread(connection.recv)
        except (EOFError, OSError):
            return
