"""The wire as the client sees it: whole messages in, whole messages out, over a WebSocket or between two tasks.

Exception
└── CallError         the call cannot go on; the message is a sentence for the user
    ├── BadUrl        the URL is not one of a WebSocket
    ├── NoConnection  nobody listens, or the connection was lost
    │   └── Refused   the server does not want this session, and will not want it in a moment
    │       └── NoRoom   it has as many as it takes; of one that comes back, the old one may be among them
    └── NoVoicewire   what listens there speaks something else, or breaks the protocol
"""

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from voicewire import SUBPROTOCOL
from voicewire.messages import Error

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Larger messages of a server end the connection: more than 20 s of PCM at the highest usual rate."""

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0

_PORTS = {"ws": 80, "wss": 443}


class Address(NamedTuple):
    host: str
    port: int


class CallError(Exception):
    """The call cannot go on."""

    def __init__(self, sentence: str, told: Error | None = None) -> None:
        super().__init__(sentence)
        self.told = told
        """The server's own word, where that is what ended it."""


class BadUrl(CallError):
    pass


class NoConnection(CallError):
    pass


class Refused(NoConnection):
    pass


class NoRoom(Refused):
    pass


class NoVoicewire(CallError):
    pass


def public_url(url: str) -> str:
    """A URL as it may be shown: without a password, or a token among its parameters."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class TransportClosed(Exception):
    """The other end closed, or the connection broke. `code` is the WebSocket close code, 1006 where there was none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}" + (f": {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class Transport(Protocol):
    """An open connection. `send` may wait while the other end does not read; messages leave in order."""

    async def send(self, data: str | bytes) -> None:
        """Raises TransportClosed."""

    async def recv(self) -> str | bytes:
        """The next message. Raises TransportClosed."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Legal at any time, and twice."""


class WebSocketTransport:
    """A WebSocket, already open."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, data: str | bytes) -> None:
        try:
            await self._connection.send(data)
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def recv(self) -> str | bytes:
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise _closed(error) from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._connection.close(code, reason)


@asynccontextmanager
async def websocket(url: str, via: Address | None = None) -> AsyncIterator[WebSocketTransport]:
    """Connect to a voicewire server, where given via a proxy that carries the bytes to it.

    Raises BadUrl, NoConnection or NoVoicewire.
    """
    connection = await _connect(url, via)
    try:
        if connection.subprotocol != SUBPROTOCOL:
            raise NoVoicewire(f"the server at {url} does not speak {SUBPROTOCOL}; is this the right URL?")
        yield WebSocketTransport(connection)
    finally:
        await connection.close()


def address_of(url: str) -> Address:
    """Where the server of a WebSocket URL listens. Raises BadUrl."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadUrl(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise BadUrl(f"{url!r} is not a WebSocket URL; it looks like {_likely(url)}")
    return Address(host, _PORTS[parts.scheme] if port is None else port)


def _likely(url: str) -> str:
    """What may have been meant: the host and the port that were given, as far as there are any."""
    scheme, _, rest = url.rpartition("://")
    place = re.match(r"[\w.-]+(:\d+)?(?=/|$)|\[[\da-fA-F:]+\](:\d+)?(?=/|$)", rest)
    host = place[0] if place else "127.0.0.1:8080"
    return f"{'wss' if scheme == 'https' else 'ws'}://{host}/voice"


def nobody_listens(url: str, error: OSError) -> NoConnection:
    reason = error.strerror or str(error)
    return NoConnection(
        f"nothing listens at {url} ({reason}); start a server with `voicecli serve`, or leave --url out"
    )


async def _connect(url: str, via: Address | None) -> ClientConnection:
    host = address_of(url).host
    elsewhere = {} if via is None else via._asdict()
    try:
        return await connect(
            url,
            subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]  # a NewType of str
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            proxy=None if via or _is_loopback(host) else True,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            **elsewhere,
        )
    except InvalidURI as error:
        raise BadUrl(f"{url!r} is not a WebSocket URL: {error}") from None
    except InvalidStatus as error:
        raise _refused(url, error.response.status_code) from None
    except InvalidHandshake as error:
        raise NoVoicewire(f"what listens at {url} is no voicewire server: {error}") from None
    except TimeoutError:
        raise NoConnection(f"{url} did not answer within {OPEN_TIMEOUT_S:g} s; is the server running there?") from None
    except ssl.SSLError as error:
        raise NoConnection(f"no secure connection to {url}: {error.reason or error}") from None
    except OSError as error:
        raise nobody_listens(url, error) from None


def _refused(url: str, status: int) -> CallError:
    if status in (401, 403):
        return NoConnection(f"the server at {url} refused the connection (HTTP {status}); does it want a --token?")
    if status >= 500:
        return NoConnection(f"the server at {url} takes no calls now (HTTP {status}); try again later")
    return NoVoicewire(f"what listens at {url} is no voicewire server (HTTP {status}); is this the right URL?")


def _closed(error: ConnectionClosed) -> TransportClosed:
    close = error.rcvd
    return TransportClosed(close.code, close.reason) if close else TransportClosed(1006, "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
