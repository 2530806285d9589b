"""The playout clock: when each sample of a reply is heard, without a sound card.

Audio is played at real time from its first piece on, after an optional start buffer. A piece that comes after the one
before it was played out is an underrun: silence is heard, and the rest shifts. While a reply is paused its clock stands
still: what it has and what still comes waits behind the last sample heard. Everything that the decoder gives is played,
so a codec's delay (2.5 to 6.5 ms of Opus) is part of what the listener waits for.
"""

from bisect import bisect_right
from typing import NamedTuple

from voiceaudio.level import AUDIBLE_WINDOW_MS, first_audible, last_audible
from voiceaudio.pcm import SAMPLE_BYTES, samples_of, silence
from voicewire.clock import NS_PER_S, ms

MAX_GAP_S = 10
"""A leap of pts is silence that the server left out; a longer one is taken for an error, and closed."""


class Playhead(NamedTuple):
    turn_id: int
    played_ms: float
    buffered_ms: float


class Piece(NamedTuple):
    """PCM whose first sample is heard at `play_ns`; the pieces of a reply do not overlap."""

    play_ns: int
    start_sample: int
    """Position of the first sample in what was heard of the reply."""
    pcm: bytes


class HeardReply:
    """One reply as it was, or will be, heard."""

    def __init__(self, turn_id: int, rate: int, received_ns: int) -> None:
        self.turn_id = turn_id
        self.rate = rate
        self.received_ns = received_ns
        """When its first frame arrived."""
        self.pieces: list[Piece] = []
        self.samples = 0
        self.underruns = 0
        self.underrun_ns = 0
        self.pauses = 0
        self.paused_ns = 0
        """So long it was silent because it was paused."""
        self.onset_paused_ns = 0
        """Of that, before its first sound."""
        self.resumed_from_ns: int | None = None
        """When the pause began that ended last by a resume."""
        self.ended = False
        """Its last frame has arrived."""
        self.cut = False
        """It was flushed before it was heard to its end."""
        self._onset: int | None = None
        self._searched = 0
        self._held_from: int | None = None
        """While it is paused: when this sample and those behind it are heard is not known."""
        self._held_ns = 0

    @property
    def play_ns(self) -> int | None:
        """When its first sample is heard; None while that is not known."""
        return self.pieces[0].play_ns if self.pieces and self._held_from != 0 else None

    def add(self, play_ns: int, pcm: bytes) -> None:
        self.pieces.append(Piece(play_ns, self.samples, pcm))
        self.samples += len(pcm) // SAMPLE_BYTES
        self._search()

    def pause(self, samples: int, now_ns: int) -> None:
        """The first `samples` were heard; when the others are is not known until it is resumed."""
        self.pauses += 1
        self._held_from, self._held_ns = samples, now_ns

    def resume(self, paused_ns: int) -> None:
        """What was not heard before the pause is heard so much later than it was scheduled."""
        if self._held_from is None:
            return
        self.paused_ns += paused_ns
        if self._onset is None or self._onset >= self._held_from:
            self.onset_paused_ns += paused_ns
        self.resumed_from_ns = self._held_ns
        before = [piece for piece in self.pieces if piece.start_sample < self._held_from]
        after = self.pieces[len(before) :]
        if before and (heard := self._held_from - before[-1].start_sample) * SAMPLE_BYTES < len(before[-1].pcm):
            play_ns, start_sample, pcm = before[-1]
            before[-1] = Piece(play_ns, start_sample, pcm[: heard * SAMPLE_BYTES])
            rest_ns = play_ns + heard * NS_PER_S // self.rate
            after.insert(0, Piece(rest_ns, self._held_from, pcm[heard * SAMPLE_BYTES :]))
        self.pieces = before + [piece._replace(play_ns=piece.play_ns + paused_ns) for piece in after]
        self._held_from = None

    def cut_to(self, samples: int) -> None:
        """Only the first `samples` were heard."""
        self._held_from = None
        kept = [piece for piece in self.pieces if piece.start_sample < samples]
        if kept:
            last = kept[-1]
            kept[-1] = last._replace(pcm=last.pcm[: (samples - last.start_sample) * SAMPLE_BYTES])
        self.pieces = kept
        self.samples = samples
        self.cut = True
        if self._onset is not None and self._onset >= samples:
            self._onset = None

    @property
    def first_audible_ns(self) -> int | None:
        """When its first sample that can be heard is heard; None while there is none, or that is not known."""
        if self._onset is None or (self._held_from is not None and self._onset >= self._held_from):
            return None
        return self._heard_ns(self._onset)

    @property
    def last_audible_ns(self) -> int | None:
        """When its last sample that can be heard is over."""
        found = last_audible(samples_of(self.pcm()), self.rate)
        return None if found is None else self._heard_ns(found) + NS_PER_S // self.rate

    def pcm(self) -> bytes:
        """All of it, without the silence of underruns."""
        return b"".join(piece.pcm for piece in self.pieces)

    def _search(self) -> None:
        if self._onset is not None:
            return
        # A window that can be heard may have begun in a piece that was searched before.
        from_sample = max(0, self._searched - round(self.rate * AUDIBLE_WINDOW_MS / 1000))
        at = self._piece_at(from_sample)
        tail = b"".join(piece.pcm for piece in self.pieces[at:])[(from_sample - self.pieces[at].start_sample) * 2 :]
        found = first_audible(samples_of(tail), self.rate)
        self._onset = None if found is None else from_sample + found
        self._searched = self.samples

    def _piece_at(self, sample: int) -> int:
        return bisect_right(self.pieces, sample, key=lambda piece: piece.start_sample) - 1

    def _heard_ns(self, sample: int) -> int:
        piece = self.pieces[self._piece_at(sample)]
        return piece.play_ns + (sample - piece.start_sample) * NS_PER_S // self.rate


