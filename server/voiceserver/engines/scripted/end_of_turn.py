"""A judge that has made up its mind."""

import asyncio

from voiceserver.engines.scripted.faults import FaultPlan, FaultSettings
from voiceserver.engines.scripted.pacing import Pacing
from voiceserver.engines.spec import Milliseconds

SAMPLE_RATE = 16_000
LONGEST_MS = 8_000


class ScriptedEndOfTurn:
    """Declared probabilities, whatever was said.

    Each question is a stream of one item: `fault_streams` says how many have the fault, and a silent and an endless one
    are never answered.
    """

    class Settings(FaultSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
        probability: float | str = 1.0
        """Of each pause. Several stand between `|`, as in `0.2|0.9`: each question has the next one, whoever asks it,
        and after the last one comes the first again."""
        delay: Milliseconds = 0.0
        """From the question to its answer."""

        def __post_init__(self) -> None:
            _probabilities(self.probability)

    waits_on_loop = True

    def __init__(self, settings: Settings) -> None:
        self.sample_rate = SAMPLE_RATE
        self.longest_ms = LONGEST_MS
        self._delay_ms = settings.delay
        self._probabilities = _probabilities(settings.probability)
        self._faults = FaultPlan(settings)
        self._asked = 0

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def probability(self, audio: bytes) -> float:
        answer = self._probabilities[self._asked % len(self._probabilities)]
        self._asked += 1
        fault = self._faults.stream()
        pacing = Pacing()
        await fault.strike(pacing)
        if fault.is_endless:
            await asyncio.Event().wait()
        await pacing.wait(self._delay_ms)
        return answer


def _probabilities(given: float | str) -> list[float]:
    try:
        listed = [float(part) for part in str(given).split("|")]
    except ValueError:
        listed = []
    if not listed or not all(0 <= probability <= 1 for probability in listed):
        raise ValueError(f"probability must be numbers between 0 and 1 such as 0.9 or 0.2|0.9, got {given!r}")
    return listed
