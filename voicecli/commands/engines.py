"""`voicecli engines`: what can be chosen for each role."""

import textwrap
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from voiceserver.engines.registry import Role, available, engine_class
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import Setting, SpecError, Value, explain

TITLES = {
    Role.VAD: "voice activity detection",
    Role.STT: "speech to text",
    Role.LLM: "language model",
    Role.TTS: "text to speech",
    Role.END_OF_TURN: "whether the user has finished (none unless asked for)",
}


WIDEST_DEFAULT = 40


class Listed(NamedTuple):
    """An engine of the list; `problem` says why it cannot be used, and then no settings are known."""

    name: str
    settings: tuple[Setting, ...] = ()
    problem: str = ""


def engines(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
) -> None:
    """List the engines of each role, with their settings.

    Choose one with --vad, --stt, --llm, --tts or --end-of-turn; settings ride with the name: 'espeak(rate=165)'.
    """
    listed = {role: [_list(role, name) for name in available(role)] for role in Role}
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_plain(listed))).decode())
        return
    console = Console(highlight=False, markup=False)
    for role, found in listed.items():
        console.print(f"{role.flag}  {TITLES[role]}", style="bold")
        for engine in found:
            console.print(f"  {engine.name}{f': {engine.problem}' if engine.problem else ''}", soft_wrap=True)
            if engine.settings:
                console.print(_table(engine.settings))


def _list(role: Role, name: str) -> Listed:
    try:
        return Listed(name, tuple(explain(engine_class(role, name).Settings)))
    except (SpecError, EngineError) as error:
        return Listed(name, problem=str(error))


def _table(settings: tuple[Setting, ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)  # a name that is cut off cannot be typed
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for setting in settings:
        table.add_row(f"    {setting.name}", _shown(setting.default), setting.expects)
    return table


def _shown(default: Value | None) -> str:
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default is None else textwrap.shorten(str(default), WIDEST_DEFAULT, placeholder=" ...")


def _plain(listed: dict[Role, list[Listed]]) -> dict[str, list[dict[str, object]]]:
    """As JSON objects with names: a Setting alone would be an array."""
    return {
        role.value: [
            {"name": engine.name, "problem": engine.problem}
            if engine.problem
            else {"name": engine.name, "settings": [setting._asdict() for setting in engine.settings]}
            for engine in found
        ]
        for role, found in listed.items()
    }
