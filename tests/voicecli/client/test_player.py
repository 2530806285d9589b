from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicecli.client.player import MAX_GAP_S, Player, Playhead

MS = 1_000_000
RATE = 16_000


def loud(ms: int) -> bytes:
    return b"\x00\x20" * (RATE * ms // 1000)


def quiet(ms: int) -> bytes:
    return bytes(2 * RATE * ms // 1000)


def samples(ms: int) -> int:
    return RATE * ms // 1000


def test_a_reply_is_played_from_its_first_piece_on() -> None:
    player = Player(RATE)
    player.received(1, 0, loud(100), 50 * MS)
    assert player.playhead(50 * MS) == Playhead(1, 0.0, 100.0)
    assert player.playhead(90 * MS) == Playhead(1, 40.0, 60.0)
    assert player.playhead(150 * MS) == Playhead(1, 100.0, 0.0)
    assert player.playhead(999 * MS) == Playhead(1, 100.0, 0.0)
    assert player.end_ns == 150 * MS


def test_without_a_reply_there_is_no_playhead() -> None:
    player = Player(RATE)
    assert (player.playhead(0), player.is_playing(0), player.current) == (None, False, None)


def test_pieces_that_come_in_time_are_played_without_a_break() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100), 0)
    player.received(1, samples(100), loud(100), 100 * MS)
    assert reply is not None
    assert [(piece.play_ns, piece.start_sample) for piece in reply.pieces] == [(0, 0), (100 * MS, samples(100))]
    assert reply.underruns == 0


def test_a_late_piece_is_an_underrun_that_shifts_the_rest() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100), 0)
    player.received(1, samples(100), loud(100), 130 * MS)
    assert reply is not None
    assert (reply.underruns, reply.underrun_ns) == (1, 30 * MS)
    assert [piece.play_ns for piece in reply.pieces] == [0, 130 * MS]
    assert player.playhead(180 * MS) == Playhead(1, 150.0, 50.0)


def test_a_start_buffer_delays_the_first_sample_only() -> None:
    player = Player(RATE, buffer_ns=60 * MS)
    reply = player.received(1, 0, loud(100), 0)
    assert reply is not None
    assert (reply.play_ns, reply.first_audible_ns) == (60 * MS, 60 * MS)
    assert player.playhead(30 * MS) == Playhead(1, 0.0, 100.0)
    assert player.playhead(70 * MS) == Playhead(1, 10.0, 90.0)


def test_the_first_audible_sample_may_come_after_silence_and_in_a_later_piece() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, quiet(40), 0)
    assert reply is not None
    assert reply.first_audible_ns is None
    later = player.received(1, samples(40), quiet(13) + loud(27), 0)
    assert later is reply
    assert (later.play_ns, later.first_audible_ns) == (0, 53 * MS)


def test_a_sound_across_two_pieces_is_heard_where_it_begins() -> None:
    faint = b"\xc8\x00" * samples(1)  # -44.3 dBFS: audible only where it fills most of 5 ms
    player = Player(RATE)
    reply = player.received(1, 0, quiet(38) + faint * 2, 0)
    assert reply is not None
    assert not reply.first_audible_ns
    player.received(1, samples(40), faint * 20, 0)
    assert reply.first_audible_ns == 38 * MS


def test_the_last_audible_sample_counts_to_its_end() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100) + quiet(50), 0)
    assert reply is not None
    assert reply.last_audible_ns is not None
    assert abs(reply.last_audible_ns - 100 * MS) <= 1


def test_a_flush_ends_what_is_heard_at_once_and_for_good() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(500), 0)
    player.flush(1, 200 * MS)
    assert reply is not None
    assert (reply.samples, reply.cut, len(reply.pcm())) == (samples(200), True, 2 * samples(200))
    assert player.received(1, samples(500), loud(20), 210 * MS) is None
    assert (player.stale_frames, player.current, player.is_playing(210 * MS)) == (1, None, False)


def test_a_reply_flushed_before_its_first_sound_was_not_heard() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, quiet(100) + loud(100), 0)
    player.flush(1, 50 * MS)
    assert reply is not None
    assert (reply.first_audible_ns, reply.last_audible_ns) == (None, None)


def test_a_turn_flushed_before_its_audio_came_stays_silent() -> None:
    player = Player(RATE)
    player.flush(2, 0)
    assert player.received(2, 0, loud(20), 0) is None
    assert player.replies == []


def test_a_later_turn_takes_the_place_of_an_earlier_one() -> None:
    player = Player(RATE)
    first = player.received(1, 0, loud(500), 0)
    second = player.received(2, 0, loud(100), 100 * MS)
    assert first is not None
    assert second is not None
    assert (first.samples, first.cut, second.play_ns) == (samples(100), True, 100 * MS)
    assert player.received(1, samples(500), loud(20), 110 * MS) is None


