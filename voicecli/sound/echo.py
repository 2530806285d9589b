"""The echo: what the speaker plays comes back through the microphone, and must not interrupt the answer it is of.

One of three guards stands between the microphone and the server: the canceller of WebRTC (extra `voicecli[aec]`), a
gate that mutes the microphone while the speaker plays, or none (headphones). None of them reads a clock: time is
counted in microphone samples.
"""

import importlib.util
from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import SAMPLE_BYTES, samples_of, silence
from voicecli.sound.errors import SoundError
from voicecli.sound.roles import FRAME_SAMPLES, RATE
from voicewire.clock import NS_PER_S

Samples = npt.NDArray[np.int16]

AUDIBLE_PEAK = 33
"""Samples below this (-60 dBFS) are silence: no echo of them is heard."""


class EchoMode(StrEnum):
    AUTO = "auto"
    CANCEL = "cancel"
    GATE = "gate"
    NONE = "none"


class EchoGuard(Protocol):
    kind: EchoMode
    """Which one it is; never AUTO."""
    note: str
    """A sentence for whoever talks: how to interrupt."""

    @property
    def is_muting(self) -> bool:
        """Whether the last frame was kept from the server."""

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        """The next frame of the microphone as the server may hear it, of the same length.

        `pcm` is FRAME_SAMPLES long, `played` is all that the output callback played since the last call (silence
        included), of any length, both mono at RATE. `lost_samples` of the microphone are missing before `pcm`.
        """

    def interrupted(self) -> None:
        """The user stopped the answer, or is about to talk over it: what they say now counts."""


class NoGuard:
    kind = EchoMode.NONE
    is_muting = False

    def __init__(self, *, headphones: bool) -> None:
        self.note = (
            "Headphones: talk over the answer to interrupt it."
            if headphones
            else "No echo protection: over loudspeakers the answer may interrupt itself."
        )

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        return pcm

    def interrupted(self) -> None:
        pass


class HalfDuplexGate:
    """Mutes the microphone while the speaker plays, and until the echo of what it played is over.

    After `interrupted` it is open as soon as what the device already holds has been played: whoever interrupts means
    to talk, and the room's tail is weak.
    """

    kind = EchoMode.GATE
    note = (
        "The microphone is off while the answer plays: press i to interrupt it, or wear headphones (--headphones); "
        "pip install 'voicecli[aec]' lets you talk over it."
    )
    TAIL_SAMPLES = RATE // 4
    """How long a living room rings on until nobody takes it for speech."""
    FLUSH_SAMPLES = RATE // 10
    """So long after an interruption what is played is still the answer that was interrupted, fading out."""

    def __init__(self, *, latency_ns: int) -> None:
        """`latency_ns` from the output callback until the echo is in a frame of the microphone, room excluded."""
        self._latency_samples = latency_ns * RATE // NS_PER_S
        self._muted_samples = 0
        """Still to be muted, if nothing more is played."""
        self._flushing_samples = 0
        self.is_muting = False

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        samples = len(pcm) // SAMPLE_BYTES
        self._pass(lost_samples)
        if _is_audible(played):
            tail = 0 if self._flushing_samples else self.TAIL_SAMPLES
            # In this very frame nothing of it can have come back yet that the latency does not tell.
            self._muted_samples = max(self._muted_samples, samples + self._latency_samples + tail)
        self.is_muting = self._muted_samples > 0
        self._pass(samples)
        return silence(samples) if self.is_muting else pcm

    def interrupted(self) -> None:
        self._flushing_samples = self.FLUSH_SAMPLES
        self._muted_samples = min(self._muted_samples, self._latency_samples)

    def _pass(self, samples: int) -> None:
        self._muted_samples = max(0, self._muted_samples - samples)
        self._flushing_samples = max(0, self._flushing_samples - samples)


class FarEnd:
    """What was played, in step with the microphone: for each sample captured, one that was played.

    Blocks come in any phase and size, so that what is left after a taking wanders; its lowest over a second is spare.
    A canceller wants that small (an echo must not come before its cause) and steady (a jump has to be learnt anew):

    - between LEAST and MOST spare, nothing is done;
    - outside, one sample a frame is stretched away or in: 1,000 ppm, ten times what two sound cards differ by;
    - above LIMIT the excess is dropped at once;
    - where too little was played, silence fills in: the speaker is late or not running, and what comes late is spare.

    Holds at most two seconds; the oldest is dropped. `realignments` counts what the canceller has to learn anew.
    """

    LEAST_SAMPLES = RATE // 400
    MOST_SAMPLES = RATE // 40
    LIMIT_SAMPLES = RATE * 6 // 100
    HELD_SAMPLES = 2 * RATE
    WINDOW_FRAMES = 50

    def __init__(self) -> None:
        self.realignments = 0
        self.missing_samples = 0
        self._pcm = bytearray()
        self._left: deque[int] = deque(maxlen=self.WINDOW_FRAMES)
        self._has_begun = False

    @property
    def samples(self) -> int:
        """Played, and not yet taken."""
        return len(self._pcm) // SAMPLE_BYTES

    def played(self, pcm: bytes) -> None:
        self._pcm += pcm
        excess = self.samples - self.HELD_SAMPLES
        if excess > 0:
            self._drop(excess)

    def take(self, samples: int) -> Samples:
        """What was played while so many samples were captured."""
        if not self._has_begun:
            # The speaker may have been running long before the microphone.
            self._has_begun = True
            self._pcm = self._pcm[max(0, self.samples - samples) * SAMPLE_BYTES :]
        spare = min(self._left) if len(self._left) == self.WINDOW_FRAMES else None
        if spare is not None and spare > self.LIMIT_SAMPLES:
            self._drop(spare - self.MOST_SAMPLES)
            spare = None
        wanted = samples
        if spare is not None and self.samples > samples and spare > self.MOST_SAMPLES:
            wanted += 1
        elif spare is not None and self.samples >= samples - 1 and spare < self.LEAST_SAMPLES:
            wanted -= 1
        taken = samples_of(bytes(self._pcm[: wanted * SAMPLE_BYTES]))
        del self._pcm[: wanted * SAMPLE_BYTES]
        self._left.append(self.samples)
        if len(taken) < wanted:
            self.missing_samples += wanted - len(taken)
            return np.pad(taken, (0, samples - len(taken)))
        return taken if wanted == samples else _stretched(taken, samples)

    def _drop(self, samples: int) -> None:
        del self._pcm[: samples * SAMPLE_BYTES]
        self._left.clear()
        self.realignments += 1


