"""A conversation from this end, with a scripted server at the other, on a virtual clock."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.voicecli.peer import LOUD, Peer, memory_pair, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.backoff import MAX_ATTEMPTS
from voicecli.client.memorywire import End
from voicecli.client.transport import NoConnection, NoRoom, NoVoicewire, Refused
from voicecli.client.uplink import WINDOW_MS
from voicecli.client.viewstate import MarkNoted
from voicecli.fixtures import fixture, journal
from voicecli.sound.devices import Direction
from voicecli.sound.echo import EchoMode
from voicecli.sound.playback import PlaybackQueue
from voicecli.sound.ring import Samples
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicecli.talking.controls import Controls
from voicecli.talking.talk import PCM, Conversation, Sound, TalkSettings
from voicecli.talking.talkstate import (
    FREQUENT,
    EchoGuardChosen,
    Ending,
    Phase,
    ProblemSettled,
    ProblemTold,
    RecordingBegan,
    RecordingEnded,
    SessionClosed,
    SessionReconnecting,
    TalkEvent,
    TalkState,
)
from voicewire.clock import NS_PER_MS, NS_PER_S, ms
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioAck,
    AudioEnd,
    CancelReason,
    Error,
    Interrupt,
    ReplyCancelled,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    TextInput,
    TranscriptFinal,
    TurnDetectionMode,
    TurnEnd,
    TurnOutcome,
)

FRAME_NS = 20 * NS_PER_MS
URL = "ws://peer/voice"
LOUD_48K = LOUD * 3
"""20 ms."""


class Guard:
    is_muting = False

    def __init__(self, note: str, kind: EchoMode) -> None:
        self.note, self.kind = note, kind
        self.interruptions = 0
        self.played = 0

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        self.played += len(played) // 2
        return pcm

    def interrupted(self) -> None:
        self.interruptions += 1


class Microphone:
    """Quiet; each frame is there when its last sample was captured."""

    name = "a microphone"

    def __init__(self, loop: VirtualLoop) -> None:
        self.begun_ns: int | None = None
        self._loop = loop

    async def frames(self) -> AsyncGenerator[Captured, None]:
        self.begun_ns = self._loop.now_ns()
        while True:
            captured_ns = self._loop.now_ns()
            await asyncio.sleep(FRAME_NS / NS_PER_S)
            yield Captured(bytes(2 * FRAME_SAMPLES), captured_ns, 0)


class Speaker:
    """Takes a block each 20 ms, heard at once."""

    name = "a loudspeaker"
    latency_ns = 0

    def __init__(self, loop: VirtualLoop) -> None:
        self.queue = PlaybackQueue()
        self.heard: list[tuple[int, int]] = []
        """When a block with a sound in it was played, and its loudest sample."""
        self._loop = loop

    def played(self) -> bytes:
        return bytes(2 * FRAME_SAMPLES)

    async def run(self) -> None:
        block: Samples = np.empty(FRAME_SAMPLES, np.int16)
        while True:
            self.queue.fill(block, self._loop.now_ns())
            if block.any():
                self.heard.append((self._loop.now_ns(), int(np.abs(block).max())))
            await asyncio.sleep(FRAME_NS / NS_PER_S)


class Room:
    """A conversation, what it told, and the servers that it finds, one for each connection."""

    def __init__(
        self,
        loop: VirtualLoop,
        settings: TalkSettings,
        *,
        waits: bool = False,
        note: str = "headphones",
        echo: EchoMode = EchoMode.NONE,
    ) -> None:
        self.loop = loop
        self.microphone = Microphone(loop)
        self.guard = Guard(note, echo)
        self.speaker = Speaker(loop)
        self.chosen: list[tuple[Direction, str]] = []
        self.is_over = False
        sound = Sound(
            self.speaker,
            self.guard,
            self.microphone,
            choose=lambda direction, name: self.chosen.append((direction, name)),
            is_over=lambda: self.is_over,
            waits=waits,
        )
        self.events: list[TalkEvent] = []
        self.states: list[TalkState] = []
        self.peers: list[Peer] = []
        self.ends: list[End] = []
        self.refusals: list[Exception] = []
        self.arrived = asyncio.Event()
        self.talk = Conversation(
            settings, sound, loop, self._watch, connect=self.connect, jitter=lambda: 1.0, aside=self.aside
        )

    def _watch(self, before: TalkState, event: TalkEvent, after: TalkState) -> None:
        if not isinstance(event, FREQUENT):
            self.events.append(event)

    @asynccontextmanager
    async def connect(self, url: str) -> AsyncIterator[End]:
        assert url == URL
        if self.refusals:
            raise self.refusals.pop(0)
        client, server = memory_pair()
        peer = Peer(self.loop, server)
        async with asyncio.TaskGroup() as group:
            group.create_task(peer.run())
            self.peers.append(peer)
            self.ends.append(client)
            self.arrived.set()
            try:
                yield client
            finally:
                await client.close()

    async def aside(self, call: Callable[[], str | None]) -> str | None:
        """Takes a second, in which everything else goes on."""
        await asyncio.sleep(1)
        return call()

    async def peer(self) -> Peer:
        """The newest server, once it was called and has answered."""
        peer = await self.called()
        await peer.ready(output=PCM)
        return peer

    async def called(self) -> Peer:
        """The newest server, once it was called."""
        await self.arrived.wait()
        self.arrived.clear()
        peer = self.peers[-1]
        await peer.until(lambda: peer.start is not None)
        return peer

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def marks(self) -> dict[Mark, float | None]:
        return {event.mark: None if event.t_ns is None else ms(event.t_ns) for event in self.told(MarkNoted)}

    async def reply(self, peer: Peer, turn_id: int, frames: int = 20, *, ends: bool = True) -> None:
        await peer.reply(turn_id, *[LOUD_48K] * frames, ends=ends)


Script = Callable[[Room], Awaitable[None]]


def held(
    script: Script, *, waits: bool = False, note: str = "headphones", echo: EchoMode = EchoMode.NONE, **settings: Any
) -> Room:
    """A conversation in which the script happens; it ends when that is done."""
    rooms: list[Room] = []

    async def main(loop: VirtualLoop) -> None:
        room = Room(loop, TalkSettings(URL, **settings), waits=waits, note=note, echo=echo)
        rooms.append(room)
        playing = asyncio.Event()

        async def act() -> None:
            await script(room)
            room.talk.quit()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(room.speaker.run())]
            acting = group.create_task(act())
            try:
                await room.talk.run()
            finally:
                acting.cancel()
                for task in tasks:
                    task.cancel()
            playing.set()

    virtually(main)
    return rooms[0]


def failing(script: Script, **settings: Any) -> Exception:
    """What ends a conversation that does not end by the user's wish."""
    with pytest.raises(ExceptionGroup) as caught:
        held(script, **settings)
    error: Exception = caught.value.exceptions[0]
    return error


