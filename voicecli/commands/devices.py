"""`voicecli devices`: the sound card's inputs and outputs, and whether they work."""

import asyncio
import math
from contextlib import aclosing
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from voiceaudio.level import rms_dbfs
from voicecli.exits import CliError, ExitCode
from voicecli.sound import devices as card_devices
from voicecli.sound.card import Card, CardMicrophone, CardSpeaker
from voicecli.sound.devices import Device, Direction, libraries_hushed
from voicecli.sound.errors import WITHOUT_A_CARD, NoSuchDevice, SoundError
from voicecli.sound.roles import RATE
from voicewire.clock import Clock, SystemClock, ms

TONE_S = 0.6
TONE_HZ = 440
TONE_DBFS = -26.0
LISTEN_FRAMES = 200
"""Four seconds."""
LINE_FRAMES = 25
"""A line each half second, where no bar can be drawn."""
PATIENCE_S = 10.0
"""How long a device may take to begin."""
ECHO_S = 0.3
"""So long a room may go on with the tone."""
QUIET_DBFS = -50.0
"""Whoever speaks into a microphone that works is louder, at the loudest 20 ms."""
BAR_WIDTH = 30
BAR_FROM_DBFS = -60.0


class Tested(NamedTuple):
    """What came of the test."""

    output_latency_ms: float | None
    """From the program to the ear, as the driver says; None without an output."""
    loudest_dbfs: float | None
    """The loudest 20 ms; None for digital silence, or without an input."""


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of tables.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Play a soft tone, then show how loud the input is.")] = False,
    input_device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Input to test: its number, or a part of its name.")
    ] = None,
    output_device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Output to test: its number, or a part of its name.")
    ] = None,
) -> None:
    """List the sound card's inputs and outputs, and test them.

    `talk` uses the ones marked with a star unless it is told others, by number or by a part of their name.
    """
    console = Console(highlight=False, markup=False, stderr=as_json)
    tested = None
    try:
        with libraries_hushed():
            found = card_devices.devices()
            if not as_json:
                _print_list(console, found)
            if test:
                tested = _tested(console, found, input_device, output_device)
    except NoSuchDevice as error:
        raise CliError(str(error), ExitCode.USAGE) from None
    except SoundError as error:
        raise CliError(str(error), ExitCode.SERVER_FAILED) from None
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(_plain(found, tested))).decode())


def _print_list(console: Console, found: list[Device]) -> None:
    for direction in Direction:
        console.print(f"{direction}s", style="bold")
        listed = [device for device in found if device.channels(direction)]
        if not listed:
            console.print(f"  none ({WITHOUT_A_CARD})", soft_wrap=True)
            continue
        table = Table.grid(padding=(0, 2))
        for device in listed:
            mark = "*" if device.is_default(direction) else " "
            channels = f"channels: {device.channels(direction)}"
            table.add_row(f"  {mark} {device.number}", device.name, device.host_api, f"{device.rate} Hz", channels)
        console.print(table)


def _plain(found: list[Device], tested: Tested | None) -> dict[str, object]:
    plain: dict[str, object] = {
        f"{direction}s": [
            {
                "number": device.number,
                "name": device.name,
                "host_api": device.host_api,
                "channels": device.channels(direction),
                "rate": device.rate,
                "is_default": device.is_default(direction),
            }
            for device in found
            if device.channels(direction)
        ]
        for direction in Direction
    }
    return plain if tested is None else {**plain, "test": tested._asdict()}


def _tested(console: Console, found: list[Device], input_device: str | None, output_device: str | None) -> Tested:
    """Raises SoundError, also where there is neither an input nor an output."""
    speaker = _chosen(console, found, Direction.OUTPUT, output_device)
    microphone = _chosen(console, found, Direction.INPUT, input_device)
    if speaker is None and microphone is None:
        raise SoundError("there is nothing to test: connect a microphone or a loudspeaker")
    return asyncio.run(_test(console, SystemClock(), microphone, speaker))


def _chosen(console: Console, found: list[Device], direction: Direction, wanted: str | None) -> Device | None:
    """A direction that has no device at all is left out, unless it was asked for."""
    if wanted is None and not any(device.channels(direction) for device in found):
        console.print(f"no {direction} to test")
        return None
    return card_devices.choose(found, direction, wanted)


async def _test(console: Console, clock: Clock, microphone: Device | None, speaker: Device | None) -> Tested:
    latency_ms = loudest_dbfs = None
    async with Card(clock, microphone=microphone, speaker=speaker) as card:
        try:
            async with asyncio.timeout(PATIENCE_S):
                if card.speaker:
                    console.print(f"output {card.speaker.name}: a soft tone ...")
                    latency_ms = await _sound(card.speaker, clock)
            async with asyncio.timeout(PATIENCE_S):
                if card.microphone:
                    console.print(f"input {card.microphone.name}: speak now ...")
                    loudest_dbfs = await _listen(console, card.microphone)
        except TimeoutError:
            raise SoundError("the device stands still: connect it again, or choose another one") from None
    return Tested(latency_ms, loudest_dbfs)


async def _sound(speaker: CardSpeaker, clock: Clock) -> float:
    """Returns the device's latency."""
    queue = speaker.queue
    queue.received(0, 0, tone(), clock.now_ns())
    queue.received(0, round(TONE_S * RATE), b"", clock.now_ns())
    while queue.is_playing(clock.now_ns()):  # noqa: ASYNC110 - the card tells nobody what it has played
        await asyncio.sleep(0.02)
    await asyncio.sleep(ECHO_S)
    return ms(speaker.latency_ns)


def tone() -> bytes:
    """Soft, and without a click at either end."""
    at = np.arange(round(TONE_S * RATE))
    envelope = np.minimum(1, np.minimum(at, at[::-1]) / (0.05 * RATE))
    amplitude = 32_768 * 10 ** (TONE_DBFS / 20) * 2**0.5
    return np.asarray(amplitude * envelope * np.sin(2 * np.pi * TONE_HZ / RATE * at)).astype(np.int16).tobytes()


async def _listen(console: Console, microphone: CardMicrophone) -> float | None:
    """Shows how loud it is, and returns the loudest."""
    levels: list[float] = []
    async with aclosing(microphone.frames()) as frames:
        async for captured in frames:
            levels.append(rms_dbfs(captured.pcm))
            if console.is_terminal:
                console.print(bar(levels[-1]), end="\r")
            elif len(levels) % LINE_FRAMES == 0:
                console.print(bar(max(levels[-LINE_FRAMES:])))
            if len(levels) == LISTEN_FRAMES:
                break
    if console.is_terminal:
        console.print()
    loudest = max(levels)
    console.print(verdict(loudest), soft_wrap=True)
    return None if loudest == -math.inf else round(loudest, 1)


def bar(dbfs: float) -> str:
    length = round(min(1, max(0, 1 - dbfs / BAR_FROM_DBFS)) * BAR_WIDTH)
    return f"  [{'#' * length}{' ' * (BAR_WIDTH - length)}] {dbfs:6.1f} dBFS"


def verdict(loudest_dbfs: float) -> str:
    """Of the input's test."""
    if loudest_dbfs == -math.inf:
        return "nothing at all came in: it is muted, or this program is not allowed to use the microphone"
    if loudest_dbfs < QUIET_DBFS:
        return f"at its loudest {loudest_dbfs:.1f} dBFS: if you spoke, turn the input up or choose another one"
    return f"at its loudest {loudest_dbfs:.1f} dBFS: good"
