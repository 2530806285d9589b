import pytest

from voiceserver.engines.registry import Role, create
from voiceserver.engines.roles import EngineError
from voiceserver.engines.scripted.vad import FRAME_SAMPLES, ScriptedVad
from voiceserver.engines.spec import SpecError

SILENT = bytes(FRAME_SAMPLES * 2)


def loud(amplitude: int) -> bytes:
    """A square wave, whose RMS is its amplitude."""
    return (amplitude.to_bytes(2, "little", signed=True) + (-amplitude).to_bytes(2, "little", signed=True)) * 80


def heard(spec: str, frames: list[bytes]) -> list[float]:
    detector = create(Role.VAD, spec).detector()
    return [detector.probability(frame) for frame in frames]


def test_the_script_is_exact_to_the_frame() -> None:
    probabilities = heard("scripted(speech='500-2500,3200-4000')", [SILENT] * 450)
    assert [at * 10 for at in range(1, 450) if probabilities[at] != probabilities[at - 1]] == [500, 2500, 3200, 4000]
    assert set(probabilities) == {0.0, 1.0}


def test_without_a_script_what_is_loud_is_speech() -> None:
    # -45 dBFS is an amplitude of 184.3.
    assert heard("scripted", [SILENT, loud(184), loud(185), SILENT]) == [0.0, 0.0, 1.0, 0.0]


def test_the_level_is_a_setting() -> None:
    # -20 dBFS is an amplitude of 3276.8.
    assert heard("scripted(level=-20)", [loud(3276), loud(3277)]) == [0.0, 1.0]


def test_each_detector_begins_its_script_anew() -> None:
    vad = create(Role.VAD, "scripted(speech='10-20')")
    first, second = vad.detector(), vad.detector()
    assert [first.probability(SILENT) for _ in range(3)] == [0.0, 1.0, 0.0]
    assert [second.probability(SILENT) for _ in range(3)] == [0.0, 1.0, 0.0]


def test_a_reset_does_not_rewind_the_script() -> None:
    detector = create(Role.VAD, "scripted(speech='10-30')").detector()
    before = [detector.probability(SILENT) for _ in range(2)]
    detector.reset()
    assert before + [detector.probability(SILENT) for _ in range(2)] == [0.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("fault", "probabilities"),
    [
        ("fault=silent,fault_after=2", [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
        ("fault=endless,fault_after=4", [0.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("fault=late,late=20ms", [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_faults_change_what_is_heard(fault: str, probabilities: list[float]) -> None:
    assert heard(f"scripted(speech='10-40',{fault})", [SILENT] * 6) == probabilities


def test_raising_begins_after_the_frames_named() -> None:
    detector = create(Role.VAD, "scripted(fault=raise,fault_after=1)").detector()
    assert detector.probability(SILENT) == 0.0
    for _ in range(2):
        with pytest.raises(EngineError):
            detector.probability(SILENT)


@pytest.mark.parametrize("speech", ["500", "a-b", "500-400", "500-500", "-5-10"])
def test_a_script_that_is_none_is_refused_and_quoted(speech: str) -> None:
    with pytest.raises(
        SpecError, match=r"--vad scripted: speech must be spans of ms such as '500-2500,3200-4000', got"
    ):
        create(Role.VAD, {"engine": "scripted", "speech": speech})


def test_its_format_is_declared() -> None:
    vad = ScriptedVad(ScriptedVad.Settings())
    assert (vad.sample_rate, vad.frame_samples) == (16_000, 160)


def test_only_with_a_script_or_a_fault_does_it_want_all_the_audio() -> None:
    specs = ("scripted", "scripted(speech='0-10')", "scripted(fault=endless)")
    assert [create(Role.VAD, spec).hears_silence for spec in specs] == [False, True, True]
