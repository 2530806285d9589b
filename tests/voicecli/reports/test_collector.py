import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.voicecli.documents import call, fixture_runs, run
from voicecli.exits import CliError, ExitCode
from voicecli.reports.collector import Collector, collector, deliver


class Stub(HTTPServer):
    """A collector that answers as it is told, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Exchange(BaseHTTPRequestHandler):
    server: Stub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        code, answer = self.server.answer
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *told: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(to: str | None, **env: str) -> Collector:
    found = collector(to, {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in env.items()})
    assert found is not None
    return found


def refused(to: Collector, code: ExitCode = ExitCode.GOOD) -> tuple[str, int]:
    with pytest.raises(CliError) as raised:
        deliver(to, run(fixture_runs("tone", call())), code)
    return raised.value.message, raised.value.exit_code


def test_what_is_no_url_is_a_file() -> None:
    assert [collector(name, {}) for name in (None, "-", "spans.json", "httpd/spans.json")] == [None] * 4


@pytest.mark.parametrize(
    ("to", "env", "url"),
    [
        ("http://h:4318", {}, "http://h:4318/v1/traces"),
        ("https://h/otlp/", {"ENDPOINT": "http://other"}, "https://h/otlp/v1/traces"),
        ("http://h/v1/traces", {}, "http://h/v1/traces"),
        ("env", {}, "http://localhost:4318/v1/traces"),
        ("env", {"ENDPOINT": "http://h:1/"}, "http://h:1/v1/traces"),
        ("env", {"ENDPOINT": "http://h:1/", "TRACES_ENDPOINT": "http://t/as-it-is"}, "http://t/as-it-is"),
    ],
)
def test_the_address_is_found_as_the_standard_says(to: str, env: dict[str, str], url: str) -> None:
    assert asked(to, **env).url == url


def test_headers_and_the_timeout_come_from_the_environment() -> None:
    found = asked("http://h", HEADERS="api-key=a%3Db, x=1", TRACES_HEADERS="x=2", TIMEOUT="500")
    assert (found.headers, found.timeout_s) == ({"api-key": "a=b", "x": "2"}, 0.5)
    assert (asked("env").headers, asked("env").timeout_s) == ({}, 10.0)


@pytest.mark.parametrize(
    ("to", "env", "told"),
    [
        ("http://", {}, "--otlp: that is no address of a collector"),
        ("http://h:x", {}, "--otlp: that is no address of a collector"),
        ("http://user:secret@h", {}, "--otlp: that is no address of a collector"),
        ("env", {"ENDPOINT": "h:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT: that is no address of a collector"),
        ("env", {"HEADERS": "secret"}, "OTEL_EXPORTER_OTLP_HEADERS: write it as key=value"),
        ("env", {"HEADERS": "a=b%0Ac"}, "OTEL_EXPORTER_OTLP_HEADERS: a has a value that no header can have"),
        ("env", {"TIMEOUT": "soon"}, "OTEL_EXPORTER_OTLP_TIMEOUT: that is no time"),
    ],
)
def test_what_cannot_be_used_is_refused_before_the_run_without_its_secrets(
    to: str, env: dict[str, str], told: str
) -> None:
    with pytest.raises(CliError) as raised:
        asked(to, **env)
    assert raised.value.message.startswith(told)
    assert raised.value.exit_code == ExitCode.USAGE
    assert "secret" not in raised.value.message


def test_a_run_is_sent_as_json_with_the_headers(stub: Stub) -> None:
    deliver(asked(stub.url, HEADERS="api-key=k"), run(fixture_runs("tone", call())), ExitCode.GOOD)
    ((path, headers, body),) = stub.requests
    assert path == "/v1/traces"
    assert (headers["Content-Type"], headers["Api-Key"]) == ("application/json", "k")
    assert json.loads(body).keys() == {"resourceSpans"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((401, b"no"), "the collector refused the spans: 401 Unauthorized"),
        ((308, b""), "the collector refused the spans: 308 Permanent Redirect"),
        ((302, b""), "the collector refused the spans: 302 Found"),
        ((503, b""), "the collector refused the spans: 503 Service Unavailable"),
        (
            (200, b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too\\nold"}}'),
            "the collector left out 3 spans: too old",
        ),
    ],
)
def test_what_the_collector_does_not_take_is_one_sentence(stub: Stub, answer: tuple[int, bytes], told: str) -> None:
    stub.answer = answer
    message, code = refused(asked(stub.url))
    address = stub.url.removeprefix("http://")
    assert message == f"--otlp: {told} ({address}); check the address and the headers, or write the spans to a FILE"
    assert code == ExitCode.NO_CONNECTION
    assert len(stub.requests) == 1


@pytest.mark.parametrize("body", [b"", b"\x0a\x00", b'{"partialSuccess": {}}', b'{"partialSuccess": null}'])
def test_an_answer_that_complains_of_nothing_is_good(stub: Stub, body: bytes) -> None:
    stub.answer = (200, body)
    deliver(asked(stub.url), run(fixture_runs("tone", call())), ExitCode.GOOD)


def test_a_collector_that_is_not_there_is_one_sentence_and_a_run_that_failed_stays_failed() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # bound, and nobody listens
        there = asked(f"http://127.0.0.1:{bound.getsockname()[1]}")
        message, code = refused(there)
        assert message.startswith("--otlp: the collector cannot be reached: Connection refused (127.0.0.1:")
        assert code == ExitCode.NO_CONNECTION
        assert refused(there, ExitCode.EXPECTATION_FAILED) == (message, ExitCode.EXPECTATION_FAILED)
