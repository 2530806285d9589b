"""A browser, the page's files over HTTP, and voice servers: what the tests of the client stand on."""

import functools
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from voicewire import SUBPROTOCOL
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind
from voicewire.messages import AudioAck, EngineInfo, Engines, Message, SessionReady, SessionStart, decode_up, encode

ROOT = Path(__file__).parents[2]
PAGES = "/tests/browser/pages"
CHROMIUM = shutil.which("chromium")
TURNS = ["--resume-ms", "0"]
"""Speech over an answer interrupts it however soon; whether it would be the rest of a question depends on the route."""
RAW = {"autoGainControl": False, "noiseSuppression": False, "echoCancellation": False}
"""What a fixture needs to reach the recogniser as it was recorded."""
RAMP_S = 20
"""A recording of this length rises from silence to full scale: each sample tells when it was recorded."""


class Files(http.server.SimpleHTTPRequestHandler):
    """The checkout, with the security headers that a server of the page sends."""

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
    with running(["-m", "voicecli", "serve", "--port", "0", "--json", "--allow-origin", "*", *TURNS]) as ready:
        yield ready["url"]


Told = TypeVar("Told")


class Caller:
    """The client, as a scripted server sees it."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.frames: list[AudioFrame] = []
        self.messages: list[Message] = []

    def send(self, *what: Message | AudioFrame) -> None:
        for item in what:
            self.connection.send(item.serialize() if isinstance(item, AudioFrame) else encode(item))

    def receive(self, timeout_s: float = 10) -> Message | AudioFrame:
        """The next thing it sends; kept in `frames` or `messages`. Raises TimeoutError, ConnectionClosed."""
        data = self.connection.recv(timeout_s)
        if isinstance(data, bytes):
            self.frames.append(AudioFrame.parse(data))
            return self.frames[-1]
        self.messages.append(decode_up(data))
        return self.messages[-1]

    def open(self, *, output: AudioFormat, token: str = "resume") -> SessionStart:
        """Take `session_start` and answer it."""
        start = self.receive()
        assert isinstance(start, SessionStart)
        self.accept(start, output=output, token=token)
        return start

    def accept(self, start: SessionStart, *, output: AudioFormat, token: str = "resume") -> None:
        engine = EngineInfo(name="none")
        self.send(
            SessionReady(
                session_id="scripted",
                resume_token=token,
                input=start.input[0],
                output=output,
                engines=Engines(vad=engine, stt=engine, llm=engine, tts=engine),
                lead_ms=500,
            )
        )

    def listen(self, until: Callable[[], bool] = lambda: False, *, each: int = 10) -> None:
        """Receive until something is true (or the client goes), and acknowledge each tenth frame."""
        while not until():
            try:
                received = self.receive(0.05)
            except TimeoutError:
                continue
            if isinstance(received, AudioFrame) and len(self.frames) % each == 0:
                self.send(AudioAck(sequence=received.sequence, position_ms=20 * len(self.frames)))

    def told(self, kind: type[Told]) -> list[Told]:
        """What it said of one type."""
        return [message for message in self.messages if isinstance(message, kind)]

    def drop(self) -> None:
        """The network is gone: no goodbye."""
        self.connection.socket.shutdown(socket.SHUT_RDWR)


PCM = AudioFormat(codec=Codec.PCM_S16LE, rate=48_000)


def speech(turn_id: int, *, sequence: int, ms: int, start_ms: int = 0, level: float = 0.5) -> list[AudioFrame]:
    """A reply's frames of 20 ms each, as PCM: a steady level."""
    samples = 960
    payload = np.full(samples, level * 32_768, "<i2").tobytes()
    return [
        AudioFrame(
            kind=FrameKind.TTS_AUDIO_CHUNK,
            codec=Codec.PCM_S16LE,
            turn_id=turn_id,
            sequence=sequence + at,
            pts=(start_ms // 20 + at) * samples,
            payload=payload,
        )
        for at in range(ms // 20)
    ]


def speech_end(turn_id: int, *, sequence: int, ms: int) -> AudioFrame:
    """A reply of so many ms has no more audio."""
    kind, codec = FrameKind.TTS_AUDIO_CHUNK, Codec.PCM_S16LE
    return AudioFrame(kind=kind, codec=codec, turn_id=turn_id, sequence=sequence, pts=ms * 48, payload=b"")


Script = Callable[[Caller], None]


@pytest.fixture
def scripted() -> Iterator[Callable[[Script], str]]:
    """A server whose every connection is this script: `scripted(script)` gives its address.

    A script that fails makes the test fail; that the client goes away is no failure.
    """
    servers, threads, failures = [], [], []

    def start(script: Script) -> str:
        def converse(connection: ServerConnection) -> None:
            try:
                script(Caller(connection))
            except ConnectionClosed:
                pass
            except Exception as error:
                failures.append(error)

        server = serve(converse, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None)
        thread = threading.Thread(target=server.serve_forever, name="scripted")
        thread.start()
        servers.append(server)
        threads.append(thread)
        return f"ws://127.0.0.1:{server.socket.getsockname()[1]}/voice"

    yield start
    for server in servers:
        server.shutdown()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """There can be only one in a process."""
    library = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with library.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def play(playwright: Any) -> Any:
    if CHROMIUM is None:
        pytest.skip("needs chromium: install the package chromium")
    return playwright


class Page:
    """The page of tests/browser/pages with a client in it, and a few words of its own."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def start(self) -> Any:
        """Click, and wait for the session or the problem."""
        self.page.click("#start")
        return self.until("window.started")

    def until(self, condition: str, timeout_ms: int = 15_000) -> Any:
        """Wait until an expression is true, and return it. (The page's policy forbids Playwright's own wait.)"""
        return self.page.evaluate(f"until(() => {condition}, {json.dumps(condition)}, {timeout_ms})")

    def until_event(self, condition: str, timeout_ms: int = 15_000) -> Any:
        """Wait for an event such as `type === 'state' && detail.state === 'speaking'`; its detail."""
        return self.until(f"events.find(({{type, detail}}) => {condition})?.detail", timeout_ms)

    def until_state(self, state: str) -> None:
        """The state now, not some time before."""
        self.until(f"client.state === {state!r}")

    def until_message(self, kind: str) -> Any:
        return self.until_event(f"type === 'message' && detail.type === {kind!r}")

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)

    def after_ms(self, ms: float) -> None:
        self.page.wait_for_timeout(ms)

    def events(self, kind: str) -> list[Any]:
        found = self.run(f"events.filter(({{type}}) => type === {kind!r}).map(({{detail}}) => detail)")
        assert isinstance(found, list)
        return found

    def messages(self, kind: str) -> list[Any]:
        return [message for message in self.events("message") if message["type"] == kind]

    def states(self) -> list[str]:
        return [event["state"] for event in self.events("state")]

    def marks(self) -> dict[str, float]:
        return {event["mark"]: event["tMs"] for event in self.events("mark")}

    def stats(self) -> Any:
        return self.events("stats")[-1]

    def until_stats(self, condition: str) -> Any:
        """Until the newest figures are such as `shedMs > 0`."""
        figures = "{ shedMs, queuedMs, slowNetwork, underruns, leadMs }"
        newest = "events.findLast(({type}) => type === 'stats')?.detail"
        return self.until(f"(newest => newest && (({figures}) => {condition})(newest))({newest})")

    def frame_of(self, condition: str) -> int:
        """Where the audio graph was when the page was told an event, such as `type === 'message'`."""
        frame = self.run(f"events.find(({{type, detail}}) => {condition}).frame")
        assert isinstance(frame, int)
        return frame

    def heard(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What was played, without the silence: the audio graph's frame of each sample, and the samples."""
        blocks = self.run("tapped.map(({frame, samples}) => ({frame, samples: [...samples]}))")
        frames = np.concatenate([block["frame"] + np.arange(len(block["samples"])) for block in blocks] or [[]])
        samples = np.concatenate([block["samples"] for block in blocks] or [[]])
        return frames[samples != 0].astype(np.int64), samples[samples != 0]


@pytest.fixture(scope="session")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of which each sample tells when it was recorded."""
    path = tmp_path_factory.mktemp("ramp") / "ramp.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.linspace(0, 32_767, RAMP_S * 48_000, endpoint=False).astype("<i2").tobytes())
    return path


@pytest.fixture
def launch(play: Any) -> Iterator[Callable[..., Any]]:
    """A Chromium of one's own: `launch("--argument")`."""
    browsers = []

    def launch(*arguments: str) -> Any:
        browsers.append(play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *arguments]))
        return browsers[-1]

    yield launch
    for browser in browsers:
        browser.close()


@pytest.fixture
def open_page(launch: Callable[..., Any], files_url: str) -> Callable[..., Page]:
    """Chromium with a fixture as its microphone, spoken once from each getUserMedia on, and a page with a client.

    `open_page(fixture, url=…, route=…)`: the options are VoiceClient's. `tap` listens to what is played.
    """

    def open_page(
        fixture: str | Path | None,
        *arguments: str,
        origin: str | None = None,
        init: str = "",
        tap: bool = False,
        **options: Any,
    ) -> Page:
        args = [*arguments]
        if fixture is not None:
            wav = fixture if isinstance(fixture, Path) else ROOT / "fixtures" / fixture / "audio.wav"
            args += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={wav}%noloop"]
            args += ["--use-fake-ui-for-media-stream"]
        page = launch(*args).new_page()
        if init:
            page.add_init_script(init)
        if tap:
            page.add_init_script(path=ROOT / "tests/browser/pages/tap.js")
        page.goto(f"{origin or files_url}{PAGES}/client.html")
        page.evaluate("options => prepare(options)", {"constraints": RAW, **options})
        return Page(page)

    return open_page
