import asyncio

import pytest

from tests.voicecli.peer import memory_pair, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.client.transport import Refused
from voicecli.greeting import greeted
from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voicewire.messages import SessionReady

SETTINGS = ServerSettings(vad="scripted", stt="scripted", llm="scripted", tts="scripted", token=("sesame",))


def shown(token: str | None) -> SessionReady:
    async def main(loop: VirtualLoop) -> SessionReady:
        client_end, server_end = memory_pair()
        async with Service(SETTINGS, loop) as service, asyncio.TaskGroup() as tasks:
            tasks.create_task(service.converse(server_end))
            try:
                return await greeted(client_end, loop, token)
            finally:
                await client_end.close()

    try:
        return virtually(main)
    except* Refused as refused:
        raise refused.exceptions[0] from None


def test_who_shows_a_token_that_the_server_accepts_is_told_what_it_offers() -> None:
    assert shown("sesame").engines.stt.name == "scripted"


@pytest.mark.parametrize(
    ("token", "why"), [(None, "asks for a token, and none was given"), ("other", "the token is not accepted")]
)
def test_who_shows_none_or_another_is_told_so(token: str | None, why: str) -> None:
    with pytest.raises(Refused, match=why):
        shown(token)
