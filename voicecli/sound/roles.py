"""What a conversation hears with and speaks through: a sound card, or files in its place."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from voicecli.sound.playback import PlaybackQueue

RATE = 48_000
FRAME_SAMPLES = 960
"""20 ms."""


class Captured(NamedTuple):
    """A frame of the microphone."""

    pcm: bytes
    """FRAME_SAMPLES samples, mono s16le at RATE."""
    captured_ns: int
    """When its first sample was captured, on the client's clock: the device's latency is taken off."""
    lost_samples: int
    """Samples lost right before it (overrun, device gone); 0 as a rule."""


class Microphone(Protocol):
    name: str

    def frames(self) -> AsyncGenerator[Captured, None]:
        """The microphone's audio, gapless but for what `lost_samples` says. Raises SoundError."""
        ...


class Speaker(Protocol):
    name: str
    queue: "PlaybackQueue"

    @property
    def latency_ns(self) -> int:
        """From the callback to the ear."""
        ...

    def played(self) -> bytes:
        """All that was really played since the last call, silence included, mono s16le at RATE: for an echo canceller.

        Whoever does not ask for a second misses the newest.
        """
        ...
