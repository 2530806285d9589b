import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicecli.client.player import Playhead
from voicecli.sound.playback import CAPACITY_S, FADE_MS, KEPT_TURNS, LEAD_STEP_MS, MAX_LEAD_MS, PlaybackQueue
from voicecli.sound.ring import Samples
from voicecli.sound.roles import RATE
from voicewire.clock import NS_PER_MS as MS

BLOCK = 960
FADE = RATE * FADE_MS // 1000


def samples(ms: int) -> int:
    return RATE * ms // 1000


def loud(ms: float, value: int = 8_192) -> bytes:
    return np.full(round(RATE * ms / 1000), value, np.int16).tobytes()


def quiet(ms: int) -> bytes:
    return bytes(2 * samples(ms))


class Loudspeaker:
    """Takes a block each 20 ms; what it takes is heard `latency` later."""

    def __init__(self, queue: PlaybackQueue, latency_ms: int = 0) -> None:
        self.queue = queue
        self.latency_ns = latency_ms * MS
        self.now_ns = 0
        self.blocks: list[Samples] = []

    def play(self, blocks: int = 1, size: int = BLOCK) -> Samples:
        """What these blocks held."""
        for _ in range(blocks):
            block: Samples = np.full(size, 77, np.int16)
            self.queue.fill(block, self.now_ns + self.latency_ns)
            self.blocks.append(block)
            self.now_ns += size * 1_000_000_000 // self.queue.device_rate
        return np.concatenate(self.blocks[-blocks:])


def playing(ms: int = 1000) -> tuple[PlaybackQueue, Loudspeaker]:
    """A reply of turn 1 in the queue."""
    queue = PlaybackQueue()
    queue.received(1, 0, loud(ms), 0)
    return queue, Loudspeaker(queue)


def test_without_a_reply_there_is_silence_and_no_playhead() -> None:
    queue = PlaybackQueue()
    assert not Loudspeaker(queue).play().any()
    assert (queue.playhead(0), queue.is_playing(0), queue.current, queue.end_ns) == (None, False, None, 0)


def test_a_reply_plays_from_its_first_piece_in_the_next_block() -> None:
    _, speaker = playing(ms=20)
    assert speaker.play().tobytes() == loud(20)
    assert not speaker.play().any()


def test_pieces_follow_one_another_without_a_break() -> None:
    queue, speaker = playing(ms=30)
    queue.received(1, samples(30), loud(30, 99), 0)
    assert speaker.play(3).tobytes() == loud(30) + loud(30, 99)


def test_the_playhead_is_what_reached_the_ear() -> None:
    queue, _ = playing(ms=60)
    speaker = Loudspeaker(queue, latency_ms=30)
    assert queue.playhead(0) == Playhead(1, 0.0, 60.0)
    speaker.play()
    assert queue.playhead(30 * MS) == Playhead(1, 0.0, 60.0)
    assert queue.playhead(45 * MS) == Playhead(1, 15.0, 45.0)
    assert queue.playhead(90 * MS) == Playhead(1, 20.0, 40.0)
    assert queue.is_playing(90 * MS)


def test_a_playhead_does_not_go_back_when_the_latency_grows() -> None:
    queue, speaker = playing(ms=60)
    speaker.play()
    assert queue.playhead(20 * MS) == Playhead(1, 20.0, 40.0)
    speaker.latency_ns = 100 * MS
    speaker.play()
    assert queue.playhead(21 * MS) == Playhead(1, 20.0, 40.0)


def test_the_end_is_exact_once_the_loudspeaker_has_taken_all() -> None:
    queue, _ = playing(ms=30)
    speaker = Loudspeaker(queue, latency_ms=50)
    assert queue.end_ns == 30 * MS
    speaker.play(2)
    assert queue.end_ns == 80 * MS
    assert queue.playhead(80 * MS) == Playhead(1, 30.0, 0.0)
    assert not queue.is_playing(80 * MS)


def test_the_end_of_what_was_not_taken_is_later_than_the_question() -> None:
    queue, speaker = playing(ms=25)
    speaker.play()
    queue.playhead(70 * MS)
    assert queue.end_ns == 90 * MS