def test_an_empty_piece_ends_the_reply_and_plays_nothing() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(20), 0)
    assert reply is not None
    assert not reply.ended
    player.received(1, samples(20), b"", 300 * MS)
    assert (reply.ended, reply.samples, reply.underruns) == (True, samples(20), 0)


def test_a_leap_of_pts_is_silence_that_was_left_out() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(20), 0)
    player.received(1, samples(50), loud(20), 0)
    assert reply is not None
    assert reply.pcm() == loud(20) + quiet(30) + loud(20)


def test_a_leap_that_cannot_be_meant_is_closed() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(20), 0)
    player.received(1, samples(20) + MAX_GAP_S * RATE + 1, loud(20), 0)
    assert reply is not None
    assert reply.samples == samples(40)


@given(
    pieces=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 200)), min_size=1, max_size=20),
    flush_after=st.integers(0, 2000),
)
def test_heard_and_buffered_make_up_what_was_received(pieces: list[tuple[int, int]], flush_after: int) -> None:
    player = Player(RATE)
    now_ns = pts = 0
    for wait_ms, length_ms in pieces:
        now_ns += wait_ms * MS
        reply = player.received(1, pts, loud(length_ms), now_ns)
        pts += samples(length_ms)
        playhead = player.playhead(now_ns)
        assert playhead is not None
        assert round(playhead.played_ms + playhead.buffered_ms) == pts * 1000 // RATE
    assert reply is not None
    ends = [piece.play_ns + len(piece.pcm) // 2 * 1_000_000_000 // RATE for piece in reply.pieces]
    assert all(piece.play_ns >= end for piece, end in zip(reply.pieces[1:], ends, strict=False))
    now_ns += flush_after * MS
    player.flush(1, now_ns)
    assert sum(len(piece.pcm) // 2 for piece in reply.pieces) == reply.samples <= pts
    assert all(piece.play_ns <= now_ns for piece in reply.pieces)


def test_a_paused_reply_stands_still_and_goes_on_with_the_next_sample() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100), 0)
    player.pause(1, 40 * MS)
    assert player.is_paused
    player.received(1, samples(100), loud(50), 60 * MS)
    assert player.playhead(60 * MS) == player.playhead(500 * MS) == Playhead(1, 40.0, 110.0)
    assert player.is_playing(500 * MS)
    player.resume(1, 500 * MS)
    assert not player.is_paused
    assert player.playhead(510 * MS) == Playhead(1, 50.0, 100.0)
    assert reply is not None
    assert [(piece.play_ns, piece.start_sample) for piece in reply.pieces] == [
        (0, 0),
        (500 * MS, samples(40)),
        (560 * MS, samples(100)),
    ]
    assert player.end_ns == 610 * MS
    assert reply.pcm() == loud(150)
    assert (reply.pauses, reply.paused_ns, reply.underruns, reply.cut) == (1, 460 * MS, 0, False)


def test_audio_that_comes_late_into_a_pause_is_no_underrun() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100), 0)
    player.pause(1, 90 * MS)
    player.received(1, samples(100), loud(100), 300 * MS)
    player.resume(1, 400 * MS)
    assert reply is not None
    assert (reply.underruns, reply.paused_ns, player.end_ns) == (0, 310 * MS, 510 * MS)


def test_a_reply_that_had_run_dry_before_its_pause_was_silent_for_two_reasons() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(100), 0)
    player.pause(1, 130 * MS)
    player.received(1, samples(100), loud(100), 200 * MS)
    player.resume(1, 300 * MS)
    assert reply is not None
    assert (reply.underruns, reply.underrun_ns, reply.paused_ns) == (1, 30 * MS, 170 * MS)
    assert [piece.play_ns for piece in reply.pieces] == [0, 300 * MS]


def test_a_reply_cancelled_in_its_pause_was_last_heard_before_it() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, loud(500), 0)
    player.pause(1, 200 * MS)
    player.flush(1, 700 * MS)
    assert reply is not None
    assert reply.last_audible_ns == 200 * MS
    assert (reply.samples, reply.cut, reply.paused_ns) == (samples(200), True, 500 * MS)
    player.resume(1, 800 * MS)
    assert (reply.samples, player.current) == (samples(200), None)


def test_when_a_reply_is_first_heard_is_not_known_while_it_is_paused_before_that() -> None:
    player = Player(RATE)
    reply = player.received(1, 0, quiet(40) + loud(60), 0)
    assert reply is not None
    assert reply.first_audible_ns == 40 * MS
    player.pause(1, 30 * MS)
    assert reply.first_audible_ns is None
    player.resume(1, 130 * MS)
    assert [reply.play_ns, reply.first_audible_ns, reply.onset_paused_ns] == [0, 140 * MS, 100 * MS]
    player.pause(1, 150 * MS)
    assert reply.first_audible_ns == 140 * MS
    player.resume(1, 160 * MS)
    assert reply.onset_paused_ns == 100 * MS


