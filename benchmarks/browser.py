"""What the browser's part costs, for each way that microphone audio goes up. Needs Chromium and playwright.

Sound to bytes: bursts are played into a fake microphone. How long ago was one captured when the message with it is at
the server? What the client puts together (20 ms of Opus or PCM, 100 ms and more of a container) is in it, and the
codec's own delay. The loopback network is in it as well, about a millisecond.

Voice-to-voice: a question is played into the microphone of the real client, and the embedded engines answer. From the
end of the speech in the recording to the first sample that the browser plays, its output latency included; beside it
what the client's own marks say. Neither needs the other.
"""

import argparse
import asyncio
import functools
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from voiceaudio.opus import OpusDecoder
from voicecli.fixtures import fixture, wavfile
from voicewire import SUBPROTOCOL
from voicewire.clock import utc_now
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, unpack_packets
from voicewire.messages import AudioAck, EngineInfo, Engines, SessionReady, SessionStart, decode_up, encode

ROOT = Path(__file__).resolve().parent.parent
FIXTURE = ROOT / "fixtures" / "question-weather"
FIXED = ("--endpointing", "fixed", "--no-speculation")
"""How soon a turn ends is no matter of the page: here it is a silence of 600 ms."""
ROUTES = ("webcodecs", "mediarecorder", "pcm")
RATE = 16_000
BURST_EVERY_MS = 730
"""No multiple of what any route puts together."""
LEAD_IN_MS = 1_500
RAW = {"autoGainControl": False, "noiseSuppression": False, "echoCancellation": False}
"""Processing would take the bursts for noise. With it on, capture takes a few ms more."""


class Arrival(NamedTuple):
    wall_ms: float
    frame: AudioFrame


class Sound(NamedTuple):
    """Of one route, in ms."""

    ages_ms: list[float]
    frames: int


class Talk(NamedTuple):
    bytes_per_s: float
    voice_to_voice_ms: float
    told_ms: float
    """Voice-to-voice by the client's own marks."""


