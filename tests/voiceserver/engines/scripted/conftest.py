from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from voicecli.calls.virtualtime import VirtualLoop, run_virtual


@pytest.fixture
def virtual() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a virtual clock of its own: declared delays are exact, and cost nothing."""
    return lambda coroutine: run_virtual(coroutine, VirtualLoop())