def test_a_pause_that_overtook_the_reply_holds_it_from_its_first_frame_on() -> None:
    player = Player(RATE)
    player.pause(2, 10 * MS)
    assert not player.is_paused
    reply = player.received(2, 0, loud(100), 20 * MS)
    assert reply is not None
    assert (reply.play_ns, reply.first_audible_ns, player.playhead(90 * MS)) == (None, None, Playhead(2, 0.0, 100.0))
    player.resume(2, 90 * MS)
    assert (reply.play_ns, reply.first_audible_ns, reply.paused_ns) == (90 * MS, 90 * MS, 70 * MS)


def test_a_start_buffer_fills_while_the_reply_is_paused() -> None:
    player = Player(RATE, buffer_ns=60 * MS)
    reply = player.received(1, 0, loud(100), 0)
    player.pause(1, 10 * MS)
    player.resume(1, 50 * MS)
    assert reply is not None
    assert (reply.play_ns, reply.paused_ns) == (60 * MS, 0)
    player.pause(1, 50 * MS)
    player.resume(1, 80 * MS)
    assert (reply.play_ns, reply.paused_ns, reply.pauses) == (80 * MS, 20 * MS, 2)


def test_a_pause_or_resume_of_a_turn_that_is_over_changes_nothing() -> None:
    player = Player(RATE)
    player.received(1, 0, loud(100), 0)
    second = player.received(2, 0, loud(100), 50 * MS)
    player.received(2, samples(100), b"", 50 * MS)
    player.pause(1, 60 * MS)
    player.resume(1, 70 * MS)
    player.resume(2, 70 * MS)
    player.pause(2, 150 * MS)
    assert second is not None
    assert (second.pauses, player.playhead(150 * MS)) == (0, Playhead(2, 100.0, 0.0))
    player.flush(3, 150 * MS)
    player.pause(3, 150 * MS)
    assert player.received(3, 0, loud(20), 150 * MS) is None


def test_a_later_turn_is_not_held_by_the_pause_of_an_earlier_one() -> None:
    player = Player(RATE)
    player.received(1, 0, loud(100), 0)
    player.pause(1, 50 * MS)
    player.pause(1, 60 * MS)
    second = player.received(2, 0, loud(100), 80 * MS)
    assert second is not None
    assert (second.play_ns, player.is_paused, player.playhead(100 * MS)) == (80 * MS, False, Playhead(2, 20.0, 80.0))


def numbered(start: int, count: int) -> bytes:
    """Samples that tell which they are."""
    return b"".join((8_192 + sample % 20_000).to_bytes(2, "little") for sample in range(start, start + count))


@given(
    acts=st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["pause", "resume", 20, 60, 200])), max_size=25),
    flush_after=st.none() | st.integers(0, 2000),
    buffer_ms=st.sampled_from([0, 50]),
)
def test_no_sample_is_heard_twice_or_lost_and_none_in_a_pause(
    acts: list[tuple[int, str | int]], flush_after: int | None, buffer_ms: int
) -> None:
    player = Player(RATE, buffer_ns=buffer_ms * MS)
    now_ns = pts = 0
    paused_since: int | None = None
    pauses: list[tuple[int, int]] = []
    before_ms = 0.0
    for wait_ms, act in [*acts, (0, 100), (0, "resume")]:
        held = player.playhead(now_ns)
        now_ns += wait_ms * MS + 1
        playhead = player.playhead(now_ns)
        if playhead is not None:
            assert playhead.played_ms >= before_ms
            before_ms = playhead.played_ms
        if player.is_paused:
            assert playhead == held
        match act:
            case "pause":
                player.pause(1, now_ns)
                paused_since = now_ns if paused_since is None else paused_since
            case "resume":
                player.resume(1, now_ns)
                if paused_since is not None:
                    pauses.append((paused_since, now_ns))
                paused_since = None
            case int(length_ms):
                player.received(1, pts, numbered(pts, samples(length_ms)), now_ns)
                pts += samples(length_ms)
    reply = player.reply(1)
    assert reply is not None
    if flush_after is not None:
        now_ns += flush_after * MS
        player.flush(1, now_ns)
        assert all(piece.play_ns <= now_ns for piece in reply.pieces)
    assert reply.pcm() == numbered(0, reply.samples)
    assert reply.samples <= pts if flush_after is not None else reply.samples == pts
    spans = [(piece.play_ns, piece.play_ns + len(piece.pcm) // 2 * 1_000_000_000 // RATE) for piece in reply.pieces]
    assert all(begin >= end for (_, end), (begin, _) in pairwise(spans))
    # The sample that a pause cuts short is heard behind it.
    slack_ns = 1_000_000_000 // RATE + 1
    for since_ns, until_ns in pauses:
        assert not any(begin + slack_ns < until_ns and end - slack_ns > since_ns for begin, end in spans)
