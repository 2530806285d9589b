"""What is generated from the messages: the JSON Schema, the tables of docs/protocol.md and the browser's typedefs.

The meaning of a field or an enum member is the string under it in the source, which only `ast` can see.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from enum import Enum, StrEnum
from functools import cache
from itertools import pairwise
from typing import Any, get_args

import msgspec
from msgspec import inspect as kinds

from voicewire import SUBPROTOCOL, VERSION, errors, frames, marks, messages
from voicewire.errors import CLOSE_CODES, ErrorCode
from voicewire.formats import FRAME_MS, Codec
from voicewire.frames import HEADER, FrameKind

UP: tuple[type[msgspec.Struct], ...] = get_args(messages.Up)
DOWN: tuple[type[msgspec.Struct], ...] = get_args(messages.Down)
MESSAGES = tuple(dict.fromkeys((*UP, *DOWN)))

_HUGE = 1e12
"""Bounds from here on only keep arithmetic safe, and say nothing to a reader."""


# --- reading the source


def tag_of(message: type[msgspec.Struct]) -> str:
    """The message's `type` on the wire."""
    return str(message.__struct_config__.tag)


@cache
def meanings(cls: type) -> dict[str, str]:
    """The strings under the fields or members of a class, on one line each; one without is absent."""
    tree = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__)
    found = {}
    for statement, after in pairwise(body):
        match statement:
            case ast.AnnAssign(target=target) | ast.Assign(targets=[target]):
                pass
            case _:
                continue
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[target.id] = " ".join(str(after.value.value).split())
    return found


def summary(cls: type) -> str:
    """A class's docstring on one line; "" where it has none of its own."""
    return " ".join((cls.__dict__.get("__doc__") or "").split())


def fields_of(cls: type[msgspec.Struct]) -> tuple[kinds.Field, ...]:
    info = kinds.type_info(cls)
    assert isinstance(info, kinds.StructType)
    return info.fields


def meaning_of(cls: type[msgspec.Struct], field: kinds.Field) -> str:
    """The string under a field, or the description that its type carries."""
    if found := meanings(cls).get(field.name):
        return found
    described = field.type.extra_json_schema if isinstance(field.type, kinds.Metadata) else None
    return str((described or {}).get("description", ""))


def default_of(field: kinds.Field) -> Any:
    """A field's default as JSON has it; msgspec.NODEFAULT for a required field."""
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default_factory())
    return field.default if field.required else msgspec.to_builtins(field.default)


def named_types(shown: tuple[type, ...]) -> Iterator[type]:
    """The structs and enums that the fields of `shown` use, each once, in order of appearance."""
    seen: set[type] = set()

    def visit(kind: kinds.Type) -> Iterator[type]:
        match kind:
            case kinds.Metadata(type=inner):
                yield from visit(inner)
            case kinds.UnionType(types=types):
                for inner in types:
                    yield from visit(inner)
            case kinds.ListType(item_type=inner) | kinds.DictType(value_type=inner):
                yield from visit(inner)
            case kinds.EnumType(cls=cls) if cls not in seen:
                seen.add(cls)
                yield cls
            case kinds.StructType(cls=cls) if cls not in seen:
                seen.add(cls)
                yield cls
                for field in fields_of(cls):
                    yield from visit(field.type)

    for cls in shown:
        for field in fields_of(cls):
            yield from visit(field.type)


# --- JSON Schema


def json_schema() -> dict[str, Any]:
    """The messages as JSON Schema 2020-12: `Up` and `Down` under `$defs`, and either of them at the root."""
    references, components = msgspec.json.schema_components(MESSAGES, ref_template="#/$defs/{name}")
    by_message = dict(zip(MESSAGES, references, strict=True))
    for cls in (*MESSAGES, *named_types(MESSAGES)):
        _describe(components[cls.__name__], cls)
    for name, sent, who in (("Up", UP, "client to server"), ("Down", DOWN, "server to client")):
        components[name] = {
            "title": name,
            "description": f"A message from {who}.",
            "oneOf": [by_message[message] for message in sent],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUBPROTOCOL,
        "description": f"The JSON text frames of voicewire, version {VERSION}. Generated from voicewire/messages.py.",
        "anyOf": [{"$ref": "#/$defs/Up"}, {"$ref": "#/$defs/Down"}],
        "$defs": components,
    }


def _describe(schema: dict[str, Any], cls: type) -> None:
    """Add to a component what msgspec does not know: meanings, and defaults made by a factory."""
    if not summary(cls):
        schema.pop("description", None)
    if issubclass(cls, Enum):
        schema["enum"] = [member.value for member in cls]
        return
    assert issubclass(cls, msgspec.Struct)
    for field in fields_of(cls):
        property_schema = schema["properties"][field.encode_name]
        if meaning := meaning_of(cls, field):
            property_schema["description"] = meaning
        if not field.required:
            property_schema["default"] = default_of(field)


def schema_text() -> str:
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


# --- docs/protocol.md

_ANCHORS = {"ErrorCode": "errors", "Limits": "limits", "Mark": "marks-and-spans"}
"""Types that have a section of their own, and do not stand under "Types"."""


