"""The sound of a conversation as it was asked for: a sound card, files in its place, or one of each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from voicecli.sound.card import Card, DeviceBack, DeviceLost, DeviceRefused
from voicecli.sound.devices import Device, Direction, choose, devices
from voicecli.sound.echo import EchoGuard, EchoMode, NoGuard, echo_guard
from voicecli.sound.errors import NoSuchDevice, SoundError
from voicecli.sound.files import FileMicrophone, FileSpeaker
from voicecli.sound.roles import Microphone, Speaker
from voicecli.talking.problems import Problem
from voicecli.talking.talk import Sound
from voicecli.talking.talkstate import DeviceLost as RoleLost
from voicecli.talking.talkstate import DeviceOpened, DevicesListed, ProblemTold, Role, TalkEvent
from voicewire.clock import NS_PER_MS, Clock

ECHO_LATENCY_NS = 120 * NS_PER_MS
"""From the output callback to the echo in the microphone's frames, where a device does not tell: two blocks of each."""

Tell = Callable[[TalkEvent], None]


class SoundWish(NamedTuple):
    """What the user asked for."""

    input_file: Path | None = None
    output_file: Path | None = None
    input_device: str | None = None
    output_device: str | None = None
    echo: EchoMode = EchoMode.AUTO
    headphones: bool = False


@asynccontextmanager
async def opened(wish: SoundWish, clock: Clock, tell: Tell) -> AsyncIterator[Sound]:
    """Microphone and speaker, looked after while it is entered. `tell` is told of devices once they are entered.

    Without a microphone one can still type; without a speaker there is no conversation. Raises SoundError.
    """
    file_microphone = FileMicrophone(wish.input_file, clock) if wish.input_file is not None else None
    file_speaker = FileSpeaker(wish.output_file, clock) if wish.output_file is not None else None
    found = _found(wish)
    chosen_speaker = choose(found, Direction.OUTPUT, wish.output_device) if file_speaker is None else None
    chosen_microphone = _microphone(found, wish.input_device, tell) if file_microphone is None else None
    async with AsyncExitStack() as stack:
        card = None
        if chosen_microphone is not None or chosen_speaker is not None:
            card = Card(clock, microphone=chosen_microphone, speaker=chosen_speaker, listener=_listener(tell))
            await stack.enter_async_context(card)
        speaker: Speaker | None = file_speaker or (card.speaker if card is not None else None)
        microphone: Microphone | None = file_microphone or (card.microphone if card is not None else None)
        assert speaker is not None, "one of the two was opened"
        is_one_room = card is not None and card.microphone is not None and card.speaker is not None
        sound = Sound(
            speaker,
            _guard(wish, is_one_room),
            microphone,
            choose=_chooser(card, found, tell),
            is_over=(lambda: file_microphone.is_over) if file_microphone is not None else (lambda: False),
            waits=file_microphone is not None,
        )
        tell(DevicesListed(_names(found, Direction.INPUT, card), _names(found, Direction.OUTPUT, card)))
        tell(DeviceOpened(Role.SPEAKER, speaker.name))
        if microphone is not None:
            tell(DeviceOpened(Role.MICROPHONE, microphone.name))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(running.run()) for running in (card, file_speaker) if running is not None]
            try:
                yield sound
            finally:
                for task in tasks:
                    task.cancel()


def _found(wish: SoundWish) -> list[Device]:
    """Devices to choose from. Raises SoundError where they cannot be had, and there is no doing without."""
    if wish.input_file is not None and wish.output_file is not None:
        return []
    try:
        return devices()
    except SoundError:
        if wish.output_file is None or wish.input_device is not None:
            raise
        return []


def _microphone(found: list[Device], wanted: str | None, tell: Tell) -> Device | None:
    """Raises NoSuchDevice for one that was named."""
    try:
        return choose(found, Direction.INPUT, wanted)
    except NoSuchDevice:
        raise
    except SoundError:
        tell(RoleLost(Role.MICROPHONE, Problem("", "There is no microphone.", "Connect one and start again, or type.")))
        return None


def _guard(wish: SoundWish, is_one_room: bool) -> EchoGuard:
    """A file hears no loudspeaker, and none can be heard in a file."""
    if wish.echo is EchoMode.AUTO and not is_one_room:
        guard = NoGuard(headphones=True)
        guard.note = ""
        return guard
    return echo_guard(wish.echo, headphones=wish.headphones, latency_ns=ECHO_LATENCY_NS)


def _names(found: list[Device], direction: Direction, card: Card | None) -> tuple[str, ...]:
    """Those that can be changed to."""
    side = None if card is None else card.microphone if direction is Direction.INPUT else card.speaker
    if side is None:
        return ()
    return tuple(dict.fromkeys(device.name for device in found if device.channels(direction)))


def _chooser(card: Card | None, found: list[Device], tell: Tell) -> Callable[[Direction, str], None]:
    def change(direction: Direction, name: str) -> None:
        if card is None:
            return
        try:
            card.change(choose(found, direction, name), direction)
        except SoundError as error:
            tell(ProblemTold(Problem("device_refused", "That device cannot be used.", f"{error}.")))

    return change


def _listener(tell: Tell) -> Callable[[DeviceLost | DeviceBack | DeviceRefused], None]:
    def told(event: DeviceLost | DeviceBack | DeviceRefused) -> None:
        role = Role.MICROPHONE if event.direction is Direction.INPUT else Role.SPEAKER
        match event:
            case DeviceLost(name=name):
                tell(
                    RoleLost(role, Problem("", f"The {role.value} {name} is gone.", "Looking for it, or another one."))
                )
            case DeviceBack(name=name):
                tell(DeviceOpened(role, name))
            case DeviceRefused(reason=reason):
                tell(ProblemTold(Problem("device_refused", "That device cannot be used.", f"{reason}.")))

    return told
