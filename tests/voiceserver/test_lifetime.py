import pytest

from voiceserver.lifetime import Ending, Lifetime
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode

IDLE = Ending(ErrorCode.IDLE_TIMEOUT, "nothing was said or typed for 2 seconds")
EXPIRED = Ending(ErrorCode.SESSION_EXPIRED, "the session has lasted 10 seconds, and may not be longer")


def begun() -> Lifetime:
    return Lifetime(0, idle_timeout_ms=2_000, longest_ms=10_000)


def at(lifetime: Lifetime, ms: float, *, is_listening: bool = False) -> Ending | None:
    return lifetime.ending(round(ms * NS_PER_MS), is_listening=is_listening)


def test_a_user_who_does_nothing_is_idle_and_not_a_millisecond_before() -> None:
    lifetime = begun()
    assert at(lifetime, 1_999) is None
    assert at(lifetime, 2_000) == IDLE
    lifetime.active(1_500 * NS_PER_MS)
    assert at(lifetime, 3_499) is None
    assert at(lifetime, 3_500) == IDLE


def test_who_listens_is_not_idle_and_has_a_session_that_ends_all_the_same() -> None:
    assert at(begun(), 9_999, is_listening=True) is None
    assert at(begun(), 10_000, is_listening=True) == EXPIRED


def test_the_deadline_is_what_comes_first() -> None:
    lifetime = begun()
    assert lifetime.deadline(is_listening=False) == 2_000 * NS_PER_MS
    assert lifetime.deadline(is_listening=True) == 10_000 * NS_PER_MS
    lifetime.active(9_000 * NS_PER_MS)
    assert lifetime.deadline(is_listening=False) == 10_000 * NS_PER_MS


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(1_500, "1.5 seconds"), (60_000, "60 seconds"), (120_000, "2 minutes"), (125_000, "125 seconds")],
)
def test_durations_are_told_as_people_say_them(milliseconds: int, words: str) -> None:
    ending = Lifetime(0, idle_timeout_ms=milliseconds, longest_ms=10**9).ending(10**15, is_listening=False)
    assert ending is not None
    assert ending.message == f"nothing was said or typed for {words}"
