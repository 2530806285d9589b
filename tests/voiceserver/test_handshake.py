import asyncio

import pytest

from tests.voiceserver.stages import Caller, converse
from voiceserver.handshake import not_understood
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import Error


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
