"""`voicecli talk`: a conversation in the terminal."""

import asyncio
import errno
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from enum import StrEnum
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from voicecli import proof
from voicecli.calls.eventloop import run_precisely
from voicecli.calls.localserver import LogFile, local_server
from voicecli.client.transport import BadUrl, CallError, NoVoicewire
from voicecli.exits import CliError, ExitCode, cause_of
from voicecli.fixtures.fixture import FixtureError
from voicecli.fixtures.tape import prepare
from voicecli.reports.report import printable
from voicecli.serversettings import warn_of_misspelt
from voicecli.sound.devices import libraries_hushed
from voicecli.sound.echo import EchoMode
from voicecli.sound.errors import NoSuchDevice, SoundError
from voicecli.stopping import stopped_by_signals
from voicecli.talking.plain import json_lines, plain_lines
from voicecli.talking.problems import Problem
from voicecli.talking.recorder import replay_command
from voicecli.talking.talk import Conversation, TalkSettings, Watcher
from voicecli.talking.talksound import SoundWish, opened
from voicecli.talking.talkstate import Ending, ProblemTold, TalkEvent, TalkState
from voicecli.talking.typedlines import typed_lines
from voicewire.clock import Clock, SystemClock
from voicewire.messages import MAX_TEXT_INPUT

_OWN = {"idle_timeout_ms": "86400000", "session_length_ms": "86400000"}
"""Of the own server: its user ends the conversation, not a clock."""


class Theme(StrEnum):
    TERMINAL = "terminal"
    DARK = "dark"
    LIGHT = "light"


class Shown(StrEnum):
    SCREEN = "screen"
    LINES = "lines"
    JSON = "json"


class _Plan(NamedTuple):
    """What was asked for."""

    url: str | None
    engines: dict[str, str | None]
    talk: TalkSettings
    sound: SoundWish
    record: Path | None
    shown: Shown
    theme: Theme
    verbose: bool


def talk(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Talk to the server at ws://HOST:PORT/voice. [default: own server]"),
    ] = None,
    input_device: Annotated[
        str | None, typer.Option(metavar="NAME", help="Microphone, by name or number; `voicecli devices` lists them.")
    ] = None,
    output_device: Annotated[str | None, typer.Option(metavar="NAME", help="Loudspeaker, likewise.")] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="A sound file that speaks in place of a microphone.")
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="A WAV file in place of a loudspeaker.")
    ] = None,
    push_to_talk: Annotated[
        bool, typer.Option("--push-to-talk", help="Talk only while the space bar says so.")
    ] = False,
    headphones: Annotated[
        bool, typer.Option("--headphones", help="You wear some: no echo has to be kept out of the microphone.")
    ] = False,
    echo: Annotated[EchoMode, typer.Option(help="What keeps the answer out of the microphone.")] = EchoMode.AUTO,
    locale: Annotated[str, typer.Option(metavar="TAG", help="Your language.")] = "en-US",
    voice: Annotated[str | None, typer.Option(metavar="NAME", help="Voice of the answers.")] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Record the session as a fixture for `voicecli replay`.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines in place of the screen; type to say something.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines in place of the screen.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --plain: what may still change, too.")] = False,
    theme: Annotated[Theme, typer.Option(help="Colours of the screen.")] = Theme.TERMINAL,
    vad: Annotated[str | None, typer.Option(metavar="ENGINE", help="VAD of the own server.")] = None,
    stt: Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech recogniser of the own server.")] = None,
    llm: Annotated[str | None, typer.Option(metavar="ENGINE", help="Language model of the own server.")] = None,
    tts: Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech synthesis of the own server.")] = None,
    end_of_turn: Annotated[
        str | None, typer.Option(metavar="ENGINE", help="Engine of the own server that hears whether a turn is over.")
    ] = None,
    llm_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the language model's API is.")] = None,
    llm_model: Annotated[str | None, typer.Option(metavar="NAME", help="The language model's name there.")] = None,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help=proof.HELP)] = None,
) -> ExitCode:
    """Talk from the terminal, and see where each millisecond goes.

    Without --url it starts a server of its own. Without a terminal, or with --plain or --json, the conversation is
    written as lines. A conversation with --input ends once all of the file was answered, and one whose
    lines come through a pipe once all of them were.
    """
    engines = {"vad": vad, "stt": stt, "llm": llm, "tts": tts, "llm_url": llm_url, "llm_model": llm_model}
    engines["end_of_turn"] = end_of_turn
    given = [f"--{name.replace('_', '-')}" for name, value in engines.items() if value is not None]
    if url is not None and given:
        raise CliError(f"{given[0]} is for the own server; leave it out, or leave --url out", ExitCode.USAGE)
    for device, file, name in ((input_device, input_file, "input"), (output_device, output_file, "output")):
        if device is not None and file is not None:
            raise CliError(f"--{name}-device and --{name} exclude each other; leave one out", ExitCode.USAGE)
    if input_file is not None and output_file is not None and _is_same(input_file, output_file):
        raise CliError(f"--output would overwrite {input_file}; name another file", ExitCode.USAGE)
    is_screen = not (plain or as_json) and has_screen()
    if push_to_talk and not is_screen:
        raise CliError(
            "--push-to-talk needs the space bar of the screen; leave it out, or talk in a terminal", ExitCode.USAGE
        )
    shown = Shown.JSON if as_json else Shown.SCREEN if is_screen else Shown.LINES
    settings = TalkSettings(
        url or "",
        token=proof.token(token, os.environ),
        locale=locale,
        voice=voice,
        push_to_talk=push_to_talk,
        stays=shown is Shown.SCREEN,
    )
    wish = SoundWish(input_file, output_file, input_device, output_device, echo, headphones)
    plan = _Plan(url, engines, settings, wish, record, shown, theme, verbose)
    try:
        if record is not None:
            prepare(record)
        if url is None:
            warn_of_misspelt(os.environ)
        with libraries_hushed():
            return run_precisely(_ended(plan))
    except (FixtureError, NoSuchDevice, BadUrl) as error:
        raise CliError(str(error), ExitCode.USAGE) from None
    except NoVoicewire as error:
        raise CliError(str(error), ExitCode.PROTOCOL) from None
    except CallError as error:
        raise CliError(str(error), ExitCode.NO_CONNECTION) from None
    except SoundError as error:
        code = ExitCode.USAGE if input_file is not None or output_file is not None else ExitCode.SERVER_FAILED
        raise CliError(str(error), code) from None


