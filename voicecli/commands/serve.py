"""`voicecli serve`: the server, until it is told to stop."""

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from voicecli import __version__, qrcode
from voicecli.exits import CliError, ExitCode
from voicecli.serverflags import option
from voicecli.serversettings import settled
from voicecli.stopping import stopped_by_signals
from voiceserver import logs
from voiceserver.completeness import is_lead
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import SpecError
from voiceserver.network import is_loopback
from voiceserver.origins import ANY
from voiceserver.server import ServerError, VoiceServer
from voiceserver.settings import CONFIG_ENV, AuthMode, ServerSettings, SettingsError, TlsMode, misspelt
from voiceserver.words import words_of
from voicewire import SUBPROTOCOL
from voicewire.clock import SystemClock

SHORT_TOKEN = 16
"""Characters; a shorter one can be guessed by trying."""


def serve(
    host: Annotated[str | None, option("host")] = None,
    port: Annotated[str | None, option("port")] = None,
    vad: Annotated[str | None, option("vad")] = None,
    stt: Annotated[str | None, option("stt")] = None,
    llm: Annotated[str | None, option("llm")] = None,
    tts: Annotated[str | None, option("tts")] = None,
    end_of_turn: Annotated[str | None, option("end_of_turn")] = None,
    llm_url: Annotated[str | None, option("llm_url")] = None,
    llm_model: Annotated[str | None, option("llm_model")] = None,
    pipeline: Annotated[str | None, option("pipeline")] = None,
    silence_ms: Annotated[str | None, option("silence_ms")] = None,
    endpointing: Annotated[str | None, option("endpointing")] = None,
    resume_ms: Annotated[str | None, option("resume_ms")] = None,
    speculation: Annotated[bool | None, option("speculation")] = None,
    speculation_tries: Annotated[str | None, option("speculation_tries")] = None,
    speculation_waste: Annotated[str | None, option("speculation_waste")] = None,
    anticipate: Annotated[list[str] | None, option("anticipate")] = None,
    anticipate_after: Annotated[str | None, option("anticipate_after")] = None,
    hangover_ms: Annotated[str | None, option("hangover_ms")] = None,
    commit_timeout_ms: Annotated[str | None, option("commit_timeout_ms")] = None,
    barge_in: Annotated[bool | None, option("barge_in")] = None,
    barge_in_ms: Annotated[str | None, option("barge_in_ms")] = None,
    barge_in_sure_ms: Annotated[str | None, option("barge_in_sure_ms")] = None,
    lead_ms: Annotated[str | None, option("lead_ms")] = None,
    auth: Annotated[str | None, option("auth")] = None,
    insecure_no_auth: Annotated[bool | None, option("insecure_no_auth")] = None,
    token: Annotated[list[str] | None, option("token")] = None,
    jwt_secret: Annotated[str | None, option("jwt_secret")] = None,
    jwt_public_key: Annotated[str | None, option("jwt_public_key")] = None,
    jwt_audience: Annotated[str | None, option("jwt_audience")] = None,
    allow_origin: Annotated[list[str] | None, option("allow_origin")] = None,
    trust_proxy: Annotated[bool | None, option("trust_proxy")] = None,
    tls: Annotated[str | None, option("tls")] = None,
    tls_cert: Annotated[str | None, option("tls_cert")] = None,
    tls_key: Annotated[str | None, option("tls_key")] = None,
    sessions: Annotated[str | None, option("sessions")] = None,
    sessions_per_address: Annotated[str | None, option("sessions_per_address")] = None,
    session_length_ms: Annotated[str | None, option("session_length_ms")] = None,
    max_message_bytes: Annotated[str | None, option("max_message_bytes")] = None,
    idle_timeout_ms: Annotated[str | None, option("idle_timeout_ms")] = None,
    llm_timeout_ms: Annotated[str | None, option("llm_timeout_ms")] = None,
    tts_timeout_ms: Annotated[str | None, option("tts_timeout_ms")] = None,
    log_level: Annotated[str | None, option("log_level")] = None,
    log_format: Annotated[str | None, option("log_format")] = None,
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help=f"Read settings from a TOML file. [env: {CONFIG_ENV}]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON once the server is ready: its addresses and engines.")
    ] = False,
) -> ExitCode:
    """Serve voice sessions over WebSocket, and the page to talk from.

    A flag is also an environment variable (--lead-ms is VOICECLI_LEAD_MS) and a key of the TOML file (lead_ms); the
    flag wins, then the environment. An ENGINE is a name, with settings where you like: 'espeak(rate=165)'.
    `voicecli engines` lists them.
    """
    flags = {name: value for name, value in locals().items() if name in ServerSettings.__struct_fields__}
    try:
        settings = settled(flags, os.environ, config=config)
        logs.configure(settings.log_level, settings.log_format)
        asyncio.run(_serve(settings, as_json=as_json))
    except (SettingsError, SpecError) as error:
        raise CliError(str(error), ExitCode.USAGE) from error
    except (EngineError, ServerError) as error:
        raise CliError(str(error), ExitCode.SERVER_FAILED) from error
    return ExitCode.GOOD


