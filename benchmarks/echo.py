"""What the echo guards do: `python -m benchmarks.echo`, from the checkout, with the extra `aec`.

Answers spoken by espeak, a loudspeaker and a microphone in rooms by formula, and the server's own VAD and turn machine
behind them. No loudspeaker was listened to: rooms by formula are kinder than real ones in some ways, harder in others.
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np

from tests.livingroom import Room, Samples, frames, interruption, silero, speak, through
from tests.voicecli.sound.test_echo import ANSWERS, FIXTURES
from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import samples_of
from voiceaudio.resample import Resampler
from voicecli.fixtures import wavfile
from voicecli.sound.echo import EchoCanceller, EchoGuard, HalfDuplexGate, NoGuard
from voicecli.sound.roles import RATE
from voiceserver.engines.silero import SileroVad

GUARDS: dict[str, Callable[[], EchoGuard]] = {
    "none": lambda: NoGuard(headphones=False),
    "gate": lambda: HalfDuplexGate(latency_ns=120_000_000),
    "canceller": EchoCanceller,
}
ROOMS = {
    "echo at -10 dB, 40 to 120 ms": Room(),
    "echo as loud as what is played": Room(level_db=0),
    "ring of 600 ms": Room(ring_ms=600),
    "direct sound 10 dB under the walls'": Room(direct_db=-10),
    "overdriven loudspeaker": Room(overdrive=3),
    "clocks 100 ppm apart": Room(drift_ppm=100),
}


def rooms(room: Room) -> list[Room]:
    return [room._replace(delay_ms=40 + 80 * number / 9, seed=number) for number in range(len(ANSWERS))]


def self_interruptions(answers: list[Samples], vad: SileroVad) -> None:
    for title, room in ROOMS.items():
        for name, guard in GUARDS.items():
            servers = [interruption(guard(), vad, *each) for each in zip(answers, rooms(room), strict=True)]
            count = sum(server.interrupted_ms is not None for server in servers)
            print(f"{title:38} {name:10} {count} of {len(servers)} answers interrupted themselves")


def barge_ins(answers: list[Samples], vad: SileroVad) -> None:
    samples, rate = wavfile.read(FIXTURES / "question-weather" / "audio.wav")
    spoken = samples_of(Resampler(rate, RATE).resample(samples.tobytes()))[RATE * 4 // 10 :]
    for gain_db in (0, -6, -12):
        user = (spoken * 10 ** (gain_db / 20)).astype(np.int16)
        after_ms = []
        for at_ms in (3000, 5000):
            for each in zip(answers, rooms(Room()), strict=True):
                server = interruption(EchoCanceller(), vad, *each, user, user_ms=at_ms)
                if server.interrupted_ms is not None and server.interrupted_ms > at_ms:
                    after_ms.append(server.interrupted_ms - at_ms)
        told = f"median {median(after_ms):.0f} ms, at most {max(after_ms):.0f} ms" if after_ms else ""
        level = rms_dbfs(user.tobytes())
        print(f"user at {level:.0f} dBFS: {len(after_ms)} of {2 * len(answers)} barge-ins confirmed after {told}")


def suppression(answers: list[Samples]) -> None:
    """By the canceller alone, what is left of the echo in place of what came."""
    played = np.concatenate(answers[:2])
    for delay_ms in (0, 40, 120, 250, 400, 500, 600):
        room = Room(delay_ms=delay_ms)
        captured = room.echo(played) + room.noise(len(played))
        guard = EchoCanceller()
        guard.RESIDUE_DB = 1000.0
        clean = through(guard, played, captured, room)[4 * RATE :]
        before = captured.clip(-32768, 32767).astype(np.int16)[4 * RATE :]
        erle_db = rms_dbfs(before.tobytes()) - rms_dbfs(clean.tobytes())
        print(f"delay {delay_ms} ms: {erle_db:.0f} dB taken out, n = {len(clean) / RATE:.0f} s")


def cost(answers: list[Samples]) -> None:
    guard, room = EchoCanceller(), Room()
    spent = []
    for pcm, far in frames(answers[0], room.echo(answers[0])):
        start = time.perf_counter_ns()
        guard.hear(pcm, far)
        spent.append((time.perf_counter_ns() - start) / 1000)
    p95 = sorted(spent)[len(spent) * 95 // 100]
    print(f"canceller: {median(spent):.0f} us a frame of 20 ms (p95 {p95:.0f}), n = {len(spent)}")


def main() -> None:
    answers, vad = speak(ANSWERS), silero()
    self_interruptions(answers, vad)
    barge_ins(answers, vad)
    suppression(answers)
    cost(answers)


if __name__ == "__main__":  # espeak's worker processes import this module
    main()
