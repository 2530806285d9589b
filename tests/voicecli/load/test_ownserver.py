import asyncio

import pytest

from tests.voicecli.loads import ENGINES
from voicecli.client.transport import websocket
from voicecli.exits import CliError, ExitCode
from voicecli.load.ownserver import own_server


def test_it_serves_as_many_as_asked_for_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_SESSIONS", "1")
    monkeypatch.setenv("VOICECLI_SESSIONS_PER_ADDRESS", "1")

    async def main() -> str:
        async with (
            own_server(ENGINES | {"pipeline": "sequential"}, 2) as server,
            websocket(server.url),
            websocket(server.url),
        ):
            return str(server.told.pipeline)

    assert asyncio.run(main()) == "sequential"


def test_a_server_that_cannot_start_says_why() -> None:
    async def main() -> None:
        async with own_server(ENGINES | {"stt": "nobody"}, 1):
            pass

    with pytest.raises(CliError, match="nobody") as caught:
        asyncio.run(main())
    assert caught.value.exit_code is ExitCode.USAGE
