"""A PortAudio in memory: what the library sounddevice offers of it, with devices that a test takes away."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voicecli.sound import card, devices


class PortAudioError(Exception):
    pass


class FakePortAudio:
    """Its devices run at `rates` only, with `channels` only."""

    PortAudioError = PortAudioError

    def __init__(self, *names: str, rates: tuple[int, ...] = (48_000,), channels: tuple[int, ...] = (1,)) -> None:
        self.plugged = list(names)
        self.rates = rates
        self.channels = channels
        self.streams: list[FakeStream] = []
        """Open."""
        self.scans = 0
        self._listed = list(names)
        self.default = SimpleNamespace(device=self._default())

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, object]]:
        most, rate = max(self.channels), float(self.rates[0])
        form = {"hostapi": 0, "default_samplerate": rate, "max_input_channels": most, "max_output_channels": most}
        return [{"name": name, **form} for name in self._listed]

    def _terminate(self) -> None:
        assert not self.streams, "a stream is open"

    def _initialize(self) -> None:
        self.scans += 1
        self._listed = list(self.plugged)
        self.default = SimpleNamespace(device=self._default())

    def _default(self) -> tuple[int, int]:
        return (0, 0) if self._listed else (-1, -1)

    def RawInputStream(self, **options: Any) -> "FakeStream":
        return FakeStream(self, "input", **options)

    def RawOutputStream(self, **options: Any) -> "FakeStream":
        return FakeStream(self, "output", **options)

    def refuse(self, device: int, rate: int, channels: int) -> None:
        name = self._listed[device]
        if name not in self.plugged:
            raise PortAudioError("Error opening stream: Device unavailable", -9985)
        if rate not in self.rates:
            raise PortAudioError("Error opening stream: Invalid sample rate", -9997)
        if channels not in self.channels:
            raise PortAudioError("Error opening stream: Invalid number of channels", -9998)

    def unplug(self, name: str) -> None:
        self.plugged.remove(name)
        for stream in [stream for stream in self.streams if stream.name == name]:
            stream.finish()

    def stream(self, direction: str) -> "FakeStream":
        (stream,) = (stream for stream in self.streams if stream.direction == direction)
        return stream


class FakeStream:
    """Its callback is called by the test, in the test's thread."""

    latency = 0.04

    def __init__(
        self,
        library: FakePortAudio,
        direction: str,
        *,
        samplerate: int,
        blocksize: int,
        device: int,
        channels: int,
        dtype: str,
        latency: float,
        callback: Callable[[Any, int, Any, Any], None],
        finished_callback: Callable[[], None],
    ) -> None:
        library.refuse(device, samplerate, channels)
        self.name = library._listed[device]
        self.direction = direction
        self.samplerate = float(samplerate)
        self.channels = channels
        self.blocksize = blocksize
        self.finish = finished_callback
        self._library = library
        self._callback = callback
        library.streams.append(self)

    def start(self) -> None:
        self._library.refuse(self._library._listed.index(self.name), int(self.samplerate), self.channels)

    def abort(self, ignore_errors: bool) -> None:
        assert ignore_errors

    def close(self, ignore_errors: bool) -> None:
        assert ignore_errors
        self._library.streams.remove(self)

    def capture(self, samples: NDArray[np.int16], *, age_s: float = 0.02, overflowed: bool = False) -> None:
        """The device has recorded this."""
        now = 100.0 if age_s else 0.0
        time = SimpleNamespace(currentTime=now, inputBufferAdcTime=now - age_s)
        status = SimpleNamespace(input_overflow=overflowed)
        self._callback(samples.tobytes(), len(samples) // self.channels, time, status)

    def play(self, *, latency_s: float = 0.0, underflowed: bool = False) -> NDArray[np.int16]:
        """The device wants a block. Without a latency it does not tell one."""
        now = 100.0 if latency_s else 0.0
        time = SimpleNamespace(currentTime=now, outputBufferDacTime=now + latency_s)
        data = bytearray(b"\x55" * (2 * self.blocksize * self.channels))
        self._callback(data, self.blocksize, time, SimpleNamespace(output_underflow=underflowed))
        return np.frombuffer(data, np.int16)


def plug_in(monkeypatch: pytest.MonkeyPatch, library: FakePortAudio) -> FakePortAudio:
    """What the sound package takes for PortAudio from now on."""
    for module in (devices, card):
        monkeypatch.setattr(module, "portaudio", lambda: library)
    return library
