"""Any chat server that speaks OpenAI's API, through the official client."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import openai
from msgspec import Meta
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from voiceserver.engines.roles import ChatMessage, EngineError, Speaker, Token, TokenUsage
from voiceserver.engines.spec import PRIVATE, Milliseconds

T = TypeVar("T")

OPENAI_URL = "https://api.openai.com/v1"
SYSTEM = (
    "This is a spoken conversation: your answer is read aloud, and what you are told was recognised from speech and may"
    " hold mistakes. Answer at once, in one to three short sentences, in plain words. No lists, no headings, no markup,"
    " no emoji, no links; write numbers, units and abbreviations as one says them. Of an answer of yours that stops in"
    " the middle, the user heard no more."
)
CLOSED = "openai: the engine is closed"
NO_KEY = "none"
"""Sent where a server of one's own is asked and there is no key; the client insists on one."""


class _MalformedError(Exception):
    """A piece of the stream has another shape than it should; the client does not check."""


class _Piece(NamedTuple):
    text: str
    finish_reason: str | None
    usage: TokenUsage | None


class OpenAILlm:
    """Streams chat completions. A request is closed when its stream is: the server stops generating."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        model: Annotated[str, Meta(min_length=1)]
        url: Annotated[str, PRIVATE] = OPENAI_URL
        """Base address of the API, up to and with `/v1`."""
        key_env: Annotated[str, PRIVATE] = "OPENAI_API_KEY"
        """Environment variable that holds the key. A server other than OpenAI's may go without."""
        system: Annotated[str, PRIVATE] = SYSTEM
        """The system prompt; a sentence with the user's locale is added."""
        temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
        max_tokens: Annotated[int, Meta(ge=1)] | None = None
        timeout: Annotated[Milliseconds, Meta(le=600_000)] = 20_000.0
        """Longest wait for the connection, and for each next piece of the answer."""
        retries: Annotated[int, Meta(ge=0, le=5)] = 0
        """Further attempts where a request fails before its first token. Each costs the user its wait."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: openai.AsyncOpenAI | None = None
        self._waits: set[asyncio.Timeout] = set()
        """What streams wait for just now. As many as there are streams."""
        self._where = ""
        self._is_openai = False

    async def start(self) -> None:
        """Asks nothing of the server yet. Raises EngineError for an address or a key that cannot be right."""
        settings = self._settings
        self._where, self._is_openai = _host(settings.url)
        key = os.environ.get(settings.key_env, "").strip()
        if not key and (self._is_openai or settings.key_env != "OPENAI_API_KEY"):
            raise EngineError(f"openai: there is no API key; put it into the environment variable {settings.key_env}")
        if not key.isascii() or not key.isprintable():
            raise EngineError(f"openai: the environment variable {settings.key_env} holds no API key")
        self._client = openai.AsyncOpenAI(
            base_url=settings.url,
            api_key=key or NO_KEY,
            max_retries=settings.retries,
            timeout=max(settings.timeout, 1) / 1000,
        )
        # The client imports its resources when they are first touched, which is not for the first turn to wait for.
        _ = self._client.chat.completions

    async def close(self) -> None:
        client, self._client = self._client, None
        # A connection that is being made would outlive the client's pool.
        while self._waits:
            self._waits.pop().reschedule(0)
        if client is not None:
            await client.close()

    async def reply(self, conversation: Sequence[ChatMessage], *, locale: str) -> AsyncIterator[Token | TokenUsage]:
        finish_reason: str | None = None
        usage: TokenUsage | None = None
        try:
            async with await self._unless_closed(self._request(conversation, locale)) as stream:
                while (chunk := await self._unless_closed(anext(stream, None))) is not None:
                    piece = _piece(chunk)
                    finish_reason = piece.finish_reason or finish_reason
                    usage = piece.usage or usage
                    if piece.text:
                        yield Token(piece.text)
        except openai.OpenAIError as error:
            raise EngineError(f"openai: {self._diagnosis(error)}") from error
        except (_MalformedError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise EngineError(f"openai: {self._where} answered with something that is no chat completion") from error
        self._check_finished(finish_reason)
        if usage is not None:
            yield usage

    async def _request(
        self, conversation: Sequence[ChatMessage], locale: str
    ) -> openai.AsyncStream[ChatCompletionChunk]:
        if self._client is None:
            raise EngineError(CLOSED)
        settings = self._settings
        system = f"{settings.system} The user's locale is {locale}: answer in its language.".strip()
        messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": system}]
        for message in conversation:
            if message.speaker is Speaker.USER:
                messages.append({"role": "user", "content": message.text})
            else:
                messages.append({"role": "assistant", "content": message.text})
        limit = openai.omit if settings.max_tokens is None else settings.max_tokens
        # OpenAI's newer models refuse `max_tokens`; most other servers know nothing else.
        return await self._client.chat.completions.create(
            model=settings.model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
            temperature=openai.omit if settings.temperature is None else settings.temperature,
            max_completion_tokens=limit if self._is_openai else openai.omit,
            max_tokens=openai.omit if self._is_openai else limit,
        )

    async def _unless_closed(self, work: Awaitable[T]) -> T:
        """Raises EngineError as soon as the engine is closed."""
        try:
            async with asyncio.timeout(None) as wait:
                self._waits.add(wait)
                try:
                    return await work
                finally:
                    self._waits.discard(wait)
        except Exception as error:
            if self._client is None:
                raise EngineError(CLOSED) from error
            raise

    def _check_finished(self, finish_reason: str | None) -> None:
        match finish_reason:
            case None:
                raise EngineError(f"openai: {self._where} ended the answer before it was finished")
            case "content_filter":
                raise EngineError(f"openai: {self._where} withheld the rest of the answer: its content filter")
            case "length" if self._settings.max_tokens is None:
                raise EngineError(f"openai: the model {self._settings.model} ran out of room for the answer")

    def _diagnosis(self, error: openai.OpenAIError) -> str:
        where, model = self._where, self._settings.model
        match error:
            case openai.APITimeoutError():
                return f"{where} did not answer within {self._settings.timeout:g} ms"
            case openai.APIConnectionError():
                return f"no connection to {where}, or it was lost; is the server running there? ({error.__cause__})"
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                # Its message may repeat the key.
                return f"{where} does not accept the key in {self._settings.key_env} (status {error.status_code})"
            case openai.NotFoundError():
                return f"{where} has no model {model}, or no chat completions at this address ({_said(error)})"
            case openai.RateLimitError():
                return f"{where} refuses more requests for now: a rate limit or a used-up quota ({_said(error)})"
            case openai.APIStatusError():
                return f"{where} answered with status {error.status_code} ({_said(error)})"
            case _:
                return f"{where} broke off the answer ({_said(error)})"


def _piece(chunk: ChatCompletionChunk) -> _Piece:
    try:
        choice = chunk.choices[0] if chunk.choices else None
        text = choice.delta.content or "" if choice and choice.delta else ""
        counts = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens) if chunk.usage else ()
        finish_reason = choice.finish_reason if choice else None
    except (AttributeError, LookupError, TypeError) as error:
        raise _MalformedError from error
    if not isinstance(text, str) or not all(isinstance(count, int) for count in counts):
        raise _MalformedError
    return _Piece(text, finish_reason, TokenUsage(*counts) if counts else None)


def _host(url: str) -> tuple[str, bool]:
    """What to call the server in an error, and whether it is OpenAI's own. Raises EngineError."""
    if "@" in url:
        raise EngineError(
            "openai: an address with a name or password in it is not used; put the key into the environment"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https"):
        raise EngineError(f"openai: {url!r} is no address of a server; it looks like http://localhost:8080/v1")
    return f"{host}:{port}" if port else host, host == "api.openai.com"


def _said(error: openai.OpenAIError) -> str:
    body = error.body if isinstance(error, openai.APIError) else None
    told = body.get("message") if isinstance(body, dict) else None
    text = " ".join(str(told or error).split())
    return text if len(text) <= 200 else f"{text[:197]}..."
