import pytest

from tests.voicecli.peer import (
    LOUD,
    QUIET,
    SERVER_AHEAD_NS,
    Peer,
    Script,
    call,
    made,
    memory_pair,
    recorded,
    spoken,
    virtually,
)
from voicecli.calls.call import place_call
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.transport import CallError, NoConnection, NoVoicewire
from voicecli.client.viewstate import ViewState
from voicecli.fixtures.fixture import FixtureError, Kind, Session, UtteranceExpect, When
from voicecli.fixtures.schedule import Schedule, Sending
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioEnd,
    CancelReason,
    Endpointing,
    Error,
    Interrupt,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SpeechStarted,
    SpeechStopped,
    TextInput,
    TranscriptFinal,
    TurnDetection,
    TurnDetectionMode,
    TurnEnd,
    TurnOutcome,
)


async def plain(peer: Peer) -> None:
    await peer.ready()
    await peer.answer(1, "hello there", from_ms=200, to_ms=700)


def test_a_call_lasts_until_the_reply_was_heard() -> None:
    record, peer = call(plain, made())
    (turn,) = record.view.turns
    assert (turn.outcome, turn.transcript, turn.reply) == (TurnOutcome.COMPLETED, "hello there", "Yes.")
    # 1000 ms up to the commit, 400 ms of reply; the frame after them ends the call.
    assert peer.audio_ms == 1400
    assert record.gave_up is None


def test_each_chunk_leaves_when_its_last_sample_was_captured() -> None:
    record, peer = call(plain, made())
    left = [at for message, at in zip(peer.heard, peer.heard_ns, strict=True) if isinstance(message, AudioFrame)]
    assert left == [record.origin_ns + 20 * NS_PER_MS * number for number in range(1, 71)]
    assert record.pacing == (70, 0, 0.0, 0.0)


def test_the_fixture_goes_out_frame_by_frame_and_silence_after_it() -> None:
    _, peer = call(plain, made())
    frames = peer.all(AudioFrame)
    assert [int.from_bytes(frame.payload[:2], "little") for frame in frames[:50]] == list(range(50))
    assert {frame.payload[2:] for frame in frames[50:]} == {QUIET[2:]}
    assert [(frame.sequence, frame.pts) for frame in frames] == [(n, n * 320) for n in range(70)]


def test_marks_of_both_clocks_meet_on_the_clients() -> None:
    record, _ = call(plain, made())
    assert record.view.offset_ns == SERVER_AHEAD_NS
    own = {
        mark: (at - record.origin_ns) / NS_PER_MS for mark, at in record.view.own_marks(record.view.turns[0]).items()
    }
    assert own == {
        Mark.AUDIO_LAST_SPEECH: 700,
        Mark.VAD_CLOSED: 1000,
        Mark.STT_FINAL: 1000,
        Mark.TURN_COMMITTED: 1000,
        Mark.LLM_REQUESTED: 1000,
        Mark.LLM_FIRST_TOKEN: 1000,
        Mark.TTS_REQUESTED: 1000,
        Mark.TTS_FIRST_AUDIO: 1000,
        Mark.REPLY_FIRST_FRAME_SENT: 1000,
        Mark.MIC_SPEECH_END: 700,
        Mark.REPLY_FIRST_FRAME_RECEIVED: 1000,
        Mark.REPLY_FIRST_AUDIBLE: 1000,
    }


def test_the_playhead_is_told_at_the_start_ten_times_a_second_and_at_the_end() -> None:
    _, peer = call(plain, made())
    told = [(playback.turn_id, playback.played_ms, playback.buffered_ms) for playback in peer.all(Playback)]
    assert told == [(1, 0, 400), (1, 100, 300), (1, 200, 200), (1, 300, 100), (1, 400, 0)]


