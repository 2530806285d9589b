import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import EngineError, Stt, Transcript
from voiceserver.engines.scripted.stt import ScriptedStt, Spoken

Virtual = Callable[..., Any]
PIECE_MS = 20


async def spoken(duration_ms: int) -> AsyncIterator[bytes]:
    """Audio at the pace of speech, 20 ms at a time."""
    for _ in range(duration_ms // PIECE_MS):
        await asyncio.sleep(PIECE_MS / 1000)
        yield bytes(PIECE_MS * 16 * 2)


async def timed(stt: Stt, duration_ms: int) -> list[tuple[float, Transcript]]:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    return [
        (round((loop.time() - begun) * 1000, 6), transcript)
        async for transcript in stt.transcribe(spoken(duration_ms), locale="en-US")
    ]


def partial(text: str) -> Transcript:
    return Transcript(text, is_final=False, stable_chars=len(text))


def final(text: str) -> Transcript:
    return Transcript(text, is_final=True, stable_chars=len(text))


def test_partials_grow_with_the_audio_and_the_final_comes_when_declared(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='what can you do', final=80ms, partial=200ms)")
    assert virtual(timed(stt, 700)) == [
        (200, partial("what")),
        (400, partial("what can")),
        (600, partial("what can you")),
        (780, final("what can you do")),
    ]


def test_no_more_words_are_heard_than_the_script_has(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='hello there', partial=100ms)")
    assert virtual(timed(stt, 1000)) == [
        (100, partial("hello")),
        (200, partial("hello there")),
        (1000, final("hello there")),
    ]


def test_partials_can_be_left_out(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='hello there', partial=0)")
    assert virtual(timed(stt, 1000)) == [(1000, final("hello there"))]


def test_utterances_are_heard_in_turn_and_again_from_the_first(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='one | two', partial=0)")
    assert [virtual(timed(stt, 100))[-1][1].text for _ in range(3)] == ["one", "two", "one"]


def test_a_segment_without_audio_has_no_words_and_uses_up_no_utterance(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='one|two')")
    assert virtual(timed(stt, 0)) == [(0, final(""))]
    assert virtual(timed(stt, 100))[-1][1] == final("one")


def test_jitter_moves_the_final_by_no_more_than_declared_and_repeats_with_the_seed(virtual: Virtual) -> None:
    def finals(seed: int) -> list[float]:
        stt = create(Role.STT, f"scripted(final=80ms,jitter=10ms,partial=0,seed={seed})")
        return [virtual(timed(stt, 100))[-1][0] for _ in range(20)]

    delays = finals(1)
    assert all(170 <= delay <= 190 for delay in delays)
    assert len(set(delays)) == 20
    assert finals(1) == delays
    assert finals(2) != delays


def test_a_late_final_is_late_by_what_is_declared(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text=hi,final=80ms,fault=late,late=3s)")
    assert virtual(timed(stt, 500)) == [(200, partial("hi")), (3580, final("hi"))]


def test_a_fault_may_hit_a_partial(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='one two three',fault=raise,fault_after=2)")
    seen: list[Transcript] = []

    async def scene() -> None:
        async for transcript in stt.transcribe(spoken(800), locale="en-US"):
            seen.append(transcript)

    with pytest.raises(EngineError):
        virtual(scene())
    assert seen == [partial("one")]


@pytest.mark.parametrize("fault", ["silent", "endless"])
def test_silent_and_endless_ones_never_come_to_the_final(virtual: Virtual, fault: str) -> None:
    stt = create(Role.STT, f"scripted(text=hi,fault={fault})")
    seen: list[Transcript] = []

    async def scene() -> None:
        async with asyncio.timeout(2):
            async for transcript in stt.transcribe(spoken(500), locale="en-US"):
                seen.append(transcript)

    with pytest.raises(TimeoutError):
        virtual(scene())
    assert set(seen) == {partial("hi")}
    assert (len(seen) > 100) == (fault == "endless")


def finals(virtual: Virtual, settings: str, *durations_ms: int) -> list[str]:
    """What the streams of one recogniser hear, one after the other."""
    stt = create(Role.STT, f"scripted({settings})")
    return [virtual(timed(stt, duration_ms))[-1][1].text for duration_ms in durations_ms]


def test_words_that_take_their_time_are_heard_across_the_streams_that_split_an_utterance(virtual: Virtual) -> None:
    settings = "text='what time is it|thank you', word=200ms"
    assert finals(virtual, settings, 800, 400, 800) == ["what time is it", "thank you", "what time is it"]
    assert finals(virtual, settings, 500, 300, 400) == ["what time", "is it", "thank you"]
    assert finals(virtual, settings, 100, 700, 400) == ["", "what time is it", "thank you"]


def test_partials_do_not_run_ahead_of_the_words(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='hello there', partial=100ms, word=300ms)")
    assert virtual(timed(stt, 500)) == [(300, partial("hello")), (500, final("hello"))]


def test_each_utterance_has_its_own_time_also_where_a_pause_splits_it(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='one two|three', word=200ms, partial=0ms, final=5ms, finals='70ms|30ms')")

    async def heard() -> list[list[tuple[float, Transcript]]]:
        return [await timed(stt, duration_ms) for duration_ms in (200, 200, 200, 200)]

    assert virtual(heard()) == [
        [(270, final("one"))],
        [(270, final("two"))],
        [(230, final("three"))],
        [(270, final("one"))],
    ]


def test_partials_may_lag_behind_the_audio(virtual: Virtual) -> None:
    stt = create(Role.STT, "scripted(text='hello there', partial=200ms, lag=100ms)")
    assert virtual(timed(stt, 500)) == [
        (300, partial("hello")),
        (500, partial("hello there")),
        (500, final("hello there")),
    ]


def said(start_s: float, end_s: float) -> Spoken:
    """A word at 0.1 s, 0.3 s, 0.5 s and so on of the loop's clock."""
    return Spoken(" ".join(f"w{number}" for number in range(10) if start_s < (number * 2 + 1) / 10 <= end_s + 1e-9), 1)


def test_what_is_said_is_heard_as_far_as_the_audio_holds_it(virtual: Virtual) -> None:
    stt = ScriptedStt(ScriptedStt.Settings(text="never", word=100, final=50), said)

    async def later() -> list[tuple[float, Transcript]]:
        await asyncio.sleep(0.4)
        return await timed(stt, 400)

    assert virtual(later()) == [(100, partial("w2")), (300, partial("w2 w3")), (450, final("w2 w3"))]


def test_what_is_said_takes_the_time_of_its_utterance(virtual: Virtual) -> None:
    stt = ScriptedStt(ScriptedStt.Settings(partial=0, finals="10ms|70ms"), said)
    assert virtual(timed(stt, 320)) == [(390, final("w0 w1"))]


def test_partials_of_what_is_said_may_lag_or_be_left_out(virtual: Virtual) -> None:
    lagging = ScriptedStt(ScriptedStt.Settings(lag=120), said)
    assert virtual(timed(lagging, 320)) == [(220, partial("w0")), (320, final("w0 w1"))]
    silent = ScriptedStt(ScriptedStt.Settings(partial=0), said)
    assert virtual(timed(silent, 320)) == [(320, final("w0 w1"))]
