"""A voicewire client: the connection, the measured clock offset, and a player that hears the replies."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from voiceaudio.errors import AudioError
from voiceaudio.opus import DECODED_RATE, OpusDecoder
from voiceaudio.pcm import silence
from voicecli.client.player import Playhead
from voicecli.client.transport import (
    CallError,
    NoConnection,
    NoRoom,
    NoVoicewire,
    Refused,
    Transport,
    TransportClosed,
)
from voicecli.client.viewstate import ClockMeasured, Event, MarkNoted, PlayheadMoved, ReplyScheduled
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock
from voicewire.clock_offset import ClockOffset
from voicewire.connection import Connection, Side
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import Codec
from voicewire.frames import AudioFrame, FrameKind, packet_duration_ms, unpack_packets
from voicewire.marks import Mark
from voicewire.messages import Clock as ClockMessage
from voicewire.messages import (
    Error,
    Message,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SessionReady,
    SessionStart,
    Up,
)

READY_TIMEOUT_S = 20.0
"""Engines may have to be loaded first."""
PINGS_AT_START = 8
PONG_TIMEOUT_S = 1.0
PING_INTERVAL_S = 2.0
PLAYBACK_INTERVAL_NS = 100 * NS_PER_MS
BEGINNING_INTERVAL_NS = 20 * NS_PER_MS

_NO_ROOM = frozenset({ErrorCode.SERVER_FULL, ErrorCode.TOO_MANY_SESSIONS})
_REFUSALS = frozenset({ErrorCode.UNAUTHORIZED, ErrorCode.SESSION_EXPIRED, ErrorCode.IDLE_TIMEOUT, ErrorCode.TAKEN_OVER})
_FAILURES = frozenset({ErrorCode.GOING_AWAY, ErrorCode.OVERLOADED, ErrorCode.INTERNAL})
"""Fatal errors that are nobody's breach of the protocol."""


class HeardReply(Protocol):
    """One reply as it is, or will be, heard."""

    @property
    def play_ns(self) -> int | None:
        """When its first sample is heard; None while that is not known."""

    @property
    def first_audible_ns(self) -> int | None:
        """When its first sample that can be heard is; None while there is none, or it is not known."""


class Playout(Protocol):
    """Plays replies, or says when they would be heard: `player.Player`, or the queue of a loudspeaker."""

    rate: int
    """Of the PCM that it takes."""

    @property
    def end_ns(self) -> int:
        """When what was received so far has been played out, as far as it is known."""

    def is_stale(self, turn_id: int) -> bool: ...

    def reply(self, turn_id: int) -> HeardReply | None: ...

    def received(self, turn_id: int, pts: int, pcm: bytes, now_ns: int) -> HeardReply | None: ...

    @property
    def is_paused(self) -> bool:
        """Whether the current reply is."""

    def pause(self, turn_id: int, now_ns: int) -> None:
        """Stand still; what comes is kept. A turn that is over stays as it is."""

    def resume(self, turn_id: int, now_ns: int) -> None:
        """Go on with the next sample, where the turn is paused."""

    def flush(self, turn_id: int, now_ns: int) -> None: ...

    def playhead(self, now_ns: int) -> Playhead | None: ...

    def is_playing(self, now_ns: int) -> bool: ...


class Listener(Protocol):
    """Is told, without awaiting, of all that happens in a call, in order."""

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        """The server said this. The player has it already."""

    def noted(self, event: Event, now_ns: int) -> None:
        """The client found this out itself."""


PlayoutT = TypeVar("PlayoutT", bound=Playout)


