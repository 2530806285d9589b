from voicecli.client.backoff import MAX_ATTEMPTS, Backoff
from voicewire.clock import NS_PER_MS


def test_the_wait_doubles_from_a_quarter_of_a_second_to_eight() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.next_ns() for _ in range(7)]
    assert waits == [each * NS_PER_MS for each in (250, 500, 1_000, 2_000, 4_000, 8_000, 8_000)]


def test_jitter_takes_off_up_to_half() -> None:
    assert Backoff(lambda: 0.0).next_ns() == 125 * NS_PER_MS


def test_it_gives_up_and_begins_anew_with_a_connection() -> None:
    backoff = Backoff(lambda: 1.0)
    waits = [backoff.next_ns() for _ in range(MAX_ATTEMPTS + 1)]
    assert waits.index(None) == MAX_ATTEMPTS
    backoff.reset()
    assert backoff.next_ns() == 250 * NS_PER_MS
