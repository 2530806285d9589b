"""The document of `voicecli load --json`: `voicecli.load/1`, with every call of every level."""

from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from voicecli.figures.budget import BudgetResult
from voicecli.figures.run import Machine
from voicecli.load.knee import Knee
from voicecli.load.level import Level
from voicecli.load.shift import Place
from voicewire.messages import EngineInfo

SCHEMA: Literal["voicecli.load/1"] = "voicecli.load/1"


class LoadServer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    url: str | UnsetType = UNSET
    """Absent for the own server, which shares the machine with its callers."""
    pipeline: str | UnsetType = UNSET
    silence_ms: int | UnsetType = UNSET
    endpointing: str | UnsetType = UNSET
    speculation: bool | UnsetType = UNSET
    """Its settings, where they are known."""


class LoadFixture(Struct, frozen=True, kw_only=True):
    name: str
    digest: str
    """SHA-256 of the audio file that was sent."""
    script: str
    """SHA-256 of what else the fixture lays down of the call."""
    input: str
    output: str
    call_ms: float
    """How long a call with it takes that is alone."""


class LoadWorker(Struct, frozen=True, kw_only=True):
    name: str
    place: Place


class LevelBudget(Struct, frozen=True, kw_only=True):
    """A budget after a level."""

    sessions: int
    result: BudgetResult


class LoadRun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    schema: Literal["voicecli.load/1"] = msgspec.field()
    voicecli: str
    created: str
    """UTC, ISO 8601."""
    server: LoadServer
    engines: dict[str, EngineInfo]
    """By role: vad, stt, llm, tts."""
    machine: Machine
    """Where it was led from."""
    on: Literal["local", "ray"]
    workers: tuple[LoadWorker, ...]
    arrival: Literal["closed", "open"]
    seed: int
    duration_s: float
    ramp_s: float
    """Before it, for the callers to spread."""
    fixtures: tuple[LoadFixture, ...]
    levels: tuple[Level, ...]
    knee: Knee | UnsetType = UNSET
    """Absent where no level was measured."""
    budgets: tuple[LevelBudget, ...] = ()
    interrupted: bool = False

    def serialize(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"
