import asyncio
import itertools
import os
import signal
import tomllib
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from voiceserver.engines.pocketsphinx import PocketsphinxStt
from voiceserver.engines.roles import EngineError, Transcript

FIXTURES = Path(__file__).parents[3] / "fixtures"
WEATHER = "what will the weather be like in london tomorrow"


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def stt(runner: asyncio.Runner) -> Iterator[PocketsphinxStt]:
    engine = PocketsphinxStt(PocketsphinxStt.Settings(workers=2))
    runner.run(engine.start())
    yield engine
    runner.run(engine.close())


def speech(fixture: str) -> bytes:
    with wave.open(str(FIXTURES / fixture / "audio.wav")) as file:
        audio: bytes = file.readframes(file.getnframes())
        return audio


async def pieces(audio: bytes, size: int = 1024) -> AsyncIterator[bytes]:
    for start in range(0, len(audio), size):
        yield audio[start : start + size]


async def transcribed(stt: PocketsphinxStt, audio: bytes, *, size: int = 1024) -> list[Transcript]:
    return [transcript async for transcript in stt.transcribe(pieces(audio, size), locale="en-US")]


def test_partials_grow_into_one_final_transcript(runner: asyncio.Runner, stt: PocketsphinxStt) -> None:
    *partials, final = runner.run(transcribed(stt, speech("question-weather")))
    assert final == Transcript(WEATHER, is_final=True, stable_chars=len(WEATHER))
    assert len(partials) >= 5
    assert not any(partial.is_final for partial in partials)
    assert all(one != other for one, other in itertools.pairwise(partials))


@pytest.mark.parametrize("fixture", ["numbers", "pause-700ms", "conversation-three-turns", "monologue-20s"])
def test_the_fixtures_are_understood(runner: asyncio.Runner, stt: PocketsphinxStt, fixture: str) -> None:
    utterances = tomllib.loads((FIXTURES / fixture / "fixture.toml").read_text())["utterances"]
    expected = " ".join(utterance["text"] for utterance in utterances).split()
    final = runner.run(transcribed(stt, speech(fixture), size=6400))[-1]
    missing = sum(word not in final.text.split() for word in expected)
    assert missing <= len(expected) / 10


@pytest.mark.parametrize("size", [1, 2, 333, 640, 100_000])
def test_audio_may_come_in_pieces_of_any_length(runner: asyncio.Runner, stt: PocketsphinxStt, size: int) -> None:
    audio = speech("conversation-three-turns")[: 32 * 1600]
    assert runner.run(transcribed(stt, audio, size=size))[-1].text == "hello there"


def test_an_odd_byte_at_the_end_is_dropped(runner: asyncio.Runner, stt: PocketsphinxStt) -> None:
    assert runner.run(transcribed(stt, bytes(6401))) == [Transcript("", is_final=True)]


def test_no_audio_is_no_words(runner: asyncio.Runner, stt: PocketsphinxStt) -> None:
    assert runner.run(transcribed(stt, b"")) == [Transcript("", is_final=True)]


def test_another_language_is_refused(runner: asyncio.Runner, stt: PocketsphinxStt) -> None:
    async def scenario() -> None:
        async for _ in stt.transcribe(pieces(b""), locale="de-DE"):
            raise AssertionError

    with pytest.raises(EngineError, match="understands English only, not de-DE"):
        runner.run(scenario())


def test_more_speakers_than_workers_are_all_understood(runner: asyncio.Runner, stt: PocketsphinxStt) -> None:
    async def scenario() -> list[str]:
        async with asyncio.TaskGroup() as speakers:
            tasks = [speakers.create_task(transcribed(stt, speech("question-weather"))) for _ in range(5)]
        return [task.result()[-1].text for task in tasks]

    assert runner.run(scenario()) == [WEATHER] * 5


def test_the_same_audio_gives_the_same_text_whoever_spoke_before_and_was_cancelled(
    runner: asyncio.Runner, stt: PocketsphinxStt
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        async for piece in pieces(speech("numbers")[:60_000]):
            yield piece
        await asyncio.Event().wait()

    async def listen() -> None:
        async for transcript in stt.transcribe(endless(), locale="en"):
            if "number" in transcript.text:
                heard.set()

    async def scenario() -> tuple[list[Transcript], list[Transcript]]:
        before = await transcribed(stt, speech("question-weather"))
        for _ in range(3):
            heard.clear()
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(listen())
                await heard.wait()
                listening.cancel()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return before, await transcribed(stt, speech("question-weather"))

    heard = asyncio.Event()
    before, after = runner.run(scenario())
    assert after == before


def test_a_worker_that_is_killed_fails_its_segment_alone(runner: asyncio.Runner) -> None:
    async def killed_midway(stt: PocketsphinxStt) -> AsyncIterator[bytes]:
        yield bytes(6400)
        for pid in stt.worker_pids:
            os.kill(pid, signal.SIGKILL)
        yield bytes(6400)

    async def scenario() -> list[Transcript]:
        stt = PocketsphinxStt(PocketsphinxStt.Settings(workers=1))
        await stt.start()
        try:
            with pytest.raises(EngineError, match="pocketsphinx ended unexpectedly and was restarted"):
                async for _ in stt.transcribe(killed_midway(stt), locale="en"):
                    pass
            return await transcribed(stt, speech("question-weather"))
        finally:
            await stt.close()
            await stt.close()

    assert runner.run(scenario())[-1].text == WEATHER
