"""What a replay in a test is to be: said by its arguments, else by its markers, else on the command line."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from voicecli.client.transport import public_url
from voicecli.serverflags import ASKED_FOR, TURN_TAKING, as_text, of_turns, values

OWN_SETTINGS = ("vad", "stt", "llm", "tts", "llm_url", "llm_model", "pipeline")
"""Of the own server alone, as `voicecli replay` has them, beside those of turn-taking."""

_Said = TypeVar("_Said")


class WantedError(Exception):
    """Two things that do not go together; the message says what to leave out."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What one place says; None is not said."""

    place: str
    url: str | None = None
    virtual: bool | None = None
    own: Mapping[str, str] = field(default_factory=dict)
    """Of an own server: engines, and what no client can ask for."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Settings of turn-taking that a client may ask any server for."""
    repeat: int | None = None
    net: str | None = None
    net_seed: int | None = None
    timeout_s: float | None = None
    by_default: bool = False
    """Its settings stand beside the default URL, and name no server by themselves."""

    def __post_init__(self) -> None:
        if self.url and self.own:
            raise _no_client_asks(self)
        if self.url and self.virtual:
            raise WantedError(f"{self.place}: a server elsewhere has a clock of its own; leave virtual out, or the URL")
        if self.repeat is not None and self.repeat < 1:
            raise WantedError(f"{self.place}: repeat is at least 1")


def _no_client_asks(said: Wanted) -> WantedError:
    name = next(iter(said.own))
    if name in TURN_TAKING:
        return WantedError(
            f"{said.place}: {name} is a setting of the server, which no client can ask for; set it on that server, and"
            " leave it out here, or the URL"
        )
    return WantedError(f"{said.place}: {name} is of an own server; leave it out, or the URL")


@dataclass(frozen=True, kw_only=True)
class Settled:
    url: str | None
    """None for an own server."""
    virtual: bool
    own: Mapping[str, str]
    """All settings of an own server."""
    repeat: int
    net: str | None
    net_seed: int
    timeout_s: float
    turn_detection: Mapping[str, bool | int | str] = field(default_factory=dict)
    """Asked of a server elsewhere."""
    is_default: bool = False
    """The URL is the one of all tests; of several workers each may have started its own agent, at a port of its own."""

    @property
    def where(self) -> str:
        """As the summary tells it."""
        place = "virtual time" if self.virtual else "own server"
        if self.url is not None:
            place = "agent" if self.is_default else public_url(self.url)
        return f"{place}, {self.net}" if self.net else place


def wanted(place: str, said: Mapping[str, object], *, by_default: bool = False) -> Wanted:
    """From keywords: the fields of Wanted, and the settings of the own server. Raises WantedError."""
    known: dict[str, type | tuple[type, ...]] = {
        "url": str,
        "virtual": bool,
        "repeat": int,
        "net": str,
        "net_seed": int,
        "timeout_s": (int, float),
    }
    known |= dict.fromkeys(OWN_SETTINGS, str) | dict.fromkeys(TURN_TAKING, (bool, int, str))
    for key, value in said.items():
        if key not in known:
            raise WantedError(f"{place}: there is no {key}; use {', '.join(known)}")
        if value is not None and not isinstance(value, known[key]):
            raise WantedError(f"{place}: {key} cannot be {value!r}")
    own = {key: str(said[key]) for key in OWN_SETTINGS if said.get(key) is not None}
    turns = _turn_taking(place, said)
    others = {key: value for key, value in said.items() if key not in (*OWN_SETTINGS, *TURN_TAKING)}
    return Wanted(
        place=place,
        own=own | {key: value for key, value in turns.items() if key not in ASKED_FOR},
        asked={key: value for key, value in turns.items() if key in ASKED_FOR},
        by_default=by_default,
        **others,  # type: ignore[arg-type]
    )


def settings(place: str, written: Iterable[str]) -> dict[str, str]:
    """Of turn-taking, written as `silence_ms=400`. Raises WantedError."""
    found = {}
    for text in written:
        name, equals, value = text.partition("=")
        key = name.strip().replace("-", "_")
        if not (equals and value.strip()) or key not in TURN_TAKING:
            raise WantedError(
                f"{place} {text}: write it as SETTING=VALUE, such as silence_ms=400, with one of"
                f" {', '.join(TURN_TAKING)}"
            )
        found[key] = value.strip()
    return found


def _turn_taking(place: str, said: Mapping[str, object]) -> dict[str, str]:
    """Those settings as text, once they were found to be good. Raises WantedError."""
    given = {key: text for key, text in of_turns(said).items() if text is not None}
    try:
        return {key: as_text(each) for key, each in values(given, lambda name: f"{place}: {name}").items()}
    except ValueError as error:
        raise WantedError(str(error)) from None


def settled(levels: Iterable[Wanted], default_url: Callable[[], str | None]) -> Settled:
    """The first to say something is heard. `default_url` is asked where nothing else says which server.

    Whoever names engines, virtual time, or what no client can ask for, means an own server: a URL that is said with
    less weight is not used then. Raises WantedError.
    """
    given = list(levels)
    url, virtual, is_default = None, None, False
    own: dict[str, str] = {}
    for level in given:
        virtual = level.virtual if virtual is None else virtual
        own = own if level.by_default else {**level.own, **own}
        if level.url and not virtual and not own:
            url = level.url
            break
    if url is None and not virtual and not own:
        url = default_url() or None
        is_default = url is not None
    asked = {key: value for level in reversed(given) for key, value in level.asked.items()}
    defaults = next((level for level in given if level.by_default and level.own), None)
    if defaults is not None and is_default:
        raise _no_client_asks(defaults)
    if url is None:
        own = {**(defaults.own if defaults else {}), **asked, **own}
    net = _first(level.net for level in given) or None
    if net and virtual:
        raise WantedError("net does not go with virtual time: no bytes cross a network; leave one out")
    return Settled(
        url=url,
        virtual=bool(virtual),
        own=own,
        turn_detection={} if url is None else values(asked),
        repeat=_first(level.repeat for level in given) or 1,
        net=net,
        net_seed=_first(level.net_seed for level in given) or 1,
        timeout_s=_first(level.timeout_s for level in given) or 30.0,
        is_default=is_default,
    )


def _first(values: Iterable[_Said | None]) -> _Said | None:
    return next((value for value in values if value is not None), None)