def test_the_next_utterance_waits_for_the_reply() -> None:
    async def two_turns(peer: Peer) -> None:
        await peer.ready()
        await peer.answer(1, "hello there", from_ms=200, to_ms=700)
        await peer.answer(2, "and now", from_ms=1400 + 200, to_ms=1400 + 500)

    second = spoken("and now", audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.AFTER_REPLY)
    record, _ = call(two_turns, made(spoken(), second))
    assert record.starts_ms == (0, 1400)
    assert record.utterances == {1: 0, 2: 1}
    last = record.view.turns[1].marks[Mark.MIC_SPEECH_END]
    assert last - record.origin_ns == (1400 + 500) * NS_PER_MS


async def barged_in(peer: Peer) -> None:
    """A reply of 3 s, which the second utterance cuts 100 ms after its onset."""
    await peer.ready()
    await peer.until_audio(1000)
    await peer.say(SpeechStarted(turn_id=1, position_ms=200), SpeechStopped(turn_id=1, position_ms=700))
    await peer.say(TranscriptFinal(turn_id=1, text="hello there"))
    await peer.reply(1, *[LOUD] * 150, ends=False)
    await peer.until_audio(1000 + 640 + 100)
    await peer.say(SpeechStarted(turn_id=2, position_ms=1640))
    await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=740, heard_text="One"))
    await peer.reply(1, LOUD, pts=150 * 320)
    await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.CANCELLED))
    await peer.until_audio(2600)
    await peer.say(SpeechStopped(turn_id=2, position_ms=2100))
    await peer.say(TranscriptFinal(turn_id=2, text="stop it"))
    await peer.reply(2, LOUD)
    await peer.until_played(2, 20)
    await peer.say(TurnEnd(turn_id=2, outcome=TurnOutcome.COMPLETED))


INTO = spoken("stop it", audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.INTO_REPLY, into_reply_ms=630.0)


def test_speech_into_a_reply_begins_when_so_much_of_it_was_heard() -> None:
    record, _ = call(barged_in, made(spoken(), INTO))
    # The reply is heard from 1000 on. The region has 200 ms before its onset, and begins with the chunk at 1440.
    assert record.starts_ms == (0, 1440)


def test_barge_in_stop_runs_from_the_onset_to_the_last_sound() -> None:
    record, _ = call(barged_in, made(spoken(), INTO))
    marks = record.view.turns[0].marks
    assert marks[Mark.BARGE_IN_SPEECH_START] - record.origin_ns == 1640 * NS_PER_MS
    assert marks[Mark.BARGE_IN_SILENCE] - record.origin_ns == 1740 * NS_PER_MS


async def coughed_at(peer: Peer, *, pause_ms: int, resume_ms: int | None) -> None:
    """A reply of 3 s from 1000 ms on, paused."""
    await peer.ready()
    await peer.until_audio(1000)
    await peer.say(SpeechStarted(turn_id=1, position_ms=200), SpeechStopped(turn_id=1, position_ms=700))
    await peer.say(TranscriptFinal(turn_id=1, text="hello there"))
    await peer.reply(1, *[LOUD] * 150)
    await peer.until_audio(pause_ms)
    await peer.say(ReplyPaused(turn_id=1))
    if resume_ms is not None:
        await peer.until_audio(resume_ms)
        await peer.say(ReplyResumed(turn_id=1))


async def cut_at(peer: Peer, cut_ms: int) -> None:
    await peer.until_audio(cut_ms)
    await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=740, heard_text="One"))
    await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.CANCELLED))
    await peer.say(SpeechStarted(turn_id=2, position_ms=1640), TurnEnd(turn_id=2, outcome=TurnOutcome.NO_SPEECH))


def test_a_barge_in_that_paused_first_was_silent_with_the_pause() -> None:
    async def paused_and_cut(peer: Peer) -> None:
        await coughed_at(peer, pause_ms=1720, resume_ms=None)
        await cut_at(peer, 2200)

    record, _ = call(paused_and_cut, made(spoken(), INTO))
    marks = record.view.turns[0].marks
    assert marks[Mark.BARGE_IN_SPEECH_START] - record.origin_ns == 1640 * NS_PER_MS
    assert marks[Mark.BARGE_IN_SILENCE] - record.origin_ns == 1720 * NS_PER_MS
    [reply] = record.replies
    assert (reply.samples, reply.pauses, reply.paused_ns) == (720 * 16, 1, 480 * NS_PER_MS)


