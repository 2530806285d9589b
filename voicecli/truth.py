"""What is known of the caller's speech, independent of any server: the annotation, at the instants it was spoken.

The sample at position `p` of the microphone audio is captured at the pace's origin + `p`; of a recorded session, when
its journal says. Of an Opus fixture the packet sent at that instant holds audio that is older by the encoder's delay,
as a live caller's does.
"""

from collections.abc import Sequence
from typing import NamedTuple

from voicecli.schedule import EVEN, Schedule

SLACK_MS = 300.0
"""A VAD's edges may lie this far outside of the annotated speech and still mean it."""


class SpokenSegment(NamedTuple):
    """A stretch of sound of the caller, in ms of the microphone audio."""

    utterance: int
    onset_ms: float
    end_ms: float


class SpokenTruth:
    """What the caller has said so far; grows as its utterances begin to be sent."""

    def __init__(self, origin_ns: int = 0, schedule: Schedule = EVEN) -> None:
        self.origin_ns = origin_ns
        """When the first sample of the microphone audio is captured, on the client's clock."""
        self._schedule = schedule
        self._segments: list[SpokenSegment] = []

    def spoke(self, utterance: int, segments_ms: Sequence[tuple[float, float]], shift_ms: float) -> None:
        """An utterance is being sent; its annotation lies `shift_ms` later in the microphone audio than in the file."""
        self._segments += [SpokenSegment(utterance, on + shift_ms, end + shift_ms) for on, end in segments_ms]

    def instant_ns(self, position_ms: float) -> int:
        """When this position of the microphone audio was captured."""
        return self.origin_ns + self._schedule.captured_ns(position_ms)

    def end_ns(self, position_ms: float) -> int:
        """When a sound that ends at this position did."""
        return self.origin_ns + self._schedule.captured_ns(position_ms, is_end=True)

    def utterance_end_ns(self, utterance: int) -> int | None:
        """When the utterance is over; None for one without speech."""
        ends = [self.end_ns(segment.end_ms) for segment in self._segments if segment.utterance == utterance]
        return max(ends, default=None)

    def speech_end_ns(self, started_ms: float, stopped_ms: float | None) -> int | None:
        """When the speech ended that the server heard between two positions of the microphone audio."""
        heard = self._heard(started_ms, stopped_ms)
        return self.end_ns(heard[-1].end_ms) if heard else None

    def onset_between_ns(self, start_ns: int, end_ns: int) -> int | None:
        """When the first speech between two instants began."""
        onsets = [self.instant_ns(segment.onset_ms) for segment in self._segments]
        return min((onset for onset in onsets if start_ns <= onset <= end_ns), default=None)

    def _heard(self, started_ms: float, stopped_ms: float | None) -> list[SpokenSegment]:
        return [
            segment
            for segment in self._segments
            if segment.end_ms > started_ms - SLACK_MS and (stopped_ms is None or segment.onset_ms < stopped_ms)
        ]
