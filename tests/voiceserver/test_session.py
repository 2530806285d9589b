import asyncio
from typing import Any

import pytest

from tests.voiceserver.stages import Caller, converse, opened
from voicewire.errors import ErrorCode
from voicewire.frames import AudioFrame
from voicewire.marks import Mark
from voicewire.messages import (
    AudioEnd,
    CancelReason,
    Clock,
    Error,
    Interrupt,
    LlmToken,
    Playback,
    ReplyCancelled,
    ReplyPaused,
    SpeechStarted,
    SpeechStopped,
    TextInput,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
    Up,
)

STORY = "scripted(text='One two three four five six. Seven eight nine ten, and so on for a very long time.')"


def marks(caller: Caller, turn_id: int) -> dict[Mark, float]:
    return {timing.mark: timing.t_ms for timing in caller.all(Timing) if timing.turn_id == turn_id}


def errors(caller: Caller) -> list[tuple[ErrorCode, bool, int | None]]:
    return [(error.code, error.fatal, error.turn_id) for error in caller.all(Error)]


def test_a_spoken_turn_is_answered_with_every_stage_where_its_delays_put_it() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 6000)

    caller = converse(script)
    spoken = marks(caller, 1)
    last_speech = spoken[Mark.AUDIO_LAST_SPEECH]
    assert {mark.value: round(t_ms - last_speech, 3) for mark, t_ms in spoken.items()} == {
        "audio.last_speech": 0,
        "stt.first_partial": -800,
        "vad.closed": 200,
        "stt.final": 250,
        "turn.committed": 600,
        "llm.requested": 600,
        "llm.first_token": 720,
        "llm.done": 720,
        "tts.requested": 720,
        "tts.first_audio": 800,
        "reply.first_frame_sent": 800,
        "tts.done": 800,
    }
    (end,) = caller.all(TurnEnd)
    assert end.outcome is TurnOutcome.COMPLETED
    assert end.latencies_ms == {
        "endpointing_delay": 600,
        "stt_finalization": 50,
        "ttft": 120,
        "tts_ttfb": 80,
        "server_turnaround": 800,
    }
    assert end.usage.heard_audio_ms > end.usage.decoded_audio_ms >= 1000
    assert [final.text for final in caller.all(TranscriptFinal)] == ["hello there"]
    assert caller.all(TranscriptPartial)[-1].text == "hello there"
    assert "".join(token.text for token in caller.all(LlmToken)) == "Good morning to you. It is a fine day."


def test_silence_is_never_decoded_and_starts_no_turn() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(0, 5000)

    caller = converse(script)
    assert caller.all(SpeechStarted) == []
    assert caller.all(TurnEnd) == []


def test_a_pause_shorter_than_the_silence_stays_in_the_turn() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, turn_detection={"silence_ms": 1000})
        await caller.speak(500, 700, 500, 5000)

    caller = converse(script, stt="scripted(text='what time|is it')")
    assert [final.text for final in caller.all(TranscriptFinal)] == ["what time is it"]
    assert {started.turn_id for started in caller.all(SpeechStarted)} == {1}
    assert len(caller.all(SpeechStopped)) == 2


def test_reply_audio_is_sent_at_most_the_lead_ahead_and_ends_with_an_empty_frame() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="talk"))
        sent = 0.0
        first_ns: int | None = None
        while True:
            frame = await caller.until(AudioFrame)
            first_ns = first_ns if first_ns is not None else caller.loop.now_ns()
            if not frame.payload:
                break
            sent += len(frame.payload) / 32
            assert sent - (caller.loop.now_ns() - first_ns) / 1e6 <= 300
        assert sent == frame.pts / 16 > 2000
        await caller.until(TurnEnd)

    converse(script, lead_ms=300)


def test_speech_over_the_reply_cancels_it_and_nothing_of_it_follows() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 1800, 800, 3000)

    caller = converse(script, llm=STORY, stt="scripted(text='go on|stop')")
    (cancelled,) = caller.all(ReplyCancelled)
    assert (cancelled.turn_id, cancelled.reason) == (1, CancelReason.BARGE_IN)
    # The reply began 680 ms after the speech's end, the barge-in 1800 ms after it, and was heard 80 ms later.
    assert cancelled.heard_ms == 1200
    assert cancelled.heard_text == "One two three four"
    (paused,) = caller.all(ReplyPaused)
    assert caller.heard.index(paused) < caller.heard.index(cancelled)
    after = caller.heard[caller.heard.index(cancelled) :]
    assert not [frame for frame in after if isinstance(frame, AudioFrame) and frame.turn_id == 1]
    assert not [token for token in after if isinstance(token, LlmToken) and token.turn_id == 1]
    assert caller.all(TurnEnd)[0].outcome is TurnOutcome.CANCELLED
    assert [final.text for final in caller.all(TranscriptFinal)] == ["go on", "stop"]


