"""A session's turn-taking as a caller hears it: answers begun early, replies that pause, turns that are taken back, and
callers who are odd. On the virtual clock, so every figure is exact."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from benchmarks.heard import barge_in
from tests.voiceserver.stages import LOUD, Caller, Script, converse, opened, scripted, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.engines.roles import Transcript
from voiceserver.engines.scripted.llm import ScriptedLlm
from voiceserver.engines.scripted.stt import ScriptedStt
from voiceserver.service import Service
from voicewire.formats import Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.marks import Mark
from voicewire.messages import (
    AudioEnd,
    CancelReason,
    Endpointing,
    Error,
    Interrupt,
    LlmToken,
    ReplyCancelled,
    ReplyPaused,
    ReplyResumed,
    SessionReady,
    Speculation,
    SpeechStarted,
    TextInput,
    Timing,
    TranscriptFinal,
    TurnEnd,
    TurnOutcome,
)

HUMAN = {"endpointing": Endpointing.ADAPTIVE, "speculation": True, "resume_ms": 1000, "barge_in_sure_ms": 700}
CLOUD = {
    "stt": "scripted(text='what time is it', final=250ms)",
    "llm": "scripted(text='It is ten. The sun is out.', ttft=400ms)",
    "tts": "scripted(ttfb=150ms)",
}


def converse_as_people_do(script: Script, **settings: object) -> Caller:
    return converse(script, **(HUMAN | CLOUD | settings))


async def ask(caller: Caller) -> None:
    await opened(caller)
    await caller.speak(1000, 6000)


def marks(caller: Caller, turn_id: int) -> dict[Mark, float]:
    return {timing.mark: timing.t_ms for timing in caller.all(Timing) if timing.turn_id == turn_id}


def test_an_answer_begun_early_is_given_sooner_by_what_its_ledger_says() -> None:
    early, late = (converse_as_people_do(ask, speculation=on) for on in (True, False))
    took = [
        marks(caller, 1)[Mark.REPLY_FIRST_FRAME_SENT] - marks(caller, 1)[Mark.AUDIO_LAST_SPEECH]
        for caller in (early, late)
    ]
    (ledger,) = [end.speculation for end in early.all(TurnEnd)]
    assert ledger == Speculation(started=1, hit=1, saved_ms=took[1] - took[0])
    assert ledger.saved_ms > 400
    assert [end.speculation for end in late.all(TurnEnd)] == [Speculation()]
    assert [final.text for final in early.all(TranscriptFinal)] == ["what time is it"]


def test_nothing_of_an_answer_is_sent_before_the_commit() -> None:
    caller = converse_as_people_do(ask)
    committed = caller.heard.index(caller.all(TranscriptFinal)[0])
    of_reply = (Mark.LLM_REQUESTED, Mark.LLM_FIRST_TOKEN, Mark.TTS_REQUESTED, Mark.TTS_FIRST_AUDIO)
    for message in caller.heard[:committed]:
        assert not isinstance(message, AudioFrame | LlmToken)
        assert not (isinstance(message, Timing) and message.mark in of_reply)
    told = marks(caller, 1)
    assert told[Mark.LLM_REQUESTED] < told[Mark.TURN_COMMITTED] <= told[Mark.REPLY_FIRST_FRAME_SENT]


def test_an_answer_to_what_was_not_said_is_never_heard_and_is_counted() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 600, 1000, 8000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='tell me about|london', final=50ms)",
        llm="scripted(text='One two three.', ttft=20ms)",
    )
    assert [final.text for final in caller.all(TranscriptFinal)] == ["tell me about london"]
    (end,) = caller.all(TurnEnd)
    assert (end.speculation.started, end.speculation.hit, end.speculation.cancelled) == (2, 1, 1)
    assert end.speculation.wasted_tokens > 0
    assert end.speculation.wasted_input_tokens == len("tell me about") // 4
    assert "".join(token.text for token in caller.all(LlmToken)) == "One two three."


def test_what_is_anticipated_is_answered_sooner_and_kept_as_it_was_said() -> None:
    likely, unlikely = (
        converse_as_people_do(
            ask, anticipate=texts, stt="scripted(text='so what can you do', final=250ms, partial=200ms, lag=200ms)"
        )
        for texts in (("What can you do?",), ("What can you see?",))
    )
    took = [
        marks(caller, 1)[Mark.REPLY_FIRST_FRAME_SENT] - marks(caller, 1)[Mark.AUDIO_LAST_SPEECH]
        for caller in (likely, unlikely)
    ]
    assert took[1] - took[0] > 100
    for caller in (likely, unlikely):
        assert [final.text for final in caller.all(TranscriptFinal)] == ["so what can you do"]
    hits = [end.speculation for caller in (likely, unlikely) for end in caller.all(TurnEnd)]
    assert [(told.started, told.hit) for told in hits if told is not None] == [(1, 1), (2, 1)]


@pytest.mark.parametrize("comes_back", [False, True])
def test_what_two_callers_have_said_is_answered_sooner_to_the_next_one(comes_back: bool) -> None:
    settings = scripted(
        **HUMAN,
        anticipate_after=2,
        stt="scripted(text='so what can you do', final=250ms, partial=200ms, lag=200ms)",
        llm=CLOUD["llm"],
        tts=CLOUD["tts"],
    )
    callers: list[Caller] = []

    async def calls(loop: VirtualLoop) -> None:
        callers.extend(Caller(loop) for _ in range(3))
        token = None
        async with Service(settings, loop) as service:
            for caller in callers:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(service.converse(caller.transport))
                    token = (await opened(caller, resume_token=token if comes_back else None)).resume_token
                    await caller.speak(1000, 6000)
                    caller.hang_up()

    virtually(calls)
    took = [
        marks(caller, 1)[Mark.REPLY_FIRST_FRAME_SENT] - marks(caller, 1)[Mark.AUDIO_LAST_SPEECH] for caller in callers
    ]
    assert took[0] == took[1]
    assert (took[1] - took[2] > 100) == (not comes_back)


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [("Shall I do so for you now?", TurnOutcome.COMPLETED), ("I shall do so for you now.", TurnOutcome.NO_SPEECH)],
)
def test_a_nod_over_the_end_of_an_answer_is_a_turn_only_where_that_asked(ending: str, outcome: TurnOutcome) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 3200, 400, 4000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='what time is it|yes', final=50ms)",
        llm=f"scripted(text='I can tell you the time. {ending}', ttft=20ms)",
    )
    assert len(caller.all(ReplyPaused)) == 1
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.COMPLETED, outcome]


def test_a_session_logs_what_came_of_all_answers_that_it_began_early(caplog: pytest.LogCaptureFixture) -> None:
    async def script(caller: Caller) -> None:
        await ask(caller)
        await caller.speak(1000, 260)  # and hangs up before the commit

    with caplog.at_level(logging.INFO, logger="voiceserver"):
        caller = converse_as_people_do(script)
    (end,) = caller.all(TurnEnd)
    (ended,) = [vars(record)["fields"] for record in caplog.records if record.getMessage() == "session ended"]
    assert (ended["begun_early"], ended["given"], ended["saved_ms"]) == (2, 1, end.speculation.saved_ms)
    assert ended["wasted_tokens"] > end.speculation.wasted_tokens + end.speculation.wasted_input_tokens


def test_a_held_answer_makes_no_more_than_its_beginning() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, turn_detection={"silence_ms": 10_000, "endpointing": "fixed"})
        await caller.speak(1000, 9000)
        caller.send(TextInput(text="never mind"))
        await caller.until(TurnEnd)

    story = "scripted(text='First of all. Then the second. Then the third one. And the fourth.', ttft=20ms)"
    caller = converse_as_people_do(script, llm=story)
    ledger = caller.all(TurnEnd)[0].speculation
    assert (ledger.started, ledger.cancelled) == (1, 1)
    assert 0 < ledger.wasted_tokens < 14
    assert 0 < ledger.wasted_tts_ms < 1000


def test_a_language_model_that_acts_is_never_asked_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedLlm, "acts", True, raising=False)
    caller = converse_as_people_do(ask)
    told = marks(caller, 1)
    assert told[Mark.LLM_REQUESTED] >= told[Mark.TURN_COMMITTED]


def test_an_engine_that_fails_at_an_early_answer_is_asked_again_at_the_commit() -> None:
    caller = converse_as_people_do(ask, llm="scripted(text='It is ten.', ttft=20ms, fault=raise, fault_streams=1)")
    (end,) = caller.all(TurnEnd)
    assert end.outcome is TurnOutcome.COMPLETED
    assert (end.speculation.started, end.speculation.hit, end.speculation.cancelled) == (1, 0, 1)
    assert "".join(token.text for token in caller.all(LlmToken)) == "It is ten."


def test_a_nod_pauses_the_reply_which_goes_on_and_is_heard_whole() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 1600, 300, 8000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='count to ten please|mm-hm', final=50ms)",
        llm="scripted(text='One two three four five six seven eight nine ten.')",
    )
    (paused,), (resumed,) = caller.all(ReplyPaused), caller.all(ReplyResumed)
    between = caller.heard[caller.heard.index(paused) : caller.heard.index(resumed)]
    assert not [frame for frame in between if isinstance(frame, AudioFrame)]
    assert caller.all(ReplyCancelled) == []
    assert [(end.turn_id, end.outcome) for end in caller.all(TurnEnd)] == [
        (2, TurnOutcome.NO_SPEECH),
        (1, TurnOutcome.COMPLETED),
    ]


@pytest.mark.parametrize(
    ("locale", "understood", "said", "stops"),
    [
        ("de-DE", (), "ja genau", False),
        ("de-DE", (), "warte mal", True),
        ("en-US", (), "ja genau", True),
        ("de-DE", ("en-US",), "yeah okay", False),
    ],
    ids=["german nod", "german order", "german in english", "german by a recogniser of english"],
)
def test_nods_are_those_of_the_language_that_speech_is_taken_for(
    locale: str, understood: tuple[str, ...], said: str, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller, locale=locale)
        await caller.speak(1000, 1600, 300, 8000)

    if understood:
        monkeypatch.setattr(ScriptedStt, "locales", understood, raising=False)
    caller = converse_as_people_do(
        script,
        stt=f"scripted(text='zähl bis zehn|{said}', final=50ms)",
        llm="scripted(text='Eins zwei drei vier fünf sechs sieben acht neun zehn.')",
    )
    assert [cancelled.turn_id for cancelled in caller.all(ReplyCancelled)] == ([1] if stops else [])


def test_a_recogniser_is_asked_in_a_language_that_it_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    transcribe = ScriptedStt.transcribe

    def noted(self: ScriptedStt, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        asked.append(locale)
        return transcribe(self, audio, locale=locale)

    async def script(caller: Caller) -> None:
        await opened(caller, locale="de-DE")
        await caller.speak(1000, 1600)

    monkeypatch.setattr(ScriptedStt, "locales", ("en-US",), raising=False)
    monkeypatch.setattr(ScriptedStt, "transcribe", noted)
    converse_as_people_do(script, stt="scripted(text='hello there', final=50ms)")
    assert asked == ["en-US"]


def test_who_goes_on_takes_the_answer_back_and_is_answered_once() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 700, 1000, 8000)

    caller = converse_as_people_do(
        script, stt="scripted(text='what time is it|in london', final=50ms)", llm="scripted(text='Ten.', ttft=1s)"
    )
    (cancelled,) = caller.all(ReplyCancelled)
    assert (cancelled.turn_id, cancelled.reason, cancelled.heard_ms) == (1, CancelReason.RESUMED, 0)
    assert [final.text for final in caller.all(TranscriptFinal)] == ["what time is it", "what time is it in london"]
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.CANCELLED, TurnOutcome.COMPLETED]
    assert not [frame for frame in caller.all(AudioFrame) if frame.turn_id == 1]


def test_one_word_is_a_turn() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(260, 4000)

    caller = converse_as_people_do(script, stt="scripted(text='no')")
    assert [final.text for final in caller.all(TranscriptFinal)] == ["no"]
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.COMPLETED]


def test_who_says_nothing_gets_no_answer() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(0, 4000)

    caller = converse_as_people_do(script)
    assert (caller.all(SpeechStarted), caller.all(TurnEnd)) == ([], [])


def test_who_talks_before_the_session_is_ready_is_heard_from_the_first_word_on() -> None:
    async def script(caller: Caller) -> None:
        caller.start()
        for sequence in range(20):  # behind `session_start`, and nothing was heard of the server yet
            frame = AudioFrame(FrameKind.AUDIO_CHUNK, Codec.PCM_S16LE, 0, sequence, sequence * 320, LOUD)
            caller.transport.received.put_nowait(frame.serialize())
        assert caller.all(SessionReady) == []
        await caller.until(SessionReady)
        caller.sequence, caller.pts = 20, 20 * 320
        await caller.speak(600, 6000)

    caller = converse_as_people_do(script)
    assert caller.all(Error) == []
    assert [started.position_ms for started in caller.all(SpeechStarted)] == [0]
    assert [final.text for final in caller.all(TranscriptFinal)] == ["what time is it"]
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.COMPLETED]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ("eight nine ten", [(1, TurnOutcome.COMPLETED), (2, TurnOutcome.NO_SPEECH)]),
        ("thank you so much", [(1, TurnOutcome.CANCELLED), (2, TurnOutcome.COMPLETED)]),
        ("no five six seven", [(1, TurnOutcome.CANCELLED), (2, TurnOutcome.COMPLETED)]),
    ],
    ids=["echo", "other words", "who stopped it may quote it"],
)
def test_the_echo_of_a_replys_last_words_gets_no_answer_when_that_is_over(
    said: str, ends: list[tuple[int, TurnOutcome]]
) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 3500, 440, 4000)

    caller = converse_as_people_do(
        script,
        stt=f"scripted(text='count to ten please|{said}', final=900ms)",
        llm="scripted(text='One two three four five six seven eight nine ten.|You are welcome.')",
    )
    assert [(end.turn_id, end.outcome) for end in caller.all(TurnEnd)] == ends


@pytest.mark.parametrize(("goes_on_ms", "outcome"), [(300, TurnOutcome.NO_SPEECH), (900, TurnOutcome.COMPLETED)])
def test_the_echo_of_a_reply_that_was_stopped_by_hand_gets_no_answer(goes_on_ms: int, outcome: TurnOutcome) -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 2500, 600)
        caller.send(Interrupt(turn_id=1, played_ms=2000))
        await caller.speak(goes_on_ms, 6000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='count to ten please|two three four five', final=50ms, partial=400ms)",
        llm="scripted(text='One two three four five six seven eight nine ten.|You are welcome.')",
    )
    assert [cancelled.reason for cancelled in caller.all(ReplyCancelled)] == [CancelReason.INTERRUPT]
    assert [(end.turn_id, end.outcome) for end in caller.all(TurnEnd)] == [(1, TurnOutcome.CANCELLED), (2, outcome)]


def test_who_speaks_while_the_server_thinks_is_answered_to_all_of_it() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 900, 1000, 9000)

    caller = converse_as_people_do(
        script, stt="scripted(text='what time is it|in london', final=50ms)", llm="scripted(text='Ten.', ttft=2s)"
    )
    assert [final.text for final in caller.all(TranscriptFinal)][-1] == "what time is it in london"
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.CANCELLED, TurnOutcome.COMPLETED]
    assert {token.turn_id for token in caller.all(LlmToken)} == {2}


def test_audio_end_before_the_silence_commits_at_once_and_after_it_changes_nothing() -> None:
    async def early(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 100)
        caller.send(AudioEnd())
        await caller.speak(0, 5000)

    async def late(caller: Caller) -> None:
        await ask(caller)
        caller.send(AudioEnd())

    async def twice(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 100)
        caller.send(AudioEnd())
        caller.send(AudioEnd())
        await caller.speak(0, 5000)

    callers = [converse_as_people_do(script) for script in (early, late, twice)]
    for caller in callers:
        assert [final.text for final in caller.all(TranscriptFinal)] == ["what time is it"]
        assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.COMPLETED]
    waited = [marks(caller, 1)[Mark.TURN_COMMITTED] - marks(caller, 1)[Mark.AUDIO_LAST_SPEECH] for caller in callers]
    assert waited[0] < waited[1]
    assert waited[0] == waited[2]


def test_who_interrupts_twice_is_answered_at_last() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 2500, 800, 2500, 800, 8000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='tell me a story|stop what time is it|wait in london', final=50ms)",
        llm="scripted(text='One two three four five six seven eight nine ten eleven twelve.')",
    )
    assert [cancelled.reason for cancelled in caller.all(ReplyCancelled)] == [CancelReason.BARGE_IN] * 2
    assert [end.outcome for end in caller.all(TurnEnd)] == [TurnOutcome.CANCELLED] * 2 + [TurnOutcome.COMPLETED]
    for cancelled in caller.all(ReplyCancelled):
        after = caller.heard[caller.heard.index(cancelled) :]
        assert not [frame for frame in after if isinstance(frame, AudioFrame) and frame.turn_id == cancelled.turn_id]


@pytest.mark.parametrize("into_reply_ms", [777, 3210, 5432])
def test_the_words_told_as_heard_are_those_in_the_audio_that_was_played(into_reply_ms: int) -> None:
    cut = barge_in(into_reply_ms)
    assert cut.told == cut.found
    assert len(cut.told.split()) > into_reply_ms // 400


def test_an_answer_begun_early_that_says_nothing_ends_all_the_same() -> None:
    caller = converse_as_people_do(ask, llm="scripted(text=' ', ttft=20ms)")
    assert [end.turn_id for end in caller.all(TurnEnd)] == [1]


def test_what_was_begun_early_is_told_with_its_own_turn() -> None:
    async def script(caller: Caller) -> None:
        await opened(caller)
        await caller.speak(1000, 1600, 300, 8000)

    caller = converse_as_people_do(
        script,
        stt="scripted(text='count to ten please|mm-hm', final=50ms)",
        llm="scripted(text='One two three four five six seven eight nine ten.')",
    )
    assert {end.turn_id: end.speculation.hit for end in caller.all(TurnEnd)} == {1: 1, 2: 0}
