"""`voicecli replay`: recorded callers, a server that answers them, and where each millisecond went."""

import io
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from msgspec import UNSET
from rich.console import Console

from voicecli import project
from voicecli.baseline import prepared
from voicecli.calls.call import CallSettings, first_of, turn_detection
from voicecli.calls.callaudio import save
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import LocalServer, local_server
from voicecli.calls.netproxy import Network
from voicecli.calls.network import LinkSettings, NetworkError
from voicecli.calls.network import parsed as parsed_link
from voicecli.calls.take import Take, take
from voicecli.client.transport import BadUrl, CallError, NoVoicewire
from voicecli.exits import CliError, ExitCode
from voicecli.figures import run
from voicecli.figures.budget import Asked, BudgetError, BudgetResult, judged, parsed
from voicecli.figures.samples import Called, samples
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import AudioCodec, Fixture, FixtureError
from voicecli.fixtures.microphone import Recording, record
from voicecli.fixtures.oggopus import OggOpusError
from voicecli.fixtures.wavfile import WavError
from voicecli.reports import report
from voicecli.reports.html.page import replay_page
from voicecli.reports.junit import junit as as_junit
from voicecli.reports.liveview import LiveView
from voicecli.reports.markdown import markdown as as_markdown
from voicecli.reports.outfile import OutFile, outfile
from voicecli.reports.trace import trace as as_trace
from voicewire.clock import SystemClock

TOKEN_ENV = "VOICECLI_TOKEN"


class InputCodec(StrEnum):
    OPUS = "opus"
    PCM_S16LE = "pcm_s16le"


_WRITERS: dict[str, Callable[[run.Run], bytes]] = {
    "--json": run.Run.serialize,
    "--junit": as_junit,
    "--markdown": lambda document: as_markdown(document).encode(),
    "--trace": as_trace,
}


class _Planned(NamedTuple):
    fixture: Fixture
    recording: Recording


class _Network(NamedTuple):
    """A bad link, as it was asked for."""

    text: str
    settings: LinkSettings
    seed: int

    def of_call(self, fixture: str, number: int) -> Network:
        """Each call has a link of its own, the same in every run."""
        return Network(self.settings, f"{self.seed} {fixture} {number}")


class _Plan(NamedTuple):
    """What was asked for."""

    fixtures: list[_Planned]
    repeat: int
    call: CallSettings
    save_audio: Path | None
    budgets: list[Asked]
    """Of all calls together."""
    network: _Network | None


