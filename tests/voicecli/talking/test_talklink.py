"""What goes up over one connection; `test_talk` has the rest of it."""

import asyncio

from tests.voicecli.peer import PCM_16K, Peer, memory_pair, virtually
from voiceaudio.opus import OpusEncoder
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.client import VoiceClient
from voicecli.client.uplink import Packet
from voicecli.sound.playback import PlaybackQueue
from voicecli.talking.talklink import MAX_COMMANDS, TalkLink
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame
from voicewire.messages import AudioEnd, Message, SessionStart, TextInput, Up

OPUS = AudioFormat(Codec.OPUS)


class Told:
    def __init__(self) -> None:
        self.sent: list[Packet | Up] = []
        self.skipped: list[int] = []

    def packet_sent(self, packet: Packet, skipped: int) -> None:
        self.sent.append(packet)
        self.skipped.append(skipped)

    def message_sent(self, message: Up) -> None:
        self.sent.append(message)

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        pass

    def noted(self, event: object, now_ns: int) -> None:
        pass


[SILENCE] = OpusEncoder(48_000).encode(bytes(2 * 960))


def packet(index: int) -> Packet:
    return Packet(SILENCE, index * 960, 960, index)


def test_what_the_user_does_goes_before_audio_that_waits_and_all_of_it_is_told() -> None:
    async def main(loop: VirtualLoop) -> None:
        client_end, server_end = memory_pair()
        peer, told = Peer(loop, server_end), Told()
        client = VoiceClient(client_end, loop, told, lambda rate: PlaybackQueue())
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(peer.run())
            starting = group.create_task(client.start(SessionStart(input=[OPUS], output=[PCM_16K])))
            await peer.until(lambda: peer.start is not None)
            await peer.ready()
            await starting
            link = TalkLink(client, told)
            for item in (packet(0), packet(3)):
                link.feed(item)
            link.end_speech()
            link.send(TextInput(text="first"))
            running = group.create_task(link.run())
            await peer.until(lambda: bool(peer.all(AudioEnd)))
            running.cancel()
            serving.cancel()
        assert told.sent == [TextInput(text="first"), packet(0), packet(3), AudioEnd()]
        assert told.skipped == [0, 1920]
        assert [(frame.sequence, frame.pts) for frame in peer.all(AudioFrame)] == [(0, 0), (3, 2880)]
        assert link.times.captured_ns(60) == 3

    virtually(main)


def test_commands_that_nobody_takes_are_bounded() -> None:
    async def main(loop: VirtualLoop) -> None:
        client_end, _ = memory_pair()
        told = Told()
        link = TalkLink(VoiceClient(client_end, loop, told, lambda rate: PlaybackQueue()), told)
        for index in range(MAX_COMMANDS + 5):
            link.send(TextInput(text=str(index)))
        assert [link._next() for _ in range(2)] == [TextInput(text="5"), TextInput(text="6")]

    virtually(main)
