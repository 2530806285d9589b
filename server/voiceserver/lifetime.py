"""How long a session may last, and how long its user may do nothing."""

import math
from typing import NamedTuple

from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode


class Ending(NamedTuple):
    """Why a session is over."""

    code: ErrorCode
    message: str


class Lifetime:
    """Of one session. It is told what its user does; what a client sends by itself (silence, pings, playheads) says
    nothing of its user."""

    def __init__(self, began_ns: int, *, idle_timeout_ms: int, longest_ms: int) -> None:
        self._active_ns = began_ns
        self._idle_timeout_ms = idle_timeout_ms
        self._longest_ms = longest_ms
        self._expires_ns = began_ns + longest_ms * NS_PER_MS

    def active(self, now_ns: int) -> None:
        """The user did something, or was spoken to."""
        self._active_ns = now_ns

    def deadline(self, *, is_listening: bool) -> float:
        """When `ending` will say something else."""
        return min(self._expires_ns, self._idle_ns(is_listening))

    def ending(self, now_ns: int, *, is_listening: bool) -> Ending | None:
        """Why it is over by now; None while it goes on. A user who listens to a reply is not idle."""
        if now_ns >= self._idle_ns(is_listening):
            message = f"nothing was said or typed for {_in_words(self._idle_timeout_ms)}"
            return Ending(ErrorCode.IDLE_TIMEOUT, message)
        if now_ns >= self._expires_ns:
            message = f"the session has lasted {_in_words(self._longest_ms)}, and may not be longer"
            return Ending(ErrorCode.SESSION_EXPIRED, message)
        return None

    def _idle_ns(self, is_listening: bool) -> float:
        return math.inf if is_listening else self._active_ns + self._idle_timeout_ms * NS_PER_MS


def _in_words(milliseconds: int) -> str:
    """A duration for a person."""
    seconds = milliseconds / 1000
    return f"{seconds / 60:g} minutes" if seconds >= 120 and seconds % 60 == 0 else f"{seconds:g} seconds"
