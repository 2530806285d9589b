"""Where in the reply the listener is, and how much may be sent ahead of that."""

from collections import deque
from typing import NamedTuple

from voicewire.clock import NS_PER_S


class Playhead:
    """The position that is being heard, in samples of the reply.

    Between the client's reports, and without any, it is taken to advance in real time through what was sent.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._base_samples = 0
        self._base_ns = 0
        self._sent_samples = 0
        self._stopped = False
        self._paused = False

    @property
    def sent_samples(self) -> int:
        return self._sent_samples

    def sent(self, samples: int, now_ns: int) -> None:
        """More audio is on its way."""
        if not self._paused and self.position(now_ns) == self._sent_samples:  # it had run dry: time goes on from here
            self._base_samples, self._base_ns = self._sent_samples, now_ns
        self._sent_samples += samples

    def reported(self, played_ms: float, now_ns: int) -> None:
        """The client's `playback`. More than was sent cannot have been played."""
        if not self._stopped:
            self._base_samples = min(round(played_ms * self._rate / 1000), self._sent_samples)
            self._base_ns = now_ns

    def stop(self, now_ns: int) -> None:
        """Nothing more is played: the position stays where it is."""
        self._base_samples = self.position(now_ns)
        self._stopped = True

    def pause(self, now_ns: int) -> None:
        """Nothing is played for now: only a report moves the position."""
        self._base_samples = self.position(now_ns)
        self._paused = True

    def resume(self, now_ns: int) -> None:
        if self._paused:
            self._paused = False
            self._base_ns = now_ns

    @property
    def is_paused(self) -> bool:
        return self._paused

    def position(self, now_ns: int) -> int:
        if self._stopped or self._paused:
            return self._base_samples
        elapsed = max(0, now_ns - self._base_ns) * self._rate // NS_PER_S
        return min(self._base_samples + elapsed, self._sent_samples)

    def reaches_ns(self, samples: int) -> int:
        """When the position will be `samples`, if that much has been sent."""
        return self._base_ns + -(-max(0, samples - self._base_samples) * NS_PER_S // self._rate)


class SpokenFrame(NamedTuple):
    """An encoded piece of the reply."""

    pts: int
    samples: int
    payload: bytes


class ReplyQueue:
    """Frames of one reply that wait until they may be sent: at most `lead` ahead of the playhead.

    A frame is released, and some time later written: only then can it be heard. Bounded by its writer: it asks
    `is_full` before it makes more (see reply.py).
    """

    def __init__(self, rate: int, *, lead_ms: int, capacity_ms: int) -> None:
        self.playhead = Playhead(rate)
        self._lead = lead_ms * rate // 1000
        self._capacity = capacity_ms * rate // 1000
        self._frames: deque[SpokenFrame] = deque()
        self._waiting = 0
        self._released = 0
        self._total: int | None = None
        self._is_end_released = False
        self._is_end_written = False

    @property
    def is_full(self) -> bool:
        return self._waiting >= self._capacity

    def put(self, frame: SpokenFrame) -> None:
        self._frames.append(frame)
        self._waiting += frame.samples

    def finish(self) -> None:
        """Nothing more will be put in."""
        self._total = self._released + self._waiting

    def release(self, now_ns: int) -> list[SpokenFrame]:
        """What may be sent now; after the last of a finished reply, once, a frame without payload."""
        frames: list[SpokenFrame] = []
        if self.playhead.is_paused:
            return frames
        while self._frames and self.playhead.position(now_ns) >= self._wanted_position(self._frames[0]):
            frame = self._frames.popleft()
            self._waiting -= frame.samples
            self._released += frame.samples
            frames.append(frame)
        if self._total is not None and not self._frames and not self._is_end_released:
            self._is_end_released = True
            frames.append(SpokenFrame(self._total, 0, b""))
        return frames

    def written(self, frame: SpokenFrame, now_ns: int) -> None:
        """A released frame is on its way to the listener."""
        if frame.samples:
            self.playhead.sent(frame.samples, now_ns)
        else:
            self._is_end_written = True

    def is_heard(self, now_ns: int) -> bool:
        """Whether the listener has heard the reply to its end."""
        return self._is_end_written and self.playhead.position(now_ns) >= self.playhead.sent_samples

    def deadline(self) -> int | None:
        """When `release` or `is_heard` will next say something else; None while that depends on what is written, or on
        the end of a pause."""
        if self.playhead.is_paused:
            return None
        if self._frames:
            wanted = self._wanted_position(self._frames[0])
            return self.playhead.reaches_ns(wanted) if wanted <= self.playhead.sent_samples else None
        if self._total is not None and not self._is_end_released:
            return 0  # the end may be sent at once
        if self._is_end_written:
            return self.playhead.reaches_ns(self.playhead.sent_samples)
        return None

    def _wanted_position(self, frame: SpokenFrame) -> int:
        """Where the playhead must be for this frame to be sent. A frame longer than the lead waits for silence."""
        return self._released - max(0, self._lead - frame.samples)
