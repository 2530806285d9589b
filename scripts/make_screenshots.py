#!/usr/bin/env python3
"""Make the README's pictures of the pages: a real server, Chromium, and a call put together from fixtures.

python scripts/make_screenshots.py [--out docs] [--chromium /usr/bin/chromium]

The caller asks for the weather, has a story told, and cuts in to ask for the time. The report is of
the fixture barge-in. Needs the package chromium, and playwright from the development dependencies.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"


class Piece(NamedTuple):
    """From a fixture, or silence where there is none."""

    fixture: str | None
    start_ms: int
    end_ms: int


CALL = (
    Piece("question-weather", 0, 2940),
    Piece(None, 0, 10_500),
    Piece("barge-in", 400, 2400),
    Piece(None, 0, 3500),
    Piece("barge-in", 2800, 4300),
    Piece(None, 0, 20_000),
)
"""Silences are as long as the scripted answers, in a synthetic voice, take; the third one is cut short."""

LAST_ANSWER = "body[data-presence=speaking]:has(.answer s:not(:empty)) .turn:last-child .answer:not([hidden])"


class Shot(NamedTuple):
    name: str
    width: int
    height: int
    scale: int
    scheme: str
    panel: bool


SHOTS = (
    Shot("page-panel", 1360, 900, 1, "light", True),
    Shot("page-phone", 375, 760, 2, "dark", False),
)


def speak(call: tuple[Piece, ...], path: Path) -> None:
    """Write the call as a WAV file."""
    with wave.open(str(path), "wb") as out:
        for piece in call:
            with wave.open(str(FIXTURES / (piece.fixture or "question-weather") / "audio.wav"), "rb") as source:
                if out.getnframes() == 0:
                    out.setparams(source.getparams())
                per_ms = source.getframerate() // 1000
                source.setpos(min(piece.start_ms * per_ms, source.getnframes()))
                samples = source.readframes((piece.end_ms - piece.start_ms) * per_ms)
                length = (piece.end_ms - piece.start_ms) * per_ms * source.getsampwidth()
                out.writeframes(samples if piece.fixture else bytes(length))


@contextmanager
def serving() -> Iterator[str]:
    """A server with the embedded engines; the address of its page."""
    command = [sys.executable, "-m", "voicecli", "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["page_url"]
        finally:
            process.terminate()


def shoot(browser: Browser, url: str, shot: Shot, out: Path) -> None:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        device_scale_factor=shot.scale,
        color_scheme="dark" if shot.scheme == "dark" else "light",
        permissions=["microphone"],
    )
    page: Page = context.new_page()
    page.goto(url)
    if shot.panel:
        page.click("#toggle-panel")
    page.click("#main-button")
    page.wait_for_selector(LAST_ANSWER, timeout=60_000)
    page.wait_for_timeout(900)
    page.screenshot(path=out / f"{shot.name}.png")
    print(out / f"{shot.name}.png")
    context.close()


def shoot_report(browser: Browser, folder: Path, out: Path) -> None:
    made = folder / "report.html"
    replay = [sys.executable, "-m", "voicecli", "replay", str(FIXTURES / "barge-in"), "--repeat", "3"]
    command = [*replay, "--llm", "scripted(ttft=250ms)", "--html", str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    context = browser.new_context(viewport={"width": 1180, "height": 860}, color_scheme="light", offline=True)
    page: Page = context.new_page()
    page.goto(made.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.click("#calls button[data-turn='0']")
    page.evaluate("document.getElementById('calls').scrollIntoView()")
    page.screenshot(path=out / "report.png")
    print(out / "report.png")
    context.close()


def main(arguments: Any = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, serving() as url, sync_playwright() as playwright:
        call = Path(folder) / "call.wav"
        speak(CALL, call)
        browser = playwright.chromium.launch(
            executable_path=options.chromium,
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={call}%noloop",
                "--no-sandbox",
            ],
        )
        for shot in SHOTS:
            shoot(browser, url, shot, options.out)
        shoot_report(browser, Path(folder), options.out)
        browser.close()


if __name__ == "__main__":
    main()
