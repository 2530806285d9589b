"""A bench in several processes at once: calls share nothing, so each core works at its own."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from voicecli.exits import CliError, ExitCode
from voicecli.tuning.bench import Bench, Labelled, planned
from voicecli.tuning.clip import Clip
from voicecli.tuning.cutoffs import UtteranceResult
from voicecli.tuning.sweep import Setting

CALLS_PER_PROCESS = 12
"""A process takes a second to begin: with fewer calls for each, it is not begun."""

Result = TypeVar("Result")
Advance = Callable[[], object]


class Workers(Protocol):
    """`tell` is called after each job; results come in the order of the jobs. Raises CliError."""

    def results(self, jobs: Sequence[tuple[int, int]], tell: Advance) -> list[list[UtteranceResult]]: ...
    def clips(self, jobs: Sequence[tuple[int, int, int]], tell: Advance) -> list[Clip]: ...


class Alone:
    """In this process."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def results(self, jobs: Sequence[tuple[int, int]], tell: Advance) -> list[list[UtteranceResult]]:
        return [told(self._bench.results(*job), tell) for job in jobs]

    def clips(self, jobs: Sequence[tuple[int, int, int]], tell: Advance) -> list[Clip]:
        return [told(self._bench.clip(*job), tell) for job in jobs]


class Pool:
    """In others."""

    def __init__(self, executor: ProcessPoolExecutor) -> None:
        self._executor = executor

    def results(self, jobs: Sequence[tuple[int, int]], tell: Advance) -> list[list[UtteranceResult]]:
        with _signals_kept_from_children():
            futures = [self._executor.submit(_results, *job) for job in jobs]
        return _gathered(futures, tell)

    def clips(self, jobs: Sequence[tuple[int, int, int]], tell: Advance) -> list[Clip]:
        with _signals_kept_from_children():
            futures = [self._executor.submit(_clip, *job) for job in jobs]
        return _gathered(futures, tell)


def told(result: Result, tell: Advance) -> Result:
    tell()
    return result


def processes(calls: int, asked: int | None = None) -> int:
    """How many make sense; as many as were asked for, but no more than there are calls."""
    if asked is not None:
        return max(1, min(asked, calls))
    return max(1, min(_cores(), calls // CALLS_PER_PROCESS))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


BenchMaking = tuple[list[Labelled], list[Setting], dict[str, str], dict[str, str]]
"""Fixtures, settings, engines and environment of a bench."""


@contextmanager
def workers(count: int, bench: Bench, making: BenchMaking) -> Iterator[Workers]:
    """So many processes, each with such a bench of its own; of one, this one. Begun calls end before this returns."""
    if count == 1:
        yield Alone(bench)
        return
    executor = ProcessPoolExecutor(
        count,
        # Of all ways to begin a process the one that every system has, and that copies no threads.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=making,
    )
    try:
        yield Pool(executor)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


_bench: Bench | None = None
"""A worker process's own."""


def _begin(labelled: list[Labelled], settings: list[Setting], engines: dict[str, str], env: dict[str, str]) -> None:
    global _bench
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    _bench = Bench(planned(labelled), settings, engines, env)


def _end_with_parent() -> None:
    """Nobody waits for the results of one that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _results(setting: int, fixture: int) -> list[UtteranceResult]:
    assert _bench is not None
    return _bench.results(setting, fixture)


def _clip(setting: int, fixture: int, utterance: int) -> Clip:
    assert _bench is not None
    return _bench.clip(setting, fixture, utterance)


def _gathered(futures: Sequence[Future[Result]], tell: Advance) -> list[Result]:
    for future in futures:
        future.add_done_callback(lambda done: None if done.cancelled() else tell())
    try:
        wait(futures, return_when=FIRST_EXCEPTION)
        failed = next((future for future in futures if future.done() and future.exception()), None)
        return [future.result() for future in ([failed] if failed else futures)]
    except BrokenProcessPool:
        sentence = "a process of the sweep was killed, perhaps for want of memory; try again with --jobs 1"
        raise CliError(sentence, ExitCode.SERVER_FAILED) from None


@contextmanager
def _signals_kept_from_children() -> Iterator[None]:
    """Ctrl-C goes to every process of a terminal, and the children of this one are ended by it: those begun meanwhile
    inherit that they are not told. It reaches this process when that is done."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
