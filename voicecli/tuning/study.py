"""A sweep from what was asked for to its document, and to the sound of those that were cut off."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from voicecli.calls.virtualsettings import in_effect, tried
from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import script_digest
from voicecli.fixtures.fixture import Kind
from voicecli.tuning.bench import Bench, Planned, found, planned
from voicecli.tuning.clip import Clip
from voicecli.tuning.cutoffs import UtteranceResult
from voicecli.tuning.document import (
    CutUtterance,
    FixtureDocument,
    Tuning,
    UtteranceDocument,
    cut_utterances,
    tuning,
)
from voicecli.tuning.pool import Advance, Workers, processes, workers
from voicecli.tuning.sweep import DEFAULT, Parameter, Setting, SweepError, parsed, settings, title
from voicewire.messages import EngineInfo

MAX_CALLS = 100_000

Begin = Callable[[str, int], Advance]
"""Is told what is done next and how many there are of it; what it returns is called after each."""


class Asked(NamedTuple):
    fixtures: Sequence[Path]
    sweep: Sequence[str]
    tolerance: float
    engines: Mapping[str, str]
    """By role; what is left out is the default of virtual calls."""
    env: Mapping[str, str]
    """Settings of the server that nothing else says."""
    jobs: int | None
    with_clips: bool


class Study(NamedTuple):
    document: Tuning
    clips: list[tuple[CutUtterance, Clip]]
    """Empty where they were not asked for."""


def studied(asked: Asked, begin: Begin) -> Study:
    """Raises CliError."""
    parameters, tries = _settings(asked)
    labelled = found(asked.fixtures)
    kept = planned(labelled)
    if not kept:
        raise CliError(
            "there is no speech in these fixtures whose end a server has to find; give some with an utterance of"
            ' kind = "speech", and not mode = "manual"',
            ExitCode.USAGE,
        )
    count = len(kept) * len(tries)
    if count > MAX_CALLS:
        raise CliError(
            f"{len(tries)} settings of {len(kept)} fixtures are {count} calls, and at most {MAX_CALLS} are placed; give"
            " fewer values",
            ExitCode.USAGE,
        )
    bench = Bench(kept, tries, asked.engines, asked.env)
    bench.check()
    engines = _engines(bench, parameters)
    current = in_effect([parameter.name for parameter in parameters], asked.engines, asked.env)
    labels = {each.label for each in kept}
    with workers(
        processes(count, asked.jobs),
        bench,
        ([each for each in labelled if each.label in labels], tries, dict(asked.engines), dict(asked.env)),
    ) as group:
        results = _results(group, len(tries), len(kept), begin)
        fixtures = [_document(each) for each in kept]
        document = tuning(parameters, tries, results, fixtures, engines, asked.tolerance, current)
        clips = _clips(group, document, begin) if asked.with_clips else []
    return Study(document, clips)


def _settings(asked: Asked) -> tuple[list[Parameter], list[Setting]]:
    """All checked before the first call."""
    try:
        parameters = [parsed(text) for text in asked.sweep or [DEFAULT]]
        tries = settings(parameters)
    except SweepError as error:
        raise CliError(f"--sweep: {error}", ExitCode.USAGE) from error
    for parameter in parameters:
        for value in parameter.values:
            tried({parameter.name: value}, asked.engines)
    return parameters, tries


def _engines(bench: Bench, parameters: Sequence[Parameter]) -> dict[str, EngineInfo]:
    told = bench.server(0).engines
    swept = {parameter.name for parameter in parameters}
    return {
        role: EngineInfo(
            engine.name, {key: value for key, value in engine.settings.items() if f"{role}.{key}" not in swept}
        )
        for role, engine in (("vad", told.vad), ("stt", told.stt))
    }


def _results(group: Workers, tries: int, fixtures: int, begin: Begin) -> list[list[UtteranceResult]]:
    """Of each setting, in the order of the fixtures."""
    calls = list(product(range(tries), range(fixtures)))
    each_call = group.results(calls, begin("calls", len(calls)))
    of_setting: list[list[UtteranceResult]] = [[] for _ in range(tries)]
    for (setting, _), of_call in zip(calls, each_call, strict=True):
        of_setting[setting] += of_call
    return of_setting


def _clips(group: Workers, document: Tuning, begin: Begin) -> list[tuple[CutUtterance, Clip]]:
    listed = cut_utterances(document)
    numbers = {fixture.name: number for number, fixture in enumerate(document.fixtures)}
    jobs = [(each.setting, numbers[each.fixture], each.utterance) for each in listed]
    return list(zip(listed, group.clips(jobs, begin("clips", len(jobs))), strict=True))


def _document(each: Planned) -> FixtureDocument:
    return FixtureDocument(
        name=each.label,
        digest=each.fixture.digest,
        script=script_digest(each.fixture),
        utterances={
            index: UtteranceDocument(
                text=utterance.text, start_ms=utterance.segments_ms[0][0], end_ms=utterance.segments_ms[-1][1]
            )
            for index, utterance in enumerate(each.fixture.utterances)
            if utterance.kind is Kind.SPEECH
        },
    )


def clip_name(each: CutUtterance, document: Tuning) -> str:
    """Of its file: `pause-700ms-1 silence_ms=600.wav`."""
    told = f"{each.fixture.replace('/', '-')}-{each.utterance + 1} {title(document.settings[each.setting].setting)}"
    return "".join(char if char.isalnum() or char in " -_=." else "_" for char in told)[:200] + ".wav"
