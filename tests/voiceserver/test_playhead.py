from hypothesis import given
from hypothesis import strategies as st

from voiceserver.playhead import Playhead, ReplyQueue, SpokenFrame
from voicewire.clock import NS_PER_MS

RATE = 1000  # one sample a millisecond: positions below read as milliseconds


def frame(pts: int, samples: int = 20) -> SpokenFrame:
    return SpokenFrame(pts, samples, b"x")


def queue(frames: int = 0, *, lead_ms: int = 100) -> ReplyQueue:
    made = ReplyQueue(RATE, lead_ms=lead_ms, capacity_ms=1000)
    for number in range(frames):
        made.put(frame(number * 20))
    return made


def release(reply: ReplyQueue, now_ns: int) -> list[SpokenFrame]:
    """Frames that are written the moment they are released."""
    frames = reply.release(now_ns)
    for each in frames:
        reply.written(each, now_ns)
    return frames


def pts_of(frames: list[SpokenFrame]) -> list[int]:
    return [each.pts for each in frames]


def test_without_reports_the_playhead_advances_in_real_time_through_what_was_sent() -> None:
    playhead = Playhead(RATE)
    playhead.sent(100, 1000 * NS_PER_MS)
    assert playhead.position(1060 * NS_PER_MS) == 60
    assert playhead.position(5000 * NS_PER_MS) == 100


def test_an_underrun_does_not_count_as_played() -> None:
    playhead = Playhead(RATE)
    playhead.sent(100, 0)
    playhead.sent(100, 500 * NS_PER_MS)
    assert playhead.position(530 * NS_PER_MS) == 130


def test_many_small_frames_add_no_rounding() -> None:
    playhead = Playhead(24_000)
    for number in range(1000):
        playhead.sent(480, number * 20 * NS_PER_MS - 7 * number)
    assert playhead.position(990 * 20 * NS_PER_MS) == 990 * 480


def test_a_report_sets_the_playhead() -> None:
    playhead = Playhead(RATE)
    playhead.sent(1000, 0)
    playhead.reported(40.0, 300 * NS_PER_MS)
    assert playhead.position(310 * NS_PER_MS) == 50


def test_a_report_of_more_than_was_sent_is_cut_to_it() -> None:
    playhead = Playhead(RATE)
    playhead.sent(100, 0)
    playhead.reported(1e9, 10 * NS_PER_MS)
    assert playhead.position(10 * NS_PER_MS) == 100


def test_a_stopped_playhead_stays() -> None:
    playhead = Playhead(RATE)
    playhead.sent(1000, 0)
    playhead.stop(70 * NS_PER_MS)
    playhead.reported(500.0, 80 * NS_PER_MS)
    assert playhead.position(900 * NS_PER_MS) == 70


def test_at_most_the_lead_is_sent_ahead_of_the_playhead() -> None:
    reply = queue(10)
    assert pts_of(release(reply, 0)) == [0, 20, 40, 60, 80]
    assert reply.deadline() == 20 * NS_PER_MS
    assert release(reply, 19 * NS_PER_MS) == []
    assert pts_of(release(reply, 20 * NS_PER_MS)) == [100]


def test_the_first_frame_goes_out_however_short_the_lead() -> None:
    reply = queue(2, lead_ms=0)
    assert pts_of(release(reply, 0)) == [0]
    assert pts_of(release(reply, 20 * NS_PER_MS)) == [20]


def test_a_client_that_lags_behind_is_sent_less() -> None:
    reply = queue(20)
    release(reply, 0)
    reply.playhead.reported(0.0, 90 * NS_PER_MS)
    assert release(reply, 100 * NS_PER_MS) == []
    assert pts_of(release(reply, 110 * NS_PER_MS)) == [100]


def test_a_finished_reply_ends_with_one_frame_without_payload() -> None:
    reply = queue(2)
    reply.finish()
    assert release(reply, 0)[-1] == SpokenFrame(40, 0, b"")
    assert release(reply, NS_PER_MS) == []


def test_a_reply_is_heard_when_the_playhead_reaches_its_end_and_not_before() -> None:
    reply = queue(2)
    reply.finish()
    release(reply, 0)
    assert reply.deadline() == 40 * NS_PER_MS
    assert not reply.is_heard(39 * NS_PER_MS)
    assert reply.is_heard(40 * NS_PER_MS)


def test_what_was_released_and_not_written_was_not_heard() -> None:
    reply = queue(20)
    reply.finish()
    waiting = reply.release(0)
    assert reply.deadline() is None
    assert reply.playhead.position(10_000 * NS_PER_MS) == 0
    assert reply.release(10_000 * NS_PER_MS) == []
    for each in waiting:
        reply.written(each, 10_000 * NS_PER_MS)
    assert reply.playhead.position(10_050 * NS_PER_MS) == 50
    assert pts_of(reply.release(10_050 * NS_PER_MS)) == [100, 120]


def test_a_reply_whose_end_waits_to_be_written_is_not_over() -> None:
    reply = queue(1)
    reply.finish()
    sound, end = reply.release(0)
    reply.written(sound, 0)
    assert not reply.is_heard(1000 * NS_PER_MS)
    reply.written(end, 1000 * NS_PER_MS)
    assert reply.is_heard(1000 * NS_PER_MS)


def test_a_reply_without_audio_is_heard_at_once() -> None:
    reply = queue()
    reply.finish()
    assert release(reply, 0) == [SpokenFrame(0, 0, b"")]
    assert reply.is_heard(0)


def test_a_full_queue_says_so_until_frames_are_taken() -> None:
    reply = queue(50)
    assert reply.is_full
    release(reply, 0)
    assert not reply.is_full


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["put", "report", "wait"]), st.integers(0, 300)), max_size=60
    )
)
def test_whatever_the_client_reports_no_more_than_the_lead_is_ahead(script: list[tuple[int, str, int]]) -> None:
    reply = queue(lead_ms=100)
    now_ms = pts = sent = 0
    for delay_ms, what, value in script:
        now_ms += delay_ms
        if what == "put":
            reply.put(frame(pts))
            pts += 20
        elif what == "report":
            reply.playhead.reported(float(value), now_ms * NS_PER_MS)
        before = reply.playhead.position(now_ms * NS_PER_MS)
        for released in release(reply, now_ms * NS_PER_MS):
            assert released.pts == sent
            sent += released.samples
            assert sent - before <= 100
        deadline = reply.deadline()
        if deadline is not None:
            assert deadline > now_ms * NS_PER_MS
