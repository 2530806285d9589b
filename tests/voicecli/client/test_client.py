import asyncio

import pytest

from tests.voicecli.peer import ENGINES, LOUD, PCM_16K, SERVER_AHEAD_NS, Peer, memory_pair, virtually
from voiceaudio.opus import OpusEncoder
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.client import PINGS_AT_START, VoiceClient
from voicecli.client.memorywire import End
from voicecli.client.player import Player
from voicecli.client.transport import CallError, NoConnection, NoVoicewire
from voicecli.client.viewstate import Event, MarkNoted, PlayheadMoved, ReplyScheduled
from voicewire.clock import NS_PER_MS
from voicewire.connection import Connection, Side
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind, pack_packets
from voicewire.marks import Mark
from voicewire.messages import (
    CancelReason,
    Clock,
    Message,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SessionReady,
    SessionStart,
    TextInput,
)

OPUS_24K = AudioFormat(Codec.OPUS, 24_000)


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[Message | AudioFrame] = []
        self.events: list[Event] = []

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        self.messages.append(message)

    def noted(self, event: Event, now_ns: int) -> None:
        self.events.append(event)


class Call:
    """A client in conversation with a peer, until the test's body is done."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.told = Told()
        client_end, server_end = memory_pair()
        self.end: End = server_end
        self.peer = Peer(loop, server_end)
        self.client = VoiceClient(client_end, loop, self.told, Player)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, group: asyncio.TaskGroup, output: AudioFormat = PCM_16K) -> None:
        self._tasks.append(group.create_task(self.peer.run()))
        starting = group.create_task(self.client.start(SessionStart(input=[PCM_16K], output=[output])))
        await self.peer.until(lambda: self.peer.start is not None)
        await self.peer.ready()
        await starting
        self._tasks.append(group.create_task(self.client.converse()))

    def end_it(self) -> None:
        for task in self._tasks:
            task.cancel()


def test_the_offset_is_measured_by_several_pings_and_again_every_two_seconds() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.client.measure_clock()
            assert (call.client.offset.offset_ns, len(call.peer.all(Clock))) == (SERVER_AHEAD_NS, PINGS_AT_START)
            await asyncio.sleep(6.1)
            assert len(call.peer.all(Clock)) == PINGS_AT_START + 3
            call.end_it()

    virtually(main)


def test_microphone_audio_counts_its_frames_and_samples() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            for _ in range(2):
                await call.client.send_audio(LOUD, 320)
            await call.client.send(TextInput(text="hello"))
            await call.peer.until(lambda: len(call.peer.all(TextInput)) == 1)
            call.end_it()
        kind, codec = FrameKind.AUDIO_CHUNK, Codec.PCM_S16LE
        assert call.peer.all(AudioFrame) == [
            AudioFrame(kind, codec, 0, 0, 0, LOUD),
            AudioFrame(kind, codec, 0, 1, 320, LOUD),
        ]

    virtually(main)


def test_audio_that_was_lost_on_the_way_leaves_a_gap() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.client.send_audio(LOUD, 320)
            await call.client.send_audio(LOUD, 320, skipped=640)
            await call.peer.until(lambda: len(call.peer.all(AudioFrame)) == 2)
            call.end_it()
        assert [(frame.sequence, frame.pts) for frame in call.peer.all(AudioFrame)] == [(0, 0), (3, 960)]

    virtually(main)


def test_a_reply_is_noted_when_it_comes_when_it_is_played_and_when_it_is_heard() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await asyncio.sleep(1)
            await call.peer.reply(3, bytes(640), bytes(640) + LOUD)
            await call.peer.until_played(3, 60)
            call.end_it()
        assert [event for event in call.told.events if not isinstance(event, PlayheadMoved)] == [
            MarkNoted(3, Mark.REPLY_FIRST_FRAME_RECEIVED, 1000 * NS_PER_MS),
            ReplyScheduled(3, 1000 * NS_PER_MS),
            MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, 1040 * NS_PER_MS),
        ]

    virtually(main)


def test_a_reply_cut_before_its_first_sound_was_never_audible() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.reply(3, bytes(640 * 10), LOUD, ends=False)
            await asyncio.sleep(0.1)
            cut = ReplyCancelled(turn_id=3, reason=CancelReason.INTERRUPT, heard_ms=100, heard_text="")
            await call.peer.say(cut)
            await asyncio.sleep(0.1)
            call.end_it()
        assert call.told.events[-1] == MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, None)

    virtually(main)


def test_playback_after_an_underrun_is_told_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.reply(1, LOUD, ends=False)
            await asyncio.sleep(0.5)
            await call.peer.reply(1, LOUD, pts=320)
            await call.peer.until_played(1, 40)
            call.end_it()
        moved = [event for event in call.told.events if isinstance(event, PlayheadMoved)]
        assert moved == [
            PlayheadMoved(1, 0.0, 20.0),
            PlayheadMoved(1, 20.0, 0.0),
            PlayheadMoved(1, 20.0, 20.0),
            PlayheadMoved(1, 40.0, 0.0),
        ]

    virtually(main)


def test_the_end_of_what_came_is_told_when_it_is_heard_and_not_at_the_next_tenth() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.reply(1, LOUD * 6)
            await call.peer.until_played(1, 120)
            assert loop.now_ns() == 120 * NS_PER_MS
            call.end_it()
        moved = [event for event in call.told.events if isinstance(event, PlayheadMoved)]
        assert moved == [PlayheadMoved(1, 0.0, 120.0), PlayheadMoved(1, 100.0, 20.0), PlayheadMoved(1, 120.0, 0.0)]

    virtually(main)


def test_a_paused_playhead_is_told_at_once_and_then_no_more_until_the_reply_goes_on() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.reply(1, LOUD * 10, ends=False)
            await asyncio.sleep(0.05)
            await call.peer.say(ReplyPaused(turn_id=1))
            await asyncio.sleep(0.01)
            assert call.peer.all(Playback)[-1] == Playback(turn_id=1, played_ms=50.0, buffered_ms=150.0)
            await asyncio.sleep(0.94)
            await call.peer.reply(1, LOUD * 5, pts=3200)
            await asyncio.sleep(1)
            await call.peer.say(ReplyResumed(turn_id=1))
            await call.peer.until_played(1, 300)
            assert loop.now_ns() == 2250 * NS_PER_MS
            call.end_it()
        moved = [event for event in call.told.events if isinstance(event, PlayheadMoved)]
        assert moved == [
            PlayheadMoved(1, 0.0, 200.0),
            PlayheadMoved(1, 50.0, 150.0),
            PlayheadMoved(1, 50.0, 150.0),
            PlayheadMoved(1, 50.0, 250.0),
            PlayheadMoved(1, 150.0, 150.0),
            PlayheadMoved(1, 250.0, 50.0),
            PlayheadMoved(1, 300.0, 0.0),
        ]
        [reply] = call.client.player.replies
        assert (reply.pcm(), reply.cut, reply.underruns) == (LOUD * 15, False, 0)

    virtually(main)


def test_a_reply_paused_before_its_first_sound_is_noted_as_heard_only_when_it_goes_on() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.reply(3, bytes(640 * 5), LOUD)
            await asyncio.sleep(0.05)
            await call.peer.say(ReplyPaused(turn_id=3))
            await asyncio.sleep(0.45)
            await call.peer.say(ReplyResumed(turn_id=3))
            await call.peer.until_played(3, 120)
            call.end_it()
        assert [event for event in call.told.events if not isinstance(event, PlayheadMoved)] == [
            MarkNoted(3, Mark.REPLY_FIRST_FRAME_RECEIVED, 0),
            ReplyScheduled(3, 0),
            MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, 100 * NS_PER_MS),
            MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, None),
            MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, 550 * NS_PER_MS),
        ]

    virtually(main)


def test_a_pause_that_overtakes_the_reply_holds_it_and_its_standing_is_told_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group)
            await call.peer.say(ReplyPaused(turn_id=3))
            await call.peer.reply(3, LOUD, LOUD, LOUD)
            await asyncio.sleep(0.5)
            assert call.peer.all(Playback)[-1] == Playback(turn_id=3, played_ms=0.0, buffered_ms=60.0)
            assert len(call.peer.all(Playback)) == 2
            await call.peer.say(ReplyResumed(turn_id=3))
            await call.peer.until_played(3, 60)
            call.end_it()
        assert [event for event in call.told.events if not isinstance(event, PlayheadMoved)] == [
            MarkNoted(3, Mark.REPLY_FIRST_FRAME_RECEIVED, 0),
            ReplyScheduled(3, 500 * NS_PER_MS),
            MarkNoted(3, Mark.REPLY_FIRST_AUDIBLE, 500 * NS_PER_MS),
        ]

    virtually(main)


def test_opus_is_played_at_48_khz_each_turn_by_a_decoder_of_its_own() -> None:
    async def main(loop: VirtualLoop) -> None:
        call = Call(loop)
        packets = OpusEncoder(24_000).encode(b"\x00\x20\x00\xe0" * 1200)
        payload = pack_packets(packets)
        async with asyncio.TaskGroup() as group:
            await call.begin(group, OPUS_24K)
            for turn_id in (1, 2):
                frame = AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.OPUS, turn_id, turn_id, 0, payload)
                await call.peer.say(frame)
            await asyncio.sleep(0.2)
            call.end_it()
        first, second = call.client.player.replies
        assert (first.rate, second.samples) == (48_000, 960 * len(packets))
        assert second.pcm().startswith(first.pcm())

    virtually(main)


def test_audio_that_cannot_be_decoded_ends_the_call() -> None:
    async def converse(loop: VirtualLoop) -> None:
        call = Call(loop)
        async with asyncio.TaskGroup() as group:
            await call.begin(group, OPUS_24K)
            frame = AudioFrame(FrameKind.TTS_AUDIO_CHUNK, Codec.OPUS, 1, 0, 0, pack_packets([b"\xfb\x41\xff"]))
            await call.peer.say(frame)
            await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup) as caught:
        virtually(converse)
    assert caught.group_contains(NoVoicewire, match="the server's audio cannot be played")


@pytest.mark.parametrize(
    ("code", "kind"), [(1002, NoVoicewire), (1007, NoVoicewire), (1006, NoConnection), (1011, NoConnection)]
)
def test_why_the_server_closed_decides_what_the_error_is(code: int, kind: type[CallError]) -> None:
    async def main(loop: VirtualLoop) -> None:
        client_end, server_end = memory_pair()
        client = VoiceClient(client_end, loop, Told(), Player)
        await server_end.close(code)
        with pytest.raises(kind):
            await client.start(SessionStart(input=[PCM_16K], output=[PCM_16K]))

    virtually(main)


def test_a_format_that_was_not_offered_breaks_the_protocol() -> None:
    async def main(loop: VirtualLoop) -> None:
        client_end, server_end = memory_pair()
        client = VoiceClient(client_end, loop, Told(), Player)
        other = Connection(Side.SERVER)
        other.receive(Connection(Side.CLIENT).send(SessionStart(input=[OPUS_24K], output=[OPUS_24K])), 0)
        ready = SessionReady(
            session_id="s", resume_token="r", input=OPUS_24K, output=OPUS_24K, engines=ENGINES, lead_ms=0
        )
        await server_end.send(other.send(ready))
        with pytest.raises(NoVoicewire, match=r"opus 24 kHz was not offered \(unsupported_format, field input\)"):
            await client.start(SessionStart(input=[PCM_16K], output=[PCM_16K]))

    virtually(main)
