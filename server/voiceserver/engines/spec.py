"""An engine's name and its settings, as people write them.

On the command line `espeak`, `espeak(voice=en-us, rate=165)` or `scripted(text='one, two', ttfb=100ms)`; in TOML the
same string, or a table `{engine = "espeak", voice = "en-us"}`. `EngineSpec.convert` turns the settings into the
`Settings` struct of the engine's class.

A value is `true` or `false`, a number, or text. Text needs quotes, single or double, where it holds a comma, a quote or
a parenthesis, or would read as something else (`'5'`); inside them a backslash stands before a quote or a backslash.
A setting of type `Milliseconds` takes `100ms`, `1.5s`, or a plain number of milliseconds.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import msgspec
from msgspec import Meta
from msgspec import inspect as struct_inspect

Value = str | int | float | bool

Milliseconds = Annotated[float, Meta(ge=0, extra={"unit": "ms"})]
"""A setting that is a duration. Narrow it with `Annotated[Milliseconds, Meta(le=...)]`."""

PRIVATE = Meta(extra={"private": True})
"""Marks a setting that clients are not told, such as an address or a prompt: `url: Annotated[str, PRIVATE]`."""

S = TypeVar("S", bound=msgspec.Struct)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BARE = re.compile(r"[^,()'\"]+")
_SPACE = re.compile(r"\s*")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_DURATION = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,12})?)\s*(ms|s)")
_ESCAPED = re.compile(r"\\([\\'\"])")


class SpecError(ValueError):
    """What was asked for is no engine, or has no such settings: one sentence that names the place at fault."""


class Setting(NamedTuple):
    """A setting of an engine, for a list that people read."""

    name: str
    default: Value | None
    """None where there is none; then it is required or simply unset."""
    expects: str
    """Such as "a whole number between 80 and 450"."""


class EngineSpec(msgspec.Struct, frozen=True):
    """An engine's name and the settings that were given for it."""

    name: str
    settings: dict[str, Value] = {}

    @classmethod
    def of(cls, source: "str | Mapping[str, Any] | EngineSpec") -> "EngineSpec":
        """From a string or a TOML table. Raises SpecError."""
        if isinstance(source, EngineSpec):
            return source
        return cls.parse(source) if isinstance(source, str) else cls.from_table(source)

    @classmethod
    def parse(cls, text: str) -> "EngineSpec":
        """`name` or `name(key=value, ...)`. Raises SpecError, with the position counted from 1."""
        return _Parser(text).spec()

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "EngineSpec":
        """`{engine = "name", key = value, ...}`. Raises SpecError."""
        name = table.get("engine")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SpecError(f"a table of engine settings needs the engine's name: engine = {_show(name or 'espeak')}")
        settings: dict[str, Value] = {}
        for key, value in table.items():
            if key == "engine":
                continue
            if not _KEY.fullmatch(key):
                raise SpecError(f"{name}: {_show(key)} is no name of a setting")
            if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
                raise SpecError(f"{name}: {key} must be text, a number, true or false, got {_show(value)}")
            settings[key] = value
        return cls(name, settings)

    def __str__(self) -> str:
        """The shortest text that parses to this spec."""
        if not self.settings:
            return self.name
        return f"{self.name}({','.join(f'{key}={_literal(value)}' for key, value in self.settings.items())})"

    def convert(self, settings: type[S], *, where: str = "") -> S:
        """The settings as the engine's struct. Raises SpecError, which begins with `where` (default: the name)."""
        where = where or self.name
        fields = {field.name: field for field in _fields(settings)}
        hints = get_type_hints(settings, include_extras=True)
        values: dict[str, Any] = {}
        for key, value in self.settings.items():
            if key not in fields:
                raise SpecError(f"{where}: there is no setting {key}{did_you_mean(key, fields)}")
            kind = _Kind.of(fields[key].type)
            try:
                values[key] = msgspec.convert(kind.read(value), hints[key])
            except msgspec.ValidationError:
                raise SpecError(f"{where}: {key} must be {kind.expectation(value)}, got {_show(value)}") from None
        missing = [field.name for field in fields.values() if field.required and field.name not in values]
        if missing:
            raise SpecError(f"{where}: {missing[0]} is needed, as in {self.name}({missing[0]}=...)")
        try:
            return settings(**values)
        except ValueError as error:
            raise SpecError(f"{where}: {error}") from None


def public_settings(settings: msgspec.Struct) -> dict[str, Value]:
    """The settings in effect, without the private ones and those that are unset."""
    values: dict[str, Any] = msgspec.to_builtins(settings)
    private = {field.name for field in _fields(type(settings)) if _Kind.of(field.type).private}
    return {key: value for key, value in values.items() if key not in private and value is not None}


def explain(settings: type[msgspec.Struct]) -> list[Setting]:
    """The settings of an engine's class, with what each expects."""
    listed = []
    for field in _fields(settings):
        default = None if field.default in (msgspec.NODEFAULT, None) else msgspec.to_builtins(field.default)
        listed.append(Setting(field.name, default, _Kind.of(field.type).expectation()))
    return listed


def did_you_mean(given: str, existing: Iterable[str]) -> str:
    """The tail of an error about a name that does not exist: the nearest name that does, and all of them."""
    names = sorted(existing)
    if not names:
        return "; there is none to choose from"
    near = difflib.get_close_matches(given, names, n=1)
    listed = f"{'are' if len(names) > 1 else 'is'} {', '.join(names)}"
    return f", did you mean {near[0]}? There {listed}" if near else f"; there {listed}"


