"""What a worker is given to do, and what it gives back.

It travels between processes and machines, so there is no instant of a clock in it: times count from when the worker
began.
"""

import platform
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from msgspec import UNSET, Struct, UnsetType

from voicecli.calls.call import CallSettings
from voicecli.figures.run import Machine, PartDocument, WordErrorsDocument, machine
from voicecli.fixtures.fixture import Fixture
from voicecli.fixtures.microphone import Recording
from voicecli.load.arrivals import Poisson


class Script(NamedTuple):
    """What a caller says, whole."""

    fixture: Fixture
    recording: Recording


class Window(NamedTuple):
    """Calls that are meant to begin in it are measured. Those before and after it keep the load up."""

    start_ns: int
    end_ns: int

    def holds(self, at_ns: int) -> bool:
        return self.start_ns <= at_ns < self.end_ns


class Shift(NamedTuple):
    """One worker's part of a level. It ends when the worker is told to stop."""

    number: int
    """Of the level, from 0."""
    url: str
    settings: CallSettings
    silence_ms: int | None
    """The server's own setting, where it is known."""
    window: Window
    callers_ns: tuple[int, ...] = ()
    """When each caller begins that calls again whenever its call is over."""
    arrivals: Poisson | None = None
    """Calls that come whether or not those before them are over."""
    share: int = 0
    shares: int = 1
    """Of the arrivals."""


class Outcome(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    UNEXPECTED = "unexpected"
    """All was said and heard, and not as the fixture expects."""
    UNANSWERED = "unanswered"
    """It was given up: no reply, or no end of one."""
    REFUSED = "refused"
    """The server had no room for it, or did not want it."""
    NOT_CONNECTED = "not_connected"
    DROPPED = "dropped"
    """The connection was lost in the middle of it."""
    UNFINISHED = "unfinished"
    """Still going on when the level was ended, long after it should have been over."""
    NOT_STARTED = "not_started"
    """The worker had more calls open than it can carry."""

    @property
    def is_answered(self) -> bool:
        return self in (Outcome.COMPLETED, Outcome.UNEXPECTED)


class TurnSample(Struct, frozen=True, kw_only=True):
    """One turn."""

    latencies_ms: dict[str, float]
    """By name. `voice_to_voice` counts from when the call was meant to begin: that of a call's first turn has `setup`
    in it."""
    parts: tuple[PartDocument, ...] = ()
    """The waterfall: sums to voice-to-voice without `setup`."""
    underruns: int = 0


class CallSample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call."""

    due_ms: float
    """When it was meant to begin, after the worker's own beginning."""
    outcome: Outcome
    late_ms: float = 0.0
    """How much later the worker began it: its own fault, and in `setup_ms` too."""
    setup_ms: float | UnsetType = UNSET
    """From when it was meant to begin to its first sample of microphone audio: connection and session."""
    told: str = ""
    """Why it is not completed, as a sentence."""
    turns: tuple[TurnSample, ...] = ()
    words: WordErrorsDocument | UnsetType = UNSET
    false_cutoffs: int = 0
    utterances: int = 0
    frames: int = 0
    late_frames: int = 0
    worst_late_ms: float = 0.0
    reliable: bool = True
    """Its pace was kept."""


class WorkerHealth(Struct, frozen=True, kw_only=True):
    """What says whether a worker kept up, measured in the window of the level."""

    cpu_share: float
    """Processor time of its process over time, 1 for one core."""
    lag_p95_ms: float
    """How late its event loop runs what is due."""
    lag_max_ms: float
    beats: int
    """How often that was looked at."""
    mean_open: float
    """Calls open at once, on average."""


class WorkerReport(Struct, frozen=True, kw_only=True):
    """A level as one worker saw it."""

    samples: tuple[CallSample, ...]
    """Of the calls that were meant to begin in the window."""
    health: WorkerHealth
    cut: int = 0
    """Calls of the window that were still open when the level was interrupted."""


class Progress(NamedTuple):
    open: int
    """Calls at this moment."""
    calls: int
    """Of the window that are over."""
    bad: int
    """Of those, the ones that were not answered as expected."""
    pending: int
    """Of the window that are still open."""
    window_over: bool


class Place(Struct, frozen=True, kw_only=True):
    """Where a worker runs."""

    host: str
    machine: Machine


class WorkerDied(Exception):
    """Its process ended, and its calls with it; the message says how."""


class Worker(Protocol):
    """Something that carries out shifts, one at a time."""

    name: str
    place: Place

    async def run(self, shift: Shift, tell: Callable[[Progress], None]) -> WorkerReport:
        """Until `stop`. Raises WorkerDied."""

    def stop(self, number: int, *, interrupted: bool) -> None:
        """End the shift of this number, which may not have begun yet."""


def place() -> Place:
    return Place(host=platform.node(), machine=machine())


def prepared(scripts: Sequence[Script], settings: CallSettings) -> CallSettings:
    """The settings of calls that cost as little as their figures allow."""
    speaks_over = any(
        utterance.into_reply_ms is not None or script.fixture.is_recorded
        for script in scripts
        for utterance in script.fixture.utterances
    )
    return settings._replace(hears_all=speaks_over, measures_first=False)
