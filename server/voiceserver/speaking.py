"""The reply being given: made in a task of its own, sent a lead ahead of the playhead, cut where the user cuts it.

And the one that may be given next: begun before the turn is committed, and held back until then.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import NamedTuple

from voiceserver.engines.roles import ChatMessage, Llm, TokenUsage, Tts
from voiceserver.held import HeldBack
from voiceserver.logs import SessionLog
from voiceserver.playhead import SpokenFrame
from voiceserver.reply import Reply, ReplyListener, ReplySettings
from voiceserver.speculation import Ledger, input_tokens, saved_ns
from voiceserver.speech_encoder import SpeechEncoder
from voicewire.clock import Clock
from voicewire.marks import Mark

ECHO_MARGIN_MS = 500
"""The playhead is known no better, where a client reports it seldom."""

_ASKS = re.compile(r"[?？؟](?:\W+\w+){0,6}\W*$")
"""A question, and a few words behind it at most ("Shall I? Just say so")."""

Spawn = Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]


class HeardReply(NamedTuple):
    """How much of a reply reached the ear."""

    heard_ms: float
    text: str


class _Held(NamedTuple):
    """A reply that is held back."""

    attempt: int
    reply: Reply
    task: asyncio.Task[None]
    notes: HeldBack
    input_tokens: int
    """About."""


class Speaking:
    """At most one reply at a time, or one that is held back. Never awaits; `spawn` makes a task that somebody owns."""

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
        self._held: _Held | None = None
        self._last_usage = TokenUsage(0, 0)
        """Of the newest reply whose usage is known."""
        self._ledgers: dict[int, Ledger] = {}
        """Of the turns that have not ended."""
        self.session_ledger = Ledger()
        """Of the turns before it."""
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
        self._reply = self._new_reply(turn_id, conversation, self._listener)
        self._silent.clear()
        self._task = spawn(self._reply.run(), f"reply of turn {turn_id}")

    def begin(
        self,
        turn_id: int,
        attempt: int,
        conversation: tuple[ChatMessage, ...],
        spawn: Spawn,
        on_failure: Callable[[], None],
    ) -> None:
        """Make a reply, and hold it back."""
        assert self._held is None, "the attempt before it was dropped"
        notes = HeldBack(self._listener, on_failure)
        reply = self._new_reply(turn_id, conversation, notes, is_held=True)
        task = spawn(reply.run(), f"attempt {attempt} at turn {turn_id}")
        self._held = _Held(attempt, reply, task, notes, input_tokens(conversation, self._last_usage))
        self._ledger(turn_id).started += 1

    def drop(self, attempt: int) -> int:
        """Throw away the reply that is held back. Returns the tokens that it had cost, read and written."""
        held, self._held = self._held, None
        assert held is not None, "it was begun"
        assert held.attempt == attempt, "only one is held"
        held.task.cancel()
        self._encoder = self._new_encoder()
        ledger = self._ledger(held.reply.turn_id)
        ledger.cancelled += 1
        ledger.wasted_tokens += held.reply.tokens
        ledger.wasted_input_tokens += held.input_tokens
        ledger.wasted_tts_ms += held.reply.audio_ms
        return held.input_tokens + held.reply.tokens

    def adopt(self, attempt: int, committed_ns: int) -> None:
        """Give the reply that was held back."""
        held, self._held = self._held, None
        assert held is not None, "it was begun"
        assert held.attempt == attempt, "only one is held"
        assert self._reply is None, "the reply before it has ended"
        requested_ns = held.notes.at(Mark.LLM_REQUESTED)
        if requested_ns is not None:
            self._ledger(held.reply.turn_id).saved_ns += saved_ns(
                requested_ns, held.notes.at(Mark.TTS_FIRST_AUDIO), committed_ns
            )
        self._ledger(held.reply.turn_id).hit += 1
        self._reply, self._task = held.reply, held.task
        self._silent.clear()
        held.notes.open()
        held.reply.release()

    def _ledger(self, turn_id: int) -> Ledger:
        return self._ledgers.setdefault(turn_id, Ledger())

    def settle(self, turn_id: int) -> Ledger:
        """A turn has ended: what came of what was begun early for it."""
        ledger = self._ledgers.pop(turn_id, Ledger())
        self.session_ledger.add(ledger)
        return ledger

    def close(self) -> Ledger:
        """The session is over. Returns what came of all that was begun early in it, up to where it broke off."""
        if self._held is not None:
            self.drop(self._held.attempt)
        for turn_id in list(self._ledgers):
            self.settle(turn_id)
        return self.session_ledger

    def pause(self, now_ns: int) -> None:
        """Send no more of the reply for now; the listener hears no more of it either."""
        if self._reply is not None:
            self._reply.queue.playhead.pause(now_ns)

    def resume(self, now_ns: int) -> None:
        if self._reply is not None:
            self._reply.queue.playhead.resume(now_ns)

    def text(self, now_ns: int) -> str:
        """What a microphone may have heard of the reply; nothing where none is given."""
        if self._reply is None:
            return ""
        return self._reply.spoken.heard(self.heard(now_ns).heard_ms + ECHO_MARGIN_MS)

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

    @property
    def asks(self) -> bool:
        """The reply ends with a question."""
        return self._reply is not None and _ASKS.search(self._reply.spoken.text) is not None

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
            if reply.usage.input_tokens:
                self._last_usage = reply.usage
            self._encoder = self._new_encoder()
            self._silent.set()
        return reply

    def _new_reply(
        self, turn_id: int, conversation: tuple[ChatMessage, ...], listener: ReplyListener, *, is_held: bool = False
    ) -> Reply:
        return Reply(
            turn_id,
            llm=self._llm,
            tts=self._tts,
            encoder=self._encoder,
            settings=self._settings,
            conversation=conversation,
            listener=listener,
            clock=self._clock,
            log=self._log,
            is_held=is_held,
        )

    def _new_encoder(self) -> SpeechEncoder:
        return SpeechEncoder(self._tts.sample_rate, self._settings.output)
