"""A browser, the page's files over HTTP, and a voice server: what the tests of the client stand on."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")


@pytest.fixture(scope="session", autouse=True)
def _needs_chromium() -> None:
    if CHROMIUM is None:
        pytest.skip("needs chromium: install the package chromium")


class Files(http.server.SimpleHTTPRequestHandler):
    """The checkout's `web/` and `tests/browser/pages/`, with the security headers that a server of the page sends."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def end_headers(self) -> None:
        self.send_header(
            "Content-Security-Policy",
            "default-src 'self'; connect-src 'self' ws://127.0.0.1:*; object-src 'none'; base-uri 'none'",
        )
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def files_url() -> Iterator[str]:
    """Where the checkout is served."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(ROOT))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="files")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def running(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """A Python program that tells in a line of JSON when it is ready."""
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'server'}", **os.environ}
    with subprocess.Popen(
        [sys.executable, "-P", *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def voice_url() -> Iterator[str]:
    """A voice server with the embedded engines."""
    with running(["-m", "voicecli", "serve", "--port", "0", "--json"]) as ready:
        yield ready["url"]


@pytest.fixture(scope="session")
def play() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        yield play


Launch = Callable[..., Any]


@pytest.fixture
def launch(play: Any) -> Iterator[Launch]:
    """Start Chromium with a fixture as its microphone; it is spoken once from each getUserMedia on."""
    browsers = []

    def launch(fixture: str | None = None, *arguments: str) -> Any:
        args = ["--no-sandbox", *arguments]
        if fixture is not None:
            wav = ROOT / "fixtures" / fixture / "audio.wav"
            args += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={wav}%noloop"]
            args += ["--use-fake-ui-for-media-stream"]
        browsers.append(play.chromium.launch(executable_path=CHROMIUM, args=args))
        return browsers[-1]

    yield launch
    for browser in browsers:
        browser.close()


@pytest.fixture
def open_client(launch: Launch, files_url: str) -> Callable[..., "ClientPage"]:
    """A page with a started client: `open_client(fixture, url=…, route=…)`."""

    def open_client(
        fixture: str | None, *arguments: str, init: str = "", start: bool = True, **options: Any
    ) -> ClientPage:
        page = launch(fixture, *arguments).new_page()
        if init:
            page.add_init_script(init)
        page.goto(f"{files_url}/tests/browser/pages/client.html")
        client = ClientPage(page)
        page.evaluate("options => prepare(options)", options)
        if start:
            client.start()
        return client

    return open_client


class ClientPage:
    """The page of tests/browser/pages, with a few words of its own."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def start(self) -> dict[str, Any]:
        """Click, and wait for the session or the problem."""
        self.page.click("#start")
        return self.until("window.started")

    def wait(self, condition: str, timeout_ms: int = 15_000) -> None:
        """Wait for an event with this in it: `type === 'state' && detail.state === 'speaking'`."""
        self.until(f"events.some(({{type, detail}}) => {condition})", timeout_ms)

    def until(self, condition: str, timeout_ms: int = 15_000) -> Any:
        """Wait until an expression is true, and return it. (Playwright's own wait is forbidden by the page's policy.)"""
        return self.page.evaluate(f"until(() => {condition}, {json.dumps(condition)}, {timeout_ms})")

    def wait_message(self, kind: str, timeout_ms: int = 15_000) -> dict[str, Any]:
        self.wait(f"type === 'message' && detail.type === {kind!r}", timeout_ms)
        return self.messages(kind)[0]

    def events(self, kind: str) -> list[Any]:
        return self.page.evaluate("kind => events.filter(({type}) => type === kind).map(({detail}) => detail)", kind)

    def messages(self, kind: str) -> list[Any]:
        return [message for message in self.events("message") if message["type"] == kind]

    def marks(self) -> dict[str, float]:
        return {event["mark"]: event["tMs"] for event in self.events("mark")}

    def stats(self) -> dict[str, Any]:
        return self.events("stats")[-1]

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)
