"""Acts out a fixture: what is said when, and when the call is over. Decides, and neither sends nor waits.

    ready -> said -> answered -> (next utterance) ... -> finished
                  \\-> timed out

An utterance is answered when every turn it opened has ended and nothing is played any more. Where no reply is expected
of it, that is so once nothing has happened for a moment.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from voicecli.client.player import Playhead
from voicecli.fixtures.fixture import Fixture, Utterance, When
from voicecli.fixtures.microphone import Recording
from voicecli.fixtures.truth import SpokenTruth
from voicewire.clock import NS_PER_S, ms
from voicewire.formats import FRAME_MS
from voicewire.frames import AudioFrame
from voicewire.messages import (
    AudioAck,
    Clock,
    Message,
    SpeechStarted,
    TurnDetectionMode,
    TurnEnd,
)

SETTLE_NS = 1 * NS_PER_S
"""An utterance that needs no answer is done when nothing has come of it for this long: more than any hangover."""

MAX_REPLY_NS = 600 * NS_PER_S
"""A call in which one utterance is answered for longer than this is given up, though it goes on."""

POSITION_SLACK_MS = 500.0
"""A turn may be said to have begun this much before the region of its utterance did: pre-roll, and a sloppy VAD."""


class Chunk(NamedTuple):
    """What to send for the next 20 ms."""

    payload: bytes
    ends_audio: bool
    """`audio_end` follows: the user has released the button."""


@dataclass(slots=True)
class _Spoken:
    """An utterance that is being said, or was."""

    utterance: Utterance
    start_chunk: int
    said_ns: int | None = None
    turns: set[int] = field(default_factory=set)
    """Turns it opened."""

    @property
    def chunks(self) -> int:
        start_ms, end_ms = self.utterance.audio_ms
        return (end_ms - start_ms) // FRAME_MS


class Caller:
    """Chunk `i` is what the microphone captures in [i * 20 ms, (i + 1) * 20 ms) after the pace's origin."""

    def __init__(self, fixture: Fixture, recording: Recording, truth: SpokenTruth, *, timeout_ns: int) -> None:
        self._recording = recording
        self._truth = truth
        self._timeout_ns = timeout_ns
        self._waiting = list(fixture.utterances)
        self._spoken: list[_Spoken] = []
        is_manual = fixture.session.turn_detection.get("mode") == TurnDetectionMode.MANUAL.value
        # When a recorded user released the button is in the recording.
        self._releases_button = is_manual and not fixture.is_recorded
        self._awaits_typed = False
        self._known_turns: set[int] = set()
        self._open_turns: set[int] = set()
        self._last_news_ns = 0

    @property
    def starts_ms(self) -> list[int]:
        """Where in the microphone audio each utterance began that was begun."""
        return [spoken.start_chunk * FRAME_MS for spoken in self._spoken]

    def utterance_of(self, turn_id: int) -> int | None:
        """The utterance (from 0) that opened a turn."""
        return next((index for index, spoken in enumerate(self._spoken) if turn_id in spoken.turns), None)

    def received(self, message: Message | AudioFrame, now_ns: int) -> None:
        """Something came from the server."""
        if isinstance(message, AudioAck | Clock):
            return
        self._last_news_ns = now_ns
        turn_id: int | None = getattr(message, "turn_id", None)
        if turn_id is None:
            return
        if turn_id not in self._known_turns:
            self._known_turns.add(turn_id)
            self._awaits_typed = False
            self._open_turns.add(turn_id)
            if self._spoken:
                self._opened_by(message).turns.add(turn_id)
        if isinstance(message, TurnEnd):
            self._open_turns.discard(turn_id)

    def chunk(self, index: int, playhead: Playhead | None, now_ns: int) -> Chunk:
        """The next chunk; `playhead` is that of the reply being heard, at `now_ns`."""
        if self._waiting and self._is_due(self._waiting[0], index, playhead, now_ns):
            self._begin(self._waiting.pop(0), index)
        current = self._spoken[-1] if self._spoken else None
        if current is None or current.said_ns is not None:
            return Chunk(self._recording.quiet(index), False)
        frame = index - current.start_chunk
        is_last = frame == current.chunks - 1
        if is_last:
            current.said_ns = now_ns
            self._last_news_ns = now_ns
        payload = self._recording.payload(current.utterance.audio_ms[0] // FRAME_MS + frame)
        return Chunk(payload, is_last and self._releases_button)

    def typed(self, now_ns: int) -> None:
        """The user has typed something, which opens a turn."""
        self._awaits_typed = True
        self._last_news_ns = now_ns

    def is_finished(self, is_playing: bool, now_ns: int) -> bool:
        """All is said and answered."""
        return not self._waiting and self._is_answered(is_playing, now_ns)

    def gave_up(self, is_playing: bool, now_ns: int) -> str | None:
        """Why it makes no sense to wait any longer; None while it does."""
        spoken = self._spoken[-1] if self._spoken else None
        if spoken is None or spoken.said_ns is None:
            return None
        quiet_ns = now_ns - self._last_news_ns
        if now_ns - spoken.said_ns >= MAX_REPLY_NS:
            return f"utterance {len(self._spoken)}: its reply did not end in {MAX_REPLY_NS // NS_PER_S} s"
        if quiet_ns < self._timeout_ns or is_playing:
            return None
        if self._open_turns:
            what = "its reply did not end"
        elif self._waiting and self._waiting[0].when is When.INTO_REPLY and spoken.turns:
            what = "its reply was over before the next utterance could be spoken into it"
        else:
            what = "there was no reply"
        return f"utterance {len(self._spoken)}: {what}; nothing came for {ms(quiet_ns) / 1000:.0f} s"

    def _is_due(self, utterance: Utterance, index: int, playhead: Playhead | None, now_ns: int) -> bool:
        if not self._spoken:
            return True
        if self._spoken[-1].said_ns is None:
            return False
        if utterance.when is When.RECORDED:
            return True
        if utterance.when is When.AFTER_REPLY:
            return self._is_answered(playhead is not None and playhead.buffered_ms > 0, now_ns)
        if playhead is None or playhead.turn_id not in self._open_turns:
            return False
        assert utterance.into_reply_ms is not None
        lead_ms = utterance.segments_ms[0][0] - utterance.audio_ms[0] if utterance.segments_ms else 0.0
        # This chunk was captured from 20 ms ago on.
        heard_at_onset_ms = playhead.played_ms - FRAME_MS + lead_ms
        return heard_at_onset_ms >= utterance.into_reply_ms

    def _is_answered(self, is_playing: bool, now_ns: int) -> bool:
        spoken = self._spoken[-1] if self._spoken else None
        if spoken is None or spoken.said_ns is None or self._open_turns or self._awaits_typed or is_playing:
            return False
        if spoken.utterance.expects_reply:
            return bool(spoken.turns)
        return now_ns - max(spoken.said_ns, self._last_news_ns) >= SETTLE_NS

    def _begin(self, utterance: Utterance, index: int) -> None:
        self._truth.spoke(len(self._spoken), utterance, index * FRAME_MS - utterance.audio_ms[0])
        self._spoken.append(_Spoken(utterance, index))

    def _opened_by(self, message: Message | AudioFrame) -> _Spoken:
        """Which utterance opened the turn of this message, the first of its turn."""
        if isinstance(message, SpeechStarted):
            for spoken in reversed(self._spoken):
                if spoken.start_chunk * FRAME_MS - POSITION_SLACK_MS <= message.position_ms:
                    return spoken
        return self._spoken[-1]
