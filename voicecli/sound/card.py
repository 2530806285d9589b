"""The sound card, through PortAudio's callbacks.

A callback runs in PortAudio's thread: it copies to or from a ring, notes a few numbers and wakes the loop. It never
waits and never prints. Whatever may take long (to open, to close, to look for devices) runs in a thread of its own.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

import numpy as np

from voicecli.sound.capture import Capture
from voicecli.sound.devices import Device, Direction, choose, devices, portaudio, rescan, same_again
from voicecli.sound.errors import WITHOUT_A_CARD, SoundError
from voicecli.sound.playback import PlaybackQueue
from voicecli.sound.reference import Reference
from voicecli.sound.ring import Samples
from voicecli.sound.roles import RATE, Captured
from voicecli.sound.timing import StreamClock
from voicewire.clock import NS_PER_MS, NS_PER_S, Clock

BLOCK_MS = 20
BLOCK_NS = BLOCK_MS * NS_PER_MS
LATENCY_S = 2 * BLOCK_MS / 1000
"""Asked of the device: one block is played while the next one is made."""
SILENT_NS = NS_PER_S
"""A device that has not called for so long is lost."""
START_NS = 5 * NS_PER_S
"""Its first call may take longer: headphones without a wire wake up first."""
WATCH_S = 0.1
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 10.0

P = ParamSpec("P")
Result = TypeVar("Result")


class DeviceLost(NamedTuple):
    direction: Direction
    name: str

    def __str__(self) -> str:
        return f"the {self.direction} device {self.name} is gone; looking for it, or for another one"


class DeviceBack(NamedTuple):
    direction: Direction
    name: str
    is_other: bool
    """Not the one that was lost."""

    def __str__(self) -> str:
        if self.is_other:
            return f"going on with the {self.direction} device {self.name}"
        return f"the {self.direction} device {self.name} is back"


class DeviceRefused(NamedTuple):
    """The device that was asked for cannot be opened; the one before goes on."""

    direction: Direction
    name: str
    reason: str

    def __str__(self) -> str:
        return self.reason


Listener = Callable[[DeviceLost | DeviceBack | DeviceRefused], None]


class _Side:
    """What the two directions have in common: a device, its stream, and whether it still calls."""

    direction: Direction

    def __init__(self, device: Device, clock: Clock) -> None:
        self.device = device
        self.name = device.name
        self.is_lost = False
        """It has no stream: nothing is heard, or what plays is played in silence."""
        self._clock = clock
        self._stream: Any = None
        self._started_ns = 0
        # Written by PortAudio's thread.
        self._called_ns = 0
        self._finished = False

    def make(self, device: Device) -> Any:
        """A stream that was not started. May wait. Raises SoundError."""
        library = portaudio()
        most = device.channels(self.direction)
        refusal: Exception | None = None
        for rate in dict.fromkeys((RATE, device.rate)):
            for channels in dict.fromkeys((1, min(2, most), most)):
                try:
                    return self._made(
                        library,
                        samplerate=rate,
                        blocksize=rate * BLOCK_MS // 1000,
                        device=device.number,
                        channels=channels,
                        dtype="int16",
                        latency=LATENCY_S,
                        finished_callback=self._finish,
                    )
                except library.PortAudioError as error:
                    refusal = refusal or error
        assert refusal is not None
        raise _refused(self.direction, device, refusal)

    def adopt(self, device: Device, stream: Any) -> None:
        """The stream that will be started next."""
        self._stream, self.device, self.name = stream, device, device.name
        self._finished = False
        self._called_ns = 0
        self._started_ns = self._clock.now_ns()

    def start(self) -> None:
        """May wait. Raises SoundError."""
        try:
            self._stream.start()
        except portaudio().PortAudioError as error:
            self.close()
            raise _refused(self.direction, self.device, error) from None

    def close(self) -> None:
        """May wait. The callback is not called any more."""
        stream, self._stream = self._stream, None
        if stream is not None:
            # What is wrong with a stream that is given up does not matter.
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    def has_stopped(self, now_ns: int) -> bool:
        if self._stream is None:
            return False
        patience_ns = SILENT_NS if self._called_ns else START_NS
        return self._finished or now_ns - max(self._called_ns, self._started_ns) > patience_ns

    def _made(self, library: Any, **options: Any) -> Any:
        raise NotImplementedError

    def _finish(self) -> None:
        self._finished = True


class CardMicrophone(_Side):
    direction = Direction.INPUT

    def __init__(self, device: Device, clock: Clock) -> None:
        super().__init__(device, clock)
        self._capture: Capture | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of whoever listens."""
        self._arrived = asyncio.Event()
        self._is_waking = False
        """The loop was called, and has not looked yet."""

    async def frames(self) -> AsyncGenerator[Captured, None]:
        """From now on, without end. While the device is lost nothing comes; how much that was, `lost_samples` says."""
        capture, until_ns = self._capture, None
        if capture is not None:
            capture.frames()
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                self._is_waking = False
                before, capture = capture, self._capture
                for captured in capture.frames() if capture is not None else ():
                    if until_ns is None:
                        captured = captured._replace(lost_samples=0)
                    elif capture is not before:
                        gap = max(0, captured.captured_ns - until_ns) * RATE // NS_PER_S
                        captured, before = captured._replace(lost_samples=gap), capture
                    until_ns = captured.captured_ns + BLOCK_NS
                    yield captured
        finally:
            self._loop = None

    def adopt(self, device: Device, stream: Any) -> None:
        super().adopt(device, stream)
        self._capture = Capture(round(stream.samplerate), stream.channels)

    def _made(self, library: Any, **options: Any) -> Any:
        return library.RawInputStream(callback=self._callback, **options)

    def _callback(self, data: Any, count: int, time: Any, status: Any) -> None:
        self._called_ns = now_ns = self._clock.now_ns()
        assert self._capture is not None
        self._capture.write(data, now_ns, time, status)
        self._wake()

    def _wake(self) -> None:
        """By the callback. Once is enough until the loop has looked."""
        loop = self._loop
        if loop is None or self._is_waking:
            return
        self._is_waking = True
        # A loop that is closed has nobody who listens.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._arrived.set)


