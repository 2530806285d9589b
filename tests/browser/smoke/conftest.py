"""A sound card, and the real page from a real server: nothing is replaced."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, running
from tests.soundcard import SoundCard, missing_packages


@pytest.fixture(scope="session")
def card() -> Iterator[SoundCard]:
    if missing := missing_packages():
        pytest.skip(f"needs a sound server: install {' and '.join(missing)}")
    with SoundCard() as card:
        yield card


@pytest.fixture(scope="session")
def page_url() -> Iterator[str]:
    with running(["-m", "voicecli", "serve", "--port", "0", "--json"]) as ready:
        yield ready["page_url"]


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run."""
    made = tmp_path_factory.mktemp("report") / "run.html"
    fixture = ROOT / "fixtures" / "question-weather"
    command = [sys.executable, "-P", "-m", "voicecli", "replay", str(fixture), "--virtual", "--html", str(made)]
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'server'}"}
    subprocess.run(command, check=True, env=env, stdout=subprocess.DEVNULL, timeout=60)
    return made