def test_of_two_sounds_over_a_reply_the_one_it_was_not_resumed_after_is_the_barge_in() -> None:
    async def coughed_then_cut(peer: Peer) -> None:
        await coughed_at(peer, pause_ms=1720, resume_ms=1840)
        await cut_at(peer, 2200)

    twice = spoken(
        "stop it",
        audio_ms=(1000, 2000),
        segments_ms=((1200, 1300), (1600, 1700)),
        when=When.INTO_REPLY,
        into_reply_ms=630.0,
    )
    record, _ = call(coughed_then_cut, made(spoken(), twice))
    marks = record.view.turns[0].marks
    assert marks[Mark.BARGE_IN_SPEECH_START] - record.origin_ns == 2040 * NS_PER_MS
    assert marks[Mark.BARGE_IN_SILENCE] - record.origin_ns == 2200 * NS_PER_MS


def test_speech_into_a_reply_waits_for_as_much_of_it_as_was_heard_between_its_pauses() -> None:
    async def coughed(peer: Peer) -> None:
        await coughed_at(peer, pause_ms=1200, resume_ms=1700)
        await cut_at(peer, 2700)

    record, _ = call(coughed, made(spoken(), INTO))
    assert record.starts_ms == (0, 1440 + 500)


def test_a_reply_that_was_resumed_is_heard_to_its_end() -> None:
    async def coughed(peer: Peer) -> None:
        await coughed_at(peer, pause_ms=1200, resume_ms=1700)
        await peer.until_played(1, 3000)
        assert peer.audio_ms >= 4480
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))

    record, _ = call(coughed, made(spoken()))
    [reply] = record.replies
    assert (record.gave_up, reply.samples, reply.cut, reply.pcm()) == (None, 3000 * 16, False, LOUD * 150)
    assert (reply.pauses, reply.paused_ns, reply.underruns) == (1, 500 * NS_PER_MS, 0)


def test_a_reply_that_is_paused_for_good_is_given_up() -> None:
    async def coughed(peer: Peer) -> None:
        await coughed_at(peer, pause_ms=1200, resume_ms=None)

    record, _ = call(coughed, made(spoken()), timeout_s=5)
    assert record.gave_up == "utterance 1: its reply did not end; nothing came for 5 s"


def test_a_reply_that_was_pausing_when_the_user_began_had_stopped_already() -> None:
    async def pausing(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(1000)
        await peer.say(SpeechStarted(turn_id=1, position_ms=200), SpeechStopped(turn_id=1, position_ms=700))
        await peer.say(TranscriptFinal(turn_id=1, text="hello there"))
        await peer.reply(1, *[LOUD] * 20, *[QUIET] * 100)
        await peer.until_audio(1840)
        await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.BARGE_IN, heard_ms=840, heard_text=""))
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.CANCELLED))
        await peer.say(TurnEnd(turn_id=2, outcome=TurnOutcome.NO_SPEECH))

    record, _ = call(pausing, made(spoken(), INTO))
    marks = record.view.turns[0].marks
    assert marks[Mark.BARGE_IN_SPEECH_START] == marks[Mark.BARGE_IN_SILENCE]


def test_what_comes_of_a_cancelled_reply_is_not_heard() -> None:
    record, _ = call(barged_in, made(spoken(), INTO))
    assert [(reply.turn_id, reply.samples, reply.cut) for reply in record.replies] == [
        (1, 740 * 16, True),
        (2, 320, False),
    ]
    assert record.stale_frames == 2


