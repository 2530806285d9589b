"""Who may come in: sessions at once, in all and from one address."""

from collections import Counter

from voicewire.errors import ErrorCode, ProtocolError

WAITING = 32
"""Connections at once that have not started their session. They do not count as sessions: one that never shows a token
that is accepted takes nobody's place."""


class Admission:
    def __init__(self, sessions: int, per_address: int = 0) -> None:
        """`per_address` of 0 is any number."""
        self._limit = sessions
        self._per_address = per_address
        self._waiting = 0
        self._seated = 0
        self._by_address: Counter[str] = Counter()

    def enter(self, address: str) -> "Visit":
        """Let a connection in to wait. Raises ProtocolError (`server_full`, `too_many_sessions`), fatal."""
        self._check_seats()
        if self._per_address and self._by_address[address] >= self._per_address:
            raise ProtocolError(
                ErrorCode.TOO_MANY_SESSIONS,
                f"your address has all the sessions that one may have ({self._per_address}); close one of them first",
                fatal=True,
            )
        if self._waiting >= max(WAITING, self._limit):
            raise ProtocolError(
                ErrorCode.SERVER_FULL, "too many are being connected at once; try again later", fatal=True
            )
        self._waiting += 1
        self._by_address[address] += 1
        return Visit(self, address)

    def _check_seats(self) -> None:
        if self._seated >= self._limit:
            message = f"all {self._limit} sessions are in use; try again later"
            raise ProtocolError(ErrorCode.SERVER_FULL, message, fatal=True)

    def _seat(self) -> None:
        self._check_seats()
        self._waiting -= 1
        self._seated += 1

    def _leave(self, address: str, seated: bool) -> None:
        if seated:
            self._seated -= 1
        else:
            self._waiting -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class Visit:
    """One connection's, from its coming to its going."""

    def __init__(self, admission: Admission, address: str) -> None:
        self._admission = admission
        self._address = address
        self._seated = False

    def sit(self) -> None:
        """Take a session. Raises ProtocolError (`server_full`), fatal."""
        self._admission._seat()
        self._seated = True

    def leave(self) -> None:
        self._admission._leave(self._address, self._seated)
