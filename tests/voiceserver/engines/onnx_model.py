"""ONNX models of a few nodes, written byte by byte: protocol buffers need no library for so little."""

from collections.abc import Sequence
from pathlib import Path

FLOAT = 1
OPSET = 13
INPUT, OUTPUT = "input_features", "logits"


def write_model(
    path: Path, *, operators: Sequence[str] = ("ReduceMean", "Sigmoid"), shape: Sequence[int] = (1, 80, 800)
) -> Path:
    """A chain of operators, from one input of that shape to one output: by default, the mean of the features as a
    probability."""
    names = [INPUT, *(f"step{number}" for number in range(1, len(operators))), OUTPUT]
    nodes = b"".join(
        _field(1, _field(1, before) + _field(2, after) + _field(4, operator))
        for before, after, operator in zip(names, names[1:], operators, strict=False)
    )
    values = _field(11, _value(INPUT, shape)) + _field(12, _value(OUTPUT, None))
    graph = nodes + _field(2, "tiny") + values
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, OPSET)))
    return path


def _value(name: str, shape: Sequence[int] | None) -> bytes:
    dimensions = b"" if shape is None else _field(2, b"".join(_field(1, _field(1, size)) for size in shape))
    return _field(1, name) + _field(2, _field(1, _field(1, FLOAT) + dimensions))


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
