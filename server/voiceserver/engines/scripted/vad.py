"""A VAD that hears speech where its script says so, or where the audio is loud."""

from collections import deque
from typing import Annotated

from msgspec import Meta

from voiceaudio.level import rms_dbfs
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.faults import Fault, FaultPlan, FaultSettings, StreamFault

FRAME_SAMPLES = 160
SAMPLE_RATE = 16_000
FRAME_MS = 10


class ScriptedVad:
    """Probabilities of 0 and 1, exact to its frame of 10 ms.

    Its faults are counted in frames: `late` hears everything `late` later, `silent` hears no speech any more,
    `endless` hears nothing but speech, `raise` raises.
    """

    class Settings(FaultSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
        speech: str = ""
        """Where speech is, in ms of audio given to the detector: '500-2500,3200-4000'. Empty: wherever it is loud."""
        level: Annotated[float, Meta(ge=-100, le=0)] = -45.0
        """A frame this loud, in dBFS (RMS), is speech."""

        def __post_init__(self) -> None:
            _spans(self.speech)

    def __init__(self, settings: Settings) -> None:
        self.sample_rate = SAMPLE_RATE
        self.frame_samples = FRAME_SAMPLES
        self.end_lag_ms = 0
        # Script and faults go by the audio that was given, so all of it must be.
        self.hears_silence = bool(settings.speech) or settings.fault is not Fault.NONE
        self._settings = settings
        self._spans = _spans(settings.speech)
        self._faults = FaultPlan(settings)

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def detector(self) -> "ScriptedDetector":
        return ScriptedDetector(self._settings, self._spans, self._faults.stream())


class ScriptedDetector:
    def __init__(self, settings: ScriptedVad.Settings, spans: list[tuple[float, float]], fault: StreamFault) -> None:
        self._spans = spans
        self._level = settings.level
        self._fault = fault
        self._active = Fault.NONE
        self._frames = 0
        self._late_frames = round(settings.late / FRAME_MS)
        self._held: deque[float] = deque()

    def probability(self, frame: bytes) -> float:
        assert len(frame) == FRAME_SAMPLES * 2
        heard = self._scripted() if self._spans else float(rms_dbfs(frame) >= self._level)
        self._frames += 1
        if (due := self._fault.due()) is not Fault.NONE:
            self._active = due
        match self._active:
            case Fault.RAISE:
                raise EngineError("the fault that its settings ask for")
            case Fault.SILENT:
                return 0.0
            case Fault.ENDLESS:
                return 1.0
            case Fault.LATE:
                self._held.append(heard)
                return self._held.popleft() if len(self._held) > self._late_frames else 0.0
        return heard

    def reset(self) -> None:
        """Forgets nothing: the script goes by all audio given since the session began."""

    def _scripted(self) -> float:
        at_ms = self._frames * FRAME_MS
        return float(any(start <= at_ms < end for start, end in self._spans))


def _spans(speech: str) -> list[tuple[float, float]]:
    spans = []
    for part in filter(None, (part.strip() for part in speech.split(","))):
        start, _, end = part.partition("-")
        if not (start.strip().isdecimal() and end.strip().isdecimal()) or int(start) >= int(end):
            raise ValueError(f"speech must be spans of ms such as '500-2500,3200-4000', got {part!r}")
        spans.append((float(start), float(end)))
    return spans
