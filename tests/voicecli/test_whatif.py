import json
from pathlib import Path

import pytest

from voicecli.__main__ import main
from voicecli.exits import ExitCode

NUMBERS = str(Path(__file__).parents[2] / "fixtures" / "numbers")
SILENCE = str(Path(__file__).parents[2] / "fixtures" / "silence")


@pytest.fixture(autouse=True)
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICECLI_ENDPOINTING", "fixed")
    monkeypatch.setenv("VOICECLI_SPECULATION", "false")
    assert main(["replay", NUMBERS, "--virtual", "--save", "a"]) == ExitCode.GOOD
    capsys.readouterr()


def test_a_recorded_run_with_one_stage_changed_says_what_would_have_been_felt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["replay", NUMBERS, SILENCE, "--from", "a", "--with", "llm.ttft=-200ms"]) == ExitCode.GOOD
    out = capsys.readouterr().out
    assert "numbers, utterance 1, voice-to-voice: 1113 → 913 ms, felt -200 ms  (n=1)" in out
    assert main(["replay", NUMBERS, "--from", "a", "--with", "stt=scripted(delay=1s)", "--json", "-"]) == ExitCode.GOOD
    (turn,) = json.loads(capsys.readouterr().out)["turns"]
    assert (round(turn["asked_ms"]), turn["hidden_by"]) == (850, "endpointing")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([NUMBERS, "--with", "llm.ttft=-200ms"], "say which one, with --from NAME|FILE"),
        ([NUMBERS, "--from", "b"], "b: no such run"),
        ([NUMBERS, "--from", "a", "--with", "faster"], '--with: "faster" is no change'),
        ([NUMBERS, "--from", "a", "--with", "stt=scripted(speed=1)"], "there is no setting speed"),
        ([SILENCE, "--from", "a"], "--from a: no fixture in common: numbers against"),
        ([NUMBERS, "--codec", "pcm_s16le", "--from", "a"], "--from a: numbers: other audio"),
        ([NUMBERS, "--from", "a", "--repeat", "2"], "--repeat does not go with --from"),
        ([NUMBERS, "--from", "a", "--baseline", "a"], "--baseline does not go with --from"),
        ([NUMBERS, "--from", "a", "--tts", "espeak"], "--tts does not go with --from"),
        ([NUMBERS, "--from", "a", "--html", "run.html"], "--html does not go with --from"),
        ([NUMBERS, "--from", "a", "--otlp", "spans.json"], "--otlp does not go with --from"),
    ],
)
def test_what_cannot_be_repeated_is_a_matter_of_usage(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *arguments]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err
