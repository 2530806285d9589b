"""Results of a sweep, made for a test."""

from collections.abc import Sequence

from msgspec import UNSET

from voicecli.tuning.cutoffs import Cut, UtteranceResult
from voicecli.tuning.document import FixtureDocument, Tuning, UtteranceDocument, tuning
from voicecli.tuning.sweep import Setting, parsed, settings
from voicewire.messages import EngineInfo

CUT = Cut(at_ms=1500.0, into_ms=1100.0, pause_ms=700.0, said="good morning", call_ms=1500.0, heard_ms=0.0)


def result(
    *,
    waited_ms: float | None = 500.0,
    cuts: int = 0,
    is_spoken: bool = True,
    fixture: str = "pause",
    utterance: int = 0,
) -> UtteranceResult:
    return UtteranceResult(
        fixture=fixture,
        utterance=utterance,
        is_spoken=is_spoken,
        waited_ms=UNSET if waited_ms is None else waited_ms,
        cuts=(CUT,) * cuts,
    )


def document(
    *cut_of_settings: int, of: int = 10, sweep: Sequence[str] = (), tolerance: float = 0.05, name: str = "pause"
) -> Tuning:
    """Settings that cut off so many of the utterances, each waiting 100 ms longer than the one before."""
    parameters = [parsed(text) for text in sweep or [f"silence_ms=200..{100 + 100 * len(cut_of_settings)}/100"]]
    tried: list[Setting] = settings(parameters)
    results = [
        [
            result(fixture=name, utterance=number, cuts=int(number < cut), waited_ms=210.0 + 100 * index)
            for number in range(of)
        ]
        for index, cut in enumerate(cut_of_settings)
    ]
    spoken = UtteranceDocument(text="good morning what time is it", start_ms=400.0, end_ms=2760.0)
    fixture = FixtureDocument(name=name, digest="d", script="s", utterances=dict.fromkeys(range(of), spoken))
    engines = {"vad": EngineInfo("silero"), "stt": EngineInfo("scripted")}
    return tuning(parameters, tried, results, [fixture], engines, tolerance, {"silence_ms": 300})