async def nothing(room: Room) -> None:
    await asyncio.sleep(600)


def steered(room: Room) -> Controls:
    """A conversation has all that a screen wants of it."""
    return room.talk


# --- speaking and hearing


def test_the_microphone_goes_up_as_opus_without_gaps() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.until(lambda: len(peer.all(AudioFrame)) == 10)
        frames = peer.all(AudioFrame)
        assert [(frame.sequence, frame.pts) for frame in frames] == [(i, i * FRAME_SAMPLES) for i in range(10)]
        start = peer.start
        assert start is not None
        assert (str(start.input[0]), start.turn_detection.mode) == ("opus 48 kHz", TurnDetectionMode.VAD)

    held(script)


def test_a_turn_is_measured_by_when_its_audio_was_captured_and_played() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.until(lambda: len(peer.all(AudioFrame)) == 60)
        first_ns = peer.heard_ns[peer.heard.index(peer.all(AudioFrame)[0])] - FRAME_NS
        await peer.say(SpeechStarted(turn_id=1, position_ms=200), SpeechStopped(turn_id=1, position_ms=700))
        await peer.say(TranscriptFinal(turn_id=1, text="hello"))
        await asyncio.sleep(0.1)
        sent_ms = ms(room.loop.now_ns())
        await room.reply(peer, 1)
        await peer.until_played(1, 400)
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await asyncio.sleep(0.1)
        marks = room.marks()
        assert marks[Mark.MIC_SPEECH_END] == ms(first_ns) + 700
        assert marks[Mark.REPLY_FIRST_FRAME_RECEIVED] == sent_ms
        audible_ms = marks[Mark.REPLY_FIRST_AUDIBLE]
        assert audible_ms is not None
        assert sent_ms <= audible_ms <= sent_ms + 20
        assert ms(room.speaker.heard[0][0]) == audible_ms
        assert (len(room.speaker.heard), room.talk.state.call.turns[0].transcript) == (20, "hello")

    held(script)


