"""The reply being given: made in a task of its own, sent a lead ahead of the playhead, cut where the user cuts it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from voiceserver.engines.roles import ChatMessage, Llm, Tts
from voiceserver.logs import SessionLog
from voiceserver.playhead import SpokenFrame
from voiceserver.reply import Reply, ReplyListener, ReplySettings
from voiceserver.speech_encoder import SpeechEncoder
from voicewire.clock import Clock

Spawn = Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]


class HeardReply(NamedTuple):
    """How much of a reply reached the ear."""

    heard_ms: float
    text: str


class Speaking:
    """At most one reply at a time. Never awaits; `spawn` makes a task that somebody owns."""

    def __init__(
        self, llm: Llm, tts: Tts, settings: ReplySettings, *, listener: ReplyListener, clock: Clock, log: SessionLog
    ) -> None:
        self._llm = llm
        self._tts = tts
        self._settings = settings
        self._listener = listener
        self._clock = clock
        self._log = log
        self._encoder = self._new_encoder()
        """Of the next reply, made ahead of it."""
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._silent = asyncio.Event()
        self._silent.set()

    @property
    def turn_id(self) -> int | None:
        """The turn that is being answered."""
        return self._reply.turn_id if self._reply else None

    async def over(self) -> None:
        """Wait until no reply is being given."""
        await self._silent.wait()

    def start(self, turn_id: int, conversation: tuple[ChatMessage, ...], spawn: Spawn) -> None:
        assert self._reply is None, "the reply before it has ended"
        self._reply = Reply(
            turn_id,
            llm=self._llm,
            tts=self._tts,
            encoder=self._encoder,
            settings=self._settings,
            conversation=conversation,
            listener=self._listener,
            clock=self._clock,
            log=self._log,
        )
        self._silent.clear()
        self._task = spawn(self._reply.run(), f"reply of turn {turn_id}")

    def played(self, turn_id: int, played_ms: float, now_ns: int) -> None:
        """What the client says of its playhead; of another turn, nothing."""
        if self._reply is not None and self._reply.turn_id == turn_id:
            self._reply.queue.playhead.reported(played_ms, now_ns)

    def release(self, now_ns: int) -> list[SpokenFrame]:
        """Frames that may be sent now."""
        if self._reply is None:
            return []
        frames = self._reply.queue.release(now_ns)
        self._reply.room_made()
        return frames

    def written(self, turn_id: int, frame: SpokenFrame, now_ns: int) -> None:
        """A released frame is on its way to the client; of another turn, nothing."""
        if self._reply is not None and self._reply.turn_id == turn_id:
            self._reply.queue.written(frame, now_ns)

    def is_heard(self, now_ns: int) -> bool:
        """The reply has been heard to its end."""
        return self._reply is not None and self._reply.queue.is_heard(now_ns)

    def deadline(self) -> int | None:
        """When `release` or `is_heard` will next say something else."""
        return self._reply.queue.deadline() if self._reply else None

    def heard(self, now_ns: int) -> HeardReply:
        if self._reply is None:
            return HeardReply(0.0, "")
        position = self._reply.queue.playhead.position(now_ns)
        heard_ms = round(position * 1000 / self._settings.output.rate, 3)
        return HeardReply(heard_ms, self._reply.spoken.heard(heard_ms))

    def cancel(self, now_ns: int) -> None:
        """Make no more of it; what was heard of it stays what it is now."""
        assert self._reply is not None
        assert self._task is not None
        self._task.cancel()
        self._reply.queue.playhead.stop(now_ns)

    def end(self) -> Reply | None:
        """The turn is over, and so is its reply, which is returned; None where there was none."""
        reply, self._reply, self._task = self._reply, None, None
        if reply is not None:
            self._encoder = self._new_encoder()
            self._silent.set()
        return reply

    def _new_encoder(self) -> SpeechEncoder:
        return SpeechEncoder(self._tts.sample_rate, self._settings.output)
