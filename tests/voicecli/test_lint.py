import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voicecli import oggopus, wavfile
from voicecli.fixture import TOML_NAME
from voicecli.lint import Problem, difference, lint, main
from voicecli.segments import MIN_SPEECH_MS

FIXTURES = Path(__file__).parents[2] / "fixtures"
COMMITTED = sorted(toml.parent for toml in FIXTURES.glob(f"*/{TOML_NAME}"))

TOML = """
schema = "voicecli.fixture/1"
name = "good"
description = "A tone."
made_with = "a test"
licence = "Apache-2.0"
[[utterances]]
kind = "speech"
text = "la"
audio_ms = [0, 1200]
segments_ms = [[400, 800]]
when = "start"
"""

Samples = NDArray[np.int16]


def _voice() -> Samples:
    """400 ms of a buzz, from 400 ms on, in 1200 ms."""
    pulses = np.zeros(400 * 16)
    pulses[:: 16_000 // 120] = 1
    samples = np.zeros(1200 * 16)
    shape = np.exp(-np.arange(200) / 30) * np.cos(np.arange(200) * 0.25)
    samples[400 * 16 : 800 * 16] = 9000 * np.convolve(pulses, shape)[: 400 * 16]
    return np.asarray(np.rint(samples), np.int16)


def _hiss(dbfs: float) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, 32768 * 10 ** (dbfs / 20), 1200 * 16)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    (folder / TOML_NAME).write_text(TOML)
    _record(folder, _voice())
    return folder


def _record(folder: Path, samples: NDArray[np.int16] | NDArray[np.float64]) -> None:
    rounded = np.asarray(np.rint(samples), np.int16)
    wavfile.write(folder / "audio.wav", rounded, 16_000)
    oggopus.write(folder / "audio.opus", rounded)


def _edit(folder: Path, *changes: tuple[str, str]) -> None:
    toml = (folder / TOML_NAME).read_text()
    for old, new in changes:
        assert old in toml
        toml = toml.replace(old, new)
    (folder / TOML_NAME).write_text(toml)


def _reasons(folder: Path) -> list[str]:
    return [reason for _, reason in lint(folder)]


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_every_committed_fixture_is_sound(folder: Path) -> None:
    assert lint(folder) == []


def test_a_sound_fixture_has_no_problems(good: Path) -> None:
    assert lint(good) == []


def test_a_fixture_may_do_without_opus(good: Path) -> None:
    (good / "audio.opus").unlink()
    assert lint(good) == []


@pytest.mark.parametrize(("peak", "clips"), [(32766, False), (32767, True), (-32766, False), (-32768, True)])
def test_a_sample_at_full_scale_is_clipping(good: Path, peak: int, clips: bool) -> None:
    samples = _voice()
    samples[600 * 16] = peak
    _record(good, samples)
    reason = "clips: 1 samples at full scale, first at 600.0 ms; record it softer"
    assert lint(good) == ([Problem(good / "audio.wav", reason)] if clips else [])


def test_sound_outside_the_segments_is_reported(good: Path) -> None:
    samples = _voice()
    samples[900 * 16 : 1000 * 16] = samples[500 * 16 : 600 * 16]
    _record(good, samples)
    (problem,) = lint(good)
    assert problem.path == good / TOML_NAME
    assert problem.reason.startswith("sound from 900 to 1000 ms is in no segment")


def test_sound_outside_the_segments_of_a_background_is_reported(good: Path) -> None:
    _edit(good, ('licence = "Apache-2.0"', 'licence = "Apache-2.0"\nbackground = "hiss"'))
    _record(good, _voice() + _hiss(-45))
    assert _reasons(good) == []
    _edit(good, ("[[400, 800]]", "[[400, 700]]"))
    assert any("is in no segment" in reason for reason in _reasons(good))


@pytest.mark.parametrize(("length_ms", "reported"), [(190, False), (200, True)])
def test_a_recording_of_a_room_may_hold_sounds_too_short_to_be_speech(
    good: Path, length_ms: int, reported: bool
) -> None:
    _edit(good, ('licence = "Apache-2.0"', 'licence = "Apache-2.0"\nbackground = "a room"'))
    samples = _voice()
    samples[900 * 16 : (900 + length_ms) * 16] = samples[500 * 16 : (500 + length_ms) * 16]
    _record(good, samples)
    assert _reasons(good) != []
    (good / "session.jsonl").touch()
    assert bool(_reasons(good)) == reported


def test_a_recorded_session_without_its_journal_is_reported(good: Path) -> None:
    _edit(good, ('"start"', '"recorded"'))
    (problem,) = lint(good)
    assert problem.path == good / "session.jsonl"
    assert problem.reason.startswith("missing")