def test_a_barge_in_is_measured_from_the_users_first_sound_to_the_loudspeakers_last() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 1, 100, ends=False)
        await peer.until_audio(600)
        await peer.say(SpeechStarted(turn_id=2, position_ms=300))
        await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=500, heard_text=""))
        cut_ns = room.loop.now_ns()
        await asyncio.sleep(0.3)
        marks = room.marks()
        start_ms, silence_ms = marks[Mark.BARGE_IN_SPEECH_START], marks[Mark.BARGE_IN_SILENCE]
        assert start_ms is not None
        assert silence_ms is not None
        last_ns, loudest = room.speaker.heard[-1]
        assert last_ns - cut_ns <= FRAME_NS
        assert loudest <= 0x2000
        assert last_ns <= silence_ms * NS_PER_MS <= last_ns + 6 * NS_PER_MS
        assert 280 <= silence_ms - start_ms <= 340

    held(script)


def test_audio_of_a_cancelled_turn_stays_silent() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 1, 5, ends=False)
        await asyncio.sleep(0.05)
        await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.INTERRUPT, heard_ms=0, heard_text=""))
        await asyncio.sleep(0.05)
        heard = len(room.speaker.heard)
        await room.reply(peer, 1)
        await asyncio.sleep(0.5)
        assert len(room.speaker.heard) == heard

    held(script)


# --- what the user does


def test_an_interruption_silences_at_once_and_tells_what_was_heard() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 1, 50, ends=False)
        await asyncio.sleep(0.2)
        room.talk.interrupt()
        await asyncio.sleep(0.1)
        heard = len(room.speaker.heard)
        await asyncio.sleep(0.5)
        assert len(room.speaker.heard) == heard
        [told] = peer.all(Interrupt)
        assert (told.turn_id, room.guard.interruptions) == (1, 1)
        assert 180 <= told.played_ms <= 220

    held(script)


def test_an_answer_that_is_thought_of_can_be_stopped_before_it_is_heard() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.say(TranscriptFinal(turn_id=1, text="one"))
        await room.reply(peer, 1, 5)
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await asyncio.sleep(0.5)
        heard = len(room.speaker.heard)
        await peer.say(TranscriptFinal(turn_id=2, text="two"))
        await asyncio.sleep(0.1)
        room.talk.interrupt()
        await room.reply(peer, 2)
        await asyncio.sleep(0.5)
        assert peer.all(Interrupt) == [Interrupt(turn_id=2, played_ms=0.0)]
        assert len(room.speaker.heard) == heard

    held(script)


def test_an_interruption_of_nothing_is_none() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.interrupt()
        await asyncio.sleep(0.1)
        assert peer.all(Interrupt) == []

    held(script)


def test_a_muted_microphone_is_not_sent_and_leaves_a_gap() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.until(lambda: len(peer.all(AudioFrame)) == 5)
        room.talk.mute(True)
        await asyncio.sleep(0.2)
        sent = len(peer.all(AudioFrame))
        await asyncio.sleep(0.2)
        assert (len(peer.all(AudioFrame)), room.talk.state.muted) == (sent, True)
        room.talk.mute(False)
        await peer.until(lambda: len(peer.all(AudioFrame)) > sent)
        last, first = peer.all(AudioFrame)[sent - 1 : sent + 1]
        assert first.pts - last.pts == (first.sequence - last.sequence) * FRAME_SAMPLES >= 15 * FRAME_SAMPLES

    held(script)


