import sys

import pytest

from scripts import fuzz_wire


def test_every_seed_ends_in_a_value_or_a_protocol_error() -> None:
    targets = fuzz_wire.targets()
    used = set()
    for seed in fuzz_wire.seeds():
        targets[seed[0]](seed[1:])
        used.add(seed[0])
    assert used == set(range(len(targets)))


def test_without_atheris_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atheris", None)
    monkeypatch.setattr(sys, "argv", ["fuzz_wire.py"])
    with pytest.raises(SystemExit, match="pip install atheris"):
        fuzz_wire.main()
