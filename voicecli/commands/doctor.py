"""`voicecli doctor`: what a conversation needs, looked at one by one, and what to do about what is missing."""

import asyncio
import os
import platform
import re
import sys
from collections.abc import AsyncIterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from voicecli import checkup, proof, servertrial
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.replaying import check_url
from voicecli.checkup import Finding, Verdict, bad, good, warning
from voicecli.client.transport import CallError, NoVoicewire, Refused, websocket
from voicecli.exits import ExitCode
from voicecli.greeting import greeted
from voicecli.servertrial import PortState
from voicecli.sound import devices, echometer
from voicecli.sound.card import Card
from voicecli.sound.devices import Device, Direction
from voicecli.sound.echo import EchoCanceller, canceller_is_installed
from voicecli.sound.errors import SoundError
from voicewire import SUBPROTOCOL
from voicewire.clock import Clock, SystemClock, ms

LOADED = ("av", "numpy", "soundfile", "websockets")
"""Libraries with compiled parts that may not fit the machine. Those of engines are tried with their engine."""
PROBE_S = 3.0
"""Who has a port and does not answer for so long, is no voicecli server."""
STYLES = {Verdict.GOOD: "green", Verdict.WARNING: "yellow", Verdict.BAD: "bold red"}
_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+)(?:.*\bextra\s*==\s*['"]([^'"]+)['"])?""")


class _Asked(NamedTuple):
    url: str | None
    token: str | None
    port: int | None
    with_sound: bool
    input_device: str | None
    output_device: str | None


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of lines.")] = False,
    no_sound: Annotated[
        bool, typer.Option("--no-sound", help="Play nothing: the echo is not measured, devices are only listed.")
    ] = False,
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Also check that the server at ws://HOST:PORT/voice takes you.")
    ] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help=proof.HELP)] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, metavar="N", help="The port to serve on. [default: that of serve]")
    ] = None,
    input_device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Input to measure with: its number, or a part of its name.")
    ] = None,
    output_device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Output to measure with: its number, or a part of its name.")
    ] = None,
) -> ExitCode:
    """Check what a conversation needs here: engines, port, sound, echo.

    Looks at Python and the libraries, tries each engine that `voicecli serve` would use, sees whether the port is free,
    finds the sound devices, and plays three chirps to measure how late and how loud they come back as an echo. What is
    missing comes with what to do about it.

    Exit codes: 0 nothing is bad, 1 something is, 2 usage.
    """
    if url is not None:
        check_url(url)
    shown = proof.token(token, os.environ)
    asked = _Asked(url, shown, port, not no_sound, input_device, output_device)
    findings = run_precisely(_examine(asked, None if as_json else Console(highlight=False, markup=False)))
    verdict = checkup.worst(findings)
    if as_json:
        document = {"schema": "voicecli.doctor/1", "verdict": verdict, "findings": [_plain(each) for each in findings]}
        print(msgspec.json.format(msgspec.json.encode(document)).decode())
    return ExitCode.EXPECTATION_FAILED if verdict is Verdict.BAD else ExitCode.GOOD


async def _examine(asked: _Asked, console: Console | None) -> list[Finding]:
    findings = []
    async for finding in _findings(asked, SystemClock()):
        findings.append(finding)
        if console is not None:
            console.print(_line(finding), soft_wrap=True)
    if console is not None:
        console.print(_summary(findings), soft_wrap=True)
    return findings


async def _findings(asked: _Asked, clock: Clock) -> AsyncIterator[Finding]:
    """In the order in which one thing needs the other."""
    yield checkup.python(sys.version_info[:3], f"{platform.system()} {platform.machine()}")
    yield _libraries()
    for finding in _extras():
        yield finding
    for called, meant in servertrial.misspelt_here():
        yield warning(called, "no setting is called that", f"did you mean {meant}?")
    settings = servertrial.settings({"port": asked.port})
    async for trial in servertrial.engine_trials(settings, clock):
        subject = f"{trial.role} {trial.engine}"
        if trial.problem:
            flag = f"--{trial.role.replace('_', '-')}"
            problem = trial.problem.removeprefix(f"{flag} {trial.engine}: ").removeprefix(f"{flag}: ")
            yield bad(subject, problem, f"choose another one of `voicecli engines` with {flag}")
        else:
            yield good(subject, f"{trial.told}, in {trial.ms:.0f} ms", measured={"ms": trial.ms})
    yield await _port(settings.host, settings.port)
    if asked.url is not None:
        yield await _server(asked.url, asked.token, clock)
    async for finding in _sound(asked, clock):
        yield finding


def _libraries() -> Finding:
    """All that voicecli itself needs."""
    names = sorted(name for name, extra in _required() if extra is None)
    missing = [name for name in names if _version(name) is None]
    if missing:
        return bad("libraries", f"{', '.join(missing)} missing", "install voicecli again: pip install voicecli")
    for module in LOADED:
        try:
            import_module(module)
        except (ImportError, OSError) as error:
            return bad("libraries", f"{module} cannot be loaded: {error}", f"pip install --force-reinstall {module}")
    return good("libraries", ", ".join(f"{name} {_version(name)}" for name in names))


def _extras() -> list[Finding]:
    """What can be installed with voicecli, and was or was not. The canceller is told with the sound."""
    extras: dict[str, list[str]] = {}
    for name, extra in _required():
        if extra is not None and extra != "aec":
            extras.setdefault(extra, []).append(name)
    findings = []
    for extra, names in extras.items():
        if all(_version(name) for name in names):
            findings.append(good(f"extra {extra}", ", ".join(f"{name} {_version(name)}" for name in names)))
        else:
            install = f"pip install 'voicecli[{extra}]' adds it"
            findings.append(good(f"extra {extra}", "not installed, and needed by nothing else", install))
    return findings


def _required() -> list[tuple[str, str | None]]:
    """Names of distributions, each with the extra that brings it."""
    found = (_REQUIREMENT.match(requirement) for requirement in requires("voicecli") or [])
    return list(dict.fromkeys((match[1].lower(), match[2]) for match in found if match))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


async def _port(host: str, port: int) -> Finding:
    subject, other = f"port {port}", "choose another one with --port, or any free one with --port 0"
    match servertrial.port_state(host, port):
        case PortState.FREE:
            return good(subject, f"free on {host}")
        case PortState.FORBIDDEN:
            return bad(subject, "this user may not serve on it", other)
        case PortState.NO_SUCH_HOST:
            return bad(subject, f"{host} is no address of this machine", "choose another one with --host")
    url = f"ws://{host}:{port}/voice"
    try:
        async with asyncio.timeout(PROBE_S), websocket(url):
            return warning(subject, "a voicecli server runs there", f"use it with --url {url}, or {other}")
    except (CallError, TimeoutError):
        return warning(subject, "another program has it, or a voicecli server that wants TLS", other)


async def _server(url: str, token: str | None, clock: Clock) -> Finding:
    subject, started_ns = f"server {url}", clock.now_ns()
    try:
        async with websocket(url) as transport:
            await greeted(transport, clock, token)
            took_ms = ms(clock.now_ns() - started_ns)
            return good(subject, f"speaks {SUBPROTOCOL}, in {took_ms:.0f} ms", measured={"ms": took_ms})
    except NoVoicewire as error:
        return bad(subject, str(error), "the URL ends with /voice, and a proxy must let WebSockets through")
    except Refused as error:
        problem, _, advice = str(error).partition("; ")
        return bad(subject, problem, advice or "see what its log says")
    except CallError as error:
        return bad(subject, str(error), "see whether it runs, and what its log says")


async def _sound(asked: _Asked, clock: Clock) -> AsyncIterator[Finding]:
    canceller = _canceller()
    try:
        found = devices.devices()
    except SoundError as error:
        problem, _, advice = str(error).partition(": ")
        is_wanted = asked.input_device is not None or asked.output_device is not None
        yield (bad if is_wanted else warning)("PortAudio", problem, advice)
        yield canceller
        return
    yield good("PortAudio", f"{len(found)} devices")
    chosen: dict[Direction, Device] = {}
    for direction, wanted in ((Direction.INPUT, asked.input_device), (Direction.OUTPUT, asked.output_device)):
        try:
            chosen[direction] = devices.choose(found, direction, wanted)
            yield good(f"{direction} device", f"{chosen[direction].name} ({chosen[direction].host_api})")
        except SoundError as error:
            problem, _, advice = str(error).partition(": ")
            # Who names a device wants that one; without any, a file does.
            amiss = warning if wanted is None else bad
            yield amiss(f"{direction} device", problem, advice or "voicecli devices lists them")
    yield canceller
    if asked.with_sound and len(chosen) == len(Direction):
        yield await _echo(chosen[Direction.INPUT], chosen[Direction.OUTPUT], clock)


def _canceller() -> Finding:
    if not canceller_is_installed():
        return checkup.canceller(False)
    try:
        EchoCanceller()
    except SoundError as error:
        return checkup.canceller(True, str(error))
    return checkup.canceller(True)


async def _echo(microphone: Device, speaker: Device, clock: Clock) -> Finding:
    try:
        with devices.libraries_hushed():
            async with Card(clock, microphone=microphone, speaker=speaker) as card:
                assert card.microphone is not None
                assert card.speaker is not None
                return checkup.echo(await echometer.measure(card.microphone, card.speaker, clock))
    except SoundError as error:
        problem, _, advice = str(error).partition(": ")
        return bad("echo", problem, advice or "choose other devices with --input-device and --output-device")


def _line(finding: Finding) -> Text:
    """A line of its own for the advice."""
    line = Text.assemble((f"{finding.verdict:<8}", STYLES[finding.verdict]), f"{finding.subject}: {finding.found}")
    if finding.advice:
        line.append(f"\n{'':<8}  {finding.advice}", "dim" if finding.verdict is Verdict.GOOD else "")
    return line


def _summary(findings: list[Finding]) -> str:
    count = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    return ", ".join(f"{count[verdict]} {verdict}" for verdict in Verdict if count[verdict])


def _plain(finding: Finding) -> dict[str, object]:
    return finding._asdict() | {"measured": finding.measured or {}}
