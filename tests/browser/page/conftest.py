"""The page in Chromium, its client replaced by one that says what a test has it say (fake-voicewire.js)."""

import functools
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page.talkpage import TalkPage

HERE = Path(__file__).parent
WEB = HERE.parents[2] / "web"
CLIENT = "/voicewire.js"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageFiles(http.server.SimpleHTTPRequestHandler):
    """`web/` as a server of the page sends it, but for the client."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def translate_path(self, path: str) -> str:
        return str(HERE / "fake-voicewire.js") if path == CLIENT else super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def page_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(PageFiles, directory=str(WEB))) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="page")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def visited(play: Any) -> Iterator[Any]:
    """One page for all tests: a new one for each would take most of their time."""
    browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    page = browser.new_page()
    page.set_default_timeout(5_000)
    yield page
    browser.close()


@pytest.fixture
def open_page(visited: Any, page_url: str) -> Iterator[Callable[..., TalkPage]]:
    """The page as a new visitor sees it: `open_page("#token=…", color_scheme="dark")`. Nothing upsets the browser."""
    complaints: list[str] = []

    def note_message(message: Any) -> None:
        complaints.append(message.text)

    def note_error(error: Any) -> None:
        complaints.append(str(error))

    def open_page(path: str = "", *, viewport: tuple[int, int] = (1280, 800), **media: str) -> TalkPage:
        visited.set_viewport_size({"width": viewport[0], "height": viewport[1]})
        visited.emulate_media(**{"color_scheme": "light", "reduced_motion": "no-preference", **media})
        if visited.url.startswith(page_url):
            visited.evaluate("localStorage.clear(), sessionStorage.clear()")
            visited.goto("about:blank")
        visited.goto(page_url + path)
        visited.wait_for_selector("html[data-ready]")
        return TalkPage(visited)

    visited.on("console", note_message)
    visited.on("pageerror", note_error)
    yield open_page
    visited.remove_listener("console", note_message)
    visited.remove_listener("pageerror", note_error)
    assert complaints == []


@pytest.fixture
def talk(open_page: Callable[..., TalkPage]) -> TalkPage:
    """A page that talks."""
    talk = open_page()
    talk.start()
    return talk