class _Parser:
    """Recursive descent over one spec; `_at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def spec(self) -> EngineSpec:
        name = self._take(_NAME, "the name of an engine")
        settings: dict[str, Value] = {}
        if self._skip("("):
            while not self._skip(")"):
                key, value = self._pair()
                if key in settings:
                    raise self._error(f"{key} is given twice")
                settings[key] = value
                if not self._skip(",") and self._peek() != ")":
                    raise self._error(f"expected a comma or a closing parenthesis after {key}")
        self._take(_SPACE)
        if self._at < len(self._text):
            raise self._error(f"expected nothing after {'the parenthesis' if settings else name}")
        return EngineSpec(name, settings)

    def _pair(self) -> tuple[str, Value]:
        key = self._take(_KEY, "a setting's name")
        if not self._skip("="):
            raise self._error(f"expected = and a value after {key}")
        quote = self._peek()
        if quote and quote in "'\"":
            return key, self._quoted(key, quote)
        bare = self._take(_BARE, f"a value for {key}; text with a comma, quote or parenthesis needs quotes").rstrip()
        if self._peek() in ("'", '"', "("):
            raise self._error(f"{key} needs quotes around all of its value")
        return key, _value(bare)

    def _quoted(self, key: str, quote: str) -> str:
        end = re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL).match(self._text, self._at)
        if end is None:
            raise self._error(f"the quote around {key} is not closed")
        self._at = end.end()
        return _ESCAPED.sub(r"\1", end[1])

    def _peek(self) -> str:
        self._take(_SPACE)
        return self._text[self._at : self._at + 1]

    def _skip(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True

    def _take(self, pattern: re.Pattern[str], wanted: str = "") -> str:
        if wanted:
            self._take(_SPACE)
        found = pattern.match(self._text, self._at)
        if found is None or (wanted and not found[0].strip()):
            raise self._error(f"expected {wanted}")
        self._at = found.end()
        return found[0]

    def _error(self, problem: str) -> SpecError:
        return SpecError(f"{_show(self._text)}, character {self._at + 1}: {problem}")


class _Kind(NamedTuple):
    """What a setting takes, unwrapped from its annotations."""

    type: struct_inspect.Type
    is_duration: bool
    private: bool

    @classmethod
    def of(cls, type_: struct_inspect.Type) -> "_Kind":
        extra: dict[str, Any] = {}
        while True:
            if isinstance(type_, struct_inspect.Metadata):
                extra |= type_.extra or {}
                type_ = type_.type
            elif isinstance(type_, struct_inspect.UnionType) and len(type_.types) == 2 and type_.includes_none:
                type_ = next(part for part in type_.types if not isinstance(part, struct_inspect.NoneType))
            else:
                return cls(type_, extra.get("unit") == "ms", bool(extra.get("private")))

    def read(self, value: Value) -> Value:
        if self.is_duration and isinstance(value, str) and (found := _DURATION.fullmatch(value)):
            return float(found[1]) * (1000 if found[2] == "s" else 1)
        return value

    def expectation(self, value: Value | None = None) -> str:
        """What is expected, in words; only the range where `value` is of the right kind already."""
        match self.type:
            case struct_inspect.BoolType():
                return "true or false"
            case struct_inspect.EnumType(cls=enum):
                return f"one of {', '.join(str(member.value) for member in enum)}"
            case struct_inspect.LiteralType(values=values):
                return f"one of {', '.join(str(choice) for choice in values)}"
            case struct_inspect.IntType() | struct_inspect.FloatType() as number:
                return self._number(number, value)
            case struct_inspect.UnionType(types=types):
                return " or ".join(_Kind.of(type_).expectation() for type_ in types)
            case struct_inspect.StrType(min_length=shortest, max_length=longest):
                if isinstance(value, str):
                    return "shorter text" if longest is not None and len(value) > longest else "longer text"
                if value is not None:
                    return f"text (as in '{value}', with the quotes)"
                return "text that is not empty" if shortest else "text"
        return "something else"

    def _number(self, type_: struct_inspect.IntType | struct_inspect.FloatType, value: Value | None) -> str:
        unit = " ms" if self.is_duration else ""
        bounds = [
            f"{word} {bound:g}{unit}"
            for word, bound in (
                ("at least", type_.ge),
                ("more than", type_.gt),
                ("at most", type_.le),
                ("less than", type_.lt),
            )
            if bound is not None
        ]
        limits = " and ".join(bounds)
        if type_.ge is not None and type_.le is not None:
            limits = f"between {type_.ge:g} and {type_.le:g}{unit}"
        read = self.read(value) if value is not None else None
        whole = isinstance(type_, struct_inspect.IntType)
        if limits and not isinstance(read, bool) and isinstance(read, int if whole else int | float):
            return limits
        noun = "a duration such as 100ms or 1.5s" if self.is_duration else "a whole number" if whole else "a number"
        joint = " " if limits.startswith("between") else ", "
        return f"{noun}{joint}{limits}" if limits else noun


def _fields(settings: type[msgspec.Struct]) -> tuple[struct_inspect.Field, ...]:
    described = struct_inspect.type_info(settings)
    assert isinstance(described, struct_inspect.StructType)
    return described.fields


def _value(bare: str) -> Value:
    if bare in ("true", "false"):
        return bare == "true"
    if _INTEGER.fullmatch(bare):
        return int(bare)
    if _FLOAT.fullmatch(bare) and math.isfinite(float(bare)):
        return float(bare)
    return bare


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and value == value.strip() and _value(value) == value:
        return value
    escaped = re.sub(r"([\\'])", r"\\\1", value)
    return f"'{escaped}'"


def _show(value: object) -> str:
    """A value inside an error: as it was written, and not too long of it."""
    text = _literal(value) if isinstance(value, bool | int | float) else repr(value) if isinstance(value, str) else ""
    text = text or type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
