"""The page that `voicecli tune --html` writes, opened from the disk as whoever is sent it does."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser.conftest import ROOT


def test_the_page_opens_without_an_error_and_plays_who_was_cut_off(launch: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "tune.html"
    fixture = str(ROOT / "fixtures" / "pause-700ms")
    # Playwright's own event loop is running in this process.
    subprocess.run(
        [sys.executable, "-m", "voicecli", "tune", fixture, "--sweep", "silence_ms=600,800", "--html", str(file)],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'server'}", **os.environ},
        check=True,
        timeout=60,
    )

    page = launch("--autoplay-policy=no-user-gesture-required").new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.goto(file.as_uri())

    verdict = page.locator(".verdict").inner_text()
    assert "choose silence_ms=800" in verdict
    assert page.locator("svg.plot circle, svg.plot path.chosen").count() == 2
    assert page.locator("svg.plot path.chosen").evaluate("each => getComputedStyle(each).fill") != "rgb(0, 0, 0)"
    assert page.locator("tbody tr").count() == 2
    assert re.search(r"silence_ms=600: 1\.\d\d s in, about after “good morning”", page.locator("li").inner_text())
    heard = page.evaluate(
        """async () => {
            const audio = document.querySelector("audio");
            await audio.play();
            await new Promise((done) => audio.addEventListener("timeupdate", () => audio.currentTime > 0.2 && done()));
            return { seconds: audio.duration, at: audio.currentTime };
        }"""
    )
    assert 3 < heard["seconds"] < 8
    assert heard["at"] > 0.2
    assert told == []
    assert set(asked) <= {"file", "data"}
