"""`voicecli replay`: recorded callers, a server that answers them, and where each millisecond went."""

import io
import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer
from msgspec import UNSET
from rich.console import Console

from voicecli import budgets, proof
from voicecli.baseline import Baseline, prepared
from voicecli.calls import plan as plans
from voicecli.calls.call import CallSettings
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.plan import InputCodec, Plan
from voicecli.calls.replaying import Target, check_url, replay_virtually
from voicecli.calls.replaying import replay as replay_in_real_time
from voicecli.calls.take import document
from voicecli.client.transport import public_url
from voicecli.exits import CliError, ExitCode
from voicecli.figures.run import Server
from voicecli.reports import report
from voicecli.reports.collector import collector, deliver
from voicecli.reports.documents import outputs, write
from voicecli.reports.html.page import replay_page
from voicecli.reports.outfile import outfile
from voicecli.serverflags import as_given, asked_of_server, of_turns, option, without_effect
from voicecli.serversettings import warn_of_misspelt
from voicecli.versus import other_side, told
from voicecli.whatif import refuse_beside, tell

MOST_MB = 20.0
"""Of sound on a page, where nothing else is asked for."""


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
    end_of_turn: Annotated[
        str | None, typer.Option(metavar="ENGINE", help="Engine of the own server that hears whether a turn is over.")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the language model's API is.")] = None,
    llm_model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model's name there.")] = None,
    pipeline: Annotated[
        str | None, typer.Option(metavar="overlapped|sequential", help="Pipeline of the own server.")
    ] = None,
    silence_ms: Annotated[str | None, option("silence_ms")] = None,
    endpointing: Annotated[str | None, option("endpointing")] = None,
    resume_ms: Annotated[str | None, option("resume_ms")] = None,
    speculation: Annotated[bool | None, option("speculation")] = None,
    speculation_tries: Annotated[str | None, option("speculation_tries")] = None,
    speculation_waste: Annotated[str | None, option("speculation_waste")] = None,
    anticipate: Annotated[list[str] | None, option("anticipate")] = None,
    hangover_ms: Annotated[str | None, option("hangover_ms")] = None,
    commit_timeout_ms: Annotated[str | None, option("commit_timeout_ms")] = None,
    barge_in: Annotated[bool | None, option("barge_in")] = None,
    barge_in_ms: Annotated[str | None, option("barge_in_ms")] = None,
    barge_in_sure_ms: Annotated[str | None, option("barge_in_sure_ms")] = None,
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
    otlp: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URL|env",
            help="Write OpenTelemetry spans as OTLP/JSON, or send them to a collector: http://HOST:4318, or env for"
            " OTEL_EXPORTER_OTLP_ENDPOINT. OTEL_EXPORTER_OTLP_HEADERS go with them.",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one page with waterfalls, figures and calls to hear; - is stdout."),
    ] = None,
    html_audio: Annotated[
        float | None,
        typer.Option(
            min=0, max=1000, metavar="MB", help=f"How much sound --html may carry; 0 is none. [default: {MOST_MB:g}]"
        ),
    ] = None,
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
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help=proof.HELP)] = None,
    save_as: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep the run, as .voicecli/runs/NAME.json.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Let --save and --save-versus replace a run of that name.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Compare with a saved run, or with a file that --json wrote."),
    ] = None,
    versus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL|SETTING=VALUE",
            help="Call another server by turns, and compare with it: one at a URL, or an own one with another setting,"
            " e.g. 'tts=scripted(ttfb=160ms)'. Settings may be repeated.",
        ),
    ] = None,
    save_versus: Annotated[
        str | None, typer.Option("--save-versus", metavar="NAME", help="Keep the run of --versus, too.")
    ] = None,
    tolerance: Annotated[
        str | None,
        typer.Option(
            metavar="%,MS",
            help="What a change must reach, both of it, to count against the other run. [default: 5%,10ms]",
        ),
    ] = None,
    recorded: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="NAME|FILE", help="Call nobody: repeat a saved run in virtual time, as slow as it was."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="CHANGE",
            help="With --from: change a stage, and say what the user would have felt. stt.final, llm.ttft, llm.pace,"
            " tts.ttfb or turn.silence, as in 'llm.ttft=-200ms' ('=300ms' sets it), or an engine, as in"
            " 'stt=scripted(delay=120ms)'. May be repeated.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compare with a baseline that differs in more than speed.")
    ] = False,
    require_verdict: Annotated[
        bool,
        typer.Option(
            "--require-verdict",
            help="With --baseline or --versus: exit with 6 where there is no verdict, for lack of runs or of quiet.",
        ),
    ] = False,
) -> ExitCode:
    """Replay recorded callers, and draw where each millisecond went.

    Sends each fixture in real time as a live caller would, hears the reply, and says for each turn what the time
    between the end of speech and the first sound of the answer went into. Without --url it starts a server of its own.

    The own server is as `voicecli serve` would have it: flags, then VOICECLI_... variables, then the TOML file that
    VOICECLI_CONFIG names. What fixture.toml asks for itself wins over all of them. A server at --url is asked for
    --silence-ms, --endpointing, --barge-in and --barge-in-ms; the other settings have to be made there.

    Exit codes: 0 good, 1 an expectation or a budget failed, or a regression, 2 usage, 3 no connection, 4 the server
    broke the protocol, 5 the own server could not start, 6 no verdict, where --require-verdict asks for one, 130
    interrupted: Ctrl-C ends the calls, and what there is by then is told, and written, but not saved under a name.
    """
    engines = {"vad": vad, "stt": stt, "llm": llm, "tts": tts, "end_of_turn": end_of_turn}
    engines |= {"llm_url": llm_url, "llm_model": llm_model}
    turns = of_turns(locals())
    flags: dict[str, str | None] = {**engines, "pipeline": pipeline}
    given = [f"--{name.replace('_', '-')}" for name, value in flags.items() if value is not None]
    if url is not None and given:
        raise CliError(f"{given[0]} is for the own server; leave it out, or leave --url out", ExitCode.USAGE)
    if url is not None:
        check_url(url)
    asked_for = {} if url is None else asked_of_server(turns, public_url(url))
    given += [as_given(name, value) for name, value in turns.items() if value is not None]
    if recorded is not None or changes:
        refuse_beside(
            {
                **dict.fromkeys(given, True),
                "--url": url,
                "--virtual": virtual,
                "--repeat": repeat > 1,
                "--net": net,
                "--save-audio": save_audio,
                "--budget": budget,
                "--junit": junit,
                "--markdown": markdown,
                "--trace": trace,
                "--otlp": otlp,
                "--html": html,
                "--save": save_as,
                "--baseline": baseline,
                "--versus": versus,
                "--require-verdict": require_verdict,
            }
        )
        files = outputs({"--json": json})
        console = Console(stderr=any(file.is_stdout for file in files), highlight=False)
        return tell(recorded, changes or [], plans.planned(fixture, codec), files, console)
    if virtual:
        _refuse_with_virtual({"--url": url is not None, "--repeat": repeat > 1, "--net": net is not None})
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a report with question marks is better than none
    spans_to = collector(otlp, os.environ)
    if html_audio is not None and html is None:
        raise CliError("--html-audio goes with --html; add it, or leave the other out", ExitCode.USAGE)
    page = outfile("--html", html)
    files = outputs(
        {
            "--json": json,
            "--junit": junit,
            "--markdown": markdown,
            "--trace": trace,
            "--otlp": None if spans_to else otlp,
        },
        page,
    )
    versus = versus or []
    afterwards = prepared(
        *(save_as, overwrite, baseline, tolerance, force),
        versus=versus,
        save_versus=save_versus,
        require_verdict=require_verdict,
    )
    call = CallSettings(timeout_s=timeout, token=proof.token(token, os.environ), turn_detection=asked_for)
    plan = Plan(
        plans.planned(fixture, codec),
        repeat,
        call,
        plans.audio_folder(save_audio),
        plans.link(net, net_seed),
    )
    asked = budgets.asked(budget or [])
    unsaid = [planned.unsaid for planned in plan.fixtures if planned.unsaid]
    for sentence in (*unsaid, *without_effect(turns, (planned.fixture for planned in plan.fixtures))):
        print(f"voicecli: {sentence}", file=sys.stderr)
    if url is None:
        flags |= turns
        warn_of_misspelt(os.environ)
    here = Target(url, flags, "candidate" if versus else "", afterwards.admit)
    targets = [other_side(versus, url, flags), here] if versus else [here]
    network = str(plan.link) if plan.link else UNSET
    afterwards.check((planned.fixture for planned in plan.fixtures), Server(virtual=virtual, network=network))
    # Standard output is for a document alone, where one is asked for there.
    console = Console(stderr=any(file.is_stdout for file in (*files, page) if file), highlight=False)
    if virtual:
        replays = replay_virtually(targets, plan, console)
    else:
        replays = run_precisely(replay_in_real_time(targets, plan, console))
    outcomes = replays.outcomes
    if replays.interrupted:
        afterwards = afterwards.of_interrupted(replays.calls, plan.calls * len(targets))
    series = secrets.token_hex(8) if versus and not virtual else UNSET
    takes, server = outcomes[-1]
    results = budgets.results(asked, takes)
    console.print(report.budgets(results), end="")
    run = document(takes, server, results, series)
    other = Baseline(told(versus), document(*outcomes[0], series=series)) if versus else None
    judged = afterwards.judged(run, other)
    write(files, run, judged)
    if page is not None:
        against = other or afterwards.baseline
        most_mb = MOST_MB if html_audio is None else html_audio
        page.write(replay_page(run, takes, against, afterwards.tolerance, force=force, most_mb=most_mb))
    failed = any(take.document.failures for take in takes) or any(result.failed for result in results)
    concluded = afterwards.conclude(run, console, other, judged)
    code = ExitCode.EXPECTATION_FAILED if failed else concluded
    code = ExitCode.INTERRUPTED if replays.interrupted else code
    if spans_to is not None:  # last: a collector that is not there takes nothing else with it
        deliver(spans_to, run, code)
    return code


def _refuse_with_virtual(given: dict[str, bool]) -> None:
    reasons = {
        "--url": "a server elsewhere has a clock of its own",
        "--repeat": "each call would give the same figures",
        "--net": "no bytes cross a network",
    }
    for named in filter(given.get, given):
        raise CliError(f"{named} does not go with --virtual: {reasons[named]}; leave one out", ExitCode.USAGE)
