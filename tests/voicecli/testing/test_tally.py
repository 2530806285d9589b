from voicecli.testing.tally import Entry, lines


def entry(fixture: str, where: str, *values_ms: float, unreliable: int = 0, again: int = 0) -> Entry:
    return Entry(
        fixture=fixture,
        where=where,
        calls=len(values_ms) + unreliable,
        unreliable=unreliable,
        again=again,
        voice_to_voice_ms=list(values_ms),
    )


def test_each_fixture_at_each_server_is_a_row_over_all_tests() -> None:
    entries = [entry("tone", "own server", 700.0), entry("chat", "virtual time"), entry("tone", "own server", 800.0)]
    assert lines(entries) == [
        "fixture  server        calls  turns  voice-to-voice p50  p95",
        "chat     virtual time      0      0",
        "tone     own server        2      2              750 ms",
    ]


def test_a_p95_is_told_from_20_turns_on() -> None:
    of_19, of_20 = ([entry("tone", "own", *map(float, range(count)))] for count in (19, 20))
    assert lines(of_19)[1].split() == ["tone", "own", "19", "19", "9", "ms"]
    assert lines(of_20)[1].split() == ["tone", "own", "20", "20", "10", "ms", "18", "ms"]


def test_calls_whose_pace_was_not_kept_are_told() -> None:
    table = lines([entry("tone", "own", 700.0, unreliable=1, again=3)])
    assert table[1].endswith("  1 unreliable, 3 placed again")
    assert table[2].startswith("unreliable: this machine was too busy")
    assert lines([entry("tone", "own", 700.0, again=1)])[1:] == [lines([entry("tone", "own", 700.0, again=1)])[1]]


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in "".join(lines([entry("tone", "ws://\x1b[31m", 1.0)]))
