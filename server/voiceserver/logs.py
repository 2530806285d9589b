"""Log lines with fields: what happened, in which session and turn. No speech, prompt or audio above DEBUG."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec

from voicewire.clock import utc_now

LOGGER = logging.getLogger("voiceserver")


class SessionLog(logging.LoggerAdapter[logging.Logger]):
    """`log.info("turn committed", turn=3)` within one session; keywords become fields of the line."""

    def __init__(self, session_id: str) -> None:
        super().__init__(LOGGER, {"session": session_id})

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        passed = {key: kwargs[key] for key in ("exc_info", "stack_info", "stacklevel") if key in kwargs}
        fields = {key: value for key, value in kwargs.items() if key not in passed}
        return msg, {**passed, "extra": {"fields": {**(self.extra or {}), **fields}}}


class TextFormatter(logging.Formatter):
    """`2026-11-23T18:00:00.123Z INFO turn committed session=ab12 turn=3`"""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {key}={_plain(value)}" for key, value in _fields(record).items())
        line = f"{_now()} {record.levelname} {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """The same as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"t": _now(), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= _fields(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def configure(level: str, format_name: str, output: logging.Handler | None = None) -> None:
    """Log to standard error, or to `output`, as `text` or `json`; standard output is for data."""
    output = output or logging.StreamHandler(sys.stderr)
    output.setFormatter(JsonFormatter() if format_name == "json" else TextFormatter())
    LOGGER.handlers[:] = [output]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = getattr(record, "fields", {})
    assert isinstance(fields, dict)
    return fields


def _plain(value: object) -> str:
    text = str(value)
    return msgspec.json.encode(text).decode() if " " in text or '"' in text or "\n" in text else text


def _now() -> str:
    return utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