def replay(
    fixture: Annotated[
        list[Path], typer.Argument(metavar="FIXTURE", help="Fixture folders, folders of them, or audio files in them.")
    ],
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Measure the server at ws://HOST:PORT/voice. [default: own server]"),
    ] = None,
    vad: Annotated[str | None, typer.Option(metavar="ENGINE", help="VAD of the own server.")] = None,
    stt: Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech recogniser of the own server.")] = None,
    llm: Annotated[str | None, typer.Option(metavar="ENGINE", help="Language model of the own server.")] = None,
    tts: Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech synthesis of the own server.")] = None,
    llm_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the language model's API is.")] = None,
    llm_model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model's name there.")] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="overlapped|sequential", help="Pipeline of the own server.")
    ] = None,
    codec: Annotated[
        InputCodec | None,
        typer.Option(help="Send the fixture's Opus packets as they are, or its WAV as PCM. [default: as it is given]"),
    ] = None,
    virtual: Annotated[
        bool,
        typer.Option(
            "--virtual",
            help="Own server and caller on a virtual clock: over in a moment, and the same figures each time. Engines"
            " are scripted (STT 150 ms, LLM 300 ms, TTS 100 ms) or those given, with Silero VAD.",
        ),
    ] = False,
    repeat: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="Calls with each fixture.")] = 1,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write one JSON document; - is standard output.")
    ] = None,
    junit: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write expectations and budgets as JUnit XML; - is standard output."),
    ] = None,
    markdown: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write tables for a pull request; - is standard output.")
    ] = None,
    trace: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a trace for Perfetto or chrome://tracing; - is standard output."),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one page with waterfalls, figures and calls to hear; - is stdout."),
    ] = None,
    html_audio: Annotated[
        float, typer.Option(min=0, max=1000, metavar="MB", help="How much sound --html may carry; 0 is none.")
    ] = 20.0,
    save_audio: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep each call as a WAV: the caller on the left, the reply on the right."),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUDGET", help="Fail when the run takes more, e.g. 'voice_to_voice p95 < 900ms'. May be repeated."
        ),
    ] = None,
    net: Annotated[
        str | None,
        typer.Option(
            metavar="LINK", help="Call over a bad link: 'rtt=80ms jitter=20ms bandwidth=64kbps stall=300ms/5s'."
        ),
    ] = None,
    net_seed: Annotated[int, typer.Option(metavar="N", help="Of the link's jitter and stalls.")] = 1,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="S", help="How long to wait for a reply while nothing comes.")
    ] = 30.0,
    token: Annotated[
        str | None, typer.Option(metavar="TOKEN", help=f"Proof that the server may be used. [env: {TOKEN_ENV}]")
    ] = None,
    save_as: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the run, as .voicecli/runs/NAME.json.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Let --save replace a run of that name.")] = False,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Compare with a saved run, or with a file that --json wrote."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="%,MS", help="What a change must reach, both of it, to count against --baseline.")
    ] = "5%,10ms",
    force: Annotated[
        bool, typer.Option("--force", help="Compare with a baseline that differs in more than speed.")
    ] = False,
) -> ExitCode:
    """Replay recorded callers, and draw where each millisecond went.

    Sends each fixture in real time as a live caller would, hears the reply, and says for each turn what the time
    between the end of speech and the first sound of the answer went into. Without --url it starts a server of its own.

    Exit codes: 0 good, 1 an expectation or a budget failed, or a regression, 2 usage, 3 no connection, 4 the server
    broke the protocol, 5 the own server could not start.
    """
    engines = {"vad": vad, "stt": stt, "llm": llm, "tts": tts, "llm_url": llm_url, "llm_model": llm_model}
    flags: dict[str, str | None] = {**engines, "pipeline": pipeline}
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if url is not None and given:
        raise CliError(f"{given[0]} is for the own server; leave it out, or leave --url out", ExitCode.USAGE)
    if virtual:
        _refuse_with_virtual({"--url": url is not None, "--repeat": repeat > 1, "--net": net is not None})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a report with question marks is better than none
    files = _outputs(
        ("--json", json), ("--junit", junit), ("--markdown", markdown), ("--trace", trace), ("--html", html)
    )
    afterwards = prepared(save_as, overwrite, baseline, tolerance, force)
    settings = CallSettings(timeout_s=timeout, token=token or os.environ.get(TOKEN_ENV) or None)
    paths = [each for path in fixture for each in fixtures.found_in(path)]
    plan = _Plan(
        [_planned(path, codec) for path in paths],
        repeat,
        settings,
        _folder(save_audio),
        _budgets(budget or []),
        _network(net, net_seed),
    )
    afterwards.check(planned.fixture for planned in plan.fixtures)
    # Standard output is for a document alone, where one is asked for there.
    console = Console(stderr=any(file.is_stdout for file in files), highlight=False)
    if virtual:
        takes, server = _replay_virtually(flags, plan, console)
    else:
        takes, server = run_precisely(_replay_all(url, flags, plan, console))
    results = _judged(plan, takes)
    console.print(report.budgets(results), end="")
    document = _document(takes, server, results)
    for file in files:
        written = _WRITERS.get(file.flag)
        file.write(written(document) if written else replay_page(document, takes, afterwards, html_audio))
    failed = any(take.document.failures for take in takes) or any(result.failed for result in results)
    failed = afterwards.conclude(document, console) or failed
    return ExitCode.EXPECTATION_FAILED if failed else ExitCode.GOOD


