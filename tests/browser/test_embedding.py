"""The page of docs/embedding.md, as it stands there, from an origin that is not the voice server's."""

import http.server
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, ROOT

DOCUMENT = ROOT / "docs" / "embedding.md"
WAV = ROOT / "fixtures" / "barge-in" / "audio.wav"


def page_of_the_document(voice_url: str) -> str:
    found = re.search(r"```html\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    server = re.sub(r"^ws", "http", voice_url).removesuffix("/voice")
    assert "https://voice.example/" in found[1]
    return found[1].replace("https://voice.example", server)


def policy_of_the_document(voice_url: str) -> str:
    """What the document says a policy needs, and what this page needs besides: its own script, and its token."""
    text = DOCUMENT.read_text()
    said = (
        "script-src https://voice.example",
        "connect-src wss://voice.example",
        "worker-src blob: https://voice.example",
    )
    assert all(f"`{directive}`" in text for directive in said)
    server = re.sub(r"^ws", "http", voice_url).removesuffix("/voice")
    own = {"script-src": "'unsafe-inline'", "connect-src": "'self'", "worker-src": ""}
    directives = [f"{directive} {own[directive.split()[0]]}".strip() for directive in said]
    policy = "; ".join(["default-src 'none'", *directives])
    return policy.replace("https://voice.example", server).replace(
        "wss://voice.example", voice_url.removesuffix("/voice")
    )


class App(http.server.BaseHTTPRequestHandler):
    page: str
    policy: str

    def do_GET(self) -> None:
        body = self.page.encode() if self.path == "/" else b"a token"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8" if self.path == "/" else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", self.policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def app_url(voice_url: str) -> Iterator[str]:
    handler = type(
        "AppOfTheDocument",
        (App,),
        {"page": page_of_the_document(voice_url), "policy": policy_of_the_document(voice_url)},
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="app")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_page_of_the_document_talks(play: Any, app_url: str) -> None:
    arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    arguments.append(f"--use-file-for-fake-audio-capture={WAV}%noloop")
    browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
    try:
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(app_url)
        page.click("#talk")
        page.wait_for_selector("#you >> text=/story$/", timeout=20_000)
        page.wait_for_selector("#answer >> text=/.{20}/", timeout=20_000)
        assert len(page.workers) == 1
        page.click("#mute")
        page.click("#stop")
        page.wait_for_selector("#state >> text=/^listening$/", timeout=20_000)
        assert [error for error in errors if "favicon" not in error] == []
    finally:
        browser.close()
