"""A spoken conversation from this end: microphone, loudspeaker, session, and the state of it all.

Nothing here knows a screen or a sound card: sound comes as a `Microphone` and a `Speaker`, what the user does as calls
of `Controls`, and each change of the state goes to a watcher.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing
from pathlib import Path
from typing import NamedTuple

from voicecli.client.backoff import Backoff
from voicecli.client.client import VoiceClient
from voicecli.client.player import Playhead
from voicecli.client.transport import CallError, NoConnection, NoRoom, Refused, Transport, public_url, websocket
from voicecli.client.uplink import Packet
from voicecli.client.viewstate import Event, MarkNoted
from voicecli.exits import cause_of
from voicecli.sound.devices import Direction
from voicecli.sound.echo import EchoGuard, EchoMode
from voicecli.sound.errors import SoundError
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Microphone, Speaker
from voicecli.talking.problems import Problem, ending
from voicecli.talking.recorder import Aside, Recorder
from voicecli.talking.talkinput import TalkInput
from voicecli.talking.talklink import TalkLink
from voicecli.talking.talkmarks import BargeIns, speech_end
from voicecli.talking.talkstate import (
    EchoGuardChosen,
    LevelMeasured,
    MuteChanged,
    Phase,
    ProblemSettled,
    ProblemTold,
    SessionClosed,
    SessionConnecting,
    SessionReconnecting,
    SoundMeasured,
    TalkChanged,
    TalkEvent,
    TalkState,
    TextSent,
    talked,
)
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    CancelReason,
    Interrupt,
    Message,
    ReplyCancelled,
    SessionStart,
    TextInput,
    TranscriptFinal,
    TurnDetection,
    TurnDetectionMode,
    Up,
)

OPUS = AudioFormat(Codec.OPUS)
PCM = AudioFormat(Codec.PCM_S16LE, RATE)
TICK_NS = 50 * NS_PER_MS
LEVEL_TICKS = 2
SOUND_TICKS = 5
MAX_TEXTS = 8
"""Typed while there is no connection; past these the oldest is forgotten."""
UNTAKEN_NS = 10 * NS_PER_S
"""What was typed is waited for no longer, where the server says nothing of it."""
SETTLED_NS = 1_500 * NS_PER_MS
"""A conversation with a file is over when nothing has come of its last words for so long."""

Watcher = Callable[[TalkState, TalkEvent, TalkState], None]
"""Is told the state before, what happened, and the state after."""

Connect = Callable[[str], AbstractAsyncContextManager[Transport]]


class TalkSettings(NamedTuple):
    url: str
    token: str | None = None
    locale: str = "en-US"
    voice: str | None = None
    push_to_talk: bool = False
    stays: bool = True
    """A session that is over is left on the screen until the user goes on or quits."""


class Sound(NamedTuple):
    speaker: Speaker
    guard: EchoGuard
    microphone: Microphone | None = None
    """None: one can still type."""
    choose: Callable[[Direction, str], None] = lambda direction, name: None
    """Another device, named by the user; what comes of it is told as an event."""
    is_over: Callable[[], bool] = lambda: False
    """All that the microphone had to say was said: it is a file."""
    waits: bool = False
    """The microphone is a file, of which nothing is to be lost before somebody hears it."""


class Conversation:
    """`run` holds it; the methods of `Controls` steer it from the same loop."""

    def __init__(
        self,
        settings: TalkSettings,
        sound: Sound,
        clock: Clock,
        watch: Watcher,
        *,
        connect: Connect = websocket,
        jitter: Callable[[], float] = random.random,
        aside: Aside = asyncio.to_thread,
    ) -> None:
        self.state = TalkState(push_to_talk=settings.push_to_talk)
        self._settings = settings
        self._sound = sound
        self._clock = clock
        self._watch = watch
        self._connect = connect
        self._backoff = Backoff(jitter)
        self._input = TalkInput(sound.guard, push_to_talk=settings.push_to_talk)
        self._link: TalkLink | None = None
        self._resume_token: str | None = None
        self._texts: deque[str] = deque(maxlen=MAX_TEXTS)
        self._untaken: deque[str] = deque(maxlen=MAX_TEXTS)
        """Typed, and not yet in a turn."""
        self._typed_ns = 0
        self._barge_ins = BargeIns(sound.speaker.queue)
        self._recorder = Recorder(self.tell, aside)
        self._news_ns = 0
        """When something last happened that a conversation is made of."""
        self._was_slow = False
        self._over = asyncio.Event()
        self._failure: CallError | None = None
        """What it is over by, where not by the user's wish. What is still written of a recording is waited for."""
        self._connected = asyncio.Event()
        """For the first time."""
        self._wanted = asyncio.Event()
        """The user goes on, after the end of a session."""

    def watched_by(self, watch: Watcher) -> None:
        """Another watcher from now on."""
        self._watch = watch

    async def run(self) -> None:
        """Converse until the user quits. Raises CallError where the session cannot go on, and SoundError."""
        guard = self._sound.guard
        if guard.note:
            self.tell(EchoGuardChosen(guard.note, hears_over=guard.kind is not EchoMode.GATE))
        try:
            async with asyncio.TaskGroup() as group:
                self._recorder.group = group
                tasks = [group.create_task(self._listen()), group.create_task(self._tick())]
                tasks.append(group.create_task(self._converse()))
                try:
                    await self._over.wait()
                finally:
                    self._over.set()
                for task in tasks:
                    task.cancel()
            if self._failure is not None:
                raise self._failure
        except BaseExceptionGroup as group:
            raise cause_of(group, CallError, SoundError) from None
        finally:
            self._recorder.group = None
            self._sound.speaker.queue.reset(self._clock.now_ns())
            self.record(None)

    def tell(self, event: TalkEvent) -> None:
        """Something happened: the state changes, and the watcher is told."""
        before = self.state
        self.state = talked(before, event, self._clock.now_ns())
        self._watch(before, event, self.state)

    # --- what the user does (Controls)

    def mute(self, muted: bool) -> None:
        self._input.muted = muted
        if self._recorder.tape is not None:
            self._recorder.tape.muted(muted, self._clock.now_ns())
        self.tell(MuteChanged(muted))

    def talk(self, talking: bool) -> None:
        if talking == self._input.talking:
            return
        if talking:
            self.interrupt()
        self._input.talking = talking
        if not talking and self._link is not None:
            self._link.end_speech()
        self.tell(TalkChanged(talking))

    def interrupt(self) -> None:
        self._input.interrupted()
        playhead = self._playhead()
        turn_id = self._answered(playhead)
        if self._link is None or turn_id is None:
            return
        self._sound.speaker.queue.flush(turn_id, self._clock.now_ns())
        is_heard = playhead is not None and playhead.turn_id == turn_id
        self._link.send(Interrupt(turn_id=turn_id, played_ms=playhead.played_ms if is_heard and playhead else 0.0))

    def say(self, text: str) -> None:
        if self._link is None:
            self._texts.append(text)
        else:
            self._link.send(TextInput(text=text))
        self._untaken.append(text)
        self._typed_ns = self._clock.now_ns()
        self.tell(TextSent(text))
        self._wanted.set()

    def go_on(self) -> None:
        self._wanted.set()

    def choose_input(self, name: str) -> None:
        self._sound.choose(Direction.INPUT, name)

    def choose_output(self, name: str) -> None:
        self._sound.choose(Direction.OUTPUT, name)

    def record(self, folder: Path | None) -> None:
        self._recorder.end()
        if folder is None:
            return
        if self.state.phase is Phase.CLOSED:
            self._recorder.refuse("The session is over.")
            return
        microphone = self._sound.microphone
        self._recorder.begin(
            folder,
            self._clock.now_ns(),
            pre_skip=self._input.delay_samples,
            microphone=microphone.name if microphone is not None else "",
            sent_before_ms=self._link.times.sent_ms if self._link is not None else 0.0,
        )

    def quit(self) -> None:
        self._over.set()

    def is_answered(self) -> bool:
        """All that was said or typed was answered, and the answer heard to its end."""
        now_ns = self._clock.now_ns()
        if self._link is None or any(turn.outcome is None for turn in self.state.call.turns):
            return False
        is_taken = not self._untaken or now_ns - self._typed_ns >= UNTAKEN_NS
        return is_taken and not self._sound.speaker.queue.is_playing(now_ns)

    # --- what comes (Listener)

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        if self._recorder.tape is not None:
            self._recorder.tape.received(message, now_ns)
        if isinstance(message, AudioFrame):
            self._news_ns = now_ns
            return
        self.tell(message)
        match message:
            case AudioAck(sequence=sequence):
                if self._link is not None:
                    self._link.acknowledged(sequence * FRAME_SAMPLES)
                return
            case TranscriptFinal(turn_id=turn_id, text=text):
                if self._untaken and self._untaken[0] == text:
                    self._untaken.popleft()
                self._note_speech_end(turn_id)
            case ReplyCancelled(turn_id=turn_id, reason=CancelReason.BARGE_IN) if self._link is not None:
                self._barge_ins.cancelled(self.state.call, turn_id, self._link.times, now_ns)
        self._news_ns = now_ns

    def noted(self, event: Event, now_ns: int) -> None:
        if self._recorder.tape is not None:
            self._recorder.tape.noted(event, now_ns)
        self.tell(event)
        if isinstance(event, MarkNoted) and event.mark is Mark.REPLY_FIRST_FRAME_RECEIVED:
            self._note_speech_end(event.turn_id)

    def _note_speech_end(self, turn_id: int) -> None:
        mark = speech_end(self.state.call, turn_id, self._link.times) if self._link is not None else None
        if mark is not None:
            self.noted(mark, self._clock.now_ns())

    def packet_sent(self, packet: Packet, skipped: int) -> None:
        tape = self._recorder.tape
        if tape is not None:
            skipped_ms = skipped * 1000 // RATE
            tape.audio_sent([packet.payload], packet.captured_ns, self._clock.now_ns(), skipped_ms=skipped_ms)

    def message_sent(self, message: Up) -> None:
        if self._recorder.tape is not None:
            self._recorder.tape.sent(message, self._clock.now_ns())

    # --- tasks

    async def _listen(self) -> None:
        """The microphone, for as long as the conversation lasts."""
        microphone = self._sound.microphone
        if microphone is None:
            return
        if self._sound.waits:
            await self._connected.wait()
        async with aclosing(microphone.frames()) as frames:
            async for frame in frames:
                packet = self._input.captured(frame, self._sound.speaker.played())
                if packet is not None and self._link is not None:
                    self._link.feed(packet)

    async def _tick(self) -> None:
        """Figures a few times a second, and what is found out only later."""
        ticks = 0
        while True:
            await asyncio.sleep(TICK_NS / NS_PER_S)
            ticks += 1
            now_ns = self._clock.now_ns()
            if ticks % LEVEL_TICKS == 0 and self._sound.microphone is not None:
                self.tell(LevelMeasured(self._input.level_dbfs))
            if ticks % SOUND_TICKS == 0:
                self.tell(self._measured())
            self._watch_network()
            for mark in self._barge_ins.due(now_ns):
                self.noted(mark, now_ns)
            self._recorder.end_if_failed()
            if self._is_settled(now_ns):
                self.quit()

    async def _converse(self) -> None:
        """Connect, and connect again: by itself where that helps, and else when the user wants to go on."""
        was_connected = False
        while True:
            self.tell(SessionConnecting(public_url(self._settings.url)))
            error = await self._hold()
            if self._over.is_set():
                # It was cancelled as well: a group that fails in the same moment tells of its failure alone.
                return
            was_connected = was_connected or self._resume_token is not None
            self._disconnected()
            delay_ns = self._backoff.next_ns() if was_connected and _comes_back(error) else None
            if delay_ns is not None:
                self.tell(SessionReconnecting(self._backoff.attempt, delay_ns / NS_PER_MS))
                await asyncio.sleep(delay_ns / NS_PER_S)
                continue
            self._recorder.end(cut_off=True)
            self.tell(SessionClosed(ending(error)))
            if not (was_connected and self._settings.stays):
                self._failure = error
                self.quit()
                return
            self._wanted.clear()
            await self._wanted.wait()
            self._backoff.reset()

    async def _hold(self) -> CallError:
        """One session, until it is lost; returns why."""
        try:
            async with self._connect(self._settings.url) as transport:
                await self._talk(transport)
        except (CallError, BaseExceptionGroup) as ended:
            error = cause_of(ended, CallError, SoundError)
            if isinstance(error, CallError):
                return error
            raise
        raise AssertionError("a session ends by an error only")

    async def _talk(self, transport: Transport) -> None:
        """Over one connection. Ends by CallError only."""
        queue = self._sound.speaker.queue
        queue.reset(self._clock.now_ns())
        client = VoiceClient(transport, self._clock, self, lambda rate: queue)
        ready = await client.start(self._session_start())
        self._resume_token = ready.resume_token
        self._backoff.reset()
        link = TalkLink(client, self)
        self._input.begin()
        self._link = link
        self._connected.set()
        for text in self._texts:
            link.send(TextInput(text=text))
        self._texts.clear()
        self._typed_ns = self._clock.now_ns()
        async with asyncio.TaskGroup() as group:
            group.create_task(client.converse())
            group.create_task(link.run())
            await client.measure_clock()

    # --- parts of these

    def _session_start(self) -> SessionStart:
        mode = TurnDetectionMode.MANUAL if self._settings.push_to_talk else TurnDetectionMode.VAD
        return SessionStart(
            locale=self._settings.locale,
            voice=self._settings.voice,
            input=[OPUS],
            output=[OPUS, PCM],
            turn_detection=TurnDetection(mode=mode),
            token=self._settings.token,
            resume_token=self._resume_token,
            metadata={"client": "voicecli talk"},
        )

    def _disconnected(self) -> None:
        if self._link is not None:
            # Audio is counted anew in each session. A recording that was begun between two is of the next one.
            self._recorder.end(cut_off=True)
        self._link = None
        self._untaken = deque(self._texts, maxlen=MAX_TEXTS)
        self._input.talking = False
        self._barge_ins.clear()
        self._sound.speaker.queue.reset(self._clock.now_ns())

    def _answered(self, playhead: Playhead | None) -> int | None:
        """The turn whose answer is given now, or thought of; what still plays goes before what is thought of."""
        if playhead is not None and playhead.buffered_ms:
            return playhead.turn_id
        is_open = (turn for turn in reversed(self.state.call.turns) if turn.outcome is None and turn.cancelled is None)
        thought_of = next((turn.turn_id for turn in is_open if turn.transcript is not None), None)
        return thought_of if thought_of is not None or playhead is None else playhead.turn_id

    def _playhead(self) -> Playhead | None:
        return self._sound.speaker.queue.playhead(self._clock.now_ns())

    def _measured(self) -> SoundMeasured:
        playhead = self._playhead()
        uplink = self._link.uplink if self._link is not None else None
        return SoundMeasured(
            uplink_ms=uplink.in_flight_ms + uplink.queued_ms if uplink is not None else 0.0,
            downlink_ms=playhead.buffered_ms if playhead is not None else 0.0,
            underruns=self._sound.speaker.queue.underruns,
            lost_ms=self._input.lost_ms + (uplink.shed_ms if uplink is not None else 0.0),
        )

    def _watch_network(self) -> None:
        is_slow = self._link is not None and self._link.uplink.is_slow
        if is_slow != self._was_slow:
            self._was_slow = is_slow
            self.tell(ProblemTold(SLOW) if is_slow else ProblemSettled(SLOW.code))

    def _is_settled(self, now_ns: int) -> bool:
        """The file that speaks has said all, and all was answered."""
        if not self._sound.is_over() or self._link is None:
            return False
        is_silent = not self._link.uplink.queued_ms and now_ns - self._news_ns >= SETTLED_NS
        return is_silent and self.is_answered()


SLOW = Problem("slow_network", "The network is slow.", "Some of what you say may be lost.", lasting=True)


def _comes_back(error: CallError) -> bool:
    """Whether it may well be another time, with nothing done about it. Where there is no room, what takes it is often
    the session that was lost, until the server finds out."""
    return isinstance(error, NoRoom) or (isinstance(error, NoConnection) and not isinstance(error, Refused))
