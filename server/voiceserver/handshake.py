"""The opening of a session: `session_start` in, `session_ready` or a fatal `error` out."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from msgspec import structs

from voiceserver.engines.roles import EngineError
from voiceserver.languages import taken_for
from voiceserver.negotiation import choose_input, choose_output
from voiceserver.transport import Transport
from voicewire.clock import Clock
from voicewire.connection import Connection
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat
from voicewire.messages import Engines, Error, Limits, SessionReady, SessionStart

TIMEOUT_S = 10.0
"""How long a connection may be open without a `session_start`."""


class Agreement(NamedTuple):
    """What both sides know once the session is ready."""

    session_id: str
    resume_token: str
    start: SessionStart
    input: AudioFormat
    output: AudioFormat


class Offer(NamedTuple):
    """What the server tells every client."""

    engines: Engines
    limits: Limits
    lead_ms: int
    locales: Sequence[str] = ()
    """What the recogniser understands; none where it does not say."""
    voices: Sequence[str] = ()
    check_voice: Callable[[str | None, str], None] | None = None
    """Raises EngineError for a voice or a language that cannot be spoken; None where speech synthesis does not say."""


async def agree(
    transport: Transport,
    connection: Connection,
    offer: Offer,
    admit: Callable[[SessionStart], None],
    resume: Callable[[str], Awaitable[bool]],
    *,
    session_id: str,
    resume_token: str,
    clock: Clock,
) -> Agreement:
    """Wait for the client's first message and answer it. `admit` raises ProtocolError where the client may not come in.
    `resume` takes up the conversation of a token, where there is one; it is asked last, once all else is agreed.

    Raises ProtocolError, always fatal, after telling the client so; and Disconnected.
    """
    try:
        start = await _receive_start(transport, connection, clock)
        admit(start)
        agreement = Agreement(session_id, resume_token, start, choose_input(start.input), choose_output(start.output))
    except ProtocolError as error:
        await refuse(transport, connection, error)
        raise
    ready = SessionReady(
        session_id=session_id,
        resume_token=resume_token,
        input=agreement.input,
        output=agreement.output,
        engines=offer.engines,
        limits=offer.limits,
        lead_ms=offer.lead_ms,
        locales=list(offer.locales),
        voices=list(offer.voices),
        resumed=await resume(start.resume_token) if start.resume_token else None,
    )
    await transport.send(connection.send(ready))
    if (warning := not_understood(start.locale, offer.locales, offer.engines.stt.name)) is not None:
        await transport.send(connection.send(warning))
    if (warning := not_spoken(start, offer.check_voice)) is not None:
        await transport.send(connection.send(warning))
        if warning.field == "voice":
            return agreement._replace(start=structs.replace(start, voice=None))
    return agreement


def not_understood(locale: str, understood: Sequence[str], stt: str) -> Error | None:
    """A word to a client whose language the recogniser does not know; the session goes on."""
    if taken_for(locale, understood) == locale:
        return None
    message = f"{stt} understands {', '.join(understood)}; what is said in {locale} is taken for that"
    return Error(code=ErrorCode.INVALID_FIELD, message=message, field="locale")


def not_spoken(start: SessionStart, check: Callable[[str | None, str], None] | None) -> Error | None:
    """A word to a client whose voice or language speech synthesis does not have; the session goes on."""
    if check is None:
        return None
    try:
        check(start.voice, start.locale)
    except EngineError as error:
        field, else_ = ("locale", "no answer is heard") if start.voice is None else ("voice", "its own voice is taken")
        return Error(code=ErrorCode.INVALID_FIELD, message=f"{error}; {else_}", field=field)
    return None


async def refuse(transport: Transport, connection: Connection, error: ProtocolError) -> None:
    """Tell the client why there will be no session, and close. Raises Disconnected."""
    message = Error(code=error.code, message=error.message, field=error.field, fatal=True)
    await transport.send(connection.send(message))
    await transport.close(error.close_code, error.message)


async def _receive_start(transport: Transport, connection: Connection, clock: Clock) -> SessionStart:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            data = await transport.recv()
    except TimeoutError:
        message = f"no `session_start` came within {TIMEOUT_S:g} s"
        raise ProtocolError(ErrorCode.NOT_STARTED, message, fatal=True) from None
    start = connection.receive(data, clock.now_ns())
    assert isinstance(start, SessionStart), "a connection's first message is session_start"
    return start
