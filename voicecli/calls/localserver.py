"""A server in the client's own process, for a replay without `--url`."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from voicecli.calls.call import CallSettings
from voicecli.client.transport import public_url
from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import Server

if TYPE_CHECKING:
    from voiceserver.settings import ServerSettings


class LocalServer(NamedTuple):
    """A running server."""

    url: str
    told: Server
    """Those of its settings that no message tells."""


def described(settings: "ServerSettings", *, virtual: bool = False) -> Server:
    """An own server, as a document tells of it."""
    return Server(
        in_process=True,
        virtual=virtual,
        pipeline=settings.pipeline.value,
        silence_ms=settings.silence_ms,
        endpointing=settings.endpointing.value,
        speculation=settings.speculation and settings.pipeline.value == "overlapped",
    )


def elsewhere(url: str, call: CallSettings) -> LocalServer:
    """A server that runs already, in the place of an own one: what is known of it is what it is asked for."""
    told = {name: value for name, value in call.turn_detection.items() if name in ("silence_ms", "endpointing")}
    return LocalServer(url, msgspec.convert({**told, "url": public_url(url)}, Server))


@asynccontextmanager
async def local_server(flags: Mapping[str, object]) -> AsyncIterator[LocalServer]:
    """Serve on a free port of this machine; settings from `flags` (None is not given) and the environment.

    Raises CliError.
    """
    from voiceserver import logs
    from voiceserver.engines.roles import EngineError
    from voiceserver.engines.spec import SpecError
    from voiceserver.server import ServerError, VoiceServer
    from voiceserver.settings import ENV_PREFIX, LogLevel, SettingsError, load
    from voicewire.clock import SystemClock

    try:
        # What the environment says of a server for others, this one's only client need not be held to.
        own = {"host": "127.0.0.1", "port": "0", "auth": "none", "tls": "off"}
        settings = load({**flags, **own}, os.environ)
        level = settings.log_level if os.environ.get(f"{ENV_PREFIX}LOG_LEVEL") else LogLevel.WARNING
        logs.configure(level, settings.log_format)
        async with VoiceServer(settings, SystemClock()) as server:
            yield LocalServer(server.url, described(settings))
    except (SettingsError, SpecError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    except (EngineError, ServerError) as error:
        raise CliError(str(error), ExitCode.SERVER_FAILED) from error