def protocol_markdown(template: str) -> str:
    """The template with every line `{{name}}` replaced by what is generated under that name."""
    generated = {
        "overview": _overview(),
        "up": _sections(tuple(message for message in UP if message not in DOWN)),
        "both": _sections(tuple(message for message in UP if message in DOWN)),
        "down": _sections(tuple(message for message in DOWN if message not in UP)),
        "types": _sections(tuple(cls for cls in named_types(MESSAGES) if cls.__name__ not in _ANCHORS)),
        "header": _header_table(),
        "kinds": _kinds_table(),
        "codecs": _codecs_table(),
        "limits": _fields_table(messages.Limits),
        "errors": _errors_table(),
        "marks": _marks_table(),
        "spans": _spans_table(),
    }
    lines = []
    for line in template.splitlines():
        if line.startswith("{{"):
            line = generated.pop(line.removeprefix("{{").removesuffix("}}"))
        lines.append(line)
    assert not generated, f"the template leaves out {sorted(generated)}"
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    # A bar inside a cell would end it.
    lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(f"| {line} |" for line in lines)


def _overview() -> str:
    rows = []
    for message in MESSAGES:
        direction = "both" if message in UP and message in DOWN else "up" if message in UP else "down"
        rows.append((direction, f"[`{tag_of(message)}`](#{tag_of(message)})", summary(message)))
    for kind in FrameKind:
        direction, _, what = meanings(FrameKind)[kind.name].partition(": ")
        rows.append((direction.lower(), f"[`{kind.name.lower()}`](#audio-binary-frames)", f"{what} (binary)"))
    order = ("up", "both", "down")
    return _table(("direction", "message", "what"), sorted(rows, key=lambda row: order.index(row[0])))


def _title(cls: type) -> str:
    return tag_of(cls) if cls in MESSAGES else cls.__name__


def _sections(classes: tuple[type, ...]) -> str:
    parts = []
    for cls in classes:
        heading = f"`{_title(cls)}`" if cls in MESSAGES else _title(cls)
        parts.append(f"### {heading}")
        parts.extend(filter(None, [summary(cls)]))
        if issubclass(cls, msgspec.Struct):
            parts.append(_fields_table(cls))
        else:
            assert issubclass(cls, StrEnum)
            parts.append(_table(("value", "meaning"), [(f"`{m.value}`", meanings(cls).get(m.name, "")) for m in cls]))
    return "\n\n".join(parts)


def _fields_table(cls: type[msgspec.Struct]) -> str:
    rows = []
    for field in fields_of(cls):
        default = "required" if field.required else f"`{_shown_default(field)}`"
        rows.append((f"`{field.encode_name}`", _type_name(field.type), default, meaning_of(cls, field)))
    return _table(("field", "type", "default", "meaning"), rows) if rows else "It has no fields."


def _shown_default(field: kinds.Field) -> str:
    # An empty object stands for one of defaults, and those are shown in its own table.
    return "{}" if isinstance(field.default, msgspec.Struct) else json.dumps(default_of(field), ensure_ascii=False)


def _type_name(kind: kinds.Type) -> str:
    match kind:
        case kinds.Metadata(type=inner):
            return _type_name(inner)
        case kinds.UnionType(types=types):
            return " or ".join(_type_name(inner) for inner in types)
        case kinds.IntType(ge=low, le=high):
            return "integer" + _range(low, high)
        case kinds.FloatType(ge=low, le=high):
            return "number" + _range(low, high)
        case kinds.StrType(min_length=low, max_length=high):
            return "string" + (f" ({low or 0}–{high} characters)" if high else "")
        case kinds.BoolType():
            return "boolean"
        case kinds.NoneType():
            return "null"
        case kinds.ListType(item_type=item, min_length=low, max_length=high):
            return f"list of {_type_name(item)}" + _range(low, high)
        case kinds.DictType(value_type=value):
            return f"map of string to {_type_name(value)}"
        case kinds.EnumType(cls=cls) | kinds.StructType(cls=cls):
            return f"[{cls.__name__}](#{_ANCHORS.get(cls.__name__, cls.__name__.lower())})"
        case _:
            raise AssertionError(f"no name for {kind}")


def _range(low: float | None, high: float | None) -> str:
    low = None if low is not None and low <= -_HUGE else low
    high = None if high is not None and high >= _HUGE else high
    if high is not None:
        return f" ({low or 0:g}–{high:g})" if high < 100_000 else f" ({low or 0}–{high})"
    return f" (≥ {low:g})" if low is not None else ""


def _header_table() -> str:
    rows = [
        ("0", "u8", "version and kind", f"version (high four bits): {VERSION}; kind (low four bits): see below"),
        ("1", "u8", "codec", "see below; always the one agreed in `session_ready`"),
        ("2", "u16", "turn id", "the turn whose reply this is, from 1; 0 in microphone audio"),
        ("4", "u32", "sequence", "counts the frames of a direction, from 0"),
        (
            "8",
            "u64",
            "pts",
            "position of the payload's first sample, in samples at the agreed rate, at most 2^53 - 1; "
            "upward since the microphone's first sample, downward since the reply's; 0 for a container",
        ),
        (str(HEADER.size), "", "payload", "as its codec says"),
    ]
    return _table(("offset", "type", "field", "meaning"), rows)