def test_silence_is_over_a_moment_after_it_was_said() -> None:
    async def nothing(peer: Peer) -> None:
        await peer.ready()

    silence = spoken("", segments_ms=(), kind=Kind.SILENCE)
    record, peer = call(nothing, made(silence))
    assert (record.view.turns, record.gave_up) == ((), None)
    # All is said at 1000 ms. At 2000 ms the call is over, and its next chunk is not sent.
    assert peer.audio_ms == 1980


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def nothing(peer: Peer) -> None:
        await peer.ready()

    record, _ = call(nothing, made(), timeout_s=5)
    assert record.gave_up == "utterance 1: there was no reply; nothing came for 5 s"


def test_a_reply_that_is_over_too_early_to_speak_into_is_given_up() -> None:
    late = spoken(audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.INTO_REPLY, into_reply_ms=5000.0)
    record, _ = call(plain, made(spoken(), late), timeout_s=5)
    assert record.gave_up is not None
    assert record.gave_up.startswith("utterance 1: its reply was over before the next utterance could be spoken")


def test_push_to_talk_ends_the_audio_where_the_region_ends() -> None:
    async def manual(peer: Peer) -> None:
        await peer.ready()
        await peer.until(lambda: bool(peer.all(AudioEnd)))
        assert peer.audio_ms == 1000
        await peer.say(TranscriptFinal(turn_id=1, text="hello there"))
        await peer.reply(1, LOUD)
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED))

    record, peer = call(manual, made(session=Session(turn_detection={"mode": "manual"})))
    assert peer.start is not None
    assert peer.start.turn_detection == TurnDetection(mode=TurnDetectionMode.MANUAL)
    # Without the server's word for it, the annotation of the utterance says when the speech ended.
    assert record.view.turns[0].marks[Mark.MIC_SPEECH_END] - record.origin_ns == 700 * NS_PER_MS


def test_without_pongs_the_call_goes_on_and_nothing_is_placed() -> None:
    async def mute(peer: Peer) -> None:
        peer.answers_pings = False
        await plain(peer)

    record, _ = call(mute, made())
    assert record.view.offset_ns is None
    assert set(record.view.own_marks(record.view.turns[0])) == {
        Mark.MIC_SPEECH_END,
        Mark.REPLY_FIRST_FRAME_RECEIVED,
        Mark.REPLY_FIRST_AUDIBLE,
    }


def test_an_utterance_that_needs_no_reply_ends_with_the_reply_it_was_spoken_into() -> None:
    backchannel = spoken(
        "mm hm",
        audio_ms=(1000, 1200),
        segments_ms=((1060, 1160),),
        when=When.INTO_REPLY,
        into_reply_ms=100.0,
        kind=Kind.BACKCHANNEL,
        expect=UtteranceExpect(reply=False),
    )
    record, _ = call(plain, made(spoken(), backchannel))
    assert record.gave_up is None
    assert record.view.turns[0].outcome is TurnOutcome.COMPLETED


async def refusing(peer: Peer) -> None:
    await peer.say(Error(code=ErrorCode.UNAUTHORIZED, message="a token is needed", fatal=True))


async def vanishing(peer: Peer) -> None:
    await peer.ready()
    await peer.until_audio(500)
    await peer.end.close(1006)


async def babbling(peer: Peer) -> None:
    await peer.ready()
    await peer.end.send("not json")


async def complaining(peer: Peer) -> None:
    await peer.ready()
    await peer.say(Error(code=ErrorCode.MALFORMED_FRAME, message="what is this?", fatal=True))


@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        (refusing, NoConnection, "the server ended the session: a token is needed (unauthorized)"),
        (vanishing, NoConnection, "the connection to the server was lost; look whether it still runs"),
        (babbling, NoVoicewire, "the server broke the protocol: a text frame must be a JSON object"),
        (complaining, NoVoicewire, "the server ended the session: what is this? (malformed_frame)"),
    ],
)
def test_what_ends_a_call_is_one_error(script: Script, kind: type[CallError], told: str) -> None:
    with pytest.raises(kind) as caught:
        call(script, made())
    assert str(caught.value).startswith(told)


