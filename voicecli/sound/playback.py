"""What the loudspeaker plays next, and what of it was heard.

Two threads share a queue without a lock. The event loop receives, flushes and asks; the sound card's callback (or a
file's pace, on the loop) fills its blocks. Each side writes only its own numbers, and what was played reaches the loop
as spans in a bounded deque.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from voiceaudio.level import AUDIBLE_WINDOW_MS, first_audible
from voiceaudio.pcm import SAMPLE_BYTES, samples_of, silence
from voiceaudio.resample import Resampler
from voicecli.client.player import MAX_GAP_S, Playhead
from voicecli.sound.ring import SampleRing, Samples
from voicecli.sound.roles import RATE
from voicewire.clock import NS_PER_MS, NS_PER_S, ms

CAPACITY_S = 30
"""The server sends half a second ahead; a queue this long means that it does not keep to that."""
FADE_MS = 5
LEAD_STEP_MS = 40
"""How much more is wanted, after each underrun, before playing goes on."""
MAX_LEAD_MS = 400
LEAD_DECAY = 0.75
"""What is left of the lead after a reply without an underrun."""
ASK_AGAIN_NS = 20 * NS_PER_MS
"""The end of what the card has not taken yet is known no better than to a block."""
KEPT_TURNS = 64
"""Replies that are remembered, and turns that were flushed before anything came of them: far more than overlap."""
KEPT_SPANS = 1500
"""Half a minute of blocks."""

_HELD_BACK_MS = 10
"""More than a resampler keeps inside."""
_AUDIBLE_WINDOW = round(RATE * AUDIBLE_WINDOW_MS / 1000)


class Span(NamedTuple):
    """Samples that were given to the loudspeaker in one go."""

    position: int
    """Of the first, in the ring."""
    samples: int
    heard_ns: int
    """When the first reaches the ear."""
    underruns: int
    """Of the session so far,"""
    resumes: int
    """and how often a reply was resumed by then."""


class PlayedReply:
    """One reply as it was heard so far."""

    def __init__(self, turn_id: int, received_ns: int, start: int) -> None:
        self.turn_id = turn_id
        self.rate = RATE
        self.received_ns = received_ns
        """When its first frame arrived."""
        self.samples = 0
        """Received, with the silence that the server left out."""
        self.play_ns: int | None = None
        """When its first sample was heard; None until it was given to the loudspeaker."""
        self.first_audible_ns: int | None = None
        """When its first sample that can be heard was heard."""
        self.heard_until_ns: int | None = None
        """When the last sample given to the loudspeaker so far is over: for a flushed reply, when it fell silent."""
        self.underruns = 0
        self.underrun_ns = 0
        self.pauses = 0
        """Those that were resumed."""
        self.paused_ns = 0
        self.ended = False
        """Its last frame has arrived."""
        self.cut = False
        """It was flushed before it was heard to its end."""
        self.start = start
        """Position of its first sample in the ring."""
        self.given = 0
        """Samples given to the loudspeaker, at its rate."""
        self._onset: int | None = None
        self._tail = b""

    def add(self, pcm: bytes) -> None:
        """Audio that was received; looked through for the first sound."""
        if self._onset is None:
            searched = self._tail + pcm
            found = first_audible(samples_of(searched), RATE)
            if found is not None:
                self._onset = self.samples - len(self._tail) // SAMPLE_BYTES + found
            # A window that can be heard may begin in this piece and end in the next.
            self._tail = searched[-(_AUDIBLE_WINDOW - 1) * SAMPLE_BYTES :] if found is None else b""
        self.samples += len(pcm) // SAMPLE_BYTES

    def play(self, span: Span, rate: int, *, is_underrun: bool, is_resumed: bool) -> None:
        """A span of it was given to the loudspeaker."""
        if self.play_ns is None:
            self.play_ns = span.heard_ns
        elif self.heard_until_ns is not None:
            silent_ns = max(0, span.heard_ns - self.heard_until_ns)
            self.underruns += is_underrun
            self.pauses += is_resumed
            if is_resumed:
                self.paused_ns += silent_ns
            elif is_underrun:
                self.underrun_ns += silent_ns
        self.given = span.position - self.start + span.samples
        self.heard_until_ns = span.heard_ns + span.samples * NS_PER_S // rate
        if self._onset is not None and self.first_audible_ns is None:
            behind_onset = self.given - self._onset * rate // RATE
            if behind_onset > 0:
                from_start = max(0, span.samples - behind_onset)
                self.first_audible_ns = span.heard_ns + from_start * NS_PER_S // rate


class PlaybackQueue:
    """Plays one reply at a time, as the `Player` of replay does, through a loudspeaker that takes what it needs.

    A reply starts with its first piece, or, once there were underruns, with a lead. It runs dry before its end: silence
    until the lead is there again, or the time that it stands for has passed. A turn that was flushed, or that a later
    turn's audio has replaced, fades out in the next block and stays silent. One that is paused fades out too, and fades
    in with the sample behind that. Past 30 s of audio the newest is refused.
    """

    def __init__(self, rate: int = RATE) -> None:
        self.rate = RATE
        """Of what is received."""
        self.stale_frames = 0
        """Frames dropped because their turn was over."""
        self.refused_samples = 0
        self.underruns = 0
        """Of the session. Written by the callback."""
        self._replies: dict[int, PlayedReply] = {}
        self._flushed: set[int] = set()
        self._current: PlayedReply | None = None
        self._newest = -1
        """The highest turn that was ever opened."""
        self._spans: deque[Span] = deque(maxlen=KEPT_SPANS)
        """From the callback to the loop. When nobody asks for so long, the oldest are forgotten."""
        self._underruns_seen = self._resumes_seen = 0
        self._pauses: set[int] = set()
        """Turns that are paused, also such as have not begun."""
        self._asked_ns = 0
        self._told = 0
        # Read by the callback.
        self._reply_number = 0
        self._paused_number = -1
        """Of the reply that is paused; -1: none is."""
        self._cut_to = 0
        """All before this position is not to be played."""
        self._complete_at = -1
        """Position behind the last sample of a reply that has ended."""
        # The callback's own.
        self._begun = 0
        self._playing = False
        self._is_dry = False
        self._waited = 0
        self._lead = 0
        self._underruns_of_reply = 0
        self._fading: Samples = np.zeros(0, np.int16)
        self._resumes = 0
        self._is_held = False
        """The reply was paused while it played, and has not gone on."""
        self._tune(rate)
        self._gain = self._fade_samples
        """Of the next sample, in steps of a whole fade."""

    # --- the loop's side

    @property
    def device_rate(self) -> int:
        """Of what is played."""
        return self._device_rate

    @property
    def lead_ms(self) -> float:
        return self._lead * 1000 / self._device_rate

    @property
    def replies(self) -> list[PlayedReply]:
        """What was heard, in order; the newest KEPT_TURNS."""
        self._observe()
        return list(self._replies.values())

    @property
    def current(self) -> PlayedReply | None:
        """The newest reply, unless it was flushed."""
        self._observe()
        return self._current

    def reply(self, turn_id: int) -> PlayedReply | None:
        self._observe()
        return self._replies.get(turn_id)

    @property
    def end_ns(self) -> int:
        """When what was received so far has been played out.

        Exact once the loudspeaker has taken all of it; before, a guess from when the queue was last asked, and later
        than that.
        """
        self._observe()
        reply = self._current
        if reply is None:
            return self._asked_ns
        if not self._ring.available:
            return self._asked_ns if reply.heard_until_ns is None else reply.heard_until_ns
        return self._asked_ns + max(ASK_AGAIN_NS, self._ring.available * NS_PER_S // self._device_rate)

    def is_stale(self, turn_id: int) -> bool:
        """Whether audio of this turn is not to be played any more."""
        return turn_id in self._flushed or turn_id < self._newest

    def received(self, turn_id: int, pts: int, pcm: bytes, now_ns: int) -> PlayedReply | None:
        """Queue a piece of a reply, at RATE; no PCM ends it. Returns the reply, or None where the turn is over."""
        self._asked_ns = now_ns
        if self.is_stale(turn_id):
            self.stale_frames += 1
            return None
        reply = self._open(turn_id, now_ns)
        if not pcm:
            self._end(reply)
            return reply
        left_out = pts - reply.samples
        if 0 < left_out <= MAX_GAP_S * RATE:
            self._push(reply, silence(left_out))
        self._push(reply, pcm)
        return reply

    @property
    def is_paused(self) -> bool:
        """Whether the current reply is."""
        return self._current is not None and self._current.turn_id in self._pauses

    def pause(self, turn_id: int, now_ns: int) -> None:
        """Fade out from the next block on and stand still; what comes is kept. A turn that is over stays as it is."""
        self._asked_ns = now_ns
        if self.is_stale(turn_id):
            return
        self._observe()
        reply = self._current
        if reply is None or reply.turn_id != turn_id:
            self._pauses.add(turn_id)
        elif not reply.ended or self._ring.available:
            self._pauses.add(turn_id)
            self._paused_number = self._reply_number

    def resume(self, turn_id: int, now_ns: int) -> None:
        """Fade in with the next sample, where the turn is paused."""
        self._asked_ns = now_ns
        if self.is_paused and self._current is not None and self._current.turn_id == turn_id:
            self._paused_number = -1
        self._pauses.discard(turn_id)

    def flush(self, turn_id: int, now_ns: int) -> None:
        """Silence the turn with the next block, for good."""
        if not self.is_stale(turn_id):
            self._flushed.add(turn_id)
            if len(self._flushed) > KEPT_TURNS:
                self._flushed.discard(min(self._flushed))
        self._pauses.discard(turn_id)
        self._observe()
        self._asked_ns = now_ns
        reply = self._current
        if reply is None or reply.turn_id != turn_id:
            return
        reply.cut = self._buffered(reply, now_ns) > 0 or not reply.ended
        self._current = None
        self._cut_to = self._ring.written
        self._resampler.resample(silence(RATE * _HELD_BACK_MS // 1000))

    def reset(self, now_ns: int) -> None:
        """Silence what plays, and forget the turns: in a new session their ids come again."""
        if self._current is not None:
            self.flush(self._current.turn_id, now_ns)
        self._replies.clear()
        self._flushed.clear()
        self._pauses.clear()
        self._newest = -1

    def playhead(self, now_ns: int) -> Playhead | None:
        """Of the current reply: what has reached the ear, and what has not. None without a reply."""
        self._observe()
        self._asked_ns = now_ns
        reply = self._current
        if reply is None:
            return None
        buffered = self._buffered(reply, now_ns)
        return Playhead(reply.turn_id, _ms(reply.samples - buffered), _ms(buffered))

    def is_playing(self, now_ns: int) -> bool:
        self._observe()
        return self._current is not None and self._buffered(self._current, now_ns) > 0

    def retune(self, rate: int) -> None:
        """Play at another rate from now on: another device. Nobody may fill meanwhile."""
        if rate == self._device_rate:
            return
        self._observe()
        rest: Samples = np.empty(self._ring.available, np.int16)
        start, old_rate = self._ring.taken, self._device_rate
        is_complete = self._complete_at == self._ring.written
        if self._cut_to > start:
            rest = rest[:0]
        self._ring.peek(rest)
        resampled = _all_of(Resampler(old_rate, rate), rest.tobytes())
        self._tune(rate)
        self._ring.write(samples_of(resampled))
        self._cut_to = 0
        self._complete_at = self._ring.written if is_complete else -1
        self._lead = self._lead * rate // old_rate
        self._gain = self._gain * rate // old_rate
        self._fading = self._fading[:0]
        if self._current is not None:
            self._current.given = (start - self._current.start) * rate // old_rate
            self._current.start = -self._current.given
            self._told = self._told * rate // old_rate

    def _tune(self, rate: int) -> None:
        self._device_rate = rate
        self._fade_samples = rate * FADE_MS // 1000
        self._ring = SampleRing(rate * CAPACITY_S)
        self._resampler = Resampler(RATE, rate)

    def _open(self, turn_id: int, now_ns: int) -> PlayedReply:
        if self._current is not None and self._current.turn_id == turn_id:
            return self._current
        if self._current is not None:
            self.flush(self._current.turn_id, now_ns)
        self._observe()
        self._told = 0
        self._newest = turn_id
        self._current = self._replies[turn_id] = PlayedReply(turn_id, now_ns, self._ring.written)
        if len(self._replies) > KEPT_TURNS:
            del self._replies[min(self._replies)]
        # All before the newest turn is stale anyway.
        self._flushed = {flushed for flushed in self._flushed if flushed >= turn_id}
        self._pauses = {paused for paused in self._pauses if paused >= turn_id}
        self._paused_number = self._reply_number + 1 if turn_id in self._pauses else -1
        self._reply_number += 1
        return self._current

    def _push(self, reply: PlayedReply, pcm: bytes) -> None:
        resampled = samples_of(self._resampler.resample(pcm))
        if not self._ring.write(resampled):
            self.refused_samples += len(pcm) // SAMPLE_BYTES
            return
        reply.add(pcm)

    def _end(self, reply: PlayedReply) -> None:
        if reply.ended:
            return
        reply.ended = True
        if self._device_rate != RATE:
            self._ring.write(samples_of(self._resampler.resample(silence(RATE * _HELD_BACK_MS // 1000))))
        self._complete_at = self._ring.written

    def _observe(self) -> None:
        """Learn from the callback what was played."""
        while self._spans:
            span = self._spans.popleft()
            is_underrun, self._underruns_seen = span.underruns > self._underruns_seen, span.underruns
            is_resumed, self._resumes_seen = span.resumes > self._resumes_seen, span.resumes
            reply = next((reply for reply in reversed(self._replies.values()) if reply.start <= span.position), None)
            if reply is not None:
                reply.play(span, self._device_rate, is_underrun=is_underrun, is_resumed=is_resumed)

    def _buffered(self, reply: PlayedReply, now_ns: int) -> int:
        """Samples at RATE that have not reached the ear."""
        on_the_way = 0
        if reply.heard_until_ns is not None:
            on_the_way = max(0, reply.heard_until_ns - now_ns) * self._device_rate // NS_PER_S
        self._told = max(self._told, reply.given - on_the_way)
        if not on_the_way and not self._ring.available:
            return 0
        return max(0, reply.samples - self._told * RATE // self._device_rate)

    # --- the callback's side

    def fill(self, out: Samples, heard_ns: int) -> None:
        """Fill a block, whose first sample will be heard then. Never waits."""
        out.fill(0)
        at = self._fade(out, heard_ns)
        if at < len(out) and self._may_play(len(out) - at):
            self._play(out[at:], heard_ns + at * NS_PER_S // self._device_rate)

    def _fade(self, out: Samples, heard_ns: int) -> int:
        """Fade out what was flushed; returns how far it goes."""
        ring, cut_to = self._ring, self._cut_to
        if ring.taken < cut_to:
            if self._playing and self._gain:
                tail: Samples = np.empty(min(cut_to - ring.taken, self._gain), np.int16)
                position, count = ring.taken, ring.peek(tail)
                loudness = self._gain / self._fade_samples
                self._fading = (tail * np.linspace(loudness, 0, count, endpoint=False)).astype(np.int16)
                self._spans.append(Span(position, count, heard_ns, self.underruns, self._resumes))
            self._playing = self._is_dry = self._is_held = False
            self._gain = self._fade_samples
            ring.skip_to(cut_to)
        count = min(len(out), len(self._fading))
        if count:
            out[:count] = self._fading[:count]
            self._fading = self._fading[count:]
        return count

    def _may_play(self, wanted: int) -> bool:
        ring = self._ring
        if self._begun != self._reply_number:
            self._begun = self._reply_number
            self._playing = self._is_dry = self._is_held = False
            self._waited = self._underruns_of_reply = 0
            self._gain = self._fade_samples
        if self._is_dry and self._complete_at == ring.taken:
            self._finish()
        if self._is_paused and not (self._playing and self._gain):
            self._is_held = self._is_held or self._is_dry
            return False
        if self._playing or not ring.available:
            return self._playing
        if self._is_dry:
            self._is_dry = False
            self.underruns += 1
            self._underruns_of_reply += 1
            self._lead = min(self._samples(MAX_LEAD_MS), self._lead + self._samples(LEAD_STEP_MS))
        is_complete = self._complete_at == ring.written
        if ring.available < self._lead and self._waited < self._lead and not is_complete:
            self._waited += wanted
            return False
        self._waited = 0
        self._playing = True
        return True

    @property
    def _is_paused(self) -> bool:
        return self._paused_number == self._begun

    def _play(self, out: Samples, heard_ns: int) -> None:
        ring, is_paused = self._ring, self._is_paused
        if is_paused:
            out = out[: self._gain]
        position, count = ring.taken, ring.read(out)
        if self._is_held and not is_paused:
            self._is_held = False
            self._resumes += 1
        if count:
            self._spans.append(Span(position, count, heard_ns, self.underruns, self._resumes))
        if is_paused:
            self._fade_by(out[:count], -1)
            self._is_held = True
        elif self._gain < self._fade_samples:
            self._fade_by(out[:count], +1)
        if count == len(out):
            return
        # Whether this was the end or an underrun shows in what comes next; what is paused is silent for that reason.
        self._playing = False
        self._is_dry = not is_paused
        if self._complete_at == ring.taken:
            self._finish()

    def _fade_by(self, samples: Samples, step: int) -> None:
        """Fade in or out, a step for each sample, from where it is."""
        steps = np.clip(self._gain + (step > 0) + step * np.arange(len(samples)), 0, self._fade_samples)
        samples[:] = samples * (steps / self._fade_samples)
        self._gain = min(self._fade_samples, max(0, self._gain + step * len(samples)))

    def _finish(self) -> None:
        """It was the end."""
        self._is_dry = False
        if not self._underruns_of_reply:
            self._lead = int(self._lead * LEAD_DECAY)

    def _samples(self, milliseconds: int) -> int:
        return self._device_rate * milliseconds // 1000


def _all_of(resampler: Resampler, pcm: bytes) -> bytes:
    return resampler.resample(pcm) + resampler.flush()


def _ms(samples: int) -> float:
    return ms(samples * NS_PER_S // RATE)
