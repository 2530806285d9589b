"""What the server is to hear of the microphone. Decides; neither captures nor sends."""

import math
from collections import deque
from typing import NamedTuple

from voiceaudio.level import rms_dbfs
from voiceaudio.opus import OpusEncoder
from voicecli.client.uplink import Packet
from voicecli.sound.echo import EchoGuard
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_S

KEPT_PACKETS = 60 * RATE // FRAME_SAMPLES
"""A minute: no server speaks of audio that is older."""


class TalkInput:
    """From captured frames to packets: the echo taken out, measured, encoded, and left out while nobody is to hear it.

    Positions count all that was captured since `begin`, sent or not, so that what is left out shows as a gap.
    """

    def __init__(self, guard: EchoGuard, *, push_to_talk: bool) -> None:
        self.muted = False
        self.talking = False
        """Push-to-talk: the key is down."""
        self.level_dbfs = -math.inf
        """Of the last frame, after the echo guard."""
        self.lost_ms = 0.0
        self._guard = guard
        self._push_to_talk = push_to_talk
        self._encoder = OpusEncoder(RATE)
        self._position = 0
        self._lost = 0
        """Samples lost that do not fill a frame yet."""

    @property
    def delay_samples(self) -> int:
        """What is decoded lies this much later than what was captured."""
        return self._encoder.delay_samples

    @property
    def is_heard(self) -> bool:
        return self.talking if self._push_to_talk else not self.muted

    def begin(self) -> None:
        """Of a connection: positions count from the next frame on, and the key that was pressed before says nothing."""
        self._position = self._lost = 0
        self.talking = False

    def interrupted(self) -> None:
        """The user is about to talk over the answer."""
        self._guard.interrupted()

    def captured(self, frame: Captured, played: bytes) -> Packet | None:
        """The next frame; `played` is what the loudspeaker played meanwhile. None where nobody is to hear it."""
        self.lost_ms += frame.lost_samples * 1000 / RATE
        pcm = self._guard.hear(frame.pcm, played, frame.lost_samples)
        self.level_dbfs = rms_dbfs(pcm)
        # In whole frames, as sequence numbers count; what is acknowledged is told by these.
        gap, self._lost = divmod(self._lost + frame.lost_samples, FRAME_SAMPLES)
        position = self._position + gap * FRAME_SAMPLES
        self._position = position + FRAME_SAMPLES
        if not self.is_heard:
            return None
        payload = b"".join(self._encoder.encode(pcm))
        return Packet(payload, position, FRAME_SAMPLES, frame.captured_ns)


class _Sent(NamedTuple):
    position: int
    captured_ns: int


class CaptureTimes:
    """When each sample of a connection's microphone audio was captured; of the last minute."""

    def __init__(self) -> None:
        self._sent: deque[_Sent] = deque(maxlen=KEPT_PACKETS)

    @property
    def sent_ms(self) -> float:
        """How far the audio goes that was sent."""
        return (self._sent[-1].position + FRAME_SAMPLES) * 1000 / RATE if self._sent else 0.0

    def sent(self, packet: Packet) -> None:
        self._sent.append(_Sent(packet.position, packet.captured_ns))

    def captured_ns(self, position_ms: float) -> int | None:
        """Of a position as the server tells it; None where it is older, or nothing was sent."""
        position = round(position_ms * RATE / 1000)
        # A position may lie just behind the last sample that was sent.
        before = next((sent for sent in reversed(self._sent) if sent.position <= position), None)
        if before is None:
            return None
        return before.captured_ns + (position - before.position) * NS_PER_S // RATE
