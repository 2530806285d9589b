from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.admission import WAITING, Admission, Visit
from voicewire.errors import ErrorCode, ProtocolError


def refusal(act: Callable[[], object]) -> tuple[ErrorCode, int, str]:
    with pytest.raises(ProtocolError) as refused:
        act()
    assert refused.value.fatal
    return refused.value.code, refused.value.close_code, refused.value.message


def test_a_server_with_all_sessions_in_use_takes_nobody_more() -> None:
    admission = Admission(1)
    first, second = admission.enter("a"), admission.enter("b")
    first.sit()
    full = (ErrorCode.SERVER_FULL, 1013, "all 1 sessions are in use; try again later")
    assert refusal(second.sit) == full
    assert refusal(lambda: admission.enter("c")) == full
    first.leave()
    second.sit()


def test_who_only_waits_takes_nobodys_session() -> None:
    admission = Admission(2)
    for _ in range(WAITING):
        admission.enter("stalling")
    assert refusal(lambda: admission.enter("b"))[::2] == (
        ErrorCode.SERVER_FULL,
        "too many are being connected at once; try again later",
    )


def test_an_address_has_no_more_than_its_sessions_waiting_or_not() -> None:
    admission = Admission(50, per_address=2)
    first = admission.enter("a")
    admission.enter("a").sit()
    assert refusal(lambda: admission.enter("a")) == (
        ErrorCode.TOO_MANY_SESSIONS,
        1013,
        "your address has all the sessions that one may have (2); close one of them first",
    )
    admission.enter("b")
    first.leave()
    admission.enter("a")


@given(
    st.integers(1, 4),
    st.integers(0, 3),
    st.lists(st.tuples(st.sampled_from(["enter", "sit", "leave"]), st.sampled_from("abc"), st.integers(0, 9))),
)
def test_the_limits_hold_whoever_comes_and_goes(
    sessions: int, per_address: int, steps: list[tuple[str, str, int]]
) -> None:
    admission = Admission(sessions, per_address)
    inside: list[tuple[str, Visit]] = []
    seated: list[Visit] = []
    for what, address, number in steps:
        try:
            if what == "enter":
                inside.append((address, admission.enter(address)))
            elif inside:
                whose, visit = inside[number % len(inside)]
                if what == "leave":
                    visit.leave()
                    inside.remove((whose, visit))
                    seated = [other for other in seated if other is not visit]
                elif visit not in seated:
                    visit.sit()
                    seated.append(visit)
        except ProtocolError:
            pass
        assert len(seated) <= sessions
        for each in "abc":
            assert not per_address or [whose for whose, _ in inside].count(each) <= per_address
    for _, visit in inside:
        visit.leave()
    assert (admission._waiting, admission._seated, admission._by_address) == (0, 0, {})
