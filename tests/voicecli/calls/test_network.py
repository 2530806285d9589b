from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.calls.network import (
    QUEUE_BYTES,
    SEGMENT_BYTES,
    Delivery,
    Link,
    LinkSettings,
    NetworkError,
    Stalls,
    parsed,
)
from voicewire.clock import NS_PER_MS as MS
from voicewire.clock import NS_PER_S as S

ORIGIN = 1_000 * S
SETTINGS = st.builds(
    LinkSettings,
    rtt_ns=st.integers(0, S),
    jitter_ns=st.integers(0, S),
    bandwidth_bps=st.none() | st.integers(1_000, 10_000_000),
    stall_ns=st.integers(1, S),
    stall_every_ns=st.just(0) | st.integers(2 * S, 10 * S),
)
WRITES = st.lists(st.tuples(st.integers(0, S), st.binary(max_size=4000)), max_size=20)
"""How long after the one before it each is, and its bytes."""


def link(settings: LinkSettings, *, seed: str = "1", direction: str = "up") -> Link:
    return Link(settings, seed, direction, ORIGIN)


def carried(settings: LinkSettings, writes: Sequence[tuple[int, bytes]], seed: str = "1") -> list[tuple[int, Delivery]]:
    """Each delivery with the instant at which its bytes were handed over."""
    way, now_ns, deliveries = link(settings, seed=seed), ORIGIN, []
    for after_ns, data in writes:
        now_ns += after_ns
        deliveries += [(now_ns, delivery) for delivery in way.sent(data, now_ns)]
    return deliveries


@given(SETTINGS, WRITES)
def test_no_byte_is_lost_changed_or_overtaken(settings: LinkSettings, writes: list[tuple[int, bytes]]) -> None:
    deliveries = [delivery for _, delivery in carried(settings, writes)]
    assert b"".join(delivery.data for delivery in deliveries) == b"".join(data for _, data in writes)
    instants = [delivery.at_ns for delivery in deliveries]
    assert instants == sorted(instants)


