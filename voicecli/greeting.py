"""Whether a server would take a session: one is opened, and left before anything is said."""

from voicecli.client.client import VoiceClient
from voicecli.client.player import Player
from voicecli.client.transport import Transport
from voicecli.client.viewstate import Event
from voicewire.clock import Clock
from voicewire.frames import AudioFrame
from voicewire.messages import Message, SessionReady, SessionStart


class _Nobody:
    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        pass

    def noted(self, event: Event, now_ns: int) -> None:
        pass


async def greeted(transport: Transport, clock: Clock, token: str | None) -> SessionReady:
    """What the server offers. Raises CallError, which says why it does not."""
    return await VoiceClient(transport, clock, _Nobody(), Player).start(SessionStart(token=token))
