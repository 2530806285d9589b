"""Events of a conversation in a line each, and as JSON."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from voicecli.reports.report import printable
from voicecli.talking.talkstate import Entry, TalkEvent
from voicewire.clock import NS_PER_MS, ms

MAX_VALUE_CHARS = 160

_SECRET = frozenset({"token", "resume_token"})
"""What opens doors is never shown."""
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def event_name(event: TalkEvent) -> str:
    """Of a message, its `type`; of what the client found out, the like."""
    if isinstance(event, msgspec.Struct):
        return str(event.__struct_config__.tag)
    return _HUMP.sub("_", type(event).__name__).lower()


def event_fields(event: TalkEvent) -> dict[str, Any]:
    """What JSON can hold of an event: durations and instants in ms, no secrets."""
    return {name: value for name, value in _plain(event).items() if name not in _SECRET and name != "type"}


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return msgspec.to_builtins(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        fields = value._asdict().items()
        return {
            _unit(name): ms(each) if name.endswith("_ns") and each is not None else _plain(each)
            for name, each in fields
        }
    return msgspec.to_builtins(value)


def _unit(name: str) -> str:
    return f"{name[:-3]}_ms" if name.endswith("_ns") else name


def stopwatch(since_ns: int) -> str:
    since_ms = max(0, since_ns) // NS_PER_MS
    return f"{since_ms // 60_000}:{since_ms // 1000 % 60:02}.{since_ms % 1000:03}"


def entry_line(entry: Entry, began_ns: int) -> tuple[str, str, str]:
    """When (since the beginning), what, and the rest of it."""
    fields = event_fields(entry.event)
    turn_id = fields.pop("turn_id", None)
    name = event_name(entry.event)
    return stopwatch(entry.at_ns - began_ns), name if turn_id is None else f"{name} {turn_id}", ", ".join(_told(fields))


def _told(fields: dict[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        if value is None or value == "" or value == {} or value == []:
            continue
        yield f"{name} {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        text = f"{value:.1f}"
    elif isinstance(value, str):
        text = f"“{printable(value)}”"
    else:
        text = printable(msgspec.json.encode(value).decode())
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[: MAX_VALUE_CHARS - 1]}…"