@given(SETTINGS, WRITES)
def test_nothing_comes_before_half_a_round_trip(settings: LinkSettings, writes: list[tuple[int, bytes]]) -> None:
    assert all(delivery.at_ns >= sent_ns + settings.rtt_ns // 2 for sent_ns, delivery in carried(settings, writes))


@given(SETTINGS, WRITES)
def test_one_seed_gives_one_link(settings: LinkSettings, writes: list[tuple[int, bytes]]) -> None:
    assert carried(settings, writes) == carried(settings, writes)


def test_another_seed_or_direction_gives_another_jitter() -> None:
    settings = LinkSettings(jitter_ns=S)
    instants = {
        link(settings, seed=seed, direction=direction).sent(b"x", ORIGIN)[0].at_ns
        for seed in ("1", "2")
        for direction in ("up", "down")
    }
    assert len(instants) == 4


def test_half_of_the_round_trip_goes_each_way() -> None:
    assert link(LinkSettings(rtt_ns=80 * MS)).sent(b"x", ORIGIN) == [Delivery(ORIGIN + 40 * MS, b"x")]


def test_jitter_delays_by_up_to_what_is_said_and_does_so_evenly() -> None:
    deliveries = carried(LinkSettings(jitter_ns=20 * MS), [(S, b"x")] * 1_000)
    late_ms = sorted((delivery.at_ns - sent_ns) / MS for sent_ns, delivery in deliveries)
    assert 0 <= late_ms[0] < 1
    assert 19 < late_ms[-1] <= 20
    assert 8.5 < late_ms[500] < 11.5


def test_bytes_leave_one_after_the_other_as_fast_as_the_bandwidth_allows() -> None:
    way = link(LinkSettings(bandwidth_bps=8_000))  # a byte each ms
    assert way.sent(b"ab", ORIGIN) == [Delivery(ORIGIN + 2 * MS, b"ab")]
    assert way.sent(b"c", ORIGIN + MS) == [Delivery(ORIGIN + 3 * MS, b"c")]
    assert way.sent(b"d", ORIGIN + S) == [Delivery(ORIGIN + S + MS, b"d")]


def test_much_at_once_comes_segment_by_segment() -> None:
    deliveries = link(LinkSettings(bandwidth_bps=8_000)).sent(bytes(2 * SEGMENT_BYTES + 1), ORIGIN)
    assert [(len(each.data), (each.at_ns - ORIGIN) // MS) for each in deliveries] == [
        (SEGMENT_BYTES, SEGMENT_BYTES),
        (SEGMENT_BYTES, 2 * SEGMENT_BYTES),
        (1, 2 * SEGMENT_BYTES + 1),
    ]


def test_a_link_is_full_until_something_was_delivered() -> None:
    way = link(LinkSettings())
    assert way.sent(bytes(QUEUE_BYTES - 1), ORIGIN)
    assert not way.is_full
    (last,) = way.sent(b"x", ORIGIN)
    assert way.is_full
    way.delivered(last)
    assert not way.is_full


STALLING = LinkSettings(stall_ns=300 * MS, stall_every_ns=5 * S)


def stall_starts() -> list[int]:
    """In ms after the origin, those of the first hundred seconds."""
    stalls = Stalls(STALLING, "1", ORIGIN)
    instants = [ORIGIN + at * MS for at in range(100_000)]
    standing = [stalls.moves_at_ns(at) > at for at in instants]
    return [at for at in range(1, len(standing)) if standing[at] and not standing[at - 1]]


def test_a_link_stalls_about_as_often_as_is_said() -> None:
    starts = stall_starts()
    gaps = [after - before for before, after in zip([0, *starts], starts, strict=False)]
    assert 15 <= len(starts) <= 25
    assert all(2_500 <= gap <= 7_501 for gap in gaps)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_what_is_sent_while_a_link_stalls_leaves_at_its_end_in_both_directions(direction: str) -> None:
    start_ns = ORIGIN + stall_starts()[2] * MS
    way = link(STALLING, direction=direction)
    before, during, after = (way.sent(b"x", start_ns + at * MS)[0].at_ns for at in (-2, 10, 400))
    assert before == start_ns - 2 * MS
    assert start_ns + 298 * MS < during <= start_ns + 300 * MS
    assert after == start_ns + 400 * MS


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (
            "rtt=80ms jitter=20ms bandwidth=64kbps stall=300ms/5s",
            LinkSettings(80 * MS, 20 * MS, 64_000, 300 * MS, 5 * S),
        ),
        ("  bandwidth=1.5Mbps  rtt=0.2s ", LinkSettings(rtt_ns=200 * MS, bandwidth_bps=1_500_000)),
        ("stall=1s/2s", LinkSettings(stall_ns=S, stall_every_ns=2 * S)),
    ],
)
def test_a_link_is_described_in_any_order_and_in_part(text: str, settings: LinkSettings) -> None:
    assert parsed(text) == settings


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", 'nothing is said of the link; write it as "rtt=80ms jitter=20ms'),
        ("loss=1%", '"loss=1%" is nothing that a link has; write it as "rtt=80ms'),
        ("rtt", '"rtt" is nothing that a link has'),
        ("rtt=1ms rtt=2ms", '"rtt" is given twice'),
        ("rtt=80", 'rtt "80" is no time; write it as 80ms or 0.3s'),
        ("jitter=-1ms", 'jitter "-1ms" is no time'),
        ("rtt=61s", "rtt 61s is too long; use at most 60s"),
        ("bandwidth=64", 'bandwidth "64" is none; write it as 64kbps or 1.5Mbps'),
        ("bandwidth=0kbps", 'bandwidth "0kbps" is none'),
        ("stall=300ms", 'stall "" is no time'),
        ("stall=0ms/5s", "stall 0ms/5s leaves no time to send"),
        ("stall=3s/5s", "stall 3s/5s leaves no time to send; use a length up to half of its interval: 300ms/5s"),
    ],
)
def test_what_is_no_link_is_refused_with_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(NetworkError) as refused:
        parsed(text)
    assert str(refused.value).startswith(told)


@given(st.text("rtjisalbandwidth=0123456789.kmMbps/ "))
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        settings = parsed(text)
    except NetworkError:
        return
    assert settings.rtt_ns >= 0