def test_a_backchannel_does_not_stop_the_reply() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, turn_detection={"barge_in_ms": 500})
        await caller.speak(1000, 1800, 400, 8000)

    caller = converse(script, llm=STORY)
    assert caller.all(ReplyCancelled) == []
    assert [(end.turn_id, end.outcome) for end in caller.all(TurnEnd)] == [
        (2, TurnOutcome.NO_SPEECH),
        (1, TurnOutcome.COMPLETED),
    ]


def test_an_interrupt_cuts_the_reply_where_the_client_says() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="talk"))
        await caller.until(AudioFrame)
        await asyncio.sleep(1.0)
        caller.send(Interrupt(turn_id=1, played_ms=250.0))
        cancelled = await caller.until(ReplyCancelled)
        assert (cancelled.reason, cancelled.heard_ms) == (CancelReason.INTERRUPT, 250.0)
        assert cancelled.heard_text == "One"

    converse(script, llm=STORY)


def test_frames_that_wait_when_their_reply_is_cancelled_are_never_sent() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="talk"))
        await caller.until(AudioFrame)
        caller.transport.reads.clear()
        await asyncio.sleep(0.2)
        caller.send(Interrupt(turn_id=1, played_ms=100.0))
        await asyncio.sleep(0.01)
        assert "reply of turn 1" not in {task.get_name() for task in asyncio.all_tasks()}
        caller.transport.reads.set()
        await caller.until(TurnEnd)
        await asyncio.sleep(1)

    caller = converse(script, llm=STORY)
    (cancelled,) = caller.all(ReplyCancelled)
    after = caller.heard[caller.heard.index(cancelled) :]
    assert [type(message).__name__ for message in after] == ["ReplyCancelled", "TurnEnd"]


def test_a_turn_does_not_end_before_its_audio_was_sent() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.transport.reads.clear()
        caller.send(TextInput(text="talk"))
        await asyncio.sleep(30)
        caller.transport.reads.set()
        await caller.until(TurnEnd)

    caller = converse(script)
    frames = [number for number, message in enumerate(caller.heard) if isinstance(message, AudioFrame)]
    (end,) = caller.all(TurnEnd)
    assert end.outcome is TurnOutcome.COMPLETED
    assert frames[-1] < caller.heard.index(end)
    last = caller.heard[frames[-1]]
    assert isinstance(last, AudioFrame)
    assert last.payload == b""


def test_a_client_that_never_reads_is_disconnected() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.transport.reads.clear()
        for number in range(6000):
            caller.send(Clock(ping_id=number, sent_ms=0))
            await asyncio.sleep(0.003)

    caller = converse(script)
    assert caller.transport.closed == (1008, "messages were not read")


def test_speech_that_stops_coming_is_answered_all_the_same() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000)
        final = await caller.until(TranscriptFinal)
        assert final.text == "hello there"

    converse(script)


def test_one_that_listens_is_not_idle() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="talk"))
        end = await caller.until(TurnEnd)
        assert end.outcome is TurnOutcome.COMPLETED
        began_ns = caller.loop.now_ns()
        assert (await caller.until(Error)).code is ErrorCode.IDLE_TIMEOUT
        assert caller.loop.now_ns() - began_ns == 1_000_000_000

    converse(script, idle_timeout_ms=1000)


def test_a_session_ends_when_its_turn_ids_are_used_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voiceserver.session.MAX_TURN_ID", 1)

    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="one"))
        await caller.until(TurnEnd)
        caller.send(TextInput(text="two"))
        error = await caller.until(Error)
        assert (error.code, error.fatal) == (ErrorCode.GOING_AWAY, True)

    converse(script)


def test_a_blank_text_is_refused() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="  "))
        error = await caller.until(Error)
        assert (error.code, error.field, error.fatal) == (ErrorCode.INVALID_FIELD, "text", False)

    converse(script)


def test_push_to_talk_in_silence_ends_a_turn() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, turn_detection={"mode": "manual"})
        await caller.speak(0, 500)
        caller.send(AudioEnd())
        assert (await caller.until(TurnEnd)).outcome is TurnOutcome.NO_SPEECH

    converse(script)


def test_the_turn_ends_when_the_client_says_it_was_played() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="talk"))
        frame = await caller.until(AudioFrame)
        while frame.payload:
            caller.send(Playback(turn_id=1, played_ms=0.0, buffered_ms=0.0))
            await asyncio.sleep(0.1)
            caller.send(Playback(turn_id=1, played_ms=1e6, buffered_ms=0.0))
            frame = await caller.until(AudioFrame)
        began_ns = caller.loop.now_ns()
        await caller.until(TurnEnd)
        assert caller.loop.now_ns() - began_ns < 600_000_000

    converse(script)


def test_push_to_talk_commits_at_audio_end() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, turn_detection={"mode": "manual"})
        await caller.speak(1000)
        caller.send(AudioEnd())
        final = await caller.until(TranscriptFinal)
        assert final.text == "hello there"
        await asyncio.sleep(0)
        ended = marks(caller, 1)
        assert ended[Mark.TURN_COMMITTED] - ended[Mark.AUDIO_LAST_SPEECH] == 50

    converse(script)


