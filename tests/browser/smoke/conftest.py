"""A sound card, and the real page from a real server: nothing is replaced."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import running
from tests.soundcard import SoundCard, SoundCardError


@pytest.fixture(scope="session")
def card() -> Iterator[SoundCard]:
    card = SoundCard()
    try:
        card.start()
    except SoundCardError as error:
        pytest.skip(str(error))
    yield card
    card.stop()


@pytest.fixture(scope="session")
def page_url() -> Iterator[str]:
    with running(["-m", "voicecli", "serve", "--port", "0", "--json"]) as ready:
        yield ready["page_url"]
