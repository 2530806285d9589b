"""Who asks: what a request tells of the one who sent it."""

from typing import NamedTuple

from websockets.datastructures import Headers

from voiceserver.network import customer

COOKIE = "voicecli_token"
"""The cookie that an app on the same site may leave the token in."""


class Visitor(NamedTuple):
    address: str = ""
    """Whom sessions are counted for: the peer, or whom a trusted proxy names."""
    host: str = ""
    """`Host`, as the visitor's browser sent it."""
    secure: bool = False
    """Whether the visitor's browser speaks TLS."""
    origin: str | None = None
    """Whose page asks; None where no browser does."""
    bearer: str | None = None
    """The token of an `Authorization: Bearer` header."""
    cookie: str | None = None
    """The token of the cookie."""

    @classmethod
    def of(cls, headers: Headers, peer: str, *, secure: bool, trust_proxy: bool = False) -> "Visitor":
        """`peer` and `secure` are the connection's own. Behind a trusted proxy its word goes before them."""
        host = _only(headers, "Host") or ""
        if trust_proxy:
            # The last of a list is what the nearest proxy added; those before it are hearsay.
            peer = _without_port(_last(headers, "X-Forwarded-For") or peer)
            host = _last(headers, "X-Forwarded-Host") or host
            secure = (_last(headers, "X-Forwarded-Proto") or ("https" if secure else "http")).lower() == "https"
        return cls(customer(peer), host, secure, _only(headers, "Origin"), _bearer(headers), _cookie(headers))


NOBODY = Visitor()
"""Of whom nothing is known: a session that came over no network."""


def _only(headers: Headers, name: str) -> str | None:
    """The header that may be there once; several are joined into what is nobody's."""
    return ", ".join(values) if (values := headers.get_all(name)) else None


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.get_all(name)).rpartition(",")[2].strip()


def _bearer(headers: Headers) -> str | None:
    scheme, _, token = (_only(headers, "Authorization") or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _cookie(headers: Headers) -> str | None:
    for pair in ";".join(headers.get_all("Cookie")).split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE and value:
            return value.strip('"')
    return None


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
