import pytest

from voicecli.calls.replaying import order


@pytest.mark.parametrize(("sides", "calls"), [(1, "AAAA"), (2, "ABBAABBA")])
def test_two_sides_are_called_there_and_back(sides: int, calls: str) -> None:
    made = ["AB"[side] for number in range(1, 5) for side in order(number, sides)]
    assert "".join(made) == calls