def _network(text: str | None, seed: int) -> _Network | None:
    if text is None:
        return None
    try:
        return _Network(" ".join(text.split()), parsed_link(text), seed)
    except NetworkError as error:
        raise CliError(f"--net: {error}", ExitCode.USAGE) from error


def _budgets(texts: Sequence[str]) -> list[Asked]:
    """Of the command line, and of the project."""
    try:
        asked = [Asked(parsed(text, "--budget"), "--budget") for text in texts]
        path = project.found_from(Path.cwd())
        of_project = project.load(path).budgets if path else ()
        return asked + [Asked(parsed(text, f"{path}: budgets"), project.TOML_NAME, True) for text in of_project]
    except (BudgetError, project.ProjectError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def _judged(plan: _Plan, takes: Sequence[Take]) -> list[BudgetResult]:
    """Each fixture's budgets by its own calls, the others by all."""
    called = [Called(take.fixture, take.document) for take in takes]
    results = []
    for fixture in dict.fromkeys(planned.fixture.name for planned in plan.fixtures):
        own = [each for each in called if each.fixture.name == fixture]
        results += [judged(asked, samples(own), fixture) for asked in own[0].fixture.asked_budgets]
    return results + [judged(asked, samples(called)) for asked in plan.budgets]


def _refuse_with_virtual(given: dict[str, bool]) -> None:
    reasons = {
        "--url": "a server elsewhere has a clock of its own",
        "--repeat": "each call would give the same figures",
        "--net": "no bytes cross a network",
    }
    for option in filter(given.get, given):
        raise CliError(f"{option} does not go with --virtual: {reasons[option]}; leave one out", ExitCode.USAGE)


def _planned(path: Path, codec: InputCodec | None) -> _Planned:
    try:
        fixture = fixtures.load(path)
        if codec is not None:
            wanted = AudioCodec.OPUS if codec is InputCodec.OPUS else AudioCodec.WAV
            fixture = fixtures.load(fixture.audio_path(wanted))
        turn_detection(fixture)
        return _Planned(fixture, record(fixture))
    except (FixtureError, OggOpusError, WavError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def _folder(save_audio: Path | None) -> Path | None:
    if save_audio is not None:
        try:
            save_audio.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CliError(f"--save-audio {save_audio}: {error.strerror}", ExitCode.USAGE) from error
    return save_audio


def _outputs(*flags: tuple[str, str | None]) -> list[OutFile]:
    files = [file for flag, name in flags if (file := outfile(flag, name)) is not None]
    on_stdout = [file.flag for file in files if file.is_stdout]
    if len(on_stdout) > 1:
        raise CliError(f"{' and '.join(on_stdout)} both want standard output; give one a file", ExitCode.USAGE)
    return files


async def _replay_all(
    url: str | None, flags: dict[str, str | None], plan: _Plan, console: Console
) -> tuple[list[Take], run.Server]:
    async with _server(url, flags) as local:
        takes = []
        for planned in plan.fixtures:
            takes += await _replay_one(planned, plan, local, console)
        if len(plan.fixtures) > 1:
            console.print(report.summary(takes))
    silence_ms = UNSET if local.silence_ms is None else local.silence_ms
    network = f"{plan.network.text} seed={plan.network.seed}" if plan.network else UNSET
    if url:
        return takes, run.Server(url=url, network=network)
    own = run.Server(in_process=True, pipeline=local.pipeline, silence_ms=silence_ms, network=network)
    return takes, own


def _replay_virtually(flags: dict[str, str | None], plan: _Plan, console: Console) -> tuple[list[Take], run.Server]:
    from voicecli.calls.virtualcall import VirtualServer

    virtual = VirtualServer(flags, os.environ)
    takes = []
    for fixture, recording in plan.fixtures:
        taken = virtual.take(fixture, recording, plan.call)
        takes.append(taken)
        if plan.save_audio is not None:
            _save(plan.save_audio, taken, None)
        details = f"{_details(taken, virtual.pipeline)} · virtual time"
        console.print(report.call_report(taken, fixture.name, details))
    if len(takes) > 1:
        console.print(report.summary(takes))
    return takes, run.Server(in_process=True, virtual=True, pipeline=virtual.pipeline)


async def _replay_one(planned: _Planned, plan: _Plan, local: LocalServer, console: Console) -> list[Take]:
    name = planned.fixture.name
    takes = []
    for number in range(1, plan.repeat + 1):
        taken = await _take(planned, number, plan, local)
        takes.append(taken)
        if plan.save_audio is not None:
            _save(plan.save_audio, taken, number if plan.repeat > 1 else None)
        if plan.repeat > 1:
            console.print(report.call_line(taken, number))
    typical = report.typical(takes)
    title = f"{name}, run {takes.index(typical) + 1}: the median one" if plan.repeat > 1 else name
    console.print(report.call_report(typical, title, _details(typical, local.pipeline)))
    if plan.repeat > 1:
        console.print(report.fixture_summary(planned.fixture, takes))
    return takes


@asynccontextmanager
async def _server(url: str | None, flags: dict[str, str | None]) -> AsyncIterator[LocalServer]:
    """The own server, or a stand-in for that at `url`."""
    if url is not None:
        yield LocalServer(url, "", None)
        return
    async with local_server(flags) as local:
        yield local


async def _take(planned: _Planned, number: int, plan: _Plan, local: LocalServer) -> Take:
    fixture = planned.fixture
    title = f"{fixture.name}  run {number} of {plan.repeat}" if plan.repeat > 1 else fixture.name
    narrator = Console(stderr=True, highlight=False)
    view = LiveView(narrator, title) if narrator.is_terminal else None
    if view is None:
        print(f"{title}: {fixture.end_ms / 1000:.1f} s of audio, then the reply ...", file=sys.stderr, flush=True)
    watch = view.watch if view else lambda view, now_ns: None
    try:
        async with view.shown() if view else nullcontext():
            network = plan.network.of_call(fixture.name, number) if plan.network else None
            return await take(
                local.url, fixture, planned.recording, SystemClock(), plan.call, watch, local.silence_ms, network
            )
    except* CallError as failed:
        raise _as_cli_error(first_of(failed)) from None
    raise AssertionError("a take or an error")


def _as_cli_error(error: CallError) -> CliError:
    match error:
        case BadUrl():
            return CliError(str(error), ExitCode.USAGE)
        case NoVoicewire():
            return CliError(str(error), ExitCode.PROTOCOL)
        case _:
            return CliError(str(error), ExitCode.NO_CONNECTION)


def _save(folder: Path, taken: Take, number: int | None) -> None:
    path = folder / f"{taken.fixture.name}{'' if number is None else f'-{number}'}.wav"
    try:
        save(path, taken.fixture, taken.record)
    except OSError as error:
        raise CliError(f"--save-audio: {path}: {error.strerror or error}", ExitCode.USAGE) from error


def _details(taken: Take, pipeline: str) -> str:
    """Format, engines and pipeline of a call."""
    ready = taken.ready
    engines = (ready.engines.vad, ready.engines.stt, ready.engines.llm, ready.engines.tts)
    parts = [str(ready.input), *(engine.name for engine in engines), pipeline]
    return " · ".join(part for part in parts if part)


def _document(takes: Sequence[Take], server: run.Server, budgets: Sequence[BudgetResult]) -> run.Run:
    by_fixture: dict[str, list[Take]] = {}
    for taken in takes:
        by_fixture.setdefault(taken.fixture.name, []).append(taken)
    runs = [
        run.FixtureRuns(
            name=name,
            digest=group[0].fixture.digest,
            script=run.script_digest(group[0].fixture),
            input=str(group[0].ready.input),
            output=str(group[0].ready.output),
            runs=tuple(taken.document for taken in group),
        )
        for name, group in by_fixture.items()
    ]
    return run.run_document(server, takes[0].ready, runs, budgets)
