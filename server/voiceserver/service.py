"""The engines and the sessions that share them; how a client got here is server.py's affair."""

import asyncio
import secrets
from contextlib import AsyncExitStack, suppress
from typing import Self

from voiceserver.admission import Admission, Visit
from voiceserver.anticipation import Callers
from voiceserver.auth import Authenticator, authenticator
from voiceserver.conversation import Conversation, ConversationStore
from voiceserver.engines import registry
from voiceserver.engines.registry import Role
from voiceserver.engines.roles import EngineError, Stt, Tts
from voiceserver.handshake import Agreement, Offer, agree, refuse
from voiceserver.logs import LOGGER, SessionLog
from voiceserver.session import ClientStuck, EngineSet, Session, SessionOver, SessionSettings, TakenOver
from voiceserver.settings import Pipeline, ServerSettings
from voiceserver.speculation import SpeculationSettings
from voiceserver.transport import Disconnected, Transport
from voiceserver.turn import TurnSettings
from voiceserver.visitor import NOBODY, Visitor
from voicewire.clock import NS_PER_MS, Clock
from voicewire.connection import Connection, Side
from voicewire.errors import CLOSE_CODES, ErrorCode, ProtocolError
from voicewire.messages import Endpointing, Engines, Error, Limits, SessionStart

DRAIN_S = 5.0
"""How long a service that ends waits for replies that are being given."""

GOODBYE_S = 2.0
"""How long a client that is told to go, or that the session failed, may take to read it."""


