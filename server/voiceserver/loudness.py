"""How loud the user is: what is much fainter is the reply's echo, or a voice across the room."""

import math

from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import SAMPLE_BYTES

FAINT_DB = 15.0
"""So much below the user's voice. People differ by less from one sentence to the next; an echo lies further below, once
a canceller has worked on it."""

WINDOW_MS = 100
"""Speech is as loud as the loudest of so long a piece of it."""

BUMP_PIECES = 4
"""So many of the loudest pieces of a turn may be a knock at the microphone, which is not the user's voice."""

NEW_SHARE = 0.3
"""Of the user's level, this is what the newest turn is; the rest is how loud they were before."""


class Loudness:
    """Of one session's speech. Knows nothing before the user's first turn: then nothing is faint."""

    def __init__(self, rate: int) -> None:
        self._window_bytes = rate * WINDOW_MS // 1000 * SAMPLE_BYTES
        self._pending = bytearray()
        self._segment_dbfs = -math.inf
        self._loudest: list[float] = []
        self._user_dbfs: float | None = None

    @property
    def is_faint(self) -> bool:
        """Whether the segment so far is too faint to be the user."""
        return self._user_dbfs is not None and self._segment_dbfs < self._user_dbfs - FAINT_DB

    def segment_opened(self) -> None:
        self._pending.clear()
        self._segment_dbfs = -math.inf

    def feed(self, audio: bytes) -> None:
        """The next audio of the segment."""
        self._pending += audio
        while len(self._pending) >= self._window_bytes:
            level_dbfs = rms_dbfs(bytes(self._pending[: self._window_bytes]))
            # Half a window on, so that no sound is cut in two by all windows.
            del self._pending[: self._window_bytes // (2 * SAMPLE_BYTES) * SAMPLE_BYTES]
            self._segment_dbfs = max(self._segment_dbfs, level_dbfs)
            self._loudest = sorted([*self._loudest, level_dbfs])[-BUMP_PIECES - 1 :]

    def turn_opened(self) -> None:
        self._loudest.clear()

    def turn_committed(self) -> None:
        """What was fed since the turn opened was the user."""
        if not self._loudest:
            return
        turn_dbfs = self._loudest[0]
        known = turn_dbfs if self._user_dbfs is None else self._user_dbfs
        self._user_dbfs = (1 - NEW_SHARE) * known + NEW_SHARE * turn_dbfs
