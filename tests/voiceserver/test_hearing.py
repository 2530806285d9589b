import asyncio
from collections.abc import Awaitable, Callable

from tests.voiceserver.stages import LOUD, PCM_16K, QUIET, StubEngine, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.hearing import MAX_VAD_FAILURES, Hearing, HearingCounters
from voiceserver.logs import SessionLog
from voicewire.clock import NS_PER_MS
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind


class LevelVad(StubEngine):
    """Speech is what is loud; a frame of `poison` raises."""

    sample_rate = 16_000
    frame_samples = 320
    hears_silence = False
    end_lag_ms = 0

    def __init__(self, poison: bytes = b"") -> None:
        self.poison = poison

    def detector(self) -> "LevelVad":
        return self

    def probability(self, frame: bytes) -> float:
        if frame == self.poison:
            raise RuntimeError("no more")
        return float(frame == LOUD)

    def reset(self) -> None:
        pass


class RememberingVad(LevelVad):
    """What is loud sounds on for 100 ms, unless it is reset."""

    def __init__(self) -> None:
        super().__init__()
        self._rings = 0

    def probability(self, frame: bytes) -> float:
        self._rings = 5 if frame == LOUD else max(0, self._rings - 1)
        return float(self._rings > 0)

    def reset(self) -> None:
        self._rings = 0


class Witness:
    """Writes down what it is told, with instants and positions in ms, and audio as its length in frames."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.acknowledged: list[tuple[int, float]] = []
        self.newest: tuple[float, float | None] | None = None

    def speech_opened(self, at_ns: int, position_ms: float, audio: bytes) -> None:
        self.told.append(("opened", at_ns / NS_PER_MS, position_ms, len(audio) / 640))

    def speech_continued(self, audio: bytes) -> None:
        self.told.append(("continued", len(audio) / 640))

    def speech_closed(self, last_speech_ns: int, position_ms: float, audio: bytes) -> None:
        self.told.append(("closed", last_speech_ns / NS_PER_MS, position_ms, len(audio) / 640))

    def audio_heard(self, until_ns: int, last_speech_ns: int | None) -> None:
        self.newest = (until_ns / NS_PER_MS, None if last_speech_ns is None else last_speech_ns / NS_PER_MS)

    def audio_ended(self) -> None:
        self.told.append(("ended",))

    def audio_acknowledged(self, sequence: int, position_ms: float) -> None:
        self.acknowledged.append((sequence, position_ms))

    def hearing_failed(self, error: ProtocolError) -> None:
        self.told.append(("failed", error.code, error.fatal))


class Microphone:
    def __init__(self, hearing: Hearing, loop: VirtualLoop) -> None:
        self.hearing = hearing
        self.loop = loop
        self.sequence = 0

    async def say(self, *frames: bytes) -> None:
        for frame in frames:
            await asyncio.sleep(0.02)
            sent = AudioFrame(FrameKind.AUDIO_CHUNK, Codec.PCM_S16LE, 0, self.sequence, self.sequence * 320, frame)
            self.hearing.feed(sent, self.loop.now_ns())
            self.sequence += 1


def listen(
    script: Callable[[Microphone], Awaitable[None]],
    *,
    vad: LevelVad | None = None,
    audio_format: AudioFormat = PCM_16K,
) -> tuple[Witness, HearingCounters]:
    witness = Witness()
    counters: list[HearingCounters] = []

    async def main(loop: VirtualLoop) -> None:
        hearing = Hearing(
            audio_format,
            vad or LevelVad(),
            hangover_ms=100,
            listener=witness,
            account=lambda duration_ms, now_ns: None,
            clock=loop,
            log=SessionLog("s"),
        )
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(hearing.run())
            await script(Microphone(hearing, loop))
            await asyncio.sleep(0.001)
            counters.append(hearing.counters)
            task.cancel()

    virtually(main)
    return witness, counters[0]


def test_speech_is_told_with_when_it_was_spoken() -> None:
    async def script(microphone: Microphone) -> None:
        await microphone.say(*[QUIET] * 20, *[LOUD] * 10, *[QUIET] * 10)

    witness, counters = listen(script)
    opened, *continued, closed = witness.told
    assert opened == ("opened", 400, 400, 15 + 4)  # 300 ms of pre-roll, and the 80 ms that made sure
    assert continued == [("continued", 1)] * 10
    assert closed == ("closed", 600, 600, 1)  # at 700 ms, dated back by the hangover
    assert witness.newest == (800, None)
    assert counters.heard_ms == 800
    assert counters.speech_ms == (19 + 10 + 1) * 20
    assert counters.vad_ms < 800


def test_the_end_that_the_client_tells_comes_after_all_audio_before_it() -> None:
    async def script(microphone: Microphone) -> None:
        await microphone.say(*[LOUD] * 10)
        microphone.hearing.end()

    witness, _ = listen(script)
    assert witness.told[-2:] == [("closed", 200, 200, 0), ("ended",)]


def test_silence_after_the_end_is_no_speech_though_the_vad_remembers_some() -> None:
    async def script(microphone: Microphone) -> None:
        await microphone.say(*[LOUD] * 10)
        microphone.hearing.end()
        await microphone.say(*[QUIET] * 20)

    witness, _ = listen(script, vad=RememberingVad())
    assert witness.told[-2:] == [("closed", 200, 200, 0), ("ended",)]


def test_audio_is_acknowledged_four_times_a_second() -> None:
    async def script(microphone: Microphone) -> None:
        await microphone.say(*[QUIET] * 100)

    witness, _ = listen(script)
    assert witness.acknowledged == [(12, 260), (25, 520), (38, 780), (51, 1040), (64, 1300), (77, 1560), (90, 1820)]


def test_a_detector_that_fails_is_replaced_and_hearing_goes_on() -> None:
    poison = b"\x01\x40" * 320

    async def script(microphone: Microphone) -> None:
        await microphone.say(*[LOUD] * 10, poison, *[QUIET] * 20, *[LOUD] * 10, *[QUIET] * 10)

    witness, counters = listen(script, vad=LevelVad(poison))
    kinds = [told for told in witness.told if told[0] != "continued"]
    assert kinds[0][:3] == ("opened", 0, 0)
    assert kinds[1] == ("failed", ErrorCode.VAD_FAILED, False)
    assert kinds[2][:3] == ("closed", 200, 200)
    assert kinds[3][:3] == ("opened", 620, 620)
    assert kinds[4][:3] == ("closed", 820, 820)
    assert counters.heard_ms == 51 * 20


def test_a_detector_that_fails_too_often_is_fatal() -> None:
    poison = b"\x01\x40" * 320

    async def script(microphone: Microphone) -> None:
        await microphone.say(*[poison] * (MAX_VAD_FAILURES + 1))

    witness, _ = listen(script, vad=LevelVad(poison))
    assert [told[2] for told in witness.told] == [False] * MAX_VAD_FAILURES + [True]


def test_a_corrupt_packet_is_told_and_the_next_one_heard() -> None:
    async def script(microphone: Microphone) -> None:
        frame = AudioFrame(FrameKind.AUDIO_CHUNK, Codec.OPUS, 0, 0, 0, b"\x00\x03\xff\xff\xff")
        microphone.hearing.feed(frame, microphone.loop.now_ns())
        await asyncio.sleep(0.01)

    witness, counters = listen(script, audio_format=AudioFormat(Codec.OPUS, 48_000))
    assert witness.told == [("failed", ErrorCode.CORRUPT_AUDIO, False)]
    assert counters.heard_ms > 15
