from voicewire.clock import NS_PER_MS, NS_PER_S, SystemClock, cpu_ns, local_now, ms, ns, utc_now


def test_the_system_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock.now_ns() for _ in range(100)]
    assert readings == sorted(readings)


def test_processor_time_counts_work() -> None:
    before = cpu_ns()
    sum(range(100_000))
    assert cpu_ns() > before


def test_milliseconds_are_rounded_to_the_microsecond() -> None:
    assert [ms(0), ms(1_499), ms(1_501), ms(NS_PER_MS), ms(-NS_PER_S)] == [0.0, 0.001, 0.002, 1.0, -1000.0]


def test_nanoseconds_of_milliseconds_are_whole() -> None:
    assert [ns(0), ns(0.0004), ns(1.5), ns(-2)] == [0, 400, 1_500_000, -2_000_000]


def test_wall_clocks_know_their_time_zone() -> None:
    assert utc_now().utcoffset() is not None
    assert local_now().utcoffset() is not None