class VoiceClient(Generic[PlayoutT]):
    """One session over an open transport: `start`, then `converse` beside `send_audio`.

    Its methods raise CallError when the session cannot go on.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        listener: Listener,
        player_at: Callable[[int], PlayoutT],
        *,
        hears_all: bool = True,
    ) -> None:
        """`player_at` is given the rate of the PCM that it will have to play.

        Without `hears_all`, Opus is decoded up to the first sound of each reply, and the rest of it played as silence
        of the same length: when it sounds is known by then, and decoding is most of what a call costs.
        """
        self.offset = ClockOffset()
        self._transport = transport
        self._clock = clock
        self._listener = listener
        self._player_at = player_at
        self._hears_all = hears_all
        self._connection = Connection(Side.CLIENT)
        self._ready: SessionReady | None = None
        self._player: PlayoutT | None = None
        self._decoder: OpusDecoder | None = None
        self._decoded_turn = 0
        self._sequence = 0
        self._pts = 0
        self._ponged = asyncio.Event()
        self._reply_changed = asyncio.Event()
        self._scheduled: int | None = None
        """The newest turn of which it was told when its reply is played,"""
        self._audible: int | None = None
        """and when it is first heard."""

    @property
    def ready(self) -> SessionReady:
        assert self._ready is not None, "start first"
        return self._ready

    @property
    def player(self) -> PlayoutT:
        assert self._player is not None, "start first"
        return self._player

    async def start(self, session_start: SessionStart) -> SessionReady:
        """Open the session."""
        await self._send(session_start)
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                while self._ready is None:
                    await self._receive_one()
        except TimeoutError:
            raise NoConnection(
                f"the server did not answer `session_start` within {READY_TIMEOUT_S:g} s; try again, or look at its log"
            ) from None
        return self._ready

    async def converse(self) -> None:
        """Hear the server until it closes, ping it, and tell it the playhead. Ends by an exception only."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive())
            group.create_task(self._ping())
            group.create_task(self._report_playback())

    async def measure_clock(self) -> None:
        """A few pings in quick succession; `converse` is running. A server that does not answer costs a second."""
        for _ in range(PINGS_AT_START):
            self._ponged.clear()
            await self._send(self.offset.ping(self._clock.now_ns()))
            try:
                async with asyncio.timeout(PONG_TIMEOUT_S):
                    await self._ponged.wait()
            except TimeoutError:
                return

    async def send_audio(self, payload: bytes, samples: int, *, skipped: int = 0) -> None:
        """The next piece of microphone audio, which holds so many samples; as many as `skipped` before it were lost."""
        kind, codec = FrameKind.AUDIO_CHUNK, self.ready.input.codec
        self._sequence += skipped // samples
        self._pts += skipped
        frame = AudioFrame(kind, codec, 0, self._sequence, self._pts, payload)
        self._sequence += 1
        self._pts += samples
        await self._send(frame)

    async def send(self, message: Up) -> None:
        await self._send(message)

    # --- tasks of `converse`

    async def _receive(self) -> None:
        while True:
            await self._receive_one()

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_INTERVAL_S)
            await self._send(self.offset.ping(self._clock.now_ns()))

    async def _report_playback(self) -> None:
        """At the start of a reply, ten times a second, when it is paused, and when all that came of it was heard."""
        while True:
            await self._reply_changed.wait()
            self._reply_changed.clear()
            told: Playhead | None = None
            while playhead := self.player.playhead(self._clock.now_ns()):
                await self._tell(playhead)
                # What a loudspeaker had taken before a pause is still on its way to the ear.
                stands_still = self.player.is_paused and told is not None and told.played_ms == playhead.played_ms
                if playhead.buffered_ms == 0 or stands_still:
                    break
                told = playhead
                now_ns = self._clock.now_ns()
                # A loudspeaker tells afterwards when it was that it began.
                is_heard = self._audible == playhead.turn_id
                interval_ns = PLAYBACK_INTERVAL_NS if is_heard else BEGINNING_INTERVAL_NS
                until_ns = min(now_ns + interval_ns, self.player.end_ns)
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0, until_ns - now_ns) / NS_PER_S):
                        await self._reply_changed.wait()
                self._reply_changed.clear()

    async def _tell(self, playhead: Playhead) -> None:
        now_ns = self._clock.now_ns()
        turn_id, played_ms, buffered_ms = playhead
        if (reply := self.player.reply(turn_id)) is not None:
            self._note_playing(turn_id, reply, now_ns)
        self._listener.noted(PlayheadMoved(*playhead), now_ns)
        await self._send(Playback(turn_id=turn_id, played_ms=played_ms, buffered_ms=buffered_ms))

    # --- what comes

    async def _receive_one(self) -> None:
        try:
            data = await self._transport.recv()
        except TransportClosed as closed:
            raise _lost(closed) from None
        now_ns = self._clock.now_ns()
        try:
            self._take(self._connection.receive(data, now_ns), now_ns)
        except ProtocolError as error:
            raise NoVoicewire(_sentence(error)) from None
        except AudioError as error:
            raise NoVoicewire(f"the server's audio cannot be played: {error}") from None

    def _take(self, message: Message | AudioFrame, now_ns: int) -> None:
        match message:
            case SessionReady():
                self._ready = message
                rate = DECODED_RATE if message.output.codec is Codec.OPUS else message.output.rate
                self._player = self._player_at(rate)
            case AudioFrame():
                self._play(message, now_ns)
            case ReplyPaused(turn_id=turn_id):
                self.player.pause(turn_id, now_ns)
                self._reply_changed.set()
            case ReplyResumed(turn_id=turn_id):
                self.player.resume(turn_id, now_ns)
                self._reply_changed.set()
            case ReplyCancelled(turn_id=turn_id):
                self.player.flush(turn_id, now_ns)
                self._reply_changed.set()
            case ClockMessage():
                self._observe(message, now_ns)
            case Error(fatal=True):
                raise _ended(message)
        self._listener.received(message, now_ns)
        if isinstance(message, ReplyPaused | ReplyResumed | ReplyCancelled):
            self._note_change(message.turn_id, now_ns)

    def _play(self, frame: AudioFrame, now_ns: int) -> None:
        player = self.player
        is_new = player.reply(frame.turn_id) is None
        pcm = b"" if player.is_stale(frame.turn_id) else self._decoded(frame)
        pts = frame.pts * player.rate // self.ready.output.rate
        end_ns = player.end_ns
        reply = player.received(frame.turn_id, pts, pcm, now_ns)
        if reply is None:
            return
        if is_new:
            self._listener.noted(MarkNoted(frame.turn_id, Mark.REPLY_FIRST_FRAME_RECEIVED, now_ns), now_ns)
        had_begun = self._scheduled == frame.turn_id
        self._note_playing(frame.turn_id, reply, now_ns)
        if is_new or (not player.is_paused and (not had_begun or now_ns >= end_ns)):
            self._reply_changed.set()

    def _note_playing(self, turn_id: int, reply: HeardReply, now_ns: int) -> None:
        """When it is played and first heard, as soon as that is known."""
        if self._scheduled != turn_id and reply.play_ns is not None:
            self._scheduled = turn_id
            self._listener.noted(ReplyScheduled(turn_id, reply.play_ns), now_ns)
        if self._audible != turn_id and reply.first_audible_ns is not None:
            self._audible = turn_id
            self._listener.noted(MarkNoted(turn_id, Mark.REPLY_FIRST_AUDIBLE, reply.first_audible_ns), now_ns)

    def _decoded(self, frame: AudioFrame) -> bytes:
        if self.ready.output.codec is not Codec.OPUS:
            return frame.payload
        if not self._hears_all and self._audible == frame.turn_id:
            return silence(round(_duration_ms(frame.payload) * DECODED_RATE / 1000))
        if self._decoder is None or self._decoded_turn != frame.turn_id:
            self._decoder, self._decoded_turn = OpusDecoder(), frame.turn_id
        return b"".join(self._decoder.decode(packet) for packet in unpack_packets(frame.payload))

    def _note_change(self, turn_id: int, now_ns: int) -> None:
        """A reply may have been paused, or cut, before anything of it was heard."""
        reply = self.player.reply(turn_id)
        if reply is None:
            return
        if self._scheduled == turn_id and reply.play_ns is None:
            self._scheduled = None
        if self._audible == turn_id and reply.first_audible_ns is None:
            self._audible = None
            self._listener.noted(MarkNoted(turn_id, Mark.REPLY_FIRST_AUDIBLE, None), now_ns)
        self._note_playing(turn_id, reply, now_ns)

    def _observe(self, message: ClockMessage, now_ns: int) -> None:
        self.offset.observe(message, now_ns)
        self._ponged.set()
        if self.offset.offset_ns is not None and self.offset.round_trip_ns is not None:
            self._listener.noted(ClockMeasured(self.offset.offset_ns, self.offset.round_trip_ns), now_ns)

    async def _send(self, message: Up | AudioFrame) -> None:
        try:
            await self._transport.send(self._connection.send(message))
        except TransportClosed as closed:
            raise _lost(closed) from None


def _duration_ms(payload: bytes) -> float:
    return sum(packet_duration_ms(packet) for packet in unpack_packets(payload))


def _ended(error: Error) -> CallError:
    sentence = f"the server ended the session: {error.message} ({error.code.value})"
    if error.code is ErrorCode.UNAUTHORIZED:
        sentence += "; give its token with --token or in VOICECLI_TOKEN"
    if error.code in _NO_ROOM:
        return NoRoom(sentence, error)
    if error.code in _REFUSALS:
        return Refused(sentence, error)
    return NoConnection(sentence, error) if error.code in _FAILURES else NoVoicewire(sentence, error)


def _lost(closed: TransportClosed) -> CallError:
    reason = closed.reason or f"code {closed.code}"
    if closed.code in (1002, 1003, 1007):
        return NoVoicewire(f"the server closed the connection for a breach of the protocol: {reason}")
    if closed.code == 1006:
        return NoConnection("the connection to the server was lost; look whether it still runs")
    return NoConnection(f"the server closed the connection: {reason}")


def _sentence(error: ProtocolError) -> str:
    field = f", field {error.field}" if error.field else ""
    return f"the server broke the protocol: {error.message} ({error.code.value}{field})"
