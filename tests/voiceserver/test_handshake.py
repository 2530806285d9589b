import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.voiceserver.stages import Caller, converse, opened
from voiceserver.engines.roles import EngineError, SpeechAudio
from voiceserver.engines.scripted.tts import ScriptedTts
from voiceserver.handshake import not_spoken, not_understood
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import Error, SessionStart, TextInput, TurnEnd


def test_a_connection_that_says_nothing_is_refused() -> None:
    async def script(caller: Caller) -> None:
        await asyncio.sleep(11)

    caller = converse(script)
    assert [data for data in caller.transport.sent if isinstance(data, str) and '"not_started"' in data]
    assert caller.transport.closed is not None


def test_formats_that_cannot_be_used_are_refused() -> None:
    async def script(caller: Caller) -> None:
        caller.start(input=[AudioFormat(Codec.OPUS, 44_100)])
        error = await caller.until(Error)
        assert (error.code, error.field, error.fatal) == (ErrorCode.UNSUPPORTED_FORMAT, "input", True)

    converse(script)


@pytest.mark.parametrize("locale", ["en-US", "en-GB", "EN_us", "en"])
def test_any_country_of_a_language_is_understood(locale: str) -> None:
    assert not_understood(locale, ["en-US"], "pocketsphinx") is None


def test_an_engine_that_tells_no_languages_may_know_any() -> None:
    assert not_understood("gsw-CH", [], "scripted") is None


def test_whoever_speaks_another_language_is_told_and_may_go_on() -> None:
    assert not_understood("de-DE", ["en-US", "en-GB"], "pocketsphinx") == Error(
        code=ErrorCode.INVALID_FIELD,
        message="pocketsphinx understands en-US, en-GB; what is said in de-DE is taken for that",
        field="locale",
        fatal=False,
    )


def has_no_zira(voice: str | None, locale: str) -> None:
    if voice == "zira" or locale == "tlh":
        raise EngineError(f"there is no voice {voice} for {locale}")


def test_a_voice_that_is_not_there_is_told_at_once_and_the_engines_own_taken() -> None:
    asked: list[str | None] = []

    async def speak(self: ScriptedTts, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        asked.append(voice)
        return
        yield

    async def script(caller: Caller) -> None:
        await opened(caller, voice="zira")
        assert await caller.until(Error) == Error(
            code=ErrorCode.INVALID_FIELD,
            message="there is no voice zira for en-US; its own voice is taken",
            field="voice",
        )
        caller.send(TextInput(text="hello"))
        await caller.until(TurnEnd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedTts, "check", staticmethod(has_no_zira), raising=False)
        patch.setattr(ScriptedTts, "synthesize", speak)
        converse(script)
    assert set(asked) == {None}


def test_a_language_that_cannot_be_spoken_is_told_and_one_that_can_is_not() -> None:
    told = not_spoken(SessionStart(locale="tlh"), has_no_zira)
    assert told is not None
    assert (told.field, told.fatal) == ("locale", False)
    assert told.message.endswith("; no answer is heard")
    assert not_spoken(SessionStart(voice="amy"), has_no_zira) is None
    assert not_spoken(SessionStart(voice="zira"), None) is None
