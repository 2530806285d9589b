"""The settings to try: names with their values as people write them, and all combinations of them.

silence_ms=200..1200/100      from 200 to 1200 in steps of 100
vad.threshold=0.3,0.5,0.7     these
barge_in=true,false
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import NamedTuple

Value = bool | int | float | str

Setting = tuple[tuple[str, Value], ...]
"""One value for each name."""

DEFAULT = "silence_ms=200..1200/100"

MAX_SETTINGS = 1000

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")
_NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})/({_NUMBER})")


class SweepError(ValueError):
    """A sweep cannot be read; one sentence that tells what to write."""


class Parameter(NamedTuple):
    """A setting, and the values that it takes in turn."""

    name: str
    """Of turn detection or the server, such as `silence_ms`; of an engine with its role, such as `vad.threshold`."""
    values: tuple[Value, ...]


def parsed(text: str) -> Parameter:
    """Read `NAME=VALUES`. Raises SweepError."""
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not values or not _NAME.fullmatch(name):
        raise SweepError(f'"{_shown(text)}" is no sweep; write NAME=VALUES, such as {DEFAULT} or vad.threshold=0.3,0.5')
    listed: list[Value] = []
    for part in values.split(","):
        listed += _range(name, part.strip()) if ".." in part else [_value(name, part.strip())]
    # True and 1 are equal, and not the same setting.
    return Parameter(name, tuple({(type(value), value): value for value in listed}.values()))


def settings(parameters: Sequence[Parameter]) -> list[Setting]:
    """All combinations, the last name changing fastest. Raises SweepError."""
    names = [parameter.name for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise SweepError(f"{name} is swept twice; give all its values in one, as in {name}=1,2,3")
    count = math.prod(len(parameter.values) for parameter in parameters)
    if count > MAX_SETTINGS:
        raise SweepError(f"these are {count} settings, and at most {MAX_SETTINGS} are tried; give fewer values")
    return [tuple(zip(names, values, strict=True)) for values in product(*(each.values for each in parameters))]


def shown(value: Value) -> str:
    """As it is written on the command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def title(setting: Setting) -> str:
    return " ".join(f"{name}={shown(value)}" for name, value in setting)


def _range(name: str, text: str) -> list[Value]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise SweepError(f'{name}: "{_shown(text)}" is no range; write FROM..TO/STEP, such as 200..1200/100')
    first, last, step = (Decimal(number) for number in found.groups())
    if step <= 0 or last < first:
        raise SweepError(f'{name}: "{text}" never arrives; write the lower end first, and a step above 0')
    count = int((last - first) / step) + 1
    if count > MAX_SETTINGS:
        raise SweepError(
            f'{name}: "{text}" are {count} values, and at most {MAX_SETTINGS} are tried; take a longer step'
        )
    is_whole = "." not in text.replace("..", "")
    values = [first + step * index for index in range(count)]
    return [int(value) if is_whole else float(value) for value in values]


def _value(name: str, text: str) -> Value:
    if not text:
        raise SweepError(f"{name}: a value is missing; write them with one comma between, as in {name}=1,2,3")
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(_NUMBER, text):
        return float(text) if "." in text else int(text)
    return text


def _shown(text: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in text)
    return kept if len(kept) <= 60 else f"{kept[:57]}..."
