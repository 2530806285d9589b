"""A language model that follows a script: a fixed reply, or the persona of a file of rules."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from voiceserver.engines.roles import ChatMessage, EngineError, Speaker, Token, TokenUsage
from voiceserver.engines.scripted.faults import ENDLESS_PACE_MS, FaultPlan, FaultSettings
from voiceserver.engines.scripted.pacing import Pacing, delay_of, delays
from voiceserver.engines.scripted.persona import Persona, PersonaError
from voiceserver.engines.spec import PRIVATE, Milliseconds
from voicewire.clock import local_now


class ScriptedLlm:
    """Replies word by word at a declared pace.

    Its items, for a fault, are tokens; an endless one says its reply over and over.
    """

    class Settings(FaultSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
        text: str | None = None
        """The reply, whatever is said. Several stand between `|`, for the turns of a conversation one after another.
        Left out, the rules make it."""
        rules: Annotated[str, PRIVATE] = ""
        """Path of a TOML file of rules; empty: the persona that comes with the engine, whose file tells the format."""
        ttft: Milliseconds = 0.0
        """From the request to the first token."""
        pace: Milliseconds = 0.0
        """From each token to the next."""
        ttfts: str | None = None
        """`ttft` of the turns of a conversation one after another, between `|`: 320ms|280ms."""
        paces: str | None = None
        """Likewise `pace`."""
        jitter: Milliseconds = 0.0
        """Most that each of these times differs by, either way."""
        now: str = ""
        """What the rules take the wall time for, such as 2026-01-05T10:00; empty: the machine's own."""
        seed: Annotated[int, Meta(ge=0)] = 0
        """Of the jitter, and of the choice among a rule's replies."""

        def __post_init__(self) -> None:
            for name in ("ttfts", "paces"):
                delays(name, getattr(self, name))
            if self.now:
                _instant(self.now)

    waits_on_loop = True

    def __init__(self, settings: Settings, *, wall_clock: Callable[[], datetime] = local_now) -> None:
        self._settings = settings
        self._wall_clock = wall_clock
        self._texts = None if settings.text is None else [part.strip() for part in settings.text.split("|")]
        self._ttfts = delays("ttfts", settings.ttfts)
        self._paces = delays("paces", settings.paces)
        self._persona = Persona([])
        self._faults = FaultPlan(settings)
        self._streams = 0

    async def start(self) -> None:
        """Raises EngineError for a file of rules that is missing or wrong."""
        if self._texts is not None:
            return
        path = self._settings.rules
        source = Path(path) if path else files("voiceserver.engines.scripted").joinpath("persona.toml")
        try:
            self._persona = Persona.parse(source.read_text(encoding="utf-8"), seed=self._settings.seed)
        except OSError as error:
            raise EngineError(f"the rules {source} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise EngineError(f"the rules {source} are not UTF-8 text") from None
        except PersonaError as error:
            raise EngineError(f"the rules {source} are wrong: {error}") from None

    async def close(self) -> None:
        pass

    async def reply(self, conversation: Sequence[ChatMessage], *, locale: str) -> AsyncIterator[Token | TokenUsage]:
        """In English, whatever the locale. Usage is counted in words."""
        settings = self._settings
        self._streams += 1
        fault = self._faults.stream()
        pacing = Pacing(jitter_ms=settings.jitter, key=f"{settings.seed}/llm/{self._streams}")
        tokens = re.findall(r"\S+\s*", self._text(conversation))
        turn = _turn(conversation)
        delay_ms = delay_of(turn, self._ttfts, settings.ttft)
        pace_ms = delay_of(turn, self._paces, settings.pace)
        said = 0
        while said < len(tokens) or (fault.is_endless and tokens):
            await fault.strike(pacing)
            await pacing.wait(delay_ms)
            token = tokens[said % len(tokens)]
            yield Token(token.rstrip() + " " if fault.is_endless else token)
            said += 1
            delay_ms = max(pace_ms, ENDLESS_PACE_MS) if fault.is_endless else pace_ms
        heard = sum(len(message.text.split()) for message in conversation)
        yield TokenUsage(input_tokens=heard, output_tokens=said)

    def _text(self, conversation: Sequence[ChatMessage]) -> str:
        if self._texts is None:
            now = _instant(self._settings.now) if self._settings.now else self._wall_clock()
            return self._persona.answer(conversation, now)
        return self._texts[_turn(conversation) % len(self._texts)]


def _turn(conversation: Sequence[ChatMessage]) -> int:
    """Of the conversation that is to be answered, from 0."""
    return max(0, sum(message.speaker is Speaker.USER for message in conversation) - 1)


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"now must be a date and a time such as 2026-01-05T10:00, got {text!r}") from None