class Service:
    """`async with` starts the engines and ends them, sessions first. Raises SettingsError, SpecError or EngineError."""

    def __init__(
        self,
        settings: ServerSettings,
        clock: Clock,
        *,
        stt: Stt | None = None,
        tts: Tts | None = None,
        callers: Callers | None = None,
    ) -> None:
        """`stt`, `tts` and `callers` take the place of what the settings ask for; clients are told of the latter."""
        self._authenticator: Authenticator = authenticator(settings)
        self._clock = clock
        specs = settings.engines()
        judge = specs.get(Role.END_OF_TURN)
        self._engines = EngineSet(
            vad=registry.create(Role.VAD, specs[Role.VAD]),
            stt=stt or registry.create(Role.STT, specs[Role.STT]),
            llm=registry.create(Role.LLM, specs[Role.LLM]),
            tts=tts or registry.create(Role.TTS, specs[Role.TTS]),
            end_of_turn=registry.create(Role.END_OF_TURN, judge) if judge else None,
        )
        self.engines = Engines(
            vad=registry.describe(Role.VAD, specs[Role.VAD]),
            stt=registry.describe(Role.STT, specs[Role.STT]),
            llm=registry.describe(Role.LLM, specs[Role.LLM]),
            tts=registry.describe(Role.TTS, specs[Role.TTS]),
        )
        self._limits = Limits(max_message_bytes=settings.max_message_bytes, idle_timeout_ms=settings.idle_timeout_ms)
        self._admission = Admission(settings.sessions, settings.sessions_per_address)
        self._session_settings = _session_settings(settings)
        self._store = ConversationStore()
        self._callers = callers or callers_of(settings)
        self._sessions: dict[str, Session] = {}
        """Those that go on, by their resume token."""
        self._conversations: set[asyncio.Task[None]] = set()
        self._opening: set[asyncio.Task[None]] = set()
        """Of those, the ones that have no session yet."""
        self._is_draining = False
        self._stack = AsyncExitStack()
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_ready = False

    @property
    def limits(self) -> Limits:
        return self._limits

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            engines = [engine for engine in self._engines if engine is not None]
            for engine in engines:
                stack.push_async_callback(engine.close)
            try:
                async with asyncio.TaskGroup() as tasks:
                    for engine in engines:
                        tasks.create_task(engine.start())
            except* EngineError as failures:
                raise EngineError("; ".join(str(failure) for failure in failures.exceptions)) from None
            self._stack = stack.pop_all()
        self.is_ready = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_ready = False
        await self._drain()
        await self._stack.aclose()

    async def converse(self, transport: Transport, visitor: Visitor = NOBODY) -> None:
        """Serve one client to the end. Whatever goes wrong concerns this client alone, and is told or logged."""
        session_id = secrets.token_hex(4)
        log = SessionLog(session_id)
        connection = Connection(Side.SERVER, self._limits)
        task = asyncio.current_task()
        assert task is not None
        if self._is_draining:
            return
        self._conversations.add(task)
        self._opening.add(task)
        self._idle.clear()
        try:
            visit = await self._let_in(transport, connection, visitor)
            try:
                agreement, conversation = await self._agree(transport, connection, session_id, visitor, visit)
                self._opening.discard(task)
                log.info("session started", input=agreement.input, output=agreement.output)
                await self._run(agreement, conversation, transport, connection, log)
            finally:
                visit.leave()
        except ProtocolError as error:
            log.info("session refused", code=error.code.value, field=error.field, address=visitor.address)
        except Disconnected:
            log.info("client gone before the session started")
        finally:
            self._opening.discard(task)
            self._conversations.discard(task)
            if not self._conversations:
                self._idle.set()

    async def _let_in(self, transport: Transport, connection: Connection, visitor: Visitor) -> Visit:
        try:
            return self._admission.enter(visitor.address)
        except ProtocolError as error:
            await refuse(transport, connection, error)
            raise

    async def _agree(
        self, transport: Transport, connection: Connection, session_id: str, visitor: Visitor, visit: Visit
    ) -> tuple[Agreement, Conversation]:
        taken: tuple[str, Conversation] | None = None

        def admit(start: SessionStart) -> None:
            self._authenticator.check(start.token or visitor.bearer or visitor.cookie)
            visit.sit()

        async def resume(token: str) -> bool:
            nonlocal taken
            # A connection may be broken long before this end of it knows.
            if (session := self._sessions.pop(token, None)) is not None:
                await session.taken_over()
                taken = token, session.conversation
            elif (conversation := self._store.take(token)) is not None:
                taken = token, conversation
            return taken is not None

        try:
            agreement = await agree(
                transport,
                connection,
                self._offer(),
                admit,
                resume,
                session_id=session_id,
                resume_token=secrets.token_urlsafe(16),
                clock=self._clock,
            )
        except Disconnected:
            if taken is not None:  # the client knows no other token than this one
                self._store.keep(*taken)
            raise
        return agreement, taken[1] if taken is not None else Conversation()

    def _offer(self) -> Offer:
        return Offer(
            self.engines,
            self._limits,
            self._session_settings.lead_ms,
            locales=self._engines.locales,
            voices=getattr(self._engines.tts, "voices", ()),
            check_voice=getattr(self._engines.tts, "check", None),
        )

    async def _run(
        self,
        agreement: Agreement,
        conversation: Conversation,
        transport: Transport,
        connection: Connection,
        log: SessionLog,
    ) -> None:
        close_code, reason = 1000, ""
        token = agreement.resume_token
        session = None
        try:
            session = Session(
                agreement,
                transport=transport,
                connection=connection,
                engines=self._engines,
                settings=self._session_settings,
                conversation=conversation,
                callers=self._callers,
                clock=self._clock,
            )
            self._sessions[token] = session
            await session.run()
        except* Disconnected:
            log.info("client gone")
        except* ClientStuck:
            log.warning("client does not read")
            close_code, reason = 1008, "messages were not read"
        except* TakenOver:
            log.info("conversation taken over")
            close_code, reason = CLOSE_CODES[ErrorCode.TAKEN_OVER], "the conversation goes on in another connection"
            await self._tell(transport, connection, ErrorCode.TAKEN_OVER, reason)
        except* SessionOver as group:
            over = group.exceptions[0]
            assert isinstance(over, SessionOver)
            close_code, reason = over.close_code, over.reason
        except* Exception:
            log.exception("session failed")
            close_code, reason = 1011, "the server failed; its log says why"
            await self._tell(transport, connection, ErrorCode.INTERNAL, reason)
        finally:
            if session is None or self._sessions.pop(token, None) is session:
                self._store.keep(token, conversation)
        await transport.close(close_code, reason)

    async def _tell(self, transport: Transport, connection: Connection, code: ErrorCode, message: str) -> None:
        """Tell the client why its session is over, if it still listens."""
        error = Error(code=code, message=message, fatal=True)
        with suppress(Disconnected, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await transport.send(connection.send(error))

    async def _drain(self) -> None:
        self._is_draining = True
        for task in self._opening:
            task.cancel()
        for session in self._sessions.values():
            session.drain(round(DRAIN_S * 1000) if session.is_replying else 0)
        try:
            async with asyncio.timeout(DRAIN_S):
                for session in list(self._sessions.values()):
                    await session.replied()
        except TimeoutError:
            LOGGER.warning("replies are cut short: the server is going away")
        for session in self._sessions.values():
            session.end(ErrorCode.GOING_AWAY, "the server is going away")
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._idle.wait()
        except TimeoutError:
            for task in self._conversations:
                task.cancel()
            await self._idle.wait()


def callers_of(settings: ServerSettings) -> Callers:
    """What is known of the callers of a server that has had none."""
    return Callers(settings.anticipate, after=settings.anticipate_after)


def _session_settings(settings: ServerSettings) -> SessionSettings:
    return SessionSettings(
        turn=TurnSettings(
            silence_ns=settings.silence_ms * NS_PER_MS,
            is_adaptive=settings.endpointing is Endpointing.ADAPTIVE,
            resume_ns=settings.resume_ms * NS_PER_MS,
            speculation=SpeculationSettings(
                is_on=settings.speculates,
                tries=settings.speculation_tries,
                wasted_tokens=settings.speculation_waste,
            ),
            commit_timeout_ns=settings.commit_timeout_ms * NS_PER_MS,
            barge_in=settings.barge_in,
            barge_in_ns=settings.barge_in_ms * NS_PER_MS,
            barge_in_sure_ns=settings.barge_in_sure_ms * NS_PER_MS,
        ),
        hangover_ms=settings.hangover_ms,
        lead_ms=settings.lead_ms,
        overlapped=settings.pipeline is Pipeline.OVERLAPPED,
        idle_timeout_ms=settings.idle_timeout_ms,
        session_length_ms=settings.session_length_ms,
        llm_timeout_ms=settings.llm_timeout_ms,
        tts_timeout_ms=settings.tts_timeout_ms,
    )