class Player:
    """Plays one reply at a time. A turn that was flushed, or that a later turn's audio has replaced, stays silent."""

    def __init__(self, rate: int, *, buffer_ns: int = 0) -> None:
        self.rate = rate
        self.stale_frames = 0
        """Frames dropped because their turn was over."""
        self._buffer_ns = buffer_ns
        self._replies: dict[int, HeardReply] = {}
        self._flushed: set[int] = set()
        self._paused_ns: dict[int, int] = {}
        """Since when each turn is paused; one of which nothing has come yet is paused from its first frame on."""
        self._current: HeardReply | None = None
        self._stretch_ns = 0
        """When the audio that is played without a break began."""
        self._stretch_samples = 0

    @property
    def replies(self) -> list[HeardReply]:
        """What was heard, in order."""
        return list(self._replies.values())

    @property
    def current(self) -> HeardReply | None:
        """The newest reply, unless it was flushed."""
        return self._current

    def reply(self, turn_id: int) -> HeardReply | None:
        return self._replies.get(turn_id)

    @property
    def end_ns(self) -> int:
        """When what was received so far has been played out."""
        return self._stretch_ns + self._stretch_samples * NS_PER_S // self.rate

    def is_stale(self, turn_id: int) -> bool:
        """Whether audio of this turn is not to be played any more."""
        return turn_id in self._flushed or (self._current is not None and turn_id < self._current.turn_id)

    def received(self, turn_id: int, pts: int, pcm: bytes, now_ns: int) -> HeardReply | None:
        """Schedule a piece of a reply; no PCM ends it. Returns the reply, or None where the turn is over."""
        if self.is_stale(turn_id):
            self.stale_frames += 1
            return None
        reply = self._open(turn_id, now_ns)
        if not pcm:
            reply.ended = True
            return reply
        at_ns = self._playout_ns(now_ns)
        if at_ns > self.end_ns or not reply.pieces:
            self._begin_stretch(reply, at_ns)
        left_out = pts - reply.samples
        if 0 < left_out <= MAX_GAP_S * self.rate:
            self._schedule(reply, silence(left_out))
        self._schedule(reply, pcm)
        return reply

    def pause(self, turn_id: int, now_ns: int) -> None:
        """Silence the turn with the sample that is heard now, until it is resumed. One that is over stays as it is."""
        if self.is_stale(turn_id) or turn_id in self._paused_ns:
            return
        reply = self._current
        if reply is not None and reply.turn_id == turn_id:
            buffered = self._buffered(now_ns)
            if reply.ended and not buffered:
                return
            reply.pause(reply.samples - buffered, now_ns)
        self._paused_ns[turn_id] = now_ns

    def resume(self, turn_id: int, now_ns: int) -> None:
        """Go on with the next sample, where the turn is paused."""
        if turn_id not in self._paused_ns:
            return
        silent_ns = self._silent_ns(turn_id, now_ns)
        del self._paused_ns[turn_id]
        if self._current is not None and self._current.turn_id == turn_id:
            self._current.resume(silent_ns)
            self._stretch_ns += silent_ns

    @property
    def is_paused(self) -> bool:
        """Whether the current reply is."""
        return self._current is not None and self._current.turn_id in self._paused_ns

    def flush(self, turn_id: int, now_ns: int) -> None:
        """Silence the turn at once, for good."""
        self._flushed.add(turn_id)
        reply = self._current
        if reply is None or reply.turn_id != turn_id:
            self._paused_ns.pop(turn_id, None)
            return
        if turn_id in self._paused_ns:
            reply.paused_ns += self._silent_ns(turn_id, now_ns)
        reply.cut_to(reply.samples - self._buffered(now_ns))
        self._paused_ns.pop(turn_id, None)
        self._current = None
        self._stretch_ns, self._stretch_samples = now_ns, 0

    def playhead(self, now_ns: int) -> Playhead | None:
        """Of the current reply; None without one."""
        reply = self._current
        if reply is None:
            return None
        buffered = self._buffered(now_ns)
        return Playhead(reply.turn_id, self._ms(reply.samples - buffered), self._ms(buffered))

    def is_playing(self, now_ns: int) -> bool:
        return self._current is not None and self._buffered(now_ns) > 0

    def _open(self, turn_id: int, now_ns: int) -> HeardReply:
        if self._current is not None and self._current.turn_id == turn_id:
            return self._current
        if self._current is not None:
            self.flush(self._current.turn_id, now_ns)
        self._current = self._replies[turn_id] = HeardReply(turn_id, self.rate, now_ns)
        self._paused_ns = {turn: since_ns for turn, since_ns in self._paused_ns.items() if turn >= turn_id}
        if turn_id in self._paused_ns:
            self._paused_ns[turn_id] = now_ns
            self._current.pause(0, now_ns)
        return self._current

    def _playout_ns(self, now_ns: int) -> int:
        """Where the clock of the current reply is."""
        return self._paused_ns.get(self._current.turn_id, now_ns) if self._current is not None else now_ns

    def _silent_ns(self, turn_id: int, now_ns: int) -> int:
        """How long a turn was silent because it is paused: a start buffer fills meanwhile."""
        return max(0, now_ns - max(self._paused_ns[turn_id], self._stretch_ns))

    def _begin_stretch(self, reply: HeardReply, at_ns: int) -> None:
        if reply.pieces:
            reply.underruns += 1
            reply.underrun_ns += at_ns - self.end_ns
        self._stretch_ns = at_ns if reply.pieces else at_ns + self._buffer_ns
        self._stretch_samples = 0

    def _schedule(self, reply: HeardReply, pcm: bytes) -> None:
        reply.add(self.end_ns, pcm)
        self._stretch_samples += len(pcm) // SAMPLE_BYTES

    def _buffered(self, now_ns: int) -> int:
        at_ns = self._playout_ns(now_ns)
        if at_ns <= self._stretch_ns:
            return self._stretch_samples
        return max(0, self._stretch_samples - (at_ns - self._stretch_ns) * self.rate // NS_PER_S)

    def _ms(self, samples: int) -> float:
        return ms(samples * NS_PER_S // self.rate)