def burst(ms: int = 5) -> npt.NDArray[np.float64]:
    return 0.8 * np.sin(2 * np.pi * 1_000 * np.arange(RATE * ms // 1000) / RATE)


def write_bursts(path: Path, seconds: float) -> None:
    samples = np.zeros(round(seconds * RATE))
    for at in range(RATE * LEAD_IN_MS // 1000, len(samples) - RATE, RATE * BURST_EVERY_MS // 1000):
        samples[at : at + len(burst())] = burst()
    wavfile.write(path, (samples * 32_767).astype(np.int16), RATE)


def write_question(path: Path) -> float:
    """A burst, and then the question; returns from the burst to the end of its last word, in ms."""
    script = fixture.load(FIXTURE)
    speech, rate = wavfile.read(FIXTURE / "audio.wav")
    assert rate == RATE
    lead_in = np.zeros(RATE * LEAD_IN_MS // 1000, np.int16)
    lead_in[RATE // 2 : RATE // 2 + len(burst())] = (burst() * 32_767).astype(np.int16)
    wavfile.write(path, np.concatenate([lead_in, speech, np.zeros(RATE * 30, np.int16)]), RATE)
    return LEAD_IN_MS - 500 + script.utterances[0].segments_ms[-1][1]


class Ear:
    """A voicewire server that only notes when which frame came."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    async def converse(self, connection: ServerConnection) -> None:
        self.arrivals.clear()
        try:
            async for data in connection:
                if isinstance(data, bytes):
                    frame = AudioFrame.parse(data)
                    self.arrivals.append(Arrival(utc_now().timestamp() * 1000, frame))
                    if frame.sequence % 10 == 0:
                        await connection.send(encode(AudioAck(sequence=frame.sequence, position_ms=0)))
                elif isinstance(message := decode_up(data), SessionStart):
                    await connection.send(encode(_ready(message)))
        except ConnectionClosed:
            pass


def _ready(start: SessionStart) -> SessionReady:
    none = EngineInfo(name="none")
    return SessionReady(
        session_id="bench",
        resume_token="",
        input=start.input[0],
        output=AudioFormat(Codec.PCM_S16LE, 48_000),
        engines=Engines(vad=none, stt=none, llm=none, tts=none),
        lead_ms=500,
    )


@contextmanager
def listening(ear: Ear) -> Iterator[str]:
    """The ear's own thread and loop; its URL."""
    url: Future[str] = Future()
    stop: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        over = asyncio.Event()
        async with serve(
            ear.converse, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None
        ) as server:
            stop.set_result((asyncio.get_running_loop(), over))
            url.set_result(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/voice")
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="ear")
    thread.start()
    try:
        yield url.result(10)
    finally:
        loop, over = stop.result(10)
        loop.call_soon_threadsafe(over.set)
        thread.join()


class PageFiles(http.server.SimpleHTTPRequestHandler):
    """`web/`, without the policy that would keep its client from calling another server."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def page_files() -> Iterator[str]:
    """Where the page is."""
    handler = functools.partial(PageFiles, directory=str(ROOT / "web"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, name="page")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@contextmanager
def serving(*flags: str) -> Iterator[str]:
    """The URL of a server with the embedded engines."""
    command = [sys.executable, "-m", "voicecli", "serve", "--port", "0", "--json", "--allow-origin", "*", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()


def open_client(browser: Browser, page_url: str, url: str, route: str, *, keeps: bool = False) -> Page:
    """A page in a conversation; where it `keeps` its audio, `bench.take()` has all of it."""
    context = browser.new_context(permissions=["microphone"])
    page = context.new_page()
    page.add_init_script(path=Path(__file__).with_suffix(".js"))
    page.goto(page_url)
    page.evaluate(
        """async ({ keeps, ...options }) => {
          bench.keeps = keeps;
          const { VoiceClient, nowMs } = await import("/voicewire.js");
          Object.assign(window, { voice: new VoiceClient(options), nowMs, marks: {}, stats: null });
          voice.on("mark", ({ mark, tMs }) => (marks[mark] ??= tMs));
          voice.on("stats", (told) => (stats = told));
          await voice.start();
        }""",
        {"url": url, "route": route, "constraints": RAW, "keeps": keeps},
    )
    return page


def decoded(arrivals: list[Arrival]) -> Iterator[tuple[float, npt.NDArray[np.int16], int]]:
    """With each arrival: when it was, and the samples that could be decoded once it was there, at their rate."""
    codec = arrivals[0].frame.codec
    if codec is Codec.PCM_S16LE:
        for arrival in arrivals:
            yield arrival.wall_ms, np.frombuffer(arrival.frame.payload, np.int16), 16_000
    elif codec is Codec.OPUS:
        decoder = OpusDecoder()
        for arrival in arrivals:
            pcm = b"".join(decoder.decode(packet) for packet in unpack_packets(arrival.frame.payload))
            yield arrival.wall_ms, np.frombuffer(pcm, np.int16), 48_000
    else:
        known = 0
        for count, arrival in enumerate(arrivals, 1):
            samples = _container([each.frame.payload for each in arrivals[:count]], codec)
            yield arrival.wall_ms, samples[known:], 48_000
            known = len(samples)


def _container(pieces: list[bytes], codec: Codec) -> npt.NDArray[np.int16]:
    """What can be decoded of the beginning of a stream."""
    with tempfile.TemporaryFile() as file:
        file.write(b"".join(pieces))
        file.seek(0)
        found = [np.zeros(0, np.int16)]
        try:
            with av.open(file, "r", format="matroska" if codec is Codec.WEBM_OPUS else "mp4") as container:
                resampler = av.AudioResampler("s16", "mono", 48_000)
                for frame in container.decode(audio=0):
                    found += [part.to_ndarray()[0] for part in resampler.resample(frame)]
        except av.FFmpegError:
            pass  # the stream's end is cut off
        return np.concatenate(found)


def onsets(arrivals: list[Arrival]) -> list[float]:
    """When each burst was there, decodable, as wall time in ms."""
    found: list[float] = []
    position, last = 0, -RATE
    for wall_ms, samples, rate in decoded(arrivals):
        for at in np.flatnonzero(np.abs(samples) > 0.25 * 32_768):
            if (position + at - last) / rate > 0.2:
                found.append(wall_ms)
            last = position + int(at)
        position += len(samples)
    return found


def sound_to_bytes(browser: Browser, page_url: str, url: str, ear: Ear, route: str, seconds: float) -> Sound:
    page = open_client(browser, page_url, url, route)
    page.wait_for_timeout(seconds * 1000)
    heard = page.evaluate("bench.microphone")
    arrivals = list(ear.arrivals)
    page.context.close()
    captured = [heard["originMs"] + ms for ms in heard["onsetsMs"]]
    # Of each burst that came: the newest one captured before it.
    ages = [min((wall_ms - at for at in captured if at <= wall_ms), default=-1.0) for wall_ms in onsets(arrivals)]
    return Sound([age for age in ages if 0 <= age < BURST_EVERY_MS], len(arrivals))


def talk(browser: Browser, page_url: str, url: str, route: str, speech_end_ms: float) -> Talk:
    page = open_client(browser, page_url, url, route)
    page.wait_for_function("bench.played.length > 0 && marks['reply.first_audible'] && stats.sentBytes", timeout=30_000)
    found = page.evaluate(
        """() => ({
          microphone: bench.microphone, played: bench.played[0], marks,
          bytes: stats.sentBytes, seconds: (bench.wallMs() - bench.microphone.originMs) / 1000,
        })"""
    )
    page.context.close()
    microphone, marks = found["microphone"], found["marks"]
    spoken_ms = microphone["originMs"] + microphone["onsetsMs"][0] + speech_end_ms
    return Talk(
        found["bytes"] / found["seconds"],
        found["played"] - spoken_ms,
        marks["reply.first_audible"] - marks["mic.speech_end"],
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of bursts, for each route")
    parser.add_argument("--turns", type=int, default=10, help="questions, for each route")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    if options.chromium is None:
        print("Chromium is missing: install the package chromium, or name it with --chromium", file=sys.stderr)
        return 2
    table = Table(title="Chromium, in ms: median / worst, of n bursts and turns")
    for heading in ("route", "sound to bytes", "msg/s", "bytes/s", "voice-to-voice", "by own marks", "n"):
        table.add_column(heading, justify="left" if heading == "route" else "right")
    ear = Ear()
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(*FIXED) as url,
        page_files() as page_url,
        listening(ear) as ear_url,
    ):
        bursts, question = Path(folder) / "bursts.wav", Path(folder) / "question.wav"
        write_bursts(bursts, options.seconds + 5)
        speech_end_ms = write_question(question)
        with sync_playwright() as play:
            sounds = {}
            with chromium(play, options.chromium, bursts) as browser:
                for route in ROUTES:
                    sounds[route] = sound_to_bytes(browser, page_url, ear_url, ear, route, options.seconds)
            with chromium(play, options.chromium, question) as browser:
                for route in ROUTES:
                    talks = [talk(browser, page_url, url, route, speech_end_ms) for _ in range(options.turns)]
                    sound = sounds[route]
                    table.add_row(
                        route,
                        _figures(sound.ages_ms),
                        f"{sound.frames / options.seconds:.0f}",
                        f"{statistics.median(each.bytes_per_s for each in talks):,.0f}",
                        _figures([each.voice_to_voice_ms for each in talks]),
                        _figures([each.told_ms for each in talks]),
                        f"{len(sound.ages_ms)}, {len(talks)}",
                    )
    Console().print(table)
    return 0


@contextmanager
def chromium(play: Any, path: str, microphone: Path) -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    browser = play.chromium.launch(
        executable_path=path, args=[*arguments, f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    )
    try:
        yield browser
    finally:
        browser.close()


def _figures(values: list[float]) -> str:
    return f"{statistics.median(values):.0f} / {max(values):.0f}"


if __name__ == "__main__":
    sys.exit(main())