def has_screen() -> bool:
    """Whether a screen can be drawn and keys can be heard. A dumb terminal, as that of an editor, has lines alone."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def farewell(state: TalkState) -> str:
    """What is still worth knowing when the screen is gone: where the newest recording is. "" where there is none."""
    recorded = state.recorded
    if recorded is None or recorded.ending is Ending.FAILED:
        return ""
    return printable(f"recorded to {recorded.folder}; {replay_command(recorded.folder)} sends the same again")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return False


async def _ended(plan: _Plan) -> ExitCode:
    """Raises what ended it by itself, not the tasks that it happened in."""
    try:
        return await _talk(plan, SystemClock())
    except BaseExceptionGroup as group:
        raise cause_of(group, CallError, SoundError, CliError) from None


async def _talk(plan: _Plan, clock: Clock) -> ExitCode:
    async with AsyncExitStack() as stack:
        early: list[TalkEvent] = []
        """What is told before there is a conversation to tell it to."""
        conversation: Conversation | None = None

        def tell(event: TalkEvent) -> None:
            if conversation is None:
                early.append(event)
            else:
                conversation.tell(event)

        # Before the server, which takes longer: a device that is not there is told at once.
        sound = await stack.enter_async_context(opened(plan.sound, clock, tell))
        url = plan.url or await _own_server(stack, plan, tell)
        show = _Show(plan, clock)
        conversation = Conversation(plan.talk._replace(url=url), sound, clock, show.watch)
        for event in early:
            conversation.tell(event)
        if plan.record is not None:
            conversation.record(plan.record)
        return await show.run(conversation)


async def _own_server(stack: AsyncExitStack, plan: _Plan, tell: Callable[[TalkEvent], None]) -> str:
    """The URL of a server that ends with the stack. What it logs is kept from a terminal: the conversation is there."""
    loop = asyncio.get_running_loop()

    def told(path: str) -> None:
        problem = Problem("server_log", "The own server logs what went wrong.", f"See {path}.")
        loop.call_soon_threadsafe(tell, ProblemTold(problem))

    log = stack.enter_context(closing(LogFile(told))) if sys.stderr.isatty() else None
    server = await stack.enter_async_context(local_server({**plan.engines, **_OWN}, log=log))
    return server.url


class _Show:
    """Draws a conversation, or writes it, for as long as it lasts."""

    def __init__(self, plan: _Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._interrupted = False
        self.watch: Watcher = self._write
        if plan.shown is Shown.SCREEN:
            self.watch = lambda before, event, after: None

    async def run(self, conversation: Conversation) -> ExitCode:
        def stop() -> None:
            self._interrupted = True
            conversation.quit()

        with stopped_by_signals(stop):
            if self._plan.shown is Shown.SCREEN:
                await self._draw(conversation)
                if told := farewell(conversation.state):
                    print(told, file=sys.stderr)
                return ExitCode.GOOD

            def ended(said: bool) -> None:
                # Without a line to begin with it is the microphone that talks; a file says all that it has to say.
                microphone = conversation.state.microphone
                is_listening = microphone is not None and microphone.is_open
                is_by_hand = sys.stdin.isatty()
                if not is_listening or is_by_hand or (said and self._plan.sound.input_file is None):
                    conversation.quit()

            def say(text: str) -> None:
                conversation.say(text[:MAX_TEXT_INPUT])

            with typed_lines(say, is_answered=conversation.is_answered, ended=ended):
                await conversation.run()
        return ExitCode.INTERRUPTED if self._interrupted else ExitCode.GOOD

    async def _draw(self, conversation: Conversation) -> None:
        from voicecli.tui.app import TalkApp

        app = TalkApp(conversation, conversation.state, theme=self._plan.theme.value, clock=self._clock)
        conversation.watched_by(lambda before, event, after: app.show(after))

        async def talk() -> None:
            try:
                await conversation.run()
            finally:
                app.exit()

        async with asyncio.TaskGroup() as group:
            group.create_task(talk())
            try:
                await app.run_async()
            finally:
                conversation.quit()

    def _write(self, before: TalkState, event: TalkEvent, after: TalkState) -> None:
        if self._plan.shown is Shown.JSON:
            # JSON is UTF-8 in every locale.
            if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.encoding.lower() != "utf-8":
                sys.stdout.reconfigure(encoding="utf-8")
            lines = json_lines(before, event, after, self._clock.now_ns())
        else:
            lines = plain_lines(before, event, after, verbose=self._plan.verbose)
        try:
            for line in lines:
                print(line, flush=True)
        except OSError as error:
            # A terminal that was closed cannot be written; that it was, a signal tells.
            if error.errno != errno.EIO:
                raise