def test_push_to_talk_sends_what_is_said_while_the_key_is_down_and_then_its_end() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await asyncio.sleep(0.1)
        assert peer.all(AudioFrame) == []
        room.talk.talk(True)
        await asyncio.sleep(0.2)
        room.talk.talk(False)
        room.talk.talk(False)
        await asyncio.sleep(0.2)
        assert 9 <= len(peer.all(AudioFrame)) <= 11
        assert peer.heard.index(AudioEnd()) > peer.heard.index(peer.all(AudioFrame)[-1])
        assert len(peer.all(AudioEnd)) == 1
        assert peer.start is not None
        assert peer.start.turn_detection.mode is TurnDetectionMode.MANUAL

    held(script, push_to_talk=True)


def test_a_key_pressed_without_a_connection_leaves_the_microphone_closed_in_the_next_one() -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.ends[-1].lose()
        await asyncio.sleep(0.1)
        room.talk.talk(True)
        peer = await room.peer()
        await asyncio.sleep(0.2)
        assert (room.talk.state.talking, peer.all(AudioFrame)) == (False, [])
        room.talk.talk(True)
        await peer.until(lambda: bool(peer.all(AudioFrame)))
        room.talk.talk(False)
        await peer.until(lambda: bool(peer.all(AudioEnd)))

    held(script, push_to_talk=True)


def test_who_pushes_to_talk_over_an_answer_cuts_it() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 1, 50, ends=False)
        await asyncio.sleep(0.2)
        room.talk.talk(True)
        await peer.until(lambda: bool(peer.all(Interrupt)))

    held(script, push_to_talk=True)


def test_typed_text_is_sent_and_what_is_typed_without_a_connection_waits_for_it() -> None:
    async def script(room: Room) -> None:
        room.talk.say("before")
        peer = await room.peer()
        await peer.until(lambda: len(peer.all(TextInput)) == 1)
        room.talk.say("after")
        await peer.until(lambda: len(peer.all(TextInput)) == 2)
        assert [message.text for message in peer.all(TextInput)] == ["before", "after"]

    held(script)


def test_another_device_is_asked_for_by_name() -> None:
    async def script(room: Room) -> None:
        room.talk.choose_input("mic")
        room.talk.choose_output("head")
        assert room.chosen == [(Direction.INPUT, "mic"), (Direction.OUTPUT, "head")]

    held(script)


# --- the connection


def test_a_lost_connection_is_opened_again_and_the_conversation_goes_on() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 7, 50, ends=False)
        await asyncio.sleep(0.1)
        room.ends[-1].lose()
        again = await room.peer()
        heard = len(room.speaker.heard)
        await again.until(lambda: len(again.all(AudioFrame)) == 3)
        assert again.start is not None
        assert (again.start.resume_token, again.all(AudioFrame)[0].pts) == ("r", 0)
        assert room.told(SessionReconnecting) == [SessionReconnecting(1, 250.0)]
        assert len(room.told(SessionReady)) == 2
        assert len(room.speaker.heard) == heard
        # Turn ids begin anew.
        await room.reply(again, 1)
        await asyncio.sleep(0.5)
        assert len(room.speaker.heard) == heard + 20

    held(script)


def test_who_quits_in_the_moment_in_which_the_connection_breaks_has_quit() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.until(lambda: bool(peer.all(AudioFrame)))
        room.ends[-1].lose()

    assert held(script).told(SessionReconnecting) == []


def test_attempts_to_connect_again_wait_longer_each_time() -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.refusals = [NoConnection("down"), NoConnection("down")]
        room.ends[-1].lose()
        await room.peer()
        waits = [event.delay_ms for event in room.told(SessionReconnecting)]
        assert waits == [250.0, 500.0, 1_000.0]

    held(script)


