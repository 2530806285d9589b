"""Whose page may use the server, and by which names the server may be called.

A browser lets any page open a WebSocket to any server, with the cookies of that server; only the `Origin` header tells
whose page it is. And a page can have its own name resolve to 127.0.0.1 (DNS rebinding), which makes it "same origin";
only the `Host` header tells.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from voiceserver.network import is_loopback

ANY = "*"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9_])?\.?)(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY)
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_AUTHORITY}")


class Origin(NamedTuple):
    """Scheme, host and port: what makes two pages the same site to a browser."""

    scheme: str
    host: str
    """Lower case; IPv6 in brackets."""
    port: int | None
    """None where the scheme has no port of its own and none is given."""

    @classmethod
    def parse(cls, text: str) -> "Origin | None":
        """From the header's form, `https://app.example.com`; None where it is not that (`null`, a path behind it)."""
        found = _ORIGIN.fullmatch(text.lower())
        return None if found is None else cls._of(found["scheme"], found["host"], found["port"])

    @classmethod
    def of_host(cls, secure: bool, host: str) -> "Origin | None":
        """The origin of the pages that a server serves under this `Host` header."""
        found = _HOST.fullmatch(host.lower())
        return None if found is None else cls._of("https" if secure else "http", found["host"], found["port"])

    @classmethod
    def _of(cls, scheme: str, host: str, port: str | None) -> "Origin":
        return cls(scheme, host, int(port) if port else _DEFAULT_PORTS.get(scheme))

    def __str__(self) -> str:
        shown = "" if self.port in (None, _DEFAULT_PORTS.get(self.scheme)) else f":{self.port}"
        return f"{self.scheme}://{self.host}{shown}"


class OriginPolicy:
    """`bound` is the host that the server listens on; `allowed` are origins, or ANY."""

    def __init__(self, bound: str, allowed: Sequence[str] = ()) -> None:
        """Raises ValueError: a sentence about the one of `allowed` that is no origin."""
        self._any = ANY in allowed
        self._allowed: set[Origin] = set()
        for text in allowed:
            origin = Origin.parse(text.removesuffix("/"))
            if origin is not None:
                self._allowed.add(origin)
            elif text != ANY:
                raise ValueError(f"must be an origin such as https://app.example.com, or {ANY} for any, got {text!r}")
        self._names = {bound.lower(), *(origin.host for origin in self._allowed)} if is_loopback(bound) else None

    @property
    def listed(self) -> list[str]:
        """The origins that are allowed by name."""
        return sorted(map(str, self._allowed))

    def admits_host(self, host: str) -> bool:
        """Whether a request may call the server by this `Host`. One that only this machine can reach goes by names of
        this machine, and those of its allowed origins; one on the network by any."""
        if self._names is None:
            return True
        found = _HOST.fullmatch(host.lower())
        return found is not None and (is_loopback(found["host"]) or found["host"] in self._names)

    def trusts(self, origin: str | None, host: str, *, secure: bool) -> bool:
        """Whether the request comes from the server's own page, one that is allowed by name, or no page at all."""
        if origin is None:
            return True
        parsed = Origin.parse(origin)
        return parsed is not None and (parsed in self._allowed or parsed == Origin.of_host(secure, host))

    def admits(self, origin: str | None, host: str, *, secure: bool) -> bool:
        """Whether the page may open a WebSocket. One that is admitted only because any is, is not to be trusted with
        the cookies of its visitor."""
        return self._any or self.trusts(origin, host, secure=secure)