def test_a_background_has_to_be_declared(good: Path) -> None:
    _record(good, _voice() + _hiss(-45))
    reasons = _reasons(good)
    assert "does not begin with 200 ms of digital silence; add it, or name the `background`" in reasons
    assert any(reason.startswith("sound from 0 to ") for reason in reasons)


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        ("[[400, 800], [900, 1000]]", "utterances[0].segments_ms: no sound from 900 to 1000 ms"),
        ("[[369, 800]]", "utterances[0].segments_ms: begins at 369 ms, but its sound at 400 ms"),
        ("[[400, 831]]", "utterances[0].segments_ms: ends at 831 ms, but its sound at 800 ms"),
        ("[[436, 800]]", "sound from 400 to 405 ms is in no segment"),
        ("[[400, 764]]", "sound from 795 to 800 ms is in no segment"),
        ("[[371, 829]]", None),
        ("[[429, 771]]", None),
    ],
)
def test_a_segment_begins_and_ends_within_30_ms_of_its_sound(good: Path, segments: str, reason: str | None) -> None:
    _edit(good, ("[[400, 800]]", segments))
    reasons = _reasons(good)
    if reason is None:
        assert reasons == []
    else:
        assert [found[: len(reason)] for found in reasons] == [reason]


@pytest.mark.parametrize(("speech_ms", "too_short"), [(MIN_SPEECH_MS, False), (MIN_SPEECH_MS - 20, True)])
def test_an_utterance_is_as_long_as_a_vad_needs(good: Path, speech_ms: int, too_short: bool) -> None:
    end_ms = 400 + speech_ms
    _edit(good, ("[400, 800]", f"[400, {end_ms}]"))
    samples = _voice()
    samples[end_ms * 16 :] = 0
    _record(good, samples)
    expected = [f"utterances[0].segments_ms: {speech_ms} ms of speech; a VAD needs 200 ms to report it"]
    assert _reasons(good) == (expected if too_short else [])


def test_the_regions_cover_the_audio(good: Path) -> None:
    _edit(good, ("[0, 1200]", "[0, 1220]"))
    (problem,) = lint(good)
    assert problem.reason.startswith("is 1200 ms long, but audio_ms of the last utterance ends at 1220 ms")


def test_a_loud_beginning_is_reported(good: Path) -> None:
    samples = _voice()
    samples[200 * 16 - 1] = 1
    _record(good, samples)
    assert _reasons(good) == ["does not begin with 200 ms of digital silence; add it, or name the `background`"]
    samples = _voice()
    samples[200 * 16] = 1
    _record(good, samples)
    assert _reasons(good) == []


def test_another_rate_is_reported(good: Path) -> None:
    wavfile.write(good / "audio.wav", _voice(), 8_000)
    assert _reasons(good) == ["is recorded at 8000 Hz; resample it to 16000 Hz"]


def test_opus_of_another_length_is_reported(good: Path) -> None:
    oggopus.write(good / "audio.opus", np.concatenate([_voice(), np.zeros(320, np.int16)]))
    (problem,) = lint(good)
    assert problem == Problem(good / "audio.opus", "is 1220 ms long, audio.wav is 1200 ms; encode audio.wav again")


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        (lambda: np.asarray(_hiss(-15), np.int16), "does not sound like audio.wav; encode audio.wav again"),
        (lambda: np.zeros(1200 * 16, np.int16), "does not sound like audio.wav; encode audio.wav again"),
        (lambda: np.roll(_voice(), 20 * 16), "lags audio.wav by 20."),
        (lambda: np.roll(_voice(), -20 * 16), "lags audio.wav by -"),
    ],
)
def test_opus_of_another_sound_is_reported(good: Path, heard: Callable[[], Samples], reason: str) -> None:
    oggopus.write(good / "audio.opus", heard())
    (problem,) = lint(good)
    assert problem.path == good / "audio.opus"
    assert problem.reason.startswith(reason)


def test_silence_is_the_same_as_silence() -> None:
    assert difference(np.zeros(1600, np.int16), np.zeros(1600, np.int16)) is None


def test_damaged_opus_is_reported(good: Path) -> None:
    opus = good / "audio.opus"
    opus.write_bytes(opus.read_bytes()[:-1])
    (problem,) = lint(good)
    assert problem == Problem(opus, "cut off in page 3; copy or encode it again")


def test_a_missing_licence_is_reported(good: Path) -> None:
    _edit(good, ('licence = "Apache-2.0"\n', ""))
    (problem,) = lint(good)
    assert problem == Problem(good / TOML_NAME, "Object missing required field `licence`; see fixtures/README.md")


def test_a_damaged_wav_is_reported(good: Path) -> None:
    (good / "audio.wav").write_bytes(b"no audio at all")
    (problem,) = lint(good)
    assert problem.path == good / "audio.wav"
    assert problem.reason.startswith("cannot be read as WAV")


def test_sound_fixtures_exit_with_0_and_problems_with_1(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(good)]) == 0
    assert capsys.readouterr() == ("", "1 fixtures, 0 problems\n")
    _edit(good, ("[0, 1200]", "[0, 1220]"))
    assert main([str(good)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith(f"{good / 'audio.wav'}: is 1200 ms long")
    assert err == "1 fixtures, 1 problems\n"


def test_a_glob_may_hold_what_is_no_fixture(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme, vectors = good.parent / "README.md", good.parent / "wire"
    readme.touch()
    vectors.mkdir()
    assert main([str(good), str(readme), str(vectors)]) == 0
    assert main([str(vectors)]) == 2
    shutil.rmtree(vectors)
    assert main([str(vectors)]) == 1
    assert "no such fixture" in capsys.readouterr().out
    assert main([]) == 2
