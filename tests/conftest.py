import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A shared machine may be slow at any moment: a test fails for what is wrong, not for how long it took. A build fails
# for what changed: there the examples are the same each time, and new ones are tried where somebody can look into them.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("project")


@pytest.fixture
def heeds_ctrl_c() -> Iterator[None]:
    """SIGINT as programs at a terminal have it, here and in children. A shell ignores it for its background jobs, and
    those who are started there inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
