"""Declared failures of the scripted engines."""

import asyncio
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.pacing import Pacing
from voiceserver.engines.spec import Milliseconds

ENDLESS_PACE_MS = 10.0
"""Least time between two items of an endless stream, so that it never starves the event loop."""


class Fault(StrEnum):
    NONE = "none"
    LATE = "late"
    """One item comes `late` after its time; what follows keeps its distance to it."""
    SILENT = "silent"
    """Nothing more comes, and no end either: it hangs until it is cancelled."""
    ENDLESS = "endless"
    """It never stops."""
    RAISE = "raise"
    """It raises EngineError."""


class FaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings that all scripted engines share."""

    fault: Fault = Fault.NONE
    fault_after: Annotated[int, Meta(ge=0)] = 0
    """Items that come before it: transcripts, tokens, pieces of audio; of a VAD, frames."""
    fault_streams: Annotated[int, Meta(ge=0)] = 0
    """So many streams have it, the first ones of the engine; 0: all of them."""
    late: Milliseconds = 10_000.0


class FaultPlan:
    """Deals out the faults of an engine to its streams."""

    def __init__(self, settings: FaultSettings) -> None:
        self._settings = settings
        self._streams = 0

    def stream(self) -> "StreamFault":
        """The fault of the next stream."""
        self._streams += 1
        meant = self._settings.fault_streams == 0 or self._streams <= self._settings.fault_streams
        return StreamFault(self._settings, self._settings.fault if meant else Fault.NONE)


class StreamFault:
    """The fault of one stream, which asks before each item it yields, and before its end."""

    def __init__(self, settings: FaultSettings, fault: Fault) -> None:
        self._settings = settings
        self._fault = fault
        self._items = 0

    @property
    def is_endless(self) -> bool:
        return self._fault is Fault.ENDLESS

    def due(self) -> Fault:
        """The fault to have at this item; counts it."""
        self._items += 1
        return self._fault if self._items == self._settings.fault_after + 1 else Fault.NONE

    async def strike(self, pacing: Pacing) -> None:
        """Have the fault, where this item is the one; counts it. Endlessness is left to the stream."""
        if self.due() is not Fault.NONE:
            await self.have(pacing)

    async def have(self, pacing: Pacing) -> None:
        """Have the fault now, whatever the count says."""
        match self._fault:
            case Fault.LATE:
                await pacing.wait(self._settings.late)
            case Fault.SILENT:
                await asyncio.Event().wait()
            case Fault.RAISE:
                raise EngineError("the fault that its settings ask for")