@pytest.mark.parametrize("code", [ErrorCode.SERVER_FULL, ErrorCode.TOO_MANY_SESSIONS])
def test_who_comes_back_waits_for_room_which_the_lost_session_may_still_take(code: ErrorCode) -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.ends[-1].lose()
        for _ in range(3):
            peer = await room.called()
            await peer.say(Error(code=code, message="no room", fatal=True))
        peer = await room.peer()
        await peer.until(lambda: bool(peer.all(AudioFrame)))
        assert [event.delay_ms for event in room.told(SessionReconnecting)] == [250.0, 500.0, 1_000.0, 2_000.0]
        assert (room.told(SessionClosed), room.talk.state.phase) == ([], Phase.READY)

    held(script)


def test_who_comes_for_the_first_time_does_not_wait_for_room() -> None:
    async def script(room: Room) -> None:
        peer = await room.called()
        await peer.say(Error(code=ErrorCode.SERVER_FULL, message="no room", fatal=True))
        await nothing(room)

    assert type(failing(script)) is NoRoom


def test_a_connection_that_was_made_lets_the_waits_begin_anew() -> None:
    async def script(room: Room) -> None:
        for _ in range(3):
            await room.peer()
            room.ends[-1].lose()
        await room.peer()
        assert [event.delay_ms for event in room.told(SessionReconnecting)] == [250.0] * 3

    held(script)


def test_the_server_is_told_who_talks_and_how() -> None:
    async def script(room: Room) -> None:
        start = (await room.peer()).start
        assert start is not None
        assert (start.token, start.locale, start.voice) == ("s3cret", "en-GB", "en-gb+f2")

    held(script, token="s3cret", locale="en-GB", voice="en-gb+f2")


def test_what_guards_against_the_echo_is_told_where_there_is_something_to_tell() -> None:
    async def script(room: Room) -> None:
        await room.peer()

    assert held(script).told(EchoGuardChosen) == [EchoGuardChosen("headphones")]

    async def silent(room: Room) -> None:
        await room.peer()
        assert room.told(EchoGuardChosen) == []

    held(silent, note="")


def test_behind_a_gate_nobody_is_told_to_talk_over_an_answer() -> None:
    async def script(room: Room) -> None:
        await room.peer()

    assert held(script, note="gate", echo=EchoMode.GATE).told(EchoGuardChosen) == [EchoGuardChosen("gate", False)]
    assert held(script, note="free", echo=EchoMode.CANCEL).told(EchoGuardChosen) == [EchoGuardChosen("free", True)]


def test_a_server_that_is_not_there_at_first_is_not_tried_again() -> None:
    async def script(room: Room) -> None:
        room.refusals = [NoConnection("nobody listens")]
        await nothing(room)

    assert str(failing(script)) == "nobody listens"


@pytest.mark.parametrize(
    ("code", "kind"), [(ErrorCode.UNAUTHORIZED, Refused), (ErrorCode.MALFORMED_FRAME, NoVoicewire)]
)
def test_what_will_not_be_better_in_a_moment_is_not_tried_again(code: ErrorCode, kind: type[Exception]) -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.say(Error(code=code, message="no", fatal=True))
        await nothing(room)

    assert type(failing(script, stays=False)) is kind


