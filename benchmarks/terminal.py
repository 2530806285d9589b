"""What the client in the terminal adds by itself, on a sound card without hardware (PulseAudio) and a server beside it.

Capture to socket: from the last sample of a packet, as the device dates it, to the packet in the socket; echo guard and
Opus encoder are in it. Socket to speaker: from the first frame of a reply out of the socket to its first sample in the
device's callback, and on to the ear, as the device tells its latency.
"""

import argparse
import asyncio
import os
import statistics
import sys

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.soundcard import SoundCard, SoundCardError
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import local_server
from voicecli.client.uplink import Packet
from voicecli.client.viewstate import MarkNoted, ReplyScheduled
from voicecli.sound.devices import libraries_hushed
from voicecli.sound.echo import EchoMode
from voicecli.sound.errors import SoundError
from voicecli.talking.talk import Conversation, TalkSettings
from voicecli.talking.talksound import SoundWish, opened
from voicecli.talking.talkstate import TalkEvent, TalkState
from voicewire.clock import NS_PER_S, SystemClock, ms
from voicewire.marks import Mark
from voicewire.messages import TurnEnd

SETTLING_S = 2.0
"""The device's first blocks come in bursts."""


class Measured(Conversation):
    """Notes when each packet was in the socket, and when each reply came and was played."""

    up_ms: list[float]
    callback_ms: list[float]
    ear_ms: list[float]
    wanted: int
    enough: asyncio.Event
    """So many packets were sent."""

    def packet_sent(self, packet: Packet, skipped: int) -> None:
        super().packet_sent(packet, skipped)
        captured_ns = packet.captured_ns + packet.samples * NS_PER_S // 48_000
        self.up_ms.append(ms(self._clock.now_ns() - captured_ns))
        if len(self.up_ms) >= self.wanted:
            self.enough.set()


async def measured(packets: int, replies: int, echo: EchoMode) -> Measured:
    clock = SystemClock()
    received: dict[int, int] = {}
    ended = asyncio.Event()

    def watch(before: TalkState, event: TalkEvent, after: TalkState) -> None:
        match event:
            case MarkNoted(turn_id, Mark.REPLY_FIRST_FRAME_RECEIVED, int(t_ns)):
                received[turn_id] = t_ns
            case ReplyScheduled(turn_id, play_ns):
                delay_ms = ms(play_ns - received[turn_id])
                talk.ear_ms.append(delay_ms)
                talk.callback_ms.append(delay_ms - ms(sound.speaker.latency_ns))
            case TurnEnd():
                ended.set()

    async with opened(SoundWish(echo=echo), clock, lambda event: None) as sound, local_server({}) as server:
        talk = Measured(TalkSettings(server.url), sound, clock, watch)
        talk.up_ms, talk.callback_ms, talk.ear_ms = [], [], []
        talk.wanted, talk.enough = packets, asyncio.Event()

        async def act() -> None:
            await asyncio.sleep(SETTLING_S)
            talk.up_ms.clear()
            talk.enough.clear()
            for _ in range(replies):
                ended.clear()
                talk.say("what time is it")
                await ended.wait()
            await talk.enough.wait()
            talk.quit()

        async with asyncio.TaskGroup() as group:
            acting = group.create_task(act())
            await talk.run()
            acting.cancel()
    return talk


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=1_000)
    parser.add_argument("--replies", type=int, default=20)
    parser.add_argument("--echo", type=EchoMode, default=EchoMode.CANCEL, choices=list(EchoMode))
    options = parser.parse_args()
    try:
        with SoundCard() as card, libraries_hushed():
            os.environ.update(card.environment)
            talk = run_precisely(measured(options.packets, options.replies, options.echo))
    except (SoundCardError, SoundError) as error:
        print(error, file=sys.stderr)
        return 2
    table = Table(title=f"what the terminal adds, in ms; echo guard: {options.echo}")
    for heading in ("", "median", "p95", "worst", "n"):
        table.add_column(heading, justify="right" if heading else "left")
    rows = {
        "capture to socket": talk.up_ms,
        "socket to callback": talk.callback_ms,
        "socket to ear": talk.ear_ms,
    }
    for name, values in rows.items():
        figures = (statistics.median(values), float(np.percentile(values, 95)), max(values))
        table.add_row(name, *(f"{figure:.1f}" for figure in figures), str(len(values)))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
