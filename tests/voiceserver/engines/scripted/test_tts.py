import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import EngineError, SpeechAudio, SpokenWord, Tts

Virtual = Callable[..., Any]


async def timed(tts: Tts, text: str, pieces: int | None = None) -> list[tuple[float, SpeechAudio]]:
    """Pieces with the milliseconds at which they came; all of them, or the first so many."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    got = []
    stream = tts.synthesize(text, voice=None, locale="en-US")
    async for piece in stream:
        got.append((round((loop.time() - begun) * 1000, 6), piece))
        if len(got) == pieces:
            break
    return got


def audio(pieces: list[tuple[float, SpeechAudio]]) -> np.ndarray[Any, Any]:
    return np.frombuffer(b"".join(piece.audio for _, piece in pieces), dtype="<i2")


def test_the_length_comes_from_the_text(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(char=60ms)")
    assert len(audio(virtual(timed(tts, " hello there ")))) == 11 * 60 * 24


def test_pieces_are_of_40_ms(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(char=50ms,rate=16000)")
    assert [len(piece.audio) // 2 for _, piece in virtual(timed(tts, "ab"))] == [640, 640, 320]


def test_the_tone_is_audible_from_its_first_sample_to_its_last(virtual: Virtual) -> None:
    samples = audio(virtual(timed(create(Role.TTS, "scripted"), "a long enough text to go round the second twice")))
    assert abs(int(samples[0])) > 8000
    # Never quiet for as long as a millisecond: the tone has a period of 2.3 ms.
    assert np.abs(samples).reshape(-1, 48).max(axis=1).min() > 4000
    assert np.abs(np.diff(samples.astype(int))).max() < 1000


def test_words_lie_where_their_characters_do(virtual: Virtual) -> None:
    pieces = virtual(timed(create(Role.TTS, "scripted(char=10ms,rate=8000)"), " Hi, you two"))
    assert [word for _, piece in pieces for word in piece.words] == [
        SpokenWord(1, 4, 0),
        SpokenWord(5, 8, 4 * 80),
        SpokenWord(9, 12, 8 * 80),
    ]


def test_time_to_first_piece_and_real_time_factor_are_as_declared(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(ttfb=100ms,rtf=0.5)")
    assert [at for at, _ in virtual(timed(tts, "abc"))] == [100, 120, 140, 160, 180]


def test_by_default_everything_comes_at_once(virtual: Virtual) -> None:
    assert {at for at, _ in virtual(timed(create(Role.TTS, "scripted"), "hello"))} == {0}


def test_the_same_settings_give_the_same_times_and_audio(virtual: Virtual) -> None:
    def run(seed: int) -> list[list[tuple[float, SpeechAudio]]]:
        tts = create(Role.TTS, f"scripted(ttfb=100ms,rtf=0.5,jitter=10ms,seed={seed})")
        return [virtual(timed(tts, text)) for text in ("hello", "there")]

    assert run(1) == run(1)
    assert [at for at, _ in run(1)[0]] != [at for at, _ in run(2)[0]]


@pytest.mark.parametrize("text", ["", "  ", "...", "🙂"])
def test_text_with_nothing_to_say_yields_nothing(virtual: Virtual, text: str) -> None:
    assert virtual(timed(create(Role.TTS, "scripted"), text)) == []


def test_an_unknown_voice_is_refused(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted")

    async def scene(voice: str) -> int:
        return len([piece async for piece in tts.synthesize("hi", voice=voice, locale="en-US")])

    assert virtual(scene("tone")) == 3
    with pytest.raises(EngineError, match="there is no voice 'bass'"):
        virtual(scene("bass"))


def test_raising_spares_the_pieces_before_it(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(fault=raise,fault_after=2)")
    assert len(virtual(timed(tts, "hello", 2))) == 2
    with pytest.raises(EngineError):
        virtual(timed(tts, "hello"))


def test_an_endless_one_goes_on_at_its_pace(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(fault=endless,rtf=1)")
    pieces = virtual(timed(tts, "hi", 100))
    assert [at for at, _ in pieces] == [40 * piece for piece in range(100)]
    assert {len(piece.audio) // 2 for _, piece in pieces} == {960}


def test_an_endless_one_without_a_pace_lets_others_run(virtual: Virtual) -> None:
    async def scene() -> None:
        async with asyncio.timeout(1):
            await timed(create(Role.TTS, "scripted(fault=endless)"), "hi")

    with pytest.raises(TimeoutError):
        virtual(scene())


def test_the_first_clause_of_each_reply_has_its_own_time(virtual: Virtual) -> None:
    tts = create(Role.TTS, "scripted(ttfb=5ms,replies='Yes, of course. Why?|No.|Yes.',ttfbs='70|30|20')")

    async def firsts() -> list[float]:
        return [(await timed(tts, text, 1))[0][0] for text in ("Yes, of course.", "Why?", "Yes.", "Yes.")]

    assert virtual(firsts()) == [70, 5, 20, 20]
