"""What waits to be written to one client."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from voiceserver.playhead import SpokenFrame
from voiceserver.transport import Transport
from voicewire.connection import Connection
from voicewire.formats import Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.messages import Down, LlmToken, TurnEnd

CAPACITY = 4096
"""Messages and frames together. Audio is released at most a lead ahead of the playhead, so a client that reads stays
far below; one that does not is disconnected when this is reached."""


class _WaitingFrame(NamedTuple):
    turn_id: int
    frame: SpokenFrame


class Outbox:
    """Control before audio, and audio before the reply's text: a `reply_cancelled` overtakes the frames it cancels, and
    the first sound does not wait for a burst of tokens. Sequence numbers are given as frames are written, so that
    dropped ones leave no gap."""

    def __init__(
        self,
        connection: Connection,
        codec: Codec,
        *,
        on_written: Callable[[int, SpokenFrame], None],
        on_full: Callable[[], None],
    ) -> None:
        """`on_written` is told each frame when it is written, `on_full` that the client does not read: from then on
        nothing more is taken."""
        self._connection = connection
        self._codec = codec
        self._on_written = on_written
        self._on_full = on_full
        self._control: deque[Down] = deque()
        self._audio: deque[_WaitingFrame] = deque()
        self._tokens: deque[LlmToken] = deque()
        self._sequence = 0
        self._closing = False
        self._full = False
        self._changed = asyncio.Event()

    def put(self, message: Down) -> None:
        """After `close`, and once the outbox was full, nothing is taken."""
        if not self._has_room():
            return
        if isinstance(message, LlmToken):
            self._tokens.append(message)
        else:
            if isinstance(message, TurnEnd):
                self._control.extend(self._tokens)
                self._tokens.clear()
            self._control.append(message)
        self._changed.set()

    def put_audio(self, turn_id: int, frame: SpokenFrame) -> None:
        """As `put`."""
        if self._has_room():
            self._audio.append(_WaitingFrame(turn_id, frame))
            self._changed.set()

    def drop_reply(self, turn_id: int) -> None:
        """No audio and no text of this turn's reply is written any more."""
        self._audio = deque(waiting for waiting in self._audio if waiting.turn_id != turn_id)
        self._tokens = deque(token for token in self._tokens if token.turn_id != turn_id)

    def close(self) -> None:
        """Let `run` return once all control messages are written."""
        self._closing = True
        self._changed.set()

    async def run(self, transport: Transport) -> None:
        """Write until closed. Raises Disconnected."""
        while True:
            while self._control or (not self._closing and (self._audio or self._tokens)):
                if self._control:
                    await transport.send(self._connection.send(self._control.popleft()))
                elif self._audio:
                    await self._send_audio(transport, self._audio.popleft())
                else:
                    await transport.send(self._connection.send(self._tokens.popleft()))
            if self._closing:
                return
            self._changed.clear()
            await self._changed.wait()

    async def _send_audio(self, transport: Transport, waiting: _WaitingFrame) -> None:
        turn_id, frame = waiting
        kind = FrameKind.TTS_AUDIO_CHUNK
        wire = AudioFrame(kind, self._codec, turn_id, self._sequence, frame.pts, frame.payload)
        self._sequence += 1
        await transport.send(self._connection.send(wire))
        self._on_written(turn_id, frame)

    def _has_room(self) -> bool:
        if not self._full and len(self._control) + len(self._audio) + len(self._tokens) >= CAPACITY:
            self._full = True
            self._on_full()
        return not self._full and not self._closing
