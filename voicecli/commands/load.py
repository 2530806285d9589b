"""`voicecli load`: many callers at once, and where the server bends."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from voicecli import proof
from voicecli.calls.call import CallSettings, turn_detection
from voicecli.calls.eventloop import run_precisely
from voicecli.client.transport import BadUrl, address_of
from voicecli.exits import CliError, ExitCode
from voicecli.figures.budget import Asked, BudgetError, parsed
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.fixture import FixtureError
from voicecli.fixtures.microphone import record
from voicecli.fixtures.oggopus import OggOpusError
from voicecli.fixtures.wavfile import WavError
from voicecli.load.arrivals import parsed_duration_ns, parsed_sessions
from voicecli.load.loadreport import load_report
from voicecli.load.loadrun import Arrival, On, Plan, document, measured
from voicecli.load.shift import Script, prepared
from voicecli.load.worker import MAX_OPEN
from voicecli.reports.outfile import outfile
from voicecli.serversettings import warn_of_misspelt

MAX_SESSIONS = 10_000

Parsed = TypeVar("Parsed")


def load(
    fixture: Annotated[
        list[Path],
        typer.Option(
            metavar="FIXTURE", help="Fixture folder, or a folder of them; callers take turns. May be repeated."
        ),
    ],
    sessions: Annotated[
        str, typer.Option(metavar="N,N,...", help="Callers at once, level after level; the first is the base.")
    ] = "1,10,50,100",
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Load the server at ws://HOST:PORT/voice. [default: own server]"),
    ] = None,
    arrival: Annotated[
        Arrival,
        typer.Option(
            help="closed: so many callers, each of whom calls again when its call is over. open: calls arrive at random"
            " at a rate that amounts to so many, and wait for nothing."
        ),
    ] = Arrival.CLOSED,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, max=10_000, metavar="N", help="Calls a second of --arrival open, for one level alone."),
    ] = None,
    duration: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="How long calls begin that are measured, at each level: 30s, 2m. At least until six have.",
        ),
    ] = "30s",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="Processes that call. [default: one for 50 callers, at most"
            " one for a processor; on Ray at least one for a node]",
        ),
    ] = None,
    on: Annotated[On, typer.Option(help="Where they run: on this machine, or on a Ray cluster.")] = On.LOCAL,
    ray_address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Of the Ray cluster. [env: RAY_ADDRESS; default: the one that runs here]"),
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
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write one JSON document; - is standard output.")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BUDGET", help="Fail when a level takes more: 'voice_to_voice p95 < 900ms'. May be repeated."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=3600, metavar="S", help="How long to wait for a reply while nothing comes.")
    ] = 30.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the arrivals.")] = 1,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help=proof.HELP)] = None,
) -> ExitCode:
    """Call with many callers at once, and find where the server bends.

    Callers send fixtures in real time, as with `replay`. For each level it tells the calls that failed, the quantiles
    of each stage, and whether the generator itself was the bottleneck; then the knee: the first level at which callers
    get certainly worse service than at the first one. Voice-to-voice counts from when a call was meant to begin.

    The own server is as `voicecli serve` would have it: flags, then VOICECLI_... variables, then the TOML file that
    VOICECLI_CONFIG names.

    Exit codes: 0 good, 1 a budget missed or not measured, or no call answered at all, 2 usage, 3 no connection, 4 the
    server broke the protocol, 5 the own server could not start, 130 interrupted.
    """
    flags = {"vad": vad, "stt": stt, "llm": llm, "tts": tts, "llm_url": llm_url, "llm_model": llm_model}
    flags["pipeline"] = pipeline
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if url is not None and given:
        raise CliError(f"{given[0]} is for the own server; leave it out, or leave --url out", ExitCode.USAGE)
    levels = _usage("--sessions", parsed_sessions, sessions)
    _refuse(url, arrival, rate, on, ray_address, workers, levels)
    file = outfile("--json", json)
    scripts = [_script(each) for path in fixture for each in fixtures.found_in(path)]
    settings = CallSettings(timeout_s=timeout, token=proof.token(token, os.environ))
    plan = Plan(
        scripts=scripts,
        sessions=levels,
        arrival=arrival,
        rate=rate,
        duration_ns=_usage("--duration", parsed_duration_ns, duration),
        seed=seed,
        on=on,
        workers=workers,
        ray_address=ray_address,
        url=url,
        flags=flags,
        call=prepared(scripts, settings),
        budgets=_budgets(budget or []),
    )
    if url is None:
        warn_of_misspelt(os.environ)
    # Standard output is for the document alone, where it is asked for there.
    console = Console(stderr=file is not None and file.is_stdout, highlight=False)
    done = run_precisely(measured(plan, Console(stderr=True, highlight=False)))
    told = document(plan, done)
    console.print(load_report(told), end="")
    if file is not None:
        file.write(told.serialize())
    if done.interrupted:
        return ExitCode.INTERRUPTED
    answered = any(level.answered for level in done.levels)
    return (
        ExitCode.GOOD
        if answered and not any(each.result.failed for each in told.budgets)
        else ExitCode.EXPECTATION_FAILED
    )


def _refuse(
    url: str | None,
    arrival: Arrival,
    rate: float | None,
    on: On,
    ray_address: str | None,
    workers: int | None,
    levels: Sequence[int],
) -> None:
    """What does not go together. Raises CliError."""
    reason = ""
    if url is not None:
        try:
            address_of(url)
        except BadUrl as error:
            reason = str(error)
    if rate is not None and (arrival is not Arrival.OPEN or len(levels) != 1):
        reason = "--rate is for --arrival open and one level; give --sessions the callers you expect at once"
    elif on is On.RAY and url is None:
        reason = "--on ray needs --url: the own server is on this machine, where other ones cannot reach it"
    elif ray_address is not None and on is not On.RAY:
        reason = "--ray-address is for --on ray; add it, or leave this out"
    elif levels[-1] > MAX_SESSIONS:
        reason = f"--sessions: {levels[-1]} are too many for one run; use at most {MAX_SESSIONS}"
    elif workers is not None and levels[-1] > workers * MAX_OPEN:
        reason = f"--workers: one carries at most {MAX_OPEN} calls; use {-(-levels[-1] // MAX_OPEN)} or more"
    if reason:
        raise CliError(reason, ExitCode.USAGE)


def _usage(option: str, parse: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parse(text)
    except ValueError as error:
        raise CliError(f"{option}: {error}", ExitCode.USAGE) from None


def _budgets(texts: Sequence[str]) -> list[Asked]:
    try:
        return [Asked(parsed(text, "--budget"), "--budget") for text in texts]
    except BudgetError as error:
        raise CliError(str(error), ExitCode.USAGE) from error


def _script(path: Path) -> Script:
    try:
        fixture = fixtures.load(path)
        turn_detection(fixture)
        return Script(fixture, record(fixture))
    except (FixtureError, OggOpusError, WavError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error
