from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from voicecli.exits import CliError, ExitCode
from voicecli.tuning import pool
from voicecli.tuning.bench import Bench, found, planned
from voicecli.tuning.pool import Alone, Pool, processes, workers
from voicecli.tuning.sweep import parsed, settings

FIXTURES = Path(__file__).parents[3] / "fixtures"
PATHS = found([FIXTURES / "pause-700ms", FIXTURES / "numbers"])
TRIES = settings([parsed("silence_ms=500,800")])
JOBS = [(setting, fixture) for setting in range(2) for fixture in range(2)]


def made() -> Bench:
    return Bench(planned(PATHS), TRIES, {}, {})


def test_several_processes_find_what_one_finds_in_the_order_of_the_jobs() -> None:
    told: list[int] = []
    with workers(1, made(), (PATHS, TRIES, {}, {})) as alone:
        assert isinstance(alone, Alone)
        expected = alone.results(JOBS, lambda: told.append(1))
        sound = alone.clips([(0, 0, 0)], lambda: told.append(1))
    with workers(2, made(), (PATHS, TRIES, {}, {})) as group:
        assert isinstance(group, Pool)
        assert group.results(JOBS, lambda: told.append(2)) == expected
        (clip,) = group.clips([(0, 0, 0)], lambda: told.append(2))
        assert clip.wav() == sound[0].wav()
    assert told == [1] * 5 + [2] * 5


def test_an_error_in_a_process_ends_the_sweep_with_its_sentence() -> None:
    env = {"VOICECLI_HANGOVER_MS": "x"}
    with (
        pytest.raises(CliError, match="VOICECLI_HANGOVER_MS: must be a whole number") as error,
        workers(2, made(), (PATHS, TRIES, {}, env)) as group,
    ):
        group.results(JOBS, lambda: None)
    assert error.value.exit_code is ExitCode.USAGE


def test_a_process_that_was_killed_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead:
        def submit(self, *_: Any) -> Any:
            class Lost:
                def add_done_callback(self, _: Any) -> None: ...

            return Lost()

    def broken(*_: Any, **__: Any) -> Any:
        raise BrokenProcessPool

    monkeypatch.setattr(pool, "wait", broken)
    with pytest.raises(CliError, match="try again with --jobs 1"):
        Pool(Dead()).results(JOBS, lambda: None)  # type: ignore[arg-type]


def test_a_job_that_is_never_begun_is_not_told_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Future[Any]] = []
    told: list[int] = []

    class Idle:
        def submit(self, *_: Any) -> Future[Any]:
            begun.append(Future())
            return begun[-1]

    def interrupted(*_: Any, **__: Any) -> Any:
        begun[0].set_result([])
        for future in begun[1:]:
            future.cancel()
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Pool(Idle()).results(JOBS, lambda: told.append(1))  # type: ignore[arg-type]
    assert told == [1]


@pytest.mark.parametrize(
    ("calls", "asked", "cores", "count"),
    [
        (8, None, 4, 1),
        (23, None, 4, 1),
        (24, None, 4, 2),
        (480, None, 4, 4),
        (8, 3, 1, 3),
        (2, 9, 1, 2),
        (0, None, 4, 1),
    ],
)
def test_a_process_is_begun_for_each_core_that_has_enough_to_do(
    monkeypatch: pytest.MonkeyPatch, calls: int, asked: int | None, cores: int, count: int
) -> None:
    monkeypatch.setattr(pool, "_cores", lambda: cores)
    assert processes(calls, asked) == count