class CardSpeaker(_Side):
    direction = Direction.OUTPUT

    def __init__(self, device: Device, clock: Clock) -> None:
        super().__init__(device, clock)
        self.queue = PlaybackQueue()
        self.latency_ns = 0
        """From the callback to the ear, as of the last block."""
        self.underflows = 0
        """Blocks that came too late for the device."""
        self._reference = Reference(RATE)
        self._stream_clock = StreamClock()
        self._nominal_ns = 0
        self._channels = 1
        self._mono: Samples = np.zeros(0, np.int16)

    def played(self) -> bytes:
        return self._reference.read()

    def play_silently(self) -> None:
        """A block in place of a device that is lost: the conversation goes on as if it were heard."""
        block: Samples = np.empty(self.queue.device_rate * BLOCK_MS // 1000, np.int16)
        self.queue.fill(block, self._clock.now_ns())

    def adopt(self, device: Device, stream: Any) -> None:
        super().adopt(device, stream)
        rate = round(stream.samplerate)
        self.queue.retune(rate)
        self._reference = Reference(rate)
        self._stream_clock = StreamClock()
        self._nominal_ns = round(stream.latency * NS_PER_S)
        self._channels = stream.channels
        self._mono = np.zeros(rate, np.int16)

    def _made(self, library: Any, **options: Any) -> Any:
        return library.RawOutputStream(callback=self._callback, **options)

    def _callback(self, data: Any, count: int, time: Any, status: Any) -> None:
        self._called_ns = now_ns = self._clock.now_ns()
        heard_ns = self._heard_ns(time, now_ns)
        self.latency_ns = heard_ns - now_ns
        out: Samples = np.frombuffer(data, np.int16)
        block = out if self._channels == 1 else self._mono[:count]
        self.queue.fill(block, heard_ns)
        self._reference.write(block)
        if self._channels > 1:
            # Both ears; a third channel and more stay silent.
            interleaved = out.reshape(-1, self._channels)
            interleaved[:, :2] = block[:, np.newaxis]
            interleaved[:, 2:] = 0
        if status.output_underflow:
            self.underflows += 1

    def _heard_ns(self, time: Any, now_ns: int) -> int:
        """When the first sample of this call reaches the ear. A driver may not know."""
        if not time.currentTime or not time.outputBufferDacTime:
            return now_ns + self._nominal_ns
        latency_ns: int = round((time.outputBufferDacTime - time.currentTime) * NS_PER_S)
        return max(now_ns, self._stream_clock.current_ns(time.currentTime, now_ns) + latency_ns)


class Card:
    """A microphone, a speaker or both on the sound card: open while it is entered, looked after by `run`.

    Devices are opened at 48 kHz mono; one that refuses is opened at its own rate, or in stereo. One that is lost is
    opened again as soon as it is there, else the default one instead, and `listener` is told both. To see a device that
    came back PortAudio must be started anew, which interrupts the other direction for some 0.2 s: while neither the
    device nor another one is there, that happens after 1, 2, 4, ... at most 10 s. Entering it raises SoundError.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        microphone: Device | None = None,
        speaker: Device | None = None,
        listener: Listener = lambda event: None,
    ) -> None:
        self.microphone = CardMicrophone(microphone, clock) if microphone else None
        self.speaker = CardSpeaker(speaker, clock) if speaker else None
        self._clock = clock
        self._listener = listener
        self._thread = ThreadPoolExecutor(1, "sound")
        self._wishes: dict[Direction, Device] = {}
        """Devices to change to, at the next look."""
        self._sides: list[CardMicrophone | CardSpeaker] = [
            side for side in (self.microphone, self.speaker) if side is not None
        ]

    async def __aenter__(self) -> Self:
        try:
            for side in self._sides:
                await self._open(side, side.device)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(self._sides)
        self._thread.shutdown(wait=False)

    def change(self, device: Device, direction: Direction) -> None:
        """Go on with another device; the listener is told that it is in use, or why it is not."""
        self._wishes[direction] = device

    async def run(self) -> None:
        """Look after the devices, until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._play_silently())
            while True:
                await asyncio.sleep(WATCH_S)
                for side in self._sides:
                    if (device := self._wishes.pop(side.direction, None)) is not None:
                        await self._change(side, device)
                now_ns = self._clock.now_ns()
                if stopped := [side for side in self._sides if side.has_stopped(now_ns)]:
                    await self._recover(stopped)

    async def _change(self, side: CardMicrophone | CardSpeaker, device: Device) -> None:
        before = side.device
        # Since it was chosen, devices may have come and gone, and it may have another number.
        found = await self._aside(devices)
        same = device if device in found else same_again(found, side.direction, device)
        if same is None:
            reason = f"the {side.direction} device {device.name} is gone: choose another one"
            self._listener(DeviceRefused(side.direction, device.name, reason))
            return
        await self._close([side])
        try:
            await self._open(side, same)
        except SoundError as error:
            self._listener(DeviceRefused(side.direction, device.name, str(error)))
            if not await self._reopen(side, before):
                await self._recover([side])
            return
        self._listener(DeviceBack(side.direction, device.name, True))

    async def _recover(self, stopped: list[CardMicrophone | CardSpeaker]) -> None:
        await self._close(stopped)
        for side in stopped:
            self._lose(side)
            await self._reopen(side, side.device)
        retry_s = FIRST_RETRY_S
        while any(side.is_lost for side in self._sides):
            await self._close(self._sides)
            found = await self._aside(_found_again)
            for side in self._sides:
                same = same_again(found, side.direction, side.device)
                is_open = same is not None and await self._reopen(side, same)
                if not is_open and not side.is_lost:
                    self._lose(side)
                if not is_open and (other := _default(found, side.direction)) is not None:
                    await self._reopen(side, other)
            if any(side.is_lost for side in self._sides):
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, LONGEST_RETRY_S)

    def _lose(self, side: CardMicrophone | CardSpeaker) -> None:
        side.is_lost = True
        self._listener(DeviceLost(side.direction, side.name))

    async def _reopen(self, side: CardMicrophone | CardSpeaker, device: Device) -> bool:
        """Returns whether it is open; tells so if it was lost."""
        was_lost, before = side.is_lost, side.device
        side.is_lost = False
        try:
            await self._open(side, device)
        except SoundError:
            side.is_lost = was_lost
            return False
        if was_lost:
            is_other = (device.name, device.host_api) != (before.name, before.host_api)
            self._listener(DeviceBack(side.direction, device.name, is_other))
        return True

    async def _open(self, side: CardMicrophone | CardSpeaker, device: Device) -> None:
        stream = await self._aside(side.make, device)
        side.adopt(device, stream)
        await self._aside(side.start)

    async def _close(self, sides: list[CardMicrophone | CardSpeaker]) -> None:
        for side in sides:
            await self._aside(side.close)

    async def _aside(self, call: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """What may wait for the device, off the loop; one after the other, as PortAudio wants it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(call, *args, **kwargs))

    async def _play_silently(self) -> None:
        """In the pace of a device, while there is none."""
        speaker = self.speaker
        while speaker is not None:
            next_ns = self._clock.now_ns()
            while speaker.is_lost:
                speaker.play_silently()
                next_ns += BLOCK_NS
                await asyncio.sleep(max(0, next_ns - self._clock.now_ns()) / NS_PER_S)
            await asyncio.sleep(WATCH_S)


def _found_again() -> list[Device]:
    rescan()
    return devices()


def _default(found: list[Device], direction: Direction) -> Device | None:
    try:
        return choose(found, direction)
    except SoundError:
        return None


def _refused(direction: Direction, device: Device, error: Exception) -> SoundError:
    # (sentence, code), and where the system below PortAudio is at fault a third: (host API, code, sentence).
    reason = error.args[2][2] if len(error.args) > 2 else str(error.args[0]).rpartition(": ")[2]
    return SoundError(
        f"the {direction} device {device.name} cannot be opened ({reason}): see whether another program holds it, or "
        f"choose another one with --{direction}-device; {WITHOUT_A_CARD}"
    )
