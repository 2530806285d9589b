"""A sound card, and the real page from a real server: nothing is replaced."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import running
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
