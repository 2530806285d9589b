import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Iterator
from typing import cast

import pytest

from voiceserver.engines.espeak import EspeakTts, VoiceCatalogue
from voiceserver.engines.espeak_worker import Voice, Voices
from voiceserver.engines.roles import EngineError, SpeechAudio

CATALOGUE = VoiceCatalogue(
    Voices(
        [
            Voice("English (Caribbean)", "gmw/en-029", [(5, "en-029"), (10, "en")]),
            Voice("English (America)", "gmw/en-US", [(2, "en-us"), (3, "en")]),
            Voice("English (Great Britain)", "gmw/en", [(2, "en-gb"), (2, "en")]),
            Voice("German", "gmw/de", [(5, "de")]),
            Voice("Chinese (Mandarin)", "sit/cmn", [(5, "cmn"), (5, "zh")]),
            Voice("Portuguese (Brazil)", "roa/pt-BR", [(5, "pt-br"), (6, "pt")]),
        ],
        ["f2", "Annie"],
    )
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def tts(runner: asyncio.Runner) -> Iterator[EspeakTts]:
    engine = EspeakTts(EspeakTts.Settings(workers=2))
    runner.run(engine.start())
    yield engine
    runner.run(engine.close())


async def synthesized(tts: EspeakTts, text: str, *, voice: str | None = None, locale: str = "en") -> list[SpeechAudio]:
    return [piece async for piece in tts.synthesize(text, voice=voice, locale=locale)]


def samples(speech: list[SpeechAudio]) -> int:
    return sum(len(piece.audio) for piece in speech) // 2


def words(text: str, speech: list[SpeechAudio]) -> list[str]:
    return [text[word.start_char : word.end_char] for piece in speech for word in piece.words]


@pytest.mark.parametrize(
    ("wanted", "identifier"),
    [
        ("en-us", "gmw/en-US"),
        ("EN_US", "gmw/en-US"),
        ("en-gb", "gmw/en"),
        ("en", "gmw/en"),
        ("english (america)", "gmw/en-US"),
        ("gmw/en-us", "gmw/en-US"),
        ("de+f2", "gmw/de+f2"),
        ("de+annie", "gmw/de+Annie"),
    ],
)
def test_a_voice_is_found_by_language_name_and_identifier_in_either_case(wanted: str, identifier: str) -> None:
    assert CATALOGUE.find(wanted) == identifier


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("en-uk", "speech synthesis espeak has no voice en-uk; near are en-us, en-gb, gmw/en-us, en"),
        ("?", "speech synthesis espeak has no voice ?"),
        ("de+f3", "speech synthesis espeak has no variant f3 of a voice; near are f2"),
        ("de+", "speech synthesis espeak has no variant  of a voice"),
    ],
)
def test_a_voice_that_is_not_there_is_refused_with_those_that_are_near(wanted: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        CATALOGUE.find(wanted)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("voice", "default", "locale", "identifier"),
    [
        ("de", "en-us", "pt-BR", "gmw/de"),
        (None, "en-us+f2", "en", "gmw/en-US+f2"),
        (None, "en-us", "en-GB", "gmw/en-US"),
        (None, "en-us", "de-AT", "gmw/de"),
        (None, "de", "en-GB", "gmw/en"),
        (None, "en-us", "zh-Hant-TW", "sit/cmn"),
        (None, "en-us", "pt_BR", "roa/pt-BR"),
    ],
)
def test_the_session_chooses_then_the_settings_if_they_speak_its_language_then_the_locale(
    voice: str | None, default: str, locale: str, identifier: str
) -> None:
    assert CATALOGUE.choose(voice, default, locale) == identifier


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(EngineError, match="has no voice for the language tlh; name a voice"):
        CATALOGUE.choose(None, "en-us", "tlh")


def test_clients_are_told_of_a_voice_for_each_language(tts: EspeakTts) -> None:
    assert {"de", "en-us", "fr-fr"} <= set(tts.voices)