class EchoCanceller:
    """Takes the echo out, so that the user may talk over the answer. Delays the microphone by some 10 ms.

    It learns the way from speaker to microphone from what is played. For the first quarter of a second, and where the
    room rings on for long, a residue passes that the VAD takes for speech. So while there is an echo, only what is not
    much below it gets through: a user who is louder than that, for two frames. A way of more than half a second is too
    long for it.
    """

    kind = EchoMode.CANCEL
    note = "The echo is cancelled: talk over the answer to interrupt it."
    RESIDUE_DB = 8.0
    """So much below the loudest of the microphone's last ECHO_FRAMES, what is left is taken for the echo's."""
    ECHO_FRAMES = 20
    TAIL_FRAMES = 25
    """How long there is an echo of what was played."""
    LOUD_FRAMES = 2
    """So many in a row above it open for the user, ..."""
    HOLD_FRAMES = 15
    """... and so long it stays open for the pauses between words."""
    FORGET_SAMPLES = RATE // 2
    """After a longer hole in the microphone's audio its device may be another one: everything is learnt anew."""

    def __init__(self) -> None:
        """Raises SoundError where the library is missing."""
        self._process, self._reset = _load()
        self.far = FarEnd()
        self.is_muting = False
        self._levels: deque[float] = deque(maxlen=self.ECHO_FRAMES)
        """Of the microphone, the echo included, in dBFS."""
        self._echo_frames = 0
        """For so long there is an echo yet."""
        self._loud_frames = 0
        self._open_frames = 0

    def hear(self, pcm: bytes, played: bytes, lost_samples: int = 0) -> bytes:
        self.far.played(played)
        if lost_samples:
            self._skip(lost_samples)
        far = self.far.take(len(pcm) // SAMPLE_BYTES)
        clean = self._process(samples_of(pcm), far).tobytes()
        self._levels.append(rms_dbfs(pcm))
        self._echo_frames = self.TAIL_FRAMES if _is_audible(far) else max(0, self._echo_frames - 1)
        self.is_muting = not self._is_user(rms_dbfs(clean))
        return silence(len(far)) if self.is_muting else clean

    def interrupted(self) -> None:
        self._open_frames = self.HOLD_FRAMES

    def _is_user(self, clean_dbfs: float) -> bool:
        """Whether a frame may be somebody's speech, not what is left of the echo."""
        is_loud = clean_dbfs >= max(self._levels) - self.RESIDUE_DB
        self._loud_frames = self._loud_frames + 1 if is_loud else 0
        self._open_frames = self.HOLD_FRAMES if self._loud_frames >= self.LOUD_FRAMES else max(0, self._open_frames - 1)
        return self._open_frames > 0 or self._echo_frames == 0

    def _skip(self, samples: int) -> None:
        """Keep step over a hole in the microphone's audio."""
        self.far.take(min(samples, FarEnd.HELD_SAMPLES))
        if samples > self.FORGET_SAMPLES:
            self._reset()


def canceller_is_installed() -> bool:
    return importlib.util.find_spec("pywebrtc_audio") is not None


def echo_guard(mode: EchoMode, *, headphones: bool, latency_ns: int) -> EchoGuard:
    """The guard for what was asked for: on its own, AUTO takes none with headphones, else the canceller where it is
    installed, else the gate. Raises SoundError."""
    match mode:
        case EchoMode.AUTO if headphones:
            return NoGuard(headphones=True)
        case EchoMode.AUTO:
            return EchoCanceller() if canceller_is_installed() else HalfDuplexGate(latency_ns=latency_ns)
        case EchoMode.CANCEL:
            return EchoCanceller()
        case EchoMode.GATE:
            return HalfDuplexGate(latency_ns=latency_ns)
        case EchoMode.NONE:
            return NoGuard(headphones=headphones)


def _load() -> tuple[Callable[[Samples, Samples], Samples], Callable[[], None]]:
    """The canceller's function of (near, far), and the one that makes it forget."""
    try:
        from pywebrtc_audio import EchoCanceller as WebRtcCanceller
    except ImportError as error:
        raise SoundError(
            f"the echo canceller cannot be loaded ({error}): pip install 'voicecli[aec]', or choose --echo gate"
        ) from error
    canceller = WebRtcCanceller(sample_rate=RATE)
    return canceller.process, canceller.reset


def _is_audible(pcm: bytes | Samples) -> bool:
    samples = samples_of(pcm) if isinstance(pcm, bytes) else pcm
    return bool(samples.size) and bool(samples.max() >= AUDIBLE_PEAK or samples.min() <= -AUDIBLE_PEAK)


def _stretched(samples: Samples, to: int) -> Samples:
    """The same sound in a sample more or less; the last sample stays the last one."""
    at = np.linspace(0, len(samples) - 1, to)
    return np.interp(at, np.arange(len(samples)), samples).round().astype(np.int16)


assert FRAME_SAMPLES % (RATE // 100) == 0, "the canceller works in pieces of 10 ms"
