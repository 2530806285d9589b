"""An event loop for measuring: its timers are exact to the microsecond.

asyncio's usual selectors round every wait up to a whole millisecond. Three timers in a row, as in a call's pace, an
endpoint and an engine's delay, would add some two milliseconds that nobody spent. `select(2)` does not round; its limit
of 1,024 descriptors is no matter for a client.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_precisely(main: Coroutine[Any, Any, Result]) -> Result:
    """Like `asyncio.run`."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        return runner.run(main)
