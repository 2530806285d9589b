"""A sound card without hardware: a PulseAudio of its own, whose microphone is spoken into and whose speaker is heard.

Whatever plays and records through PulseAudio can use it, ALSA and PortAudio by their PulseAudio plugins:

    with SoundCard() as card:
        program = subprocess.Popen([...], env={**os.environ, **card.environment})
        with card.recording() as speaker:
            card.speak(samples, rate)
        heard = speaker.heard()
"""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from voicewire.clock import NS_PER_S, SystemClock

RATE = 48_000
"""Of the card, in Hz."""
PROGRAMS = {"pulseaudio": "pulseaudio", "pacat": "pulseaudio-utils"}
"""What it needs, and the package on Debian that has it."""
Samples = NDArray[np.float64]
MICROPHONE = "microphone"
SPEAKER = "speaker"
_START_S = 20

# What is played into the sink "microphone" comes out of the source "microphone.source". Without norewinds a sink plays
# up to two seconds ahead, and a recording begins with what was never heard. The socket comes last: once it is there, so
# is everything else.
_CARD = f"""
load-module module-null-sink sink_name={MICROPHONE} rate={RATE} channels=1 norewinds=1
load-module module-null-sink sink_name={SPEAKER} rate={RATE} channels=2 norewinds=1
load-module module-remap-source source_name={MICROPHONE}.source master={MICROPHONE}.monitor \
source_properties="device.description='Microphone'"
set-default-sink {SPEAKER}
set-default-source {MICROPHONE}.source
load-module module-native-protocol-unix auth-anonymous=1 socket=%s
"""


class SoundCardError(Exception):
    """There is no sound card; the message says why."""


def missing_packages() -> list[str]:
    """The Debian packages to install before there can be a sound card."""
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


@dataclass(frozen=True)
class Heard:
    """What was sounded: mono, at `RATE`, -1 to 1."""

    samples: Samples
    start_ns: int
    """When the first sample was sounded, on the machine's monotonic clock, give or take some 20 ms."""

    def share_of(self, sent: Samples) -> float:
        """How much of the sound of `sent`, of 1, is in it.

        It is looked for in pieces of 100 ms, each within a second of where the whole fits best, so that a gap costs
        only the piece it falls in. A piece is there where a stretch of the recording correlates with it by 0.9 or more.
        """
        at = int(_products(self.samples, sent).argmax())
        length = RATE // 10
        found = total = 0.0
        for start in range(0, len(sent) - length + 1, length):
            piece = sent[start : start + length]
            around = self.samples[max(0, at + start - RATE) : at + start + length + RATE]
            energy = float(np.sum(piece**2))
            total += energy
            if len(around) >= length and _likeness(around, piece) >= 0.9:
                found += energy
        return found / total if total else 0.0


def _products(samples: Samples, piece: Samples) -> Samples:
    """The inner products of a piece with a recording, by where it is laid."""
    length = 1 << (len(samples) + len(piece)).bit_length()
    spectrum = np.fft.rfft(samples, length) * np.conj(np.fft.rfft(piece, length))
    return np.asarray(np.fft.irfft(spectrum, length)[: len(samples)], np.float64)


def _likeness(samples: Samples, piece: Samples) -> float:
    """The greatest normalised correlation of a piece with any stretch of a recording of its length."""
    energies = np.cumsum(np.concatenate(([0.0], samples**2)))
    norms = np.sqrt(np.maximum(energies[len(piece) :] - energies[: -len(piece)], 1e-9))
    products = _products(samples, piece)[: len(norms)]
    return float((products / norms).max()) / max(float(np.linalg.norm(piece)), 1e-9)


class Recorder:
    """Listens from its making until `stop()`; keeps everything, so it is for tests of seconds, not of hours."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._start_ns: int | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="recorder")
        self._thread.start()
        if not self._listening.wait(_START_S):
            self.stop()
            raise SoundCardError("the sound card gives no sound to record")

    def heard(self) -> Heard:
        """So far."""
        with self._lock:
            assert self._start_ns is not None
            whole = bytes(self._pcm[: len(self._pcm) // 2 * 2])
            return Heard(np.frombuffer(whole, np.int16) / 32_768, self._start_ns)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65_536):
            now_ns = self._clock.now_ns()
            with self._lock:
                self._pcm += data
                # Pieces arrive late, never early: the one that came soonest tells best when it all began.
                start_ns = now_ns - len(self._pcm) // 2 * NS_PER_S // RATE
                self._start_ns = start_ns if self._start_ns is None else min(self._start_ns, start_ns)
            self._listening.set()


class SoundCard:
    """Starts when it is entered, and is gone when it is left; or by `start()` and `stop()`. Raises SoundCardError."""

    def __init__(self) -> None:
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if missing := missing_packages():
            raise SoundCardError(f"needs a sound server: install {' and '.join(missing)}")
        # Not in pytest's folder: a socket's path has at most 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="card-"))
        (self._folder / "card.pa").write_text(_CARD % self._socket)
        command = ["pulseaudio", "-n", "-F", str(self._folder / "card.pa"), "--daemonize=no", "--use-pid-file=no"]
        # A test run that is killed leaves it alone: then it goes by itself.
        command += ["--exit-idle-time=600", "--disallow-exit=yes", "--high-priority=yes", "--realtime=no"]
        command += ["--log-target=stderr", "--log-level=error"]
        home = {"HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder), "PULSE_STATE_PATH": str(self._folder)}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, env={**self._client(), **home}, stderr=log)
        try:
            self._await_start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a program that shall use the card needs in its environment, beside what is there."""
        return {
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_COOKIE": str(self._folder / "cookie"),
            "PULSE_SINK": SPEAKER,
            "PULSE_SOURCE": f"{MICROPHONE}.source",
        }

    def speak(self, samples: NDArray[np.int16], rate: int = RATE) -> None:
        """Play into the microphone; returns once it was said."""
        command = self._pacat("--playback", MICROPHONE, rate, latency_ms=200)
        subprocess.run(
            command, input=samples.tobytes(), env=self._client(), check=True, timeout=len(samples) / rate + 30
        )

    @contextmanager
    def recording(self, of: str = SPEAKER) -> Iterator[Recorder]:
        """Record the speaker, or the microphone."""
        command = self._pacat("--record", f"{of}.monitor", RATE, latency_ms=20)
        recorder = Recorder(subprocess.Popen(command, env=self._client(), stdout=subprocess.PIPE))
        try:
            yield recorder
        finally:
            recorder.stop()

    @property
    def _socket(self) -> Path:
        return self._folder / "native"

    def _client(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    @staticmethod
    def _pacat(direction: str, device: str, rate: int, *, latency_ms: int) -> list[str]:
        form = ["--raw", "--format=s16le", "--channels=1", f"--rate={rate}"]
        return ["pacat", direction, f"--device={device}", *form, f"--latency-msec={latency_ms}"]

    def _await_start(self) -> None:
        assert self._process is not None
        for _ in range(_START_S * 20):
            with socket.socket(socket.AF_UNIX) as client:
                if client.connect_ex(str(self._socket)) == 0:
                    return
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        raise SoundCardError(f"pulseaudio did not start: {(self._folder / 'log').read_text().strip()}")
