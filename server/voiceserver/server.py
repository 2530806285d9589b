"""The server's one port: the WebSocket, the page, and answers to plain HTTP."""

import errno
import logging
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from voiceserver.assets import Assets, AssetsError, folder_of_page
from voiceserver.auth import auth_mode
from voiceserver.headers import security_headers
from voiceserver.logs import LOGGER
from voiceserver.network import WILDCARDS, in_url, is_loopback, own_addresses
from voiceserver.origins import OriginPolicy
from voiceserver.service import Service
from voiceserver.settings import AuthMode, ServerSettings
from voiceserver.tls import tls
from voiceserver.transport import WebSocketTransport
from voiceserver.visitor import Visitor
from voicewire import SUBPROTOCOL
from voicewire.clock import Clock, SystemClock, utc_now
from voicewire.messages import Engines

PATH = "/voice"
"""Where the WebSocket is."""

HARD_LIMIT_FACTOR = 4
"""A message past the protocol's limit is answered with an `error`; one this many times larger is not read at all, and
the connection closed with 1009."""

CLOSE_TIMEOUT_S = 2.0
"""How long a client that is told to go may take to say goodbye."""

HTTP_TIMEOUT_S = 30.0
"""How long one may take to ask, and again to read the answer: a phone at the edge of its network loads the page too."""

TLS_HANDSHAKE_TIMEOUT_S = 10.0


class ServerError(Exception):
    """The server cannot start. The message says why, and what to do."""


class VoiceServer:
    """`async with` binds the port, then starts the engines. Raises SettingsError, SpecError, EngineError or
    ServerError."""

    def __init__(self, settings: ServerSettings, clock: Clock | None = None, assets: Assets | None = None) -> None:
        """`assets` are the page's; without them, those that were installed."""
        self._settings = settings
        self._tls = tls(settings, utc_now())
        self._origins = OriginPolicy(settings.host, settings.allow_origin)
        self._assets = _installed() if assets is None else assets
        self._service = Service(settings, clock or SystemClock())
        self._stack = AsyncExitStack()
        self.host = settings.host
        self.port = settings.port

    @property
    def url(self) -> str:
        """Where the WebSocket is."""
        return self._url("ws", self.host, PATH)

    @property
    def page_url(self) -> str:
        return self._url("http", self.host, "/")

    @property
    def has_page(self) -> bool:
        return self._assets.has_page

    @property
    def network_url(self) -> str | None:
        """Where the page is for another machine on the network, such as a phone; None where it cannot get here."""
        if is_loopback(self.host):
            return None
        host = next(own_addresses(), None) if self.host in WILDCARDS else self.host
        return None if host is None else self._url("http", host, "/")

    @property
    def auth(self) -> AuthMode:
        return auth_mode(self._settings)

    @property
    def fingerprint(self) -> str | None:
        """Of a certificate that no browser knows; None where there is none, or one that they do."""
        return None if self._tls is None else self._tls.fingerprint

    def _url(self, scheme: str, host: str, path: str) -> str:
        return f"{scheme}{'s' if self._tls else ''}://{in_url(host)}:{self.port}{path}"

    @property
    def engines(self) -> Engines:
        return self._service.engines

    async def __aenter__(self) -> Self:
        # It logs every port scan with a traceback. What a client did wrong is told to the client.
        quiet = logging.getLogger("voiceserver.websockets")
        quiet.setLevel(logging.CRITICAL)
        encryption: dict[str, Any] = {}
        if self._tls is not None:
            encryption = {
                "ssl": self._tls.context,
                "ssl_handshake_timeout": TLS_HANDSHAKE_TIMEOUT_S,
                "ssl_shutdown_timeout": HTTP_TIMEOUT_S,  # it takes in what is still to be sent
            }
        listener = serve(
            self._converse,
            self._settings.host,
            self._settings.port,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            process_request=self._answer,
            process_response=self._complete,
            compression=None,
            max_size=self._service.limits.max_message_bytes * HARD_LIMIT_FACTOR,
            server_header="voicecli",
            open_timeout=HTTP_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            logger=quiet,
            **encryption,
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
        assert connection.request is not None
        visitor = self._visitor(connection, connection.request)
        if not self._origins.trusts(visitor.origin, visitor.host, secure=visitor.secure):
            visitor = visitor._replace(cookie=None)
        await self._service.converse(WebSocketTransport(connection), visitor)

    def _visitor(self, connection: ServerConnection, request: Request) -> Visitor:
        address = connection.remote_address
        peer = str(address[0]) if address else ""
        return Visitor.of(request.headers, peer, secure=self._tls is not None, trust_proxy=self._settings.trust_proxy)

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
        visitor = self._visitor(connection, request)
        if (refusal := self._refusal(visitor, path)) is not None:
            return connection.respond(HTTPStatus.FORBIDDEN, f"{refusal}\n")
        if path == PATH:
            if ready:
                return None
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "starting or stopping; try again\n")
        return self._page(connection, request)

    def _refusal(self, visitor: Visitor, path: str) -> str | None:
        """Why this page may not use the server, or the server not be called by this name; None where all is well."""
        scheme = "https" if visitor.secure else "http"
        if not self._origins.admits_host(visitor.host):
            LOGGER.warning("host refused", extra={"fields": {"host": visitor.host[:200]}})
            return (
                f"this server does not go by the name {visitor.host[:200]!r}; if it should, start it with "
                f"--allow-origin {scheme}://NAME"
            )
        if path == PATH and not self._origins.admits(visitor.origin, visitor.host, secure=visitor.secure):
            origin = (visitor.origin or "")[:200]
            LOGGER.warning("origin refused", extra={"fields": {"origin": origin, "host": visitor.host[:200]}})
            return f"pages of {origin!r} may not use this server; if they should, start it with --allow-origin ORIGIN"
        return None

    def _page(self, connection: ServerConnection, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            response = connection.respond(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are answered\n")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if_none_match = ", ".join(request.headers.get_all("If-None-Match"))
        answer = self._assets.answer(request.method, request.path, if_none_match)
        if answer is None:
            what = "nothing here" if self.has_page else "no page was installed"
            return connection.respond(HTTPStatus.NOT_FOUND, f"{what}; {SUBPROTOCOL} is at {self.url}\n")
        response = connection.respond(answer.status, "")
        for name in ("Content-Type", "Content-Length"):
            del response.headers[name]
        response.headers.update(answer.headers)
        response.body = answer.body
        return response

    def _complete(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Add to every answer of HTTP what they all have."""
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            return
        connection.close_timeout = HTTP_TIMEOUT_S
        visitor = self._visitor(connection, request)
        response.headers.update(security_headers(visitor.host, self._origins.listed))
        if self._settings.allow_origin:
            response.headers["Vary"] = "Origin"
            # Without this no page of another origin can import a module, though its content is no secret.
            if visitor.origin and self._origins.admits(visitor.origin, visitor.host, secure=visitor.secure):
                response.headers["Access-Control-Allow-Origin"] = visitor.origin
        if request.method == "HEAD":
            response.body = b""

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


def _installed() -> Assets:
    folder = folder_of_page()
    try:
        return Assets() if folder is None else Assets.read(folder)
    except AssetsError as error:
        raise ServerError(str(error)) from None
