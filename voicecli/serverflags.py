"""Settings of the server as flags of a command: `voicecli serve` has all of them, `voicecli replay` those of
turn-taking."""

from collections.abc import Callable, Iterable, Mapping
from enum import EnumType
from typing import Any, get_args, get_origin, get_type_hints

import typer

from voicecli.exits import CliError, ExitCode
from voicecli.fixtures.fixture import Fixture
from voiceserver.engines.registry import Role
from voiceserver.settings import ENV_PREFIX, NO_ENGINE, ServerSettings, SettingsError, flag, value
from voicewire.messages import TurnDetection

DEFAULTS = ServerSettings()

TURN_TAKING = (
    *("silence_ms", "endpointing", "resume_ms", "speculation", "speculation_tries", "speculation_waste", "anticipate"),
    *("hangover_ms", "commit_timeout_ms", "barge_in", "barge_in_ms", "barge_in_sure_ms"),
)
"""Settings of when a turn ends, when an answer is begun, and what interrupts it."""

LEARNED = "anticipate_after"
"""Another one, which replay has not: what a server learns from one call would make the next one another."""

ASKED_FOR = tuple(name for name in TURN_TAKING if name in TurnDetection.__struct_fields__)
"""Those that a client may ask any server for, in `session_start.turn_detection`."""

FILES = ("jwt_public_key", "tls_cert", "tls_key")
PANEL = "Turn-taking"

_HINTS = get_type_hints(ServerSettings, include_extras=True)


def option(field: str) -> Any:
    """The flag of a field. It takes any text: `settings.load` says what is wrong with it, and in the same words for
    every source."""
    hint, default = _HINTS[field], getattr(DEFAULTS, field)
    kind = _kind(hint)
    names = flag(field)
    metavar: str | None = field.rpartition("_")[2].upper()
    if default is None and field in set(Role):
        default = NO_ENGINE
    told = "" if default in (None, (), False) else f" [default: {'yes' if default is True else default}]"
    if kind is bool:
        names, metavar = f"{names}/{flag(f'no_{field}')}" if default else names, None
    elif isinstance(kind, EnumType):
        metavar = "|".join(kind)
    elif get_origin(kind) is tuple:
        told = " May be repeated."
        metavar = "TEXT" if field == "anticipate" else metavar
    elif field in set(Role):
        metavar = "ENGINE"
    elif field.startswith("sessions") or field == LEARNED:
        metavar = "COUNT"
    elif field.endswith("_ms"):
        metavar = "MS"
    elif field in FILES:
        metavar = "FILE"
    text = f"{hint.__metadata__[0].description}{told}"
    panel = PANEL if field in (*TURN_TAKING, LEARNED) else None
    return typer.Option(names, metavar=metavar, help=text, show_default=False, rich_help_panel=panel)


def _kind(hint: Any) -> Any:
    """What a field holds where it is given."""
    kind = hint.__origin__
    return next((part for part in get_args(kind) if isinstance(part, EnumType)), kind)


def of_turns(given: Mapping[str, object]) -> dict[str, str | None]:
    """The settings of turn-taking among `given`, as text; None is not given."""
    return {name: None if given.get(name) in (None, []) else as_text(given[name]) for name in TURN_TAKING}


def as_text(value: object) -> str:
    """A value as the environment would say it."""
    if isinstance(value, list | tuple):
        return "|".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_given(field: str, text: str) -> str:
    """A flag as it was written on the command line."""
    return flag(f"no_{field}") if text == "false" and getattr(DEFAULTS, field) is True else flag(field)


def values(settings: Mapping[str, str], called: Callable[[str], str] = flag) -> dict[str, bool | int | str]:
    """Settings of turn-taking from text; `called` names one in errors. Raises SettingsError, a ValueError."""
    found = {name: value(name, text, called(name)) for name, text in settings.items()}
    return {name: each if isinstance(each, bool | int) else as_text(each) for name, each in found.items()}


def asked_of_server(flags: Mapping[str, str | None], url: str) -> dict[str, bool | int | str]:
    """What is asked of a server elsewhere. Raises CliError for what no client can ask for."""
    given = {name: text for name, text in flags.items() if text is not None}
    for name, text in given.items():
        if name not in ASKED_FOR:
            written = as_given(name, text)
            raise CliError(
                f"{written} is a setting of the server at {url}, which no client can ask for; set it there (voicecli"
                f" serve {written}, or {ENV_PREFIX}{name.upper()}), or leave --url out",
                ExitCode.USAGE,
            )
    try:
        return values(given)
    except SettingsError as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def without_effect(flags: Mapping[str, str | None], fixtures: Iterable[Fixture]) -> list[str]:
    """A sentence for each fixture that asks for something else itself."""
    told = []
    for fixture in fixtures:
        names = [name for name, text in flags.items() if text and name in fixture.session.turn_detection]
        if names:
            written = " and ".join(as_given(name, str(flags[name])) for name in names)
            told.append(f"{written} changes nothing for {fixture.name}, whose fixture.toml asks for its own")
    return told
