"""Checks that the tests mirror the modules: `voicecli/x.py` has `tests/voicecli/test_x.py`, and the other way round."""

import sys
from collections.abc import Iterator
from pathlib import Path

SOURCES = {
    "voicewire": "voicewire",
    "voiceaudio": "voiceaudio",
    "voicecli": "voicecli",
    "server/voiceserver": "voiceserver",
}
"""Packages, and their folder in tests/."""

NO_TEST: dict[str, str] = {"server/voiceserver/turn_events.py": "holds words, which test_turn.py speaks"}
"""Modules without a test file of their own, and why. (An `__init__` needs none: no code lives there.)"""

NO_MODULE = {
    "tests/docs/test_ci.py": "runs what docs/ci.md says",
    "tests/docs/test_testing.py": "runs what docs/testing.md says",
    "tests/test_imports.py": "holds what the command line may import",
    "tests/test_wheel.py": "installs the built wheel",
    "tests/voiceaudio/test_threads.py": "counts the threads of all codecs together",
    "tests/voiceserver/test_session_invariants.py": "holds what is true of a session whatever happens in it",
    "tests/voiceserver/test_session_turn_taking.py": "holds what a caller hears of turn.py's finer decisions",
    "tests/voiceserver/test_turn_taking.py": "holds the finer decisions of turn.py, which are many",
    "tests/terminal/test_talk.py": "talks as a person does, on a sound card and in a terminal",
}
"""Test files that stand for no one module, and why."""

BROWSER = "tests/browser/"
"""What is tested in a browser is the page, whose modules are JavaScript."""


def problems(root: Path) -> Iterator[str]:
    """One sentence for each module or test without its counterpart, and each exception that is none any more."""
    modules = {
        path.relative_to(root).as_posix(): _mirrored(path.relative_to(root / package), folder)
        for package, folder in SOURCES.items()
        for path in (root / package).rglob("*.py")
        if path.stem != "__init__"
    }
    tests = {path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py")}
    scripts = {f"tests/scripts/test_{path.stem}.py" for path in (root / "scripts").iterdir()}
    for module, test in sorted(modules.items()):
        if test not in tests and module not in NO_TEST:
            yield f"{module} has no tests: write {test}"
        if test in tests and module in NO_TEST:
            yield f"{module} has tests: take it out of NO_TEST"
    for test in sorted(tests - set(modules.values()) - scripts - NO_MODULE.keys()):
        if test.startswith(BROWSER):
            continue
        yield f"{test} mirrors no module: rename it, or add it to NO_MODULE with a reason"
    for listed in sorted((NO_TEST.keys() - modules.keys()) | (NO_MODULE.keys() - tests)):
        yield f"{listed} is an exception that does not exist: take it out"


def _mirrored(module: Path, folder: str) -> str:
    return (Path("tests", folder) / module.with_stem(f"test_{module.stem}")).as_posix()


def main(root: Path) -> int:
    found = list(problems(root))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