def _kinds_table() -> str:
    return _table(
        ("number", "kind", "meaning"),
        [(str(kind.value), f"`{kind.name.lower()}`", meanings(FrameKind)[kind.name]) for kind in FrameKind],
    )


def _codecs_table() -> str:
    rows = []
    for codec in Codec:
        directions = "up, down" if codec in (Codec.OPUS, Codec.PCM_S16LE) else "up"
        rows.append((str(frames.CODEC_NUMBERS[codec]), f"`{codec.value}`", directions, meanings(Codec)[codec.name]))
    return _table(("number", "codec", "directions", "payload"), rows)


def _errors_table() -> str:
    rows = []
    for code in ErrorCode:
        close = str(CLOSE_CODES[code]) if code in CLOSE_CODES else ""
        rows.append((f"`{code.value}`", close, meanings(errors.ErrorCode)[code.name]))
    return _table(("code", "close code", "meaning"), rows)


def _marks_table() -> str:
    rows = [(f"`{mark.value}`", mark.side.value, meanings(marks.Mark).get(mark.name, "")) for mark in marks.Mark]
    return _table(("mark", "clock", "meaning"), rows)


def _spans_table() -> str:
    rows = [(f"`{span.name}`", span.title, f"`{span.start.value}` → `{span.end.value}`") for span in marks.SPANS]
    return _table(("name", "title", "from → to"), rows)


# --- web/voicewire/types.js


def typedefs() -> str:
    """An ES module: the messages as JSDoc typedefs, and the protocol's constants."""
    constants: dict[str, Any] = {
        "VERSION": VERSION,
        "SUBPROTOCOL": SUBPROTOCOL,
        "FRAME_MS": FRAME_MS,
        "HEADER_BYTES": HEADER.size,
        "MAX_PTS": frames.MAX_PTS,
        "KINDS": {kind.name.lower(): kind.value for kind in FrameKind},
        "CODECS": {codec.value: number for codec, number in frames.CODEC_NUMBERS.items()},
        "UP_TYPES": [tag_of(message) for message in UP],
        "DOWN_TYPES": [tag_of(message) for message in DOWN],
        "MARKS": {mark.value: mark.side.value for mark in marks.Mark},
        "SPANS": {span.name: [span.start.value, span.end.value] for span in marks.SPANS},
    }
    parts = ["// Generated from voicewire/messages.py by scripts/generate.py: change it there."]
    parts += [f"export const {name} = {_js_value(value)};" for name, value in constants.items()]
    parts += [_typedef(cls) for cls in (*named_types(MESSAGES), *MESSAGES)]
    for name, sent in (("Up", UP), ("Down", DOWN)):
        parts.append(f"/** @typedef {{{' | '.join(message.__name__ for message in sent)}}} {name} */")
    return "\n\n".join(parts) + "\n"


def _js_value(value: Any) -> str:
    if isinstance(value, dict):
        lines = [f"  {json.dumps(key)}: {json.dumps(inner)}," for key, inner in value.items()]
        return "\n".join(["Object.freeze({", *lines, "})"])
    return f"Object.freeze({json.dumps(value)})" if isinstance(value, list) else json.dumps(value)


def _typedef(cls: type) -> str:
    if issubclass(cls, Enum):
        return f"/** @typedef {{{' | '.join(json.dumps(member.value) for member in cls)}}} {cls.__name__} */"
    assert issubclass(cls, msgspec.Struct)
    lines = ["/**", *filter(None, [f" * {summary(cls)}" if summary(cls) else "", " *" if summary(cls) else ""])]
    lines.append(f" * @typedef {{Object}} {cls.__name__}")
    if cls in MESSAGES:
        lines.append(f' * @property {{"{tag_of(cls)}"}} type')
    for field in fields_of(cls):
        name = field.encode_name if field.required else f"[{field.encode_name}]"
        lines.append(f" * @property {{{_js_type(field.type)}}} {name} {meaning_of(cls, field)}".rstrip())
    return "\n".join([*lines, " */"])


def _js_type(kind: kinds.Type) -> str:
    match kind:
        case kinds.Metadata(type=inner):
            return _js_type(inner)
        case kinds.UnionType(types=types):
            return " | ".join(dict.fromkeys(_js_type(inner) for inner in types))
        case kinds.IntType() | kinds.FloatType():
            return "number"
        case kinds.StrType():
            return "string"
        case kinds.BoolType():
            return "boolean"
        case kinds.NoneType():
            return "null"
        case kinds.ListType(item_type=item):
            return f"Array<{_js_type(item)}>"
        case kinds.DictType(value_type=value):
            return f"Record<string, {_js_type(value)}>"
        case kinds.EnumType(cls=cls) | kinds.StructType(cls=cls):
            return cls.__name__
        case _:
            raise AssertionError(f"no name for {kind}")