def test_a_typed_utterance_is_answered_as_a_spoken_one() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(TextInput(text="good day"))
        end = await caller.until(TurnEnd)
        assert end.outcome is TurnOutcome.COMPLETED
        assert end.latencies_ms == {"ttft": 120, "tts_ttfb": 80}

    caller = converse(script)
    assert [final.text for final in caller.all(TranscriptFinal)] == ["good day"]


def test_a_clock_is_answered_with_four_times() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        caller.send(Clock(ping_id=5, sent_ms=1.5))
        pong = await caller.until(Clock)
        now_ms = caller.loop.now_ns() / 1e6
        assert pong == Clock(ping_id=5, sent_ms=1.5, received_ms=now_ms, replied_ms=now_ms)

    converse(script)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"stt": "scripted(fault=raise)"}, ErrorCode.STT_FAILED),
        ({"stt": "scripted(fault=silent, partial=0)"}, ErrorCode.STT_FAILED),
        ({"llm": "scripted(text=x, fault=raise)"}, ErrorCode.LLM_FAILED),
        ({"llm": "scripted(text=x, fault=silent)", "llm_timeout_ms": 500}, ErrorCode.LLM_FAILED),
        ({"tts": "scripted(fault=raise)"}, ErrorCode.TTS_FAILED),
        ({"tts": "scripted(fault=silent)", "tts_timeout_ms": 500}, ErrorCode.TTS_FAILED),
    ],
)
def test_an_engine_that_fails_costs_its_turn_and_the_next_one_is_heard(settings: Any, code: ErrorCode) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 6000, 1000, 6000)

    caller = converse(script, **settings)
    assert errors(caller) == [(code, False, 1), (code, False, 2)]
    assert [(end.turn_id, end.outcome) for end in caller.all(TurnEnd)] == [
        (1, TurnOutcome.FAILED),
        (2, TurnOutcome.FAILED),
    ]


def test_a_vad_that_keeps_failing_ends_the_session() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(400)

    caller = converse(script, vad="scripted(fault=raise)")
    assert errors(caller) == [(ErrorCode.VAD_FAILED, False, None)] * 3 + [(ErrorCode.VAD_FAILED, True, None)]
    assert caller.transport.closed is not None
    assert caller.transport.closed[0] == 1011


def test_pings_and_silence_are_no_sign_of_a_user() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(0, 1900)
        caller.send(Clock(ping_id=0, sent_ms=0))
        caller.send(Playback(turn_id=1, played_ms=0, buffered_ms=0))
        await caller.until(Clock)
        error = await caller.until(Error)
        assert (error.code, error.fatal) == (ErrorCode.IDLE_TIMEOUT, True)
        assert error.message == "nothing was said or typed for 2 seconds"
        assert caller.loop.now_ns() == 2_000_000_000

    converse(script, idle_timeout_ms=2000)


@pytest.mark.parametrize("sign", [AudioEnd(), Interrupt(turn_id=1, played_ms=0)])
def test_what_a_user_does_is_a_sign_of_them(sign: Up) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await asyncio.sleep(1.5)
        caller.send(sign)
        assert (await caller.until(Error)).code is ErrorCode.IDLE_TIMEOUT
        assert caller.loop.now_ns() == 3_500_000_000

    converse(script, idle_timeout_ms=2000)


def test_who_speaks_for_long_is_not_idle_and_who_listens_for_long_is_not_either() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(3000, 700)
        committed_ns = caller.loop.now_ns()
        await caller.until(TurnEnd)
        ended_ns = caller.loop.now_ns()
        assert ended_ns - committed_ns > 2_000_000_000
        assert (await caller.until(Error)).code is ErrorCode.IDLE_TIMEOUT
        assert caller.loop.now_ns() - ended_ns == 1_000_000_000

    converse(script, idle_timeout_ms=1000)


@pytest.mark.parametrize(
    ("session_length_ms", "spoken"), [(1500, "1.5 seconds"), (90_000, "90 seconds"), (180_000, "3 minutes")]
)
def test_a_session_that_has_lasted_as_long_as_one_may_is_closed(session_length_ms: int, spoken: str) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        began_ns = caller.loop.now_ns()
        while not caller.all(Error) and caller.loop.now_ns() - began_ns < 200_000_000_000:
            caller.send(Clock(ping_id=0, sent_ms=0))
            await asyncio.sleep(0.5)
        lasted_ms = (caller.loop.now_ns() - began_ns) / 1e6
        (error,) = caller.all(Error)
        assert (error.code, error.fatal) == (ErrorCode.SESSION_EXPIRED, True)
        assert error.message == f"the session has lasted {spoken}, and may not be longer"
        await asyncio.sleep(0.1)
        assert caller.transport.closed == (1008, error.message)
        assert session_length_ms <= lasted_ms <= session_length_ms + 500

    converse(script, session_length_ms=session_length_ms)
