from voicecli.talking.spacebar import FIRST_REPEAT_NS, LET_GO_NS, REPEAT_NS, SpaceBar
from voicewire.clock import NS_PER_MS


def switches(*presses_ms: int, until_ms: int = 10_000) -> list[int]:
    """When it switched, in ms, while time goes on millisecond by millisecond."""
    bar, found = SpaceBar(), []
    for now_ms in range(until_ms):
        now_ns = now_ms * NS_PER_MS
        if bar.due(now_ns) or (now_ms in presses_ms and bar.pressed(now_ns)):
            found.append(now_ms)
    return found


FIRST_REPEAT_MS, REPEAT_MS, LET_GO_MS = (each // NS_PER_MS for each in (FIRST_REPEAT_NS, REPEAT_NS, LET_GO_NS))


def test_a_tap_switches_at_once_and_the_next_one_back() -> None:
    assert switches(100, 3000, 5000) == [100, 3000, 5000]


def test_a_second_tap_so_soon_that_it_might_be_a_repetition_switches_once_none_follows() -> None:
    assert switches(100, 100 + FIRST_REPEAT_MS) == [100, 100 + FIRST_REPEAT_MS + REPEAT_MS]
    assert switches(100, 101 + FIRST_REPEAT_MS) == [100, 101 + FIRST_REPEAT_MS]


def test_a_third_tap_is_one_again() -> None:
    assert switches(100, 400, 700) == [100, 400 + REPEAT_MS, 700]


def test_a_held_key_switches_back_when_it_is_let_go() -> None:
    repeated = [100, *range(600, 2000, 33)]
    assert switches(*repeated) == [100, repeated[-1] + LET_GO_MS]


def test_after_a_held_key_a_tap_is_a_tap_again() -> None:
    assert switches(100, 600, 633, 2000, 4000) == [100, 633 + LET_GO_MS, 2000, 4000]


def test_nothing_is_due_where_nothing_was_pressed() -> None:
    assert SpaceBar().deadline_ns is None
    assert not SpaceBar().due(10**12)
