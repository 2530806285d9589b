"""The wheel: it holds all that it needs and nothing else, and works in an environment without the checkout.

That environment has the dependencies that requirements.lock pins, linked from the one that runs the tests: what only
the development extras bring is not there, and nothing is downloaded.
"""

import json
import os
import re
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

from voiceserver.assets import CONTENT_TYPES

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {
    "voicecli": "voicecli",
    "voicewire": "voicewire",
    "voiceaudio": "voiceaudio",
    "server/voiceserver": "voiceserver",
    "web": "voiceserver/_web",
}
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ]+)", re.MULTILINE)
NOT_SHIPPED = {"__pycache__", ".DS_Store"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs: its Python, and the voicecli of the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    programs = folder / "bin"
    site_packages = Path(
        run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    )
    for name, pinned in PINNED.findall((ROOT / "requirements.lock").read_text()):
        link(name, pinned, site_packages)
    pip = (sys.executable, "-m", "pip", "--python", programs / "python")
    run(*pip, "install", "--no-index", "--no-deps", wheel)
    run(*pip, "check")
    return programs


def link(name: str, pinned: str, site_packages: Path) -> None:
    """Link an installed distribution; one that is not pinned for this Python is left out."""
    try:
        installed = version(name)
    except ModuleNotFoundError:
        return
    if installed != pinned:
        return
    for file in distribution(name).files or []:
        top = file.parts[0]
        if top not in ("..", "__pycache__") and not (site_packages / top).exists():
            (site_packages / top).symlink_to(Path(str(distribution(name).locate_file(top))))


def run(*command: str | Path, **env: str) -> str:
    """What a command printed; its errors are shown where it fails."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VOICECLI_", "COV"))}
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(sys.prefix).anchor, env={**clean, **env}, timeout=120
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = {
        f"{shipped}/{path.relative_to(ROOT / package).as_posix()}"
        for package, shipped in PACKAGES.items()
        for path in (ROOT / package).rglob("*")
        if path.is_file() and NOT_SHIPPED.isdisjoint(path.parts)
    }
    assert "voiceserver/engines/scripted/persona.toml" in expected
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected


def test_the_page_is_made_of_files_that_are_served() -> None:
    suffixes = {path.suffix for path in (ROOT / "web").rglob("*") if path.is_file()}
    assert suffixes <= CONTENT_TYPES.keys() | {".ts"}  # declarations are for the editors of those who embed it


def test_the_page_is_served_from_the_wheel(environment: Path) -> None:
    program = """
from voiceserver.assets import Assets, folder_of_page
folder = folder_of_page()
print(folder.parent.name, folder.name)
print(Assets.read(folder).find("/voicewire/frames.js").content.decode(), end="")
"""
    first, _, rest = run(environment / "python", "-c", program).partition("\n")
    assert first == "voiceserver _web"
    assert rest == (ROOT / "web" / "voicewire" / "frames.js").read_text()


def test_the_wheel_carries_its_licence_and_its_entry_points(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        info = {name.partition(".dist-info/")[2]: name for name in opened.namelist() if ".dist-info/" in name}
        assert opened.read(info["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        declared = ConfigParser()
        declared.read_string(opened.read(info["entry_points.txt"]).decode())
    assert {group: sorted(declared[group]) for group in declared.sections()} == {
        "console_scripts": ["voicecli"],
        "pytest11": ["voicecli.pytest_plugin"],
        "voicecli.vad": ["energy", "scripted", "silero"],
        "voicecli.stt": ["pocketsphinx", "scripted"],
        "voicecli.llm": ["openai", "scripted"],
        "voicecli.tts": ["espeak", "scripted"],
        "voicecli.end_of_turn": ["scripted", "smart-turn"],
    }


def test_the_installed_command_runs_from_the_wheel_alone(environment: Path) -> None:
    where = "import voicecli, voiceserver, voicewire, voiceaudio as a; print(voicecli.__file__, voiceserver.__file__)"
    assert str(ROOT) not in run(environment / "python", "-c", where)
    assert run(environment / "voicecli", "--version") == f"voicecli {version('voicecli')}\n"


def test_without_its_extra_an_engine_says_what_to_install(environment: Path) -> None:
    listed = json.loads(run(environment / "voicecli", "engines", "--json"))
    problems = {
        engine["name"]: engine["problem"] for found in listed.values() for engine in found if "problem" in engine
    }
    assert problems == {
        "openai": "engine openai needs the library openai, which is not installed: pip install 'voicecli[openai]'",
        "smart-turn": (
            "engine smart-turn needs the library onnxruntime, which is not installed: "
            "pip install 'voicecli[smart-turn]'"
        ),
    }


def test_replay_holds_a_conversation_in_the_empty_environment(environment: Path) -> None:
    document = json.loads(
        run(environment / "voicecli", "replay", ROOT / "fixtures" / "question-weather", "--json", "-")
    )
    (turn,) = document["fixtures"][0]["runs"][0]["turns"]
    assert document["schema"] == "voicecli.run/1"
    assert turn["transcript_final"] == "what will the weather be like in london tomorrow"
    assert turn["reply_text"]
    assert turn["latencies"]["voice_to_voice_ms"] > 0
