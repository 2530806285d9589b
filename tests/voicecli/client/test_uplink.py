"""Microphone audio: what is sent, what waits, what is shed."""

from hypothesis import given
from hypothesis import strategies as st

from voicecli.client.uplink import QUEUE_MS, RATE, WINDOW_MS, End, Packet, Uplink

SAMPLES = RATE // 50
WINDOW = round(WINDOW_MS / 20)
QUEUE = round(QUEUE_MS / 20)


def packet(index: int) -> Packet:
    return Packet(b"%d" % index, index * SAMPLES, SAMPLES, index * 20_000_000)


def taken(uplink: Uplink) -> list[Packet | End]:
    return list(iter(uplink.take, None))


def test_what_is_fed_is_taken_in_order() -> None:
    uplink = Uplink()
    uplink.feed(packet(0))
    uplink.feed(packet(1))
    uplink.end()
    uplink.end()
    assert taken(uplink) == [packet(0), packet(1), End()]
    assert (uplink.in_flight_ms, uplink.queued_ms, uplink.is_slow) == (40.0, 0.0, False)


def test_past_the_window_nothing_is_sent_until_something_is_acknowledged() -> None:
    uplink = Uplink()
    for index in range(WINDOW + 1):
        uplink.feed(packet(index))
        assert bool(taken(uplink)) == (index < WINDOW)
    assert uplink.is_slow
    uplink.acknowledged(0)
    assert taken(uplink) == [packet(WINDOW)]


def test_what_waits_too_long_is_shed_oldest_first_and_leaves_a_gap() -> None:
    uplink = Uplink()
    for index in range(WINDOW + QUEUE + 3):
        uplink.feed(packet(index))
        taken(uplink)
    assert (uplink.shed_ms, uplink.queued_ms) == (60.0, QUEUE_MS)
    uplink.acknowledged((WINDOW - 1) * SAMPLES)
    assert next(item for item in taken(uplink) if isinstance(item, Packet)) == packet(WINDOW + 3)


def test_the_network_is_slow_until_little_is_in_flight() -> None:
    uplink = Uplink()
    for index in range(WINDOW + 1):
        uplink.feed(packet(index))
        taken(uplink)
    uplink.acknowledged(49 * SAMPLES)
    assert (uplink.in_flight_ms + uplink.queued_ms, uplink.is_slow) == (1_020.0, True)
    uplink.acknowledged(51 * SAMPLES)
    assert not uplink.is_slow


def test_an_end_of_speech_is_told_however_full_the_window_is() -> None:
    uplink = Uplink()
    for index in range(WINDOW):
        uplink.feed(packet(index))
    taken(uplink)
    uplink.end()
    assert taken(uplink) == [End()]


def test_ends_between_which_all_was_shed_are_one() -> None:
    uplink = Uplink()
    for index in range(WINDOW):
        uplink.feed(packet(index))
    taken(uplink)
    for index in range(3 * QUEUE):
        uplink.feed(packet(WINDOW + index))
        if index < 2 * QUEUE:
            uplink.end()
    uplink.acknowledged((WINDOW - 1) * SAMPLES)
    assert [isinstance(item, End) for item in taken(uplink)] == [True, *[False] * QUEUE]


@given(st.lists(st.sampled_from(["feed", "take", "end", "ack"]), max_size=400))
def test_nothing_grows_and_nothing_is_sent_twice_or_out_of_order(acts: list[str]) -> None:
    uplink = Uplink()
    fed, sent = 0, list[int]()
    for act in acts:
        match act:
            case "feed":
                uplink.feed(packet(fed))
                fed += 1
            case "take":
                sent += [item.position for item in taken(uplink) if isinstance(item, Packet)]
            case "end":
                uplink.end()
            case "ack" if sent:
                uplink.acknowledged(sent[-1])
        assert uplink.queued_ms <= QUEUE_MS
        assert uplink.in_flight_ms <= WINDOW_MS
    assert sent == sorted(set(sent))
    assert round(uplink.shed_ms + uplink.queued_ms + len(sent) * 20) == fed * 20
