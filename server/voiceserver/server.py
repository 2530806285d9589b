"""The server's one port: the WebSocket, and answers to plain HTTP."""

import errno
import logging
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voiceserver.transport import WebSocketTransport
from voicewire import SUBPROTOCOL
from voicewire.clock import Clock, SystemClock
from voicewire.messages import Engines

PATH = "/voice"
"""Where the WebSocket is."""

HARD_LIMIT_FACTOR = 4
"""A message past the protocol's limit is answered with an `error`; one this many times larger is not read at all, and
the connection closed with 1009."""

CLOSE_TIMEOUT_S = 2.0
"""How long a client that is told to go may take to say goodbye."""


class ServerError(Exception):
    """The server cannot start. The message says why, and what to do."""


class VoiceServer:
    """`async with` binds the port, then starts the engines. Raises SpecError, EngineError or ServerError."""

    def __init__(self, settings: ServerSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._service = Service(settings, clock or SystemClock())
        self._stack = AsyncExitStack()
        self.host = settings.host
        self.port = settings.port

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}{PATH}"

    @property
    def engines(self) -> Engines:
        return self._service.engines

    async def __aenter__(self) -> Self:
        # It logs every port scan with a traceback. What a client did wrong is told to the client.
        quiet = logging.getLogger("voiceserver.websockets")
        quiet.setLevel(logging.CRITICAL)
        listener = serve(
            self._converse,
            self._settings.host,
            self._settings.port,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            process_request=self._answer,
            compression=None,
            max_size=self._service.limits.max_message_bytes * HARD_LIMIT_FACTOR,
            server_header="voicecli",
            close_timeout=CLOSE_TIMEOUT_S,
            logger=quiet,
        )
        async with AsyncExitStack() as stack:
            try:
                bound = await stack.enter_async_context(listener)
            except OSError as error:
                raise ServerError(self._why_not_bound(error)) from None
            self.port = bound.sockets[0].getsockname()[1]
            await stack.enter_async_context(self._service)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _converse(self, connection: ServerConnection) -> None:
        await self._service.converse(WebSocketTransport(connection))

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Plain HTTP; None lets the WebSocket handshake go on."""
        path = request.path.partition("?")[0]
        ready = self._service.is_ready
        match path:
            case "/healthz":
                return connection.respond(HTTPStatus.OK, "ok\n")
            case "/readyz" if ready:
                return connection.respond(HTTPStatus.OK, "ready\n")
            case "/readyz":
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "starting or stopping\n")
            case "/voice" if ready:
                return None
            case "/voice":
                return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "starting or stopping; try again\n")
            case "/":
                return connection.respond(HTTPStatus.OK, f"voicecli serves {SUBPROTOCOL} at {self.url}\n")
            case _:
                return connection.respond(HTTPStatus.NOT_FOUND, f"nothing here; {SUBPROTOCOL} is at {PATH}\n")

    def _why_not_bound(self, error: OSError) -> str:
        where = f"{self._settings.host}:{self._settings.port}"
        match error.errno:
            case errno.EADDRINUSE:
                return f"port {self._settings.port} on {self._settings.host} is taken; choose another with --port"
            case errno.EACCES:
                return f"not allowed to listen on {where}; choose a port above 1023 with --port"
            case errno.EADDRNOTAVAIL | None:  # asyncio, from 3.13 on, tells it without a number
                return f"{self._settings.host} is no address of this machine; choose another with --host"
            case _:
                return f"cannot listen on {where}: {error.strerror or error}"
