"""A server in the client's own process, for a replay without `--url`."""

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple

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
        speculation=settings.speculates,
    )


def elsewhere(url: str, call: CallSettings) -> LocalServer:
    """A server that runs already, in the place of an own one: what is known of it is what it is asked for."""
    told = {name: value for name, value in call.turn_detection.items() if name in ("silence_ms", "endpointing")}
    return LocalServer(url, msgspec.convert({**told, "url": public_url(url)}, Server))


class LogFile(logging.Handler):
    """A file of its own, made for the first line there is; its path is told then, whichever thread that is in."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__()
        self._told = told
        self._file: IO[str] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._file is None:
                self._file = NamedTemporaryFile("w", -1, "utf-8", prefix="voicecli-", suffix=".log", delete=False)  # noqa: SIM115 - closed by `close`
                self._told(self._file.name)
            print(self.format(record), file=self._file, flush=True)
        except OSError:
            self.handleError(record)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        super().close()


@asynccontextmanager
async def local_server(
    flags: Mapping[str, object], *, log: logging.Handler | None = None
) -> AsyncIterator[LocalServer]:
    """Serve on a free port of this machine; settings as `voicecli serve` has them, from `flags` (None is not given)
    and what surrounds it.

    It logs to `log`, and otherwise to standard error. Raises CliError.
    """
    from voicecli.serversettings import settled
    from voiceserver import logs
    from voiceserver.engines.roles import EngineError
    from voiceserver.engines.spec import SpecError
    from voiceserver.server import ServerError, VoiceServer
    from voiceserver.settings import ENV_PREFIX, LogLevel, SettingsError
    from voicewire.clock import SystemClock

    try:
        # What the environment says of a server for others, this one's only client need not be held to.
        own = {"host": "127.0.0.1", "port": "0", "auth": "none", "tls": "off"}
        # Nor does it learn from that client what the next call would be measured with.
        settings = settled({"anticipate_after": "0", **flags, **own}, os.environ)
        level = settings.log_level if os.environ.get(f"{ENV_PREFIX}LOG_LEVEL") else LogLevel.WARNING
        logs.configure(level, settings.log_format, log)
        async with VoiceServer(settings, SystemClock()) as server:
            yield LocalServer(server.url, described(settings))
    except (SettingsError, SpecError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    except (EngineError, ServerError) as error:
        raise CliError(str(error), ExitCode.SERVER_FAILED) from error