async def _serve(settings: ServerSettings, *, as_json: bool) -> None:
    stop = asyncio.Event()
    # What is started with nohup is to outlive its terminal.
    with stopped_by_signals(stop.set, (signal.SIGINT, signal.SIGTERM)):
        async with VoiceServer(settings, SystemClock()) as server:
            _tell(server, settings)
            if as_json:
                ready = {
                    "url": server.url,
                    "page_url": server.page_url if server.has_page else None,
                    "network_url": server.network_url if server.has_page else None,
                    "health_url": _health_url(server),
                    "fingerprint": server.fingerprint,
                    "auth": server.auth,
                    "engines": server.engines,
                }
                print(msgspec.json.encode(ready).decode(), flush=True)
            await stop.wait()


def _tell(server: VoiceServer, settings: ServerSettings) -> None:
    """Say on stderr what it runs on and where."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    if server.has_page:
        table.add_row("  page", server.page_url)
        if server.network_url:
            table.add_row("  network", server.network_url)
    table.add_row("  voice", server.url)
    table.add_row("  health", _health_url(server))
    table.add_row("  auth", server.auth.value)
    if server.fingerprint:
        table.add_row("  SHA-256", server.fingerprint)
    for role, spec in settings.engines().items():
        table.add_row(f"  {role.value.replace('_', ' ')}", str(spec))
    table.add_row("  pipeline", settings.pipeline.value)
    table.add_row("  turns", _turns(settings))
    if likely := _likely(settings):
        table.add_row("  likely", likely)
    console = Console(stderr=True, highlight=False, markup=False)
    console.print(f"voicecli {__version__} serves {SUBPROTOCOL}")
    console.print(table)
    for warning in _warnings(server, settings):
        console.print(f"Careful: {warning}", soft_wrap=True)
    _show_code(console, server, settings)
    if server.fingerprint is None:  # replay would have to be told whom to trust
        # On a line of its own it fits into 80 columns.
        proof = "" if server.auth is AuthMode.NONE else " --token TOKEN"
        console.print(f"Try it:\n  voicecli replay fixtures/question-weather --url {server.url}{proof}", soft_wrap=True)
    console.print("Ctrl-C stops it.")


def _turns(settings: ServerSettings) -> str:
    """How turns are taken, as far as a client asks for nothing else."""
    told = [
        f"{settings.endpointing.value}, {settings.silence_ms} ms",
        f"answers begun {'early' if settings.speculates else 'at the end'}",
    ]
    return " · ".join(told if settings.barge_in else [*told, "no barge-in"])


def _likely(settings: ServerSettings) -> str:
    """What callers are counted on to say; nothing where none is anticipated."""
    if not settings.speculates:
        return ""
    told = [f"{len(settings.anticipate)} named"] if settings.anticipate else []
    if after := settings.anticipate_after:
        told.append(f"what {after} {'caller has' if after == 1 else 'callers have'} said")
    return ", and ".join(told)


def _warnings(server: VoiceServer, settings: ServerSettings) -> Iterator[str]:
    for called, meant in misspelt(os.environ):
        yield f"no setting is called {called}; did you mean {meant}?"
    for text in settings.anticipate if settings.speculates else ():
        if is_lead(words_of(text)):
            yield f"{text!r} is not counted on in English, since most people go on after it (--anticipate)."
    if not is_loopback(settings.host):
        if server.auth is AuthMode.NONE:
            yield "everybody who can reach this machine may use the server (--insecure-no-auth)."
        if not server.url.startswith("wss:") and not settings.trust_proxy:
            yield (
                "without TLS, what is said can be listened to on the way, and browsers of other machines give the "
                "page no microphone: --tls self-signed, --tls-cert, or a proxy in front with --trust-proxy."
            )
    elif settings.trust_proxy and server.auth is AuthMode.NONE:
        yield "everybody whom the proxy lets through may use the server (--trust-proxy without --token or --auth jwt)."
    elif settings.tls is TlsMode.SELF_SIGNED:
        yield f"only this machine can reach {settings.host}; for a phone on the same network add --host 0.0.0.0."
    if ANY in settings.allow_origin:
        yield "every web page that somebody here opens may use the server (--allow-origin *)."
    if server.auth is AuthMode.TOKEN and min(map(len, settings.token)) < SHORT_TOKEN:
        yield f"a token of fewer than {SHORT_TOKEN} characters can be guessed; openssl rand -hex 16 makes a good one."


def _show_code(console: Console, server: VoiceServer, settings: ServerSettings) -> None:
    """The page's address for a phone, to be read by its camera; with the token, so only where a person looks on."""
    if not (console.is_terminal and server.has_page and server.network_url and server.page_url.startswith("https:")):
        return
    needs_token = server.auth is AuthMode.TOKEN
    fragment = f"#token={quote(settings.token[0], safe='')}" if needs_token else ""
    code = qrcode.draw(server.network_url + fragment)
    if code is not None:
        console.print("On a phone in this network:" + (" (the code holds the token)" if needs_token else ""))
        console.print(code, style="bright_white on black", end="")


def _health_url(server: VoiceServer) -> str:
    return f"{server.page_url}healthz"