def test_the_instants_of_a_reply_are_those_at_the_ear() -> None:
    queue = PlaybackQueue()
    speaker = Loudspeaker(queue, latency_ms=30)
    reply = queue.received(1, 0, quiet(25) + loud(25), 7)
    assert reply is not None
    assert (reply.received_ns, reply.play_ns, reply.first_audible_ns) == (7, None, None)
    speaker.play()
    assert queue.reply(1) is reply
    assert (reply.play_ns, reply.first_audible_ns, reply.heard_until_ns) == (30 * MS, None, 50 * MS)
    speaker.play(2)
    assert queue.replies == [reply]
    assert (reply.play_ns, reply.first_audible_ns, reply.heard_until_ns) == (30 * MS, 55 * MS, 80 * MS)


def test_a_sound_across_two_pieces_is_heard_where_it_begins() -> None:
    faint = loud(1, 200)  # -44.3 dBFS: audible only where it fills most of 5 ms
    queue = PlaybackQueue()
    reply = queue.received(1, 0, quiet(38) + faint * 2, 0)
    queue.received(1, samples(40), faint * 20, 0)
    Loudspeaker(queue).play(3)
    assert queue.current is reply
    assert reply is not None
    assert reply.first_audible_ns == 38 * MS


def test_running_dry_before_the_end_is_an_underrun_once_more_comes() -> None:
    queue, speaker = playing(ms=30)
    speaker.play(4)
    assert (queue.underruns, queue.lead_ms) == (0, 0)
    reply = queue.received(1, samples(30), loud(20), 80 * MS)
    assert reply is not None
    assert not speaker.play(LEAD_STEP_MS // 20).any()
    assert speaker.play().tobytes() == loud(20)
    assert (queue.underruns, queue.lead_ms) == (1, LEAD_STEP_MS)
    assert queue.current is reply
    assert (reply.underruns, reply.underrun_ns, reply.samples) == (1, 90 * MS, samples(50))


def test_after_an_underrun_playing_goes_on_as_soon_as_the_lead_is_there() -> None:
    queue, speaker = playing(ms=30)
    speaker.play(2)
    queue.received(1, samples(30), loud(LEAD_STEP_MS), 0)
    assert speaker.play(2).tobytes() == loud(LEAD_STEP_MS)


def test_after_an_underrun_a_reply_that_is_complete_waits_for_nothing() -> None:
    queue, speaker = playing(ms=30)
    speaker.play(2)
    queue.received(1, samples(30), loud(20), 0)
    queue.received(1, samples(50), b"", 0)
    assert speaker.play().tobytes() == loud(20)


def test_the_end_of_a_reply_is_no_underrun_even_when_it_is_told_late() -> None:
    queue, speaker = playing(ms=30)
    speaker.play(3)
    reply = queue.received(1, samples(30), b"", 60 * MS)
    speaker.play()
    queue.received(2, 0, loud(20), 80 * MS)
    assert speaker.play().tobytes() == loud(20)
    assert (queue.underruns, queue.lead_ms) == (0, 0)
    assert reply is not None
    assert (reply.ended, reply.underruns, reply.samples) == (True, 0, samples(30))


def test_the_lead_grows_to_a_limit_and_shrinks_with_each_reply_without_an_underrun() -> None:
    queue, speaker = playing(ms=20)
    for index in range(1, 12):
        speaker.play(MAX_LEAD_MS // 20 + 2)
        queue.received(1, samples(20 * index), loud(20), speaker.now_ns)
    speaker.play(MAX_LEAD_MS // 20 + 2)
    assert (queue.underruns, queue.lead_ms) == (11, MAX_LEAD_MS)
    for turn_id, lead_ms in ((2, 300), (3, 225)):
        queue.received(turn_id, 0, loud(20), 0)
        queue.received(turn_id, samples(20), b"", 0)
        speaker.play(2)
        assert queue.lead_ms == lead_ms


def test_a_reply_whose_end_is_told_late_shrinks_the_lead_too() -> None:
    queue, speaker = playing(ms=30)
    speaker.play(2)
    queue.received(1, samples(30), loud(LEAD_STEP_MS), 0)
    speaker.play(3)
    queue.received(2, 0, loud(100), 0)
    speaker.play(6)
    assert queue.lead_ms == LEAD_STEP_MS
    queue.received(2, samples(100), b"", 0)
    speaker.play()
    assert queue.lead_ms == LEAD_STEP_MS * 0.75


def test_a_flush_fades_out_within_5_ms_of_the_next_block() -> None:
    queue, speaker = playing()
    speaker.play()
    reply = queue.reply(1)
    queue.flush(1, 20 * MS)
    block = speaker.play()
    assert (np.diff(block[:FADE]) < 0).all()
    assert (int(block[0]), bool(block[FADE:].any())) == (8_192, False)
    assert not speaker.play(5).any()
    assert (queue.current, queue.playhead(40 * MS), queue.is_playing(40 * MS)) == (None, None, False)
    assert queue.reply(1) is reply
    assert reply is not None
    assert (reply.cut, reply.heard_until_ns) == (True, (20 + FADE_MS) * MS)


def test_a_fade_goes_on_over_small_blocks() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.flush(1, 0)
    faded = speaker.play(8, size=FADE // 4)
    assert (np.diff(faded[: FADE + 1]) < 0).all()
    assert not faded[FADE:].any()


def test_a_reply_flushed_before_it_began_is_never_heard() -> None:
    queue, speaker = playing()
    queue.flush(1, 0)
    assert not speaker.play(3).any()
    reply = queue.reply(1)
    assert reply is not None
    assert (reply.play_ns, reply.cut) == (None, True)


def test_a_reply_that_was_heard_whole_is_not_cut() -> None:
    queue, speaker = playing(ms=20)
    reply = queue.received(1, samples(20), b"", 0)
    speaker.play(2)
    queue.flush(1, 40 * MS)
    assert reply is not None
    assert not reply.cut


def test_audio_of_a_flushed_turn_is_stale() -> None:
    queue, _ = playing()
    queue.flush(1, 0)
    assert queue.received(1, samples(1000), loud(20), 0) is None
    assert (queue.is_stale(1), queue.is_stale(2), queue.stale_frames) == (True, False, 1)


def test_a_turn_flushed_before_its_audio_came_stays_silent_and_the_playing_one_goes_on() -> None:
    queue, speaker = playing(ms=20)
    queue.flush(2, 0)
    assert queue.received(2, 0, loud(20, 5), 0) is None
    queue.received(1, samples(20), loud(20, 6), 0)
    assert speaker.play(2).tobytes() == loud(20) + loud(20, 6)


def test_a_later_turn_takes_the_place_of_an_earlier_one_behind_its_fade() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.received(2, 0, loud(20, 5), 20 * MS)
    block = speaker.play()
    assert block[FADE - 1] < block[0]
    assert block[FADE:].tobytes() == loud(20 - FADE_MS, 5)
    assert queue.received(1, samples(1000), loud(20), 0) is None
    assert queue.playhead(30 * MS) == Playhead(2, 5.0, 15.0)


def test_an_older_turn_is_stale_even_after_the_newer_one_was_flushed() -> None:
    queue, _ = playing()
    queue.received(3, 0, loud(20), 0)
    queue.flush(3, 0)
    assert queue.received(2, 0, loud(20), 0) is None


def test_a_leap_of_pts_is_silence_that_was_left_out() -> None:
    queue, speaker = playing(ms=20)
    queue.received(1, samples(40), loud(20), 0)
    assert speaker.play(3).tobytes() == loud(20) + quiet(20) + loud(20)


def test_past_the_capacity_the_newest_is_refused() -> None:
    queue, speaker = playing(ms=CAPACITY_S * 1000)
    reply = queue.received(1, samples(CAPACITY_S * 1000), loud(1), 0)
    assert reply is not None
    assert (queue.refused_samples, reply.samples) == (samples(1), samples(CAPACITY_S * 1000))
    speaker.play()
    queue.received(1, reply.samples, loud(20), 0)
    assert queue.refused_samples == samples(1)


def test_a_new_session_may_count_its_turns_from_one() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.reset(0)
    assert (queue.is_stale(1), queue.replies) == (False, [])
    queue.received(1, 0, loud(20, 5), 0)
    assert speaker.play()[FADE:].tobytes() == loud(20 - FADE_MS, 5)


def tone(rate: int, start: int, count: int) -> NDArray[np.float64]:
    return 8_000 * np.sin(np.arange(start, start + count) * 2 * np.pi * 440 / rate)


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_another_rate_of_the_device_is_converted(rate: int) -> None:
    queue = PlaybackQueue(rate)
    speaker = Loudspeaker(queue)
    pcm = tone(RATE, 0, RATE // 5).astype(np.int16).tobytes()
    for at in range(0, len(pcm), 1920):
        queue.received(1, at // 2, pcm[at : at + 1920], 0)
    queue.received(1, RATE // 5, b"", 0)
    block = rate // 50
    heard = speaker.play(11, size=block)
    assert np.abs(heard[: rate // 6] - tone(rate, 0, rate // 6)).max() < 200
    assert queue.is_playing(60 * MS)
    assert queue.playhead(1000 * MS) == Playhead(1, 200.0, 0.0)


def test_what_the_conversion_holds_back_of_a_flushed_reply_is_not_heard_in_the_next() -> None:
    queue = PlaybackQueue(44_100)
    speaker = Loudspeaker(queue)
    queue.received(1, 0, loud(100), 0)
    queue.flush(1, 0)
    queue.received(2, 0, quiet(100), 0)
    assert np.abs(speaker.play(6, size=882)).max() <= 1


def test_a_device_of_another_rate_goes_on_where_the_old_one_broke_off() -> None:
    queue = PlaybackQueue()
    speaker = Loudspeaker(queue)
    queue.received(1, 0, tone(RATE, 0, RATE // 5).astype(np.int16).tobytes(), 0)
    queue.received(1, RATE // 5, b"", 0)
    speaker.play(3)
    queue.retune(44_100)
    assert queue.playhead(60 * MS) == Playhead(1, 60.0, 140.0)
    heard = speaker.play(8, size=882)
    expected = tone(44_100, 44_100 * 60 // 1000, 882 * 6)
    assert np.abs(heard[: 882 * 6] - expected)[20:].max() < 200
    assert queue.playhead(300 * MS) == Playhead(1, 200.0, 0.0)
    assert queue.underruns == 0


def test_nothing_of_a_flushed_turn_survives_a_change_of_device() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.flush(1, 0)
    queue.retune(44_100)
    assert not speaker.play(5, size=882).any()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("piece"), st.integers(1, 4), st.integers(1, 3000)),
        st.tuples(st.just("end"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("flush"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("play"), st.just(0), st.integers(1, 3)),
    ),
    max_size=60,
)


@given(steps=STEPS, latency_ms=st.integers(0, 60))
def test_whatever_comes_only_what_was_received_is_heard_in_order_and_nothing_stale(
    steps: list[tuple[str, int, int]], latency_ms: int
) -> None:
    """A sample's value tells its turn and its place: turn * 4000 + index % 4000."""
    queue = PlaybackQueue()
    speaker = Loudspeaker(queue, latency_ms)
    received = dict.fromkeys(range(1, 5), 0)
    heard = dict.fromkeys(range(1, 5), 0)
    told: dict[int, float] = {}
    over: set[int] = set()
    for kind, turn_id, count in steps:
        now_ns = speaker.now_ns
        if kind == "piece":
            indices = np.arange(received[turn_id], received[turn_id] + count) % 4000
            pcm = (turn_id * 4000 + indices).astype(np.int16).tobytes()
            reply = queue.received(turn_id, received[turn_id], pcm, now_ns)
            assert (reply is None) == (turn_id in over)
            if reply is not None:
                received[turn_id] += count
                over |= set(range(1, turn_id))
        elif kind == "end" and turn_id not in over and received[turn_id]:
            queue.received(turn_id, received[turn_id], b"", now_ns)
        elif kind == "flush":
            queue.flush(turn_id, now_ns)
            over.add(turn_id)
        elif kind == "play":
            given = sum(reply.given for reply in queue.replies if reply.turn_id in over)
            block = speaker.play(count)
            faded = sum(reply.given for reply in queue.replies if reply.turn_id in over) - given
            assert faded <= FADE
            rest = block[faded:]
            for value in rest[rest != 0].tolist():
                owner = next(turn for turn in range(4, 0, -1) if value >= turn * 4000)
                assert owner not in over
                assert value == owner * 4000 + heard[owner] % 4000
                heard[owner] += 1
        if queue.current is not None:
            playhead = queue.playhead(now_ns)
            assert playhead is not None
            assert playhead.turn_id == queue.current.turn_id
            assert told.get(playhead.turn_id, 0) <= playhead.played_ms
            assert playhead.played_ms + playhead.buffered_ms == pytest.approx(
                received[playhead.turn_id] / 48, abs=0.002
            )
            told[playhead.turn_id] = playhead.played_ms
    assert all(heard[turn_id] <= received[turn_id] for turn_id in heard)
    assert queue.underruns >= sum(reply.underruns for reply in queue.replies)


def counted(start: int, count: int) -> Samples:
    """Samples that tell which they are, all loud."""
    return (10_000 + np.arange(start, start + count) % 20_000).astype(np.int16)


def test_a_paused_reply_fades_out_stands_still_and_fades_in_with_the_very_next_sample() -> None:
    queue = PlaybackQueue()
    queue.received(1, 0, counted(0, 10 * BLOCK).tobytes(), 0)
    speaker = Loudspeaker(queue)
    speaker.play()
    queue.pause(1, 20 * MS)
    assert queue.is_paused
    silent = speaker.play(3)
    out = np.arange(FADE, 0, -1) / FADE
    assert (silent[:FADE] == (counted(BLOCK, FADE) * out).astype(np.int16)).all()
    assert not silent[FADE:].any()
    assert queue.playhead(80 * MS) == queue.playhead(999 * MS) == Playhead(1, 25.0, 175.0)
    assert queue.is_playing(999 * MS)
    queue.resume(1, 80 * MS)
    heard = speaker.play(3)
    assert (heard[:FADE] == (counted(BLOCK + FADE, FADE) * np.arange(1, FADE + 1) / FADE).astype(np.int16)).all()
    assert (heard[FADE:] == counted(BLOCK + 2 * FADE, 3 * BLOCK - FADE)).all()
    reply = queue.current
    assert reply is not None
    assert (reply.pauses, reply.paused_ns, reply.underruns, queue.underruns) == (1, 55 * MS, 0, 0)


def test_what_comes_into_a_pause_waits_behind_what_was_there() -> None:
    queue, speaker = playing(ms=40)
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play(2)
    queue.received(1, samples(40), loud(20, 99), 60 * MS)
    assert not speaker.play(2).any()
    queue.resume(1, 100 * MS)
    assert speaker.play(2)[FADE : samples(35)].tobytes() == loud(10) + loud(20, 99)


def test_a_fade_may_take_several_blocks_and_turn_back() -> None:
    queue, speaker = playing()
    speaker.play(size=96)
    queue.pause(1, 0)
    falling = speaker.play(size=96)
    queue.resume(1, 0)
    rising = speaker.play(2, size=96)
    assert falling[0] == 8_192
    assert falling[95] <= rising[0] < rising[95] == 8_192
    assert queue.playhead(MS * 9) == Playhead(1, 8.0, 992.0)


def test_a_reply_that_ends_within_its_fade_is_over_without_an_underrun() -> None:
    queue, speaker = playing(ms=22)
    queue.received(1, samples(22), b"", 0)
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play(2)
    queue.resume(1, 60 * MS)
    queue.received(2, 0, loud(20), 60 * MS)
    assert speaker.play().tobytes() == loud(20)
    assert queue.underruns == 0


def test_running_dry_in_the_fade_is_no_underrun() -> None:
    queue, speaker = playing(ms=22)
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play(2)
    queue.received(1, samples(22), loud(40), 60 * MS)
    queue.resume(1, 60 * MS)
    speaker.play(2)
    reply = queue.current
    assert reply is not None
    assert (queue.underruns, reply.underruns, reply.pauses) == (0, 0, 1)


def test_a_reply_flushed_in_its_pause_fell_silent_with_the_pause() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play(3)
    queue.flush(1, 80 * MS)
    assert not speaker.play(2).any()
    reply = queue.reply(1)
    assert reply is not None
    assert (reply.heard_until_ns, reply.cut) == (25 * MS, True)
    queue.received(2, 0, loud(40), 120 * MS)
    assert speaker.play(2).tobytes() == loud(40)


def test_a_flush_within_the_fade_of_a_pause_goes_on_fading() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play(size=96)
    queue.flush(1, 22 * MS)
    heard = speaker.play(2, size=96)
    assert 8_192 * 0.5 < heard[0] < 8_192 * 0.65
    assert heard[FADE - 96 - 1] > 0
    assert not heard[FADE - 96 :].any()


def test_a_pause_that_overtook_its_reply_holds_it_before_the_first_sample() -> None:
    queue = PlaybackQueue()
    queue.pause(2, 0)
    queue.received(1, 0, loud(20), 0)
    speaker = Loudspeaker(queue)
    assert speaker.play().tobytes() == loud(20)
    queue.received(2, 0, loud(40), 0)
    assert not speaker.play(2).any()
    assert (queue.is_paused, queue.playhead(60 * MS)) == (True, Playhead(2, 0.0, 40.0))
    queue.resume(2, 60 * MS)
    assert speaker.play(2).tobytes() == loud(40)


def test_a_pause_or_resume_of_a_turn_that_is_over_changes_nothing() -> None:
    queue, speaker = playing(ms=20)
    queue.received(1, samples(20), b"", 0)
    queue.resume(1, 0)
    speaker.play()
    queue.pause(1, 20 * MS)
    assert not queue.is_paused
    queue.received(2, 0, loud(40), 20 * MS)
    queue.pause(1, 20 * MS)
    queue.flush(3, 20 * MS)
    queue.pause(3, 20 * MS)
    assert speaker.play(2).tobytes() == loud(40)


def test_a_later_reply_and_a_new_session_are_not_held_by_a_pause() -> None:
    queue, speaker = playing()
    queue.pause(1, 0)
    queue.received(2, 0, loud(20), 0)
    assert speaker.play().tobytes() == loud(20)
    queue.pause(3, 0)
    queue.reset(0)
    queue.received(3, 0, loud(20), 0)
    assert speaker.play().tobytes() == loud(20)


def test_a_paused_reply_goes_on_on_another_device() -> None:
    queue, speaker = playing()
    speaker.play()
    queue.pause(1, 20 * MS)
    speaker.play()
    queue.retune(44_100)
    assert not speaker.play(2, size=882).any()
    queue.resume(1, 80 * MS)
    assert speaker.play(2, size=882)[-1] > 8_000
    playhead = queue.playhead(999 * MS)
    assert playhead is not None
    assert playhead.played_ms == pytest.approx(65, abs=0.05)


PAUSING = st.lists(
    st.tuples(st.sampled_from(["piece", "pause", "resume", "play", "play"]), st.integers(1, 2500)), max_size=40
)


@given(steps=PAUSING, flushes=st.booleans())
def test_no_sample_is_given_twice_or_lost_and_none_in_a_pause(steps: list[tuple[str, int]], flushes: bool) -> None:
    queue = PlaybackQueue()
    speaker = Loudspeaker(queue)
    received = given = 0
    fading = False
    for kind, count in [*steps, ("piece", 10), ("resume", 1), ("end", 1), ("play", 2 * RATE)]:
        match kind:
            case "piece":
                queue.received(1, received, counted(received, count).tobytes(), speaker.now_ns)
                received += count
            case "end" if flushes:
                queue.flush(1, speaker.now_ns)
            case "end":
                queue.received(1, received, b"", speaker.now_ns)
            case "pause":
                queue.pause(1, speaker.now_ns)
                fading = True
            case "resume":
                queue.resume(1, speaker.now_ns)
            case "play":
                was_paused, before = queue.is_paused, given
                block = speaker.play(size=count)
                reply = queue.reply(1)
                given = 0 if reply is None else reply.given
                sounding = np.flatnonzero(block)
                expected = counted(before, given - before)
                assert len(sounding) <= len(expected) <= count
                if len(expected):
                    start = int(sounding[0])
                    heard = block[start : start + len(expected)]
                    assert (heard <= expected).all()
                    assert fading or flushes or (heard == expected).all()
                if was_paused:
                    assert given - before <= FADE
    assert given <= received if flushes else given == received


def test_a_long_conversation_does_not_grow_whether_its_replies_are_heard_or_cut() -> None:
    queue = PlaybackQueue()
    speaker = Loudspeaker(queue)
    for turn_id in range(1, 4 * KEPT_TURNS, 2):
        queue.received(turn_id, 0, loud(40), speaker.now_ns)
        queue.pause(turn_id + 1, speaker.now_ns)
        if turn_id % 4 == 1:
            queue.flush(turn_id, speaker.now_ns)
        speaker.play(3)
    assert [reply.turn_id for reply in queue.replies] == list(range(2 * KEPT_TURNS + 1, 4 * KEPT_TURNS, 2))
    assert [len(kept) for kept in (queue._replies, queue._flushed, queue._pauses)] == [KEPT_TURNS, 0, 1]


def test_turns_that_are_cut_before_anything_of_them_came_are_forgotten_when_they_are_many() -> None:
    queue, speaker = playing()
    for turn_id in range(2, 4 * KEPT_TURNS):
        queue.flush(turn_id, 0)
    assert len(queue._flushed) == KEPT_TURNS
    assert queue.received(4 * KEPT_TURNS - 1, 0, loud(20), 0) is None
    assert speaker.play().tobytes() == loud(20)