def test_a_server_that_never_gets_ready_is_no_connection() -> None:
    async def main(loop: VirtualLoop) -> None:
        client, _ = memory_pair()
        with pytest.raises(NoConnection, match="did not answer `session_start` within 20 s"):
            await place_call(made(), recorded(made()), client, loop)

    virtually(main)


def test_every_change_is_watched() -> None:
    seen: list[ViewState] = []
    record, _ = call(plain, made(), watch=lambda view, now_ns: seen.append(view))
    assert seen[-1] == record.view
    assert next(view.turns[0].transcript for view in seen if view.turns) is None


def test_what_the_fixture_asks_for_wins_over_what_is_asked_for_in_all_calls() -> None:
    asked: dict[str, bool | int | str] = {"silence_ms": 400, "endpointing": "fixed"}
    record, peer = call(plain, made(session=Session(turn_detection={"silence_ms": 200})), turn_detection=asked)
    assert peer.start is not None
    assert peer.start.turn_detection == TurnDetection(silence_ms=200, endpointing=Endpointing.FIXED)
    assert record.view.turns


def test_turn_detection_that_the_protocol_does_not_know_is_refused() -> None:
    with pytest.raises(FixtureError, match=r"session.turn_detection: Expected `int` <= 10000 - at `\$.silence_ms`"):
        call(plain, made(session=Session(turn_detection={"silence_ms": 20_000})))


def test_a_recorded_interruption_stops_the_reply_that_is_heard_now() -> None:
    """It named another turn in the call that was recorded; and where nothing is heard, there is nothing to stop."""
    recorded_one = made(spoken(when=When.RECORDED))
    spoken_ms = [(at_ms, Sending((at_ms + 20) * NS_PER_MS, at_ms * NS_PER_MS, 1)) for at_ms in range(0, 1000, 20)]
    stop = Interrupt(turn_id=9, played_ms=1.0)
    stopped_ms = [(at_ms, Sending(at_ms * NS_PER_MS, act=stop)) for at_ms in (510, 1400)]
    schedule = Schedule([sending for _, sending in sorted([*spoken_ms, *stopped_ms])])

    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(1000)
        await peer.say(TranscriptFinal(turn_id=1, text="hello there"))
        await peer.reply(1, *[LOUD] * 60, ends=False)
        await peer.until(lambda: bool(peer.all(Interrupt)))
        await peer.say(ReplyCancelled(turn_id=1, reason=CancelReason.INTERRUPT, heard_ms=0, heard_text=""))
        await peer.say(TurnEnd(turn_id=1, outcome=TurnOutcome.CANCELLED))

    record, peer = call(script, recorded_one, schedule=schedule)
    (interrupted,) = peer.all(Interrupt)
    (heard,) = record.replies
    assert interrupted.turn_id == 1
    assert interrupted.played_ms == pytest.approx(heard.samples / 16, abs=0.1)
    assert record.gave_up is None


def test_what_was_typed_last_is_answered_before_the_call_ends() -> None:
    spoken_once = [Sending((index + 1) * 20 * NS_PER_MS, index * 20 * NS_PER_MS, 1) for index in range(50)]
    typed = Sending(2000 * NS_PER_MS, act=TextInput(text="and now"))

    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.answer(1, "hello there", from_ms=200, to_ms=700)
        await peer.until(lambda: bool(peer.all(TextInput)))
        await peer.until_audio(1000 + 700)  # long after the call could have been over
        await peer.say(TurnEnd(turn_id=2, outcome=TurnOutcome.COMPLETED))

    record, _ = call(script, made(spoken(when=When.RECORDED)), schedule=Schedule([*spoken_once, typed]))
    assert [turn.turn_id for turn in record.view.turns] == [1, 2]
    assert record.gave_up is None
