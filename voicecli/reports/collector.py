"""An OpenTelemetry collector: spans are sent to it over OTLP/HTTP, as the standard environment variables say."""

from collections.abc import Mapping
from http.client import HTTPException
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec
from msgspec import Struct

from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import Run
from voicecli.reports.otlp import otlp
from voicewire.clock import utc_now

FROM_ENV = "env"
DEFAULT_ENDPOINT = "http://localhost:4318"
DEFAULT_TIMEOUT_MS = 10_000
MAX_ANSWER_BYTES = 65_536

_ENV = "OTEL_EXPORTER_OTLP_"
_PATH = "/v1/traces"


class _NoRedirect(HTTPRedirectHandler):
    """A request that is sent elsewhere would arrive there without its body."""

    def redirect_request(self, *told: object) -> None:
        return None


class Collector(NamedTuple):
    option: str
    """As it was asked for, for errors."""
    url: str
    """Of its traces."""
    headers: Mapping[str, str]
    timeout_s: float

    def send(self, request: bytes) -> None:
        """Raises CliError, with the exit code NO_CONNECTION."""
        headers = {"Content-Type": "application/json", **self.headers}
        asked = Request(self.url, request, headers, method="POST")
        try:
            with build_opener(_NoRedirect).open(asked, timeout=self.timeout_s) as answer:
                rejected = _rejected(answer.read(MAX_ANSWER_BYTES))
        except HTTPError as error:
            with error:
                raise self._error(
                    f"the collector refused the spans: {error.code} {_printable(error.reason)}"
                ) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            told = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
            raise self._error(f"the collector cannot be reached: {_printable(told)}") from error
        if rejected:
            raise self._error(f"the collector left out {rejected}")

    def _error(self, what: str) -> CliError:
        place = urlsplit(self.url)
        address = f"{place.hostname}:{place.port}" if place.port else str(place.hostname)
        sentence = f"{self.option}: {what} ({address}); check the address and the headers, or write the spans to a FILE"
        return CliError(sentence, ExitCode.NO_CONNECTION)


class _Partial(Struct, rename="camel"):
    rejected_spans: str | int = 0
    error_message: str = ""


class _Answer(Struct, rename="camel"):
    partial_success: _Partial | None = None


def collector(asked: str | None, env: Mapping[str, str]) -> Collector | None:
    """For a URL, or where `asked` is `env`; None for a file. Raises CliError."""
    if asked is None or not (asked == FROM_ENV or asked.lower().startswith(("http://", "https://"))):
        return None
    if asked == FROM_ENV:
        own = env.get(f"{_ENV}TRACES_ENDPOINT")
        name = f"{_ENV}TRACES_ENDPOINT" if own else f"{_ENV}ENDPOINT"
        option, url = f"--otlp {FROM_ENV}", own or _of_traces(env.get(name) or DEFAULT_ENDPOINT)
    else:
        name, option, url = "--otlp", "--otlp", _of_traces(asked)
    if not _is_usable(url):
        raise _usage(f"{name}: that is no address of a collector; write it as {DEFAULT_ENDPOINT}")
    headers = {
        **_headers(f"{_ENV}HEADERS", env),
        **_headers(f"{_ENV}TRACES_HEADERS", env),
    }
    return Collector(option, url, headers, _timeout_s(env))


def deliver(to: Collector, run: Run, code: ExitCode) -> None:
    """Send a run; calls in virtual time are dated to now. Raises CliError: a run that failed keeps its code."""
    try:
        to.send(otlp(run, undated=utc_now()))
    except CliError as error:
        raise CliError(error.message, code or error.exit_code) from error


def _of_traces(url: str) -> str:
    place = urlsplit(url)
    path = place.path.rstrip("/")
    return urlunsplit(place._replace(path=path if path.endswith(_PATH) else path + _PATH))


def _is_usable(url: str) -> bool:
    try:
        place = urlsplit(url)
        usable = (
            place.scheme in ("http", "https") and bool(place.hostname) and place.port != 0 and place.username is None
        )
    except ValueError:
        return False
    return usable and url.isascii() and url.isprintable() and " " not in url


def _headers(name: str, env: Mapping[str, str]) -> dict[str, str]:
    """`key=value,key=value`, values with per cent signs for what has a meaning there."""
    headers = {}
    for pair in filter(None, (each.strip() for each in env.get(name, "").split(","))):
        key, separator, value = pair.partition("=")
        key, value = key.strip(), unquote(value.strip())
        if not separator or not key.replace("-", "").replace("_", "").isalnum() or not (key + value).isascii():
            raise _usage(f"{name}: write it as key=value,key=value")
        if not value.isprintable():
            raise _usage(f"{name}: {key} has a value that no header can have")
        headers[key] = value
    return headers


def _timeout_s(env: Mapping[str, str]) -> float:
    name = f"{_ENV}TRACES_TIMEOUT" if env.get(f"{_ENV}TRACES_TIMEOUT") else f"{_ENV}TIMEOUT"
    text = env.get(name) or str(DEFAULT_TIMEOUT_MS)
    if not text.isdecimal() or not 0 < int(text) <= 3_600_000:
        raise _usage(f"{name}: that is no time; write it in ms, such as {DEFAULT_TIMEOUT_MS}")
    return int(text) / 1000


def _rejected(answer: bytes) -> str:
    """What was left out, as an answer of 200 tells; "" where all was taken."""
    try:
        partial = msgspec.json.decode(answer, type=_Answer).partial_success
    except msgspec.DecodeError:  # an answer without a body, or in Protobuf
        return ""
    if partial is None or str(partial.rejected_spans) == "0":
        return ""
    why = f": {_printable(partial.error_message)}" if partial.error_message else ""
    return f"{_printable(str(partial.rejected_spans))} spans{why}"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _usage(sentence: str) -> CliError:
    return CliError(sentence, ExitCode.USAGE)