def test_a_text_is_spoken_with_its_words(runner: asyncio.Runner, tts: EspeakTts) -> None:
    text = "Hello there, my friend."
    speech = runner.run(synthesized(tts, text))
    assert words(text, speech) == ["Hello", "there,", "my", "friend."]
    assert 1.5 < samples(speech) / tts.sample_rate < 2.5


def test_control_characters_move_no_word(runner: asyncio.Runner, tts: EspeakTts) -> None:
    text = "one\0two\x7f \ud800 three"
    spoken = words(text.translate({0: " ", 0x7F: " "}), runner.run(synthesized(tts, text)))
    assert spoken == ["one", "two", "three"]


@pytest.mark.parametrize("text", ["", "  \n ", "\0", "\ud800"])
def test_nothing_to_say_yields_nothing(runner: asyncio.Runner, tts: EspeakTts, text: str) -> None:
    assert runner.run(synthesized(tts, text)) == []


def test_an_unknown_voice_fails_the_text_and_at_start_the_engine(runner: asyncio.Runner, tts: EspeakTts) -> None:
    with pytest.raises(EngineError, match="has no voice nonesuch"):
        runner.run(synthesized(tts, "hello", voice="nonesuch"))
    with pytest.raises(EngineError, match="has no voice enus; near are en-us"):
        runner.run(EspeakTts(EspeakTts.Settings(voice="enus")).start())


def test_a_worker_is_free_again_once_it_has_spoken_however_slowly_its_speech_is_pulled(
    runner: asyncio.Runner,
) -> None:
    async def scenario() -> list[list[str]]:
        tts = EspeakTts(EspeakTts.Settings(workers=1, wait_ms=20_000))
        await tts.start()
        try:
            speeches = [tts.synthesize("one two three four", voice=None, locale="en") for _ in range(5)]
            begun = []
            for speech in speeches:
                begun.append([await anext(speech)])
            rest = [[piece async for piece in speech] for speech in speeches]
            return [words("one two three four", first + more) for first, more in zip(begun, rest, strict=True)]
        finally:
            await tts.close()

    assert runner.run(scenario()) == [["one", "two", "three", "four"]] * 5


def test_a_long_text_nobody_pulls_is_held_back_and_cancelled_at_once(runner: asyncio.Runner, tts: EspeakTts) -> None:
    async def scenario() -> list[str]:
        speech = tts.synthesize("The sun is out in London. " * 200, voice=None, locale="en")
        await anext(speech)
        await cast(AsyncGenerator[SpeechAudio, None], speech).aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return words("and on", await synthesized(tts, "and on"))

    assert runner.run(scenario()) == ["and", "on"]


def test_five_thousand_letters_are_spoken_to_the_end(runner: asyncio.Runner, tts: EspeakTts) -> None:
    text = "The sun is out in London. " * 192
    speech = runner.run(synthesized(tts, text))
    assert words(text, speech) == text.split()
    assert samples(speech) > 200 * tts.sample_rate


def test_more_texts_than_workers_are_all_spoken(runner: asyncio.Runner, tts: EspeakTts) -> None:
    async def scenario() -> list[list[str]]:
        async with asyncio.TaskGroup() as texts:
            tasks = [texts.create_task(synthesized(tts, f"number {number} please")) for number in range(20)]
        return [words(f"number {number} please", task.result()) for number, task in enumerate(tasks)]

    assert runner.run(scenario()) == [["number", str(number), "please"] for number in range(20)]


def test_a_worker_that_is_killed_fails_its_text_alone(runner: asyncio.Runner) -> None:
    async def scenario() -> list[str]:
        tts = EspeakTts(EspeakTts.Settings(workers=1))
        await tts.start()
        try:
            speech = tts.synthesize("The sun is out in London. " * 200, voice=None, locale="en")
            await anext(speech)
            for pid in tts.worker_pids:
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineError, match="espeak ended unexpectedly and was restarted"):
                [piece async for piece in speech]
            return words("and on", await synthesized(tts, "and on"))
        finally:
            await tts.close()
            await tts.close()

    assert runner.run(scenario()) == ["and", "on"]
