"""One connection of a conversation: what goes up over it, and when what came down was captured."""

import asyncio
from collections import deque
from typing import Protocol

from voicecli.client.client import VoiceClient
from voicecli.client.uplink import End, Packet, Uplink
from voicecli.sound.playback import PlaybackQueue
from voicecli.talking.talkinput import CaptureTimes
from voicewire.frames import pack_packets
from voicewire.messages import AudioEnd, Up

MAX_COMMANDS = 32
"""Waiting to be sent; past these the oldest is forgotten. A socket that takes none of them is about to be given up."""


class SentListener(Protocol):
    """Is told of what was handed to the socket."""

    def packet_sent(self, packet: Packet, skipped: int) -> None:
        """So many samples before it were left out."""

    def message_sent(self, message: Up) -> None: ...


class TalkLink:
    """`run` sends what `feed`, `end_speech` and `send` leave."""

    def __init__(self, client: VoiceClient[PlaybackQueue], listener: SentListener) -> None:
        self.uplink = Uplink()
        self.times = CaptureTimes()
        self._client = client
        self._listener = listener
        self._commands: deque[Up] = deque(maxlen=MAX_COMMANDS)
        self._changed = asyncio.Event()

    def feed(self, packet: Packet) -> None:
        self.uplink.feed(packet)
        self._changed.set()

    def end_speech(self) -> None:
        """`audio_end` follows what was fed so far."""
        self.uplink.end()
        self._changed.set()

    def send(self, message: Up) -> None:
        """Before any audio that waits."""
        self._commands.append(message)
        self._changed.set()

    def acknowledged(self, position: int) -> None:
        self.uplink.acknowledged(position)
        self._changed.set()

    async def run(self) -> None:
        """Ends by CallError only."""
        position = 0
        while True:
            await self._changed.wait()
            self._changed.clear()
            while (item := self._next()) is not None:
                if isinstance(item, Packet):
                    self.times.sent(item)
                    skipped = item.position - position
                    await self._client.send_audio(pack_packets([item.payload]), item.samples, skipped=skipped)
                    position = item.position + item.samples
                    self._listener.packet_sent(item, skipped)
                else:
                    await self._client.send(item)
                    self._listener.message_sent(item)

    def _next(self) -> Packet | Up | None:
        if self._commands:
            return self._commands.popleft()
        item = self.uplink.take()
        return AudioEnd() if isinstance(item, End) else item
