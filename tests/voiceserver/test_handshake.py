import asyncio

from tests.voiceserver.stages import Caller, converse
from voicewire.errors import ErrorCode
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import (
    Error,
)


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