def test_a_session_that_is_over_is_left_on_the_screen_until_the_user_quits() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.say(Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was heard", fatal=True))
        await asyncio.sleep(1)
        [closed] = room.told(SessionClosed)
        assert (closed.problem.code, closed.problem.lasting) == ("idle_timeout", True)
        assert (room.talk.state.phase, len(room.peers)) == (Phase.CLOSED, 1)

    held(script)


async def timed_out(room: Room) -> None:
    peer = await room.peer()
    await peer.say(Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was heard", fatal=True))
    await asyncio.sleep(1)


def test_who_goes_on_after_the_end_resumes_the_conversation_in_another_session() -> None:
    async def script(room: Room) -> None:
        await timed_out(room)
        room.talk.go_on()
        again = await room.peer()
        await again.until(lambda: bool(again.all(AudioFrame)))
        assert again.start is not None
        assert (again.start.resume_token, room.talk.state.phase) == ("r", Phase.READY)

    held(script)


def test_what_is_typed_after_the_end_is_said_in_another_session() -> None:
    async def script(room: Room) -> None:
        await timed_out(room)
        room.talk.say("hello?")
        room.talk.say("are you there?")
        again = await room.peer()
        await again.until(lambda: len(again.all(TextInput)) == 2)
        assert [message.text for message in again.all(TextInput)] == ["hello?", "are you there?"]

    held(script)


def test_who_types_in_a_session_does_not_go_on_after_its_end() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.say("hello")
        room.talk.go_on()
        await peer.say(Error(code=ErrorCode.SESSION_EXPIRED, message="an hour", fatal=True))
        await asyncio.sleep(60)
        assert (room.talk.state.phase, len(room.peers)) == (Phase.CLOSED, 1)

    held(script)


def test_who_goes_on_is_tried_again_as_often_as_ever() -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.refusals = [NoConnection("down")] * MAX_ATTEMPTS
        room.ends[-1].lose()
        await asyncio.sleep(200)
        assert room.talk.state.phase is Phase.CLOSED
        room.refusals = [NoConnection("down")]
        room.talk.go_on()
        await room.peer()
        waits = [event.delay_ms for event in room.told(SessionReconnecting)]
        assert (len(waits), waits[MAX_ATTEMPTS:]) == (MAX_ATTEMPTS + 1, [250.0])

    held(script)


def test_nothing_is_recorded_of_a_session_that_is_over(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        await timed_out(room)
        room.talk.record(tmp_path / "session")
        [told] = room.told(ProblemTold)
        assert (told.problem.code, told.problem.advice) == ("recording_failed", "The session is over.")
        assert (room.talk.state.recording, (tmp_path / "session").exists()) == (None, False)

    held(script)


def test_a_slow_network_is_told_until_it_recovers() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await peer.until(lambda: peer.audio_ms == WINDOW_MS)
        await asyncio.sleep(2)
        assert peer.audio_ms == WINDOW_MS
        assert [event.problem.code for event in room.told(ProblemTold)] == ["slow_network"]
        await peer.say(AudioAck(sequence=99, position_ms=2_000))
        await peer.until(lambda: peer.audio_ms > WINDOW_MS)
        # What was captured meanwhile was shed but for a second of it, and the server can see how much.
        first = peer.all(AudioFrame)[100]
        assert first.sequence > 130
        while peer.all(AudioFrame)[-1].sequence < 300:
            await asyncio.sleep(0.1)
            await peer.say(AudioAck(sequence=peer.all(AudioFrame)[-1].sequence, position_ms=0))
        assert "slow_network" in [event.code for event in room.told(ProblemSettled)]

    held(script)


# --- recording, and the end


def test_a_recording_is_a_fixture_of_what_was_sent(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(tmp_path / "session")
        await peer.until(lambda: len(peer.all(AudioFrame)) == 50)
        await peer.say(SpeechStarted(turn_id=1, position_ms=200), SpeechStopped(turn_id=1, position_ms=700))
        await peer.say(TranscriptFinal(turn_id=1, text="hello there"), AudioAck(sequence=49, position_ms=1_000))
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await peer.until(lambda: len(peer.all(AudioFrame)) == 120)

    room = held(script)
    made = fixture.load(tmp_path / "session")
    assert [utterance.text for utterance in made.utterances] == ["hello there"]
    assert room.told(RecordingBegan) == [RecordingBegan(str(tmp_path / "session"))]
    assert room.told(RecordingEnded) == [RecordingEnded(str(tmp_path / "session"))]


def test_what_was_said_before_and_after_a_mute_lies_in_the_recording_where_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "session"

    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(folder)
        await asyncio.sleep(0.5)
        room.talk.mute(True)
        await asyncio.sleep(2)
        room.talk.mute(False)
        await asyncio.sleep(1)
        newest = peer.all(AudioFrame)[-1]
        end_ms = newest.pts * 1000 / RATE
        await peer.say(SpeechStarted(turn_id=1, position_ms=end_ms - 500))
        await peer.say(SpeechStopped(turn_id=1, position_ms=end_ms - 100))
        await peer.say(TranscriptFinal(turn_id=1, text="hello"))
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await asyncio.sleep(0.1)
        room.talk.record(None)

    held(script)
    [utterance] = fixture.load(folder).utterances
    [(start, end)] = utterance.segments_ms
    assert 800 <= start <= 1100
    assert end - start == pytest.approx(400)


def test_a_recording_has_what_the_user_did_besides_speaking(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(tmp_path / "session")
        await peer.until(lambda: len(peer.all(AudioFrame)) == 20)
        room.talk.mute(True)
        room.talk.say("typed")
        await peer.until(lambda: bool(peer.all(TextInput)))

    held(script)
    entries = journal.read(tmp_path / "session").entries
    assert [entry.muted for entry in entries if isinstance(entry, journal.Muted)] == [True]
    sent = [entry.message for entry in entries if isinstance(entry, journal.MessageSent)]
    assert sent == [TextInput(text="typed")]


def test_a_recording_that_cannot_go_on_ends_and_says_why(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(tmp_path / "session")
        await peer.until(lambda: len(peer.all(AudioFrame)) == 20)
        assert room.talk._recorder.tape is not None
        room.talk._recorder.tape.failure = "the disk is full"
        await asyncio.sleep(1.2)
        assert room.talk.state.recording is None
        assert [event.problem.advice for event in room.told(ProblemTold)] == ["the disk is full"]

    held(script)


def test_a_recording_that_a_lost_connection_has_cut_off_is_a_fixture_and_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "session"

    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(folder)
        await peer.until(lambda: len(peer.all(AudioFrame)) == 50)
        room.ends[-1].lose()
        await room.peer()
        await asyncio.sleep(1.2)
        cut_off = RecordingEnded(str(folder), Ending.CUT_OFF)
        assert (room.told(RecordingEnded), room.talk.state.recorded) == ([cut_off], cut_off)
        assert room.talk.state.recording is None

    held(script)
    fixture.load(folder)


def test_a_recording_that_is_begun_without_a_connection_is_of_the_next_session(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.refusals = [NoConnection("down")]
        room.ends[-1].lose()
        await asyncio.sleep(0.1)
        room.talk.record(tmp_path / "session")
        peer = await room.peer()
        await peer.until(lambda: len(peer.all(AudioFrame)) == 50)
        assert room.told(RecordingEnded) == []

    assert held(script).told(RecordingEnded) == [RecordingEnded(str(tmp_path / "session"))]
    fixture.load(tmp_path / "session")


def test_a_recording_ends_with_a_session_that_is_not_gone_on_with(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        await room.peer()
        room.refusals = [NoVoicewire("another server")]
        room.ends[-1].lose()
        await asyncio.sleep(0.1)
        room.talk.record(tmp_path / "session")
        await asyncio.sleep(2)
        assert (room.talk.state.phase, room.talk.state.recording) == (Phase.CLOSED, None)

    held(script)


def test_a_conversation_that_the_server_ends_is_over_once_its_recording_is_drafted(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    rooms: list[Room] = []

    async def script(room: Room) -> None:
        rooms.append(room)
        peer = await room.peer()
        room.talk.record(folder)
        await peer.until(lambda: len(peer.all(AudioFrame)) == 50)
        await peer.say(Error(code=ErrorCode.IDLE_TIMEOUT, message="nothing was heard", fatal=True))
        await nothing(room)

    assert type(failing(script, stays=False)) is Refused
    assert rooms[0].told(RecordingEnded) == [RecordingEnded(str(folder), Ending.CUT_OFF)]
    fixture.load(folder)


def test_a_conversation_does_not_wait_for_its_recording_to_be_drafted(tmp_path: Path) -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.record(tmp_path / "session")
        await peer.until(lambda: len(peer.all(AudioFrame)) == 50)
        room.talk.record(None)
        await peer.until(lambda: len(peer.all(AudioFrame)) == 75)
        assert room.told(RecordingEnded) == []
        assert not (tmp_path / "session" / "fixture.toml").exists()
        await asyncio.sleep(1)
        assert room.told(RecordingEnded) == [RecordingEnded(str(tmp_path / "session"))]
        fixture.load(tmp_path / "session")

    held(script)


def test_a_folder_that_holds_something_is_not_recorded_into(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")

    async def script(room: Room) -> None:
        await room.peer()
        room.talk.record(tmp_path)
        [told] = room.told(ProblemTold)
        assert "holds something already" in told.problem.advice
        assert room.talk.state.recording is None

    held(script)


def test_a_file_that_speaks_ends_the_conversation_once_all_is_answered() -> None:
    async def main(loop: VirtualLoop) -> float:
        room = Room(loop, TalkSettings(URL))

        async def act() -> None:
            peer = await room.peer()
            room.is_over = True
            await peer.say(SpeechStarted(turn_id=1, position_ms=0))
            await asyncio.sleep(5)
            await room.reply(peer, 1)
            await asyncio.sleep(0.5)
            await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
            while True:
                await peer.say(AudioAck(sequence=peer.all(AudioFrame)[-1].sequence, position_ms=0))
                await asyncio.sleep(0.25)

        async with asyncio.TaskGroup() as group:
            playing = group.create_task(room.speaker.run())
            acting = group.create_task(act())
            await room.talk.run()
            acting.cancel()
            playing.cancel()
        return ms(loop.now_ns())

    assert 7_000 <= virtually(main) <= 7_700


def test_a_file_begins_to_speak_when_somebody_hears_it() -> None:
    async def script(room: Room) -> None:
        await asyncio.sleep(2)
        peer = await room.peer()
        begun_ns = room.loop.now_ns()
        await peer.until(lambda: bool(peer.all(AudioFrame)))
        await asyncio.sleep(0.1)
        assert room.microphone.begun_ns is not None
        assert room.microphone.begun_ns >= begun_ns

    held(script, waits=True)


def test_nothing_plays_on_when_the_conversation_is_over() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        await room.reply(peer, 1, 100, ends=False)
        await asyncio.sleep(0.1)

    room = held(script)
    assert room.speaker.queue.playhead(0) is None


def test_what_was_typed_is_answered_once_its_answer_was_heard() -> None:
    async def script(room: Room) -> None:
        talk = room.talk
        assert not talk.is_answered()
        talk.say("early")
        peer = await room.peer()
        await peer.until(lambda: peer.all(TextInput) == [TextInput(text="early")])
        assert not talk.is_answered()
        await peer.say(TranscriptFinal(turn_id=1, text="early"))
        await room.reply(peer, 1)
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await asyncio.sleep(0.2)
        assert not talk.is_answered()
        await asyncio.sleep(0.5)
        assert talk.is_answered()
        talk.say("lost on the way")
        await asyncio.sleep(9.9)
        assert not talk.is_answered()
        await asyncio.sleep(0.2)
        assert talk.is_answered()

    held(script)


def test_what_was_typed_into_a_connection_that_breaks_is_not_waited_for() -> None:
    async def script(room: Room) -> None:
        peer = await room.peer()
        room.talk.say("lost")
        await peer.until(lambda: bool(peer.all(TextInput)))
        room.ends[-1].lose()
        await asyncio.sleep(0.1)
        room.talk.say("kept")
        again = await room.peer()
        await again.until(lambda: again.all(TextInput) == [TextInput(text="kept")])
        assert not room.talk.is_answered()
        await again.say(TranscriptFinal(turn_id=1, text="kept"), TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))
        await asyncio.sleep(0.1)
        assert room.talk.is_answered()

    held(script)
