import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundcard import Heard, SoundCard, missing_packages
from tests.voicecli.sound.portaudio import FakePortAudio, plug_in
from voicecli.client.player import Playhead
from voicecli.sound.card import Card, CardMicrophone, CardSpeaker, DeviceBack, DeviceLost, DeviceRefused
from voicecli.sound.devices import Device, Direction, choose, devices, rescan
from voicecli.sound.errors import SoundError
from voicecli.sound.roles import FRAME_SAMPLES, RATE, Captured
from voicewire.clock import NS_PER_MS as MS
from voicewire.clock import SystemClock

BLOCK = np.arange(FRAME_SAMPLES, dtype=np.int16)


class SetClock:
    """Stands still, but for what a test does with it."""

    def __init__(self) -> None:
        self.ns = 1_000_000 * MS

    def now_ns(self) -> int:
        return self.ns


Told = list[DeviceLost | DeviceBack | DeviceRefused]


def with_card(
    library: FakePortAudio, test: Callable[[CardMicrophone, CardSpeaker, SetClock], Awaitable[None]], device: int = 0
) -> None:
    async def run() -> None:
        clock, found = SetClock(), devices()
        async with Card(clock, microphone=found[device], speaker=found[device]) as card:
            assert card.microphone is not None
            assert card.speaker is not None
            await test(card.microphone, card.speaker, clock)
        assert library.streams == []

    asyncio.run(run())


async def heard(microphone: CardMicrophone, count: int, record: Callable[[], None]) -> list[Captured]:
    """The frames that come of what the device records."""
    frames = []
    async with aclosing(microphone.frames()) as captured:
        first = asyncio.ensure_future(anext(captured))  # noqa: TID251 - awaited below
        await asyncio.sleep(0)
        record()
        frames.append(await first)
        while len(frames) < count:
            frames.append(await anext(captured))
    return frames


def test_what_the_device_records_comes_as_frames_with_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        def record() -> None:
            library.stream("input").capture(BLOCK, age_s=0.025)

        assert await heard(microphone, 1, record) == [Captured(BLOCK.tobytes(), clock.ns - 25 * MS, 0)]

    with_card(library, test)


def test_what_was_recorded_before_anybody_listened_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        for _ in range(300):
            library.stream("input").capture(BLOCK)
            clock.ns += 20 * MS

        def record() -> None:
            library.stream("input").capture(BLOCK + 5)

        (captured,) = await heard(microphone, 1, record)
        assert (captured.pcm, captured.lost_samples) == ((BLOCK + 5).tobytes(), 0)

    with_card(library, test)


def test_the_loop_is_woken_once_for_all_that_came_before_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        loop, calls = asyncio.get_running_loop(), []
        call = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda done: calls.append(call(done)))

        def record() -> None:
            for _ in range(3):
                library.stream("input").capture(BLOCK, age_s=0)

        await heard(microphone, 3, record)
        await heard(microphone, 1, record)
        assert len(calls) == 2
        monkeypatch.undo()

    with_card(library, test)


def test_what_is_received_is_played_when_the_device_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        speaker.queue.received(1, 0, BLOCK.tobytes(), clock.ns)
        assert library.stream("output").play(latency_s=0.03).tolist() == BLOCK.tolist()
        assert (speaker.latency_ns, speaker.queue.playhead(clock.ns + 40 * MS)) == (30 * MS, Playhead(1, 10.0, 10.0))
        assert not library.stream("output").play(latency_s=0.03, underflowed=True).any()
        assert speaker.played() == BLOCK.tobytes() + bytes(2 * FRAME_SAMPLES)
        assert speaker.underflows == 1

    with_card(library, test)


def test_a_driver_that_tells_no_time_has_its_stream_s_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        library.stream("output").play()
        assert speaker.latency_ns == 40 * MS

    with_card(library, test)


@pytest.mark.parametrize("channels", [2, 4])
def test_a_device_that_is_not_mono_is_mixed_and_played_on_both_sides(
    monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card", channels=(channels,)))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        silent = np.zeros((FRAME_SAMPLES, channels - 2), np.int16)

        def record() -> None:
            sides = np.column_stack([BLOCK * 2, BLOCK * 4, silent])
            library.stream("input").capture(sides.ravel())

        (captured,) = await heard(microphone, 1, record)
        assert captured.pcm == (BLOCK * 3).tobytes()
        speaker.queue.received(1, 0, BLOCK.tobytes(), clock.ns)
        played = library.stream("output").play().reshape(-1, channels)
        assert played.tolist() == np.column_stack([BLOCK, BLOCK, silent]).tolist()

    with_card(library, test)


def test_a_device_that_refuses_48_khz_runs_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card", rates=(44_100,)))

    async def test(microphone: CardMicrophone, speaker: CardSpeaker, clock: SetClock) -> None:
        tone = (8_000 * np.sin(np.arange(44_100) * 2 * np.pi * 440 / 44_100)).astype(np.int16)

        def record() -> None:
            for at in range(0, 882 * 10, 882):
                library.stream("input").capture(tone[at : at + 882], age_s=0)

        frames = await heard(microphone, 9, record)
        pcm = np.frombuffer(b"".join(frame.pcm for frame in frames), np.int16)
        assert np.abs(pcm - 8_000 * np.sin(np.arange(len(pcm)) * 2 * np.pi * 440 / RATE)).max() < 200
        speaker.queue.received(1, 0, pcm.tobytes(), clock.ns)
        played = np.concatenate([library.stream("output").play() for _ in range(8)])
        assert np.abs(played - tone[: len(played)]).max() < 200
        assert len(played) == 8 * 882

    with_card(library, test)


def test_a_device_that_cannot_be_opened_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))
    (found,) = devices()
    library.plugged.clear()

    async def enter() -> None:
        async with Card(SystemClock(), microphone=found):
            pass

    with pytest.raises(SoundError) as raised:
        asyncio.run(enter())
    assert str(raised.value) == (
        "the input device card cannot be opened (Device unavailable): see whether another program holds it, or choose "
        "another one with --input-device; --input FILE.wav and --output FILE.wav work without a sound card"
    )


def watched(library: FakePortAudio, test: Callable[[Card, Told], Awaitable[None]], wanted: str = "headset") -> Told:
    """Looks after a card while the test takes its devices away."""
    told: Told = []

    async def run() -> None:
        found = devices()
        microphone, speaker = (choose(found, direction, wanted) for direction in Direction)
        async with (
            Card(SystemClock(), microphone=microphone, speaker=speaker, listener=told.append) as card,
            asyncio.TaskGroup() as group,
        ):
            running = group.create_task(card.run())
            await test(card, told)
            running.cancel()
        assert library.streams == []

    asyncio.run(run())
    return told


async def until(told: Told, count: int) -> None:
    async with asyncio.timeout(20):
        while len(told) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WATCH_S", "FIRST_RETRY_S", "LONGEST_RETRY_S"):
        monkeypatch.setattr(f"voicecli.sound.card.{name}", 0.005)


@pytest.mark.usefixtures("quick")
def test_a_device_that_is_lost_gives_way_to_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("built-in", "headset"))

    async def test(card: Card, told: Told) -> None:
        library.unplug("headset")
        await until(told, 4)
        assert card.microphone is not None
        assert card.speaker is not None
        assert (card.microphone.name, card.speaker.name) == ("built-in", "built-in")
        assert not card.speaker.is_lost

    assert watched(library, test) == [
        DeviceLost(Direction.INPUT, "headset"),
        DeviceLost(Direction.OUTPUT, "headset"),
        DeviceBack(Direction.INPUT, "built-in", is_other=True),
        DeviceBack(Direction.OUTPUT, "built-in", is_other=True),
    ]


@pytest.mark.usefixtures("quick")
def test_a_device_that_comes_back_is_opened_again_under_its_new_number(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("headset"))

    async def test(card: Card, told: Told) -> None:
        assert card.microphone is not None
        library.unplug("headset")
        await until(told, 2)
        scans = library.scans
        while library.scans < scans + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert len(told) == 2
        library.plugged += ["another", "headset"]
        await until(told, 4)
        assert card.microphone.device.number == 1

    assert watched(library, test) == [
        DeviceLost(Direction.INPUT, "headset"),
        DeviceLost(Direction.OUTPUT, "headset"),
        DeviceBack(Direction.INPUT, "headset", is_other=False),
        DeviceBack(Direction.OUTPUT, "headset", is_other=False),
    ]


@pytest.mark.usefixtures("quick")
def test_a_stream_that_ends_while_its_device_is_there_is_opened_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("headset"))

    async def test(card: Card, told: Told) -> None:
        library.stream("output").finish()
        await until(told, 2)

    assert watched(library, test) == [
        DeviceLost(Direction.OUTPUT, "headset"),
        DeviceBack(Direction.OUTPUT, "headset", is_other=False),
    ]
    assert library.scans == 0


@pytest.mark.usefixtures("quick")
def test_a_device_that_calls_no_more_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicecli.sound.card.SILENT_NS", 20 * MS)
    library = plug_in(monkeypatch, FakePortAudio("headset"))

    async def test(card: Card, told: Told) -> None:
        await asyncio.sleep(0.05)
        assert told == []  # it may take its time to begin
        library.stream("input").capture(BLOCK)
        await until(told, 1)

    assert watched(library, test)[0] == DeviceLost(Direction.INPUT, "headset")


@pytest.mark.usefixtures("quick")
def test_while_the_speaker_is_lost_the_reply_goes_on_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("headset"))
    clock = SystemClock()

    async def test(card: Card, told: Told) -> None:
        assert card.speaker is not None
        queue = card.speaker.queue
        queue.received(1, 0, bytes(2 * RATE // 10), clock.now_ns())
        library.unplug("headset")
        async with asyncio.timeout(20):
            while queue.is_playing(clock.now_ns()):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert queue.playhead(clock.now_ns()) == Playhead(1, 100.0, 0.0)

    watched(library, test)


@pytest.mark.usefixtures("quick")
def test_the_gap_of_a_lost_microphone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("headset"))

    async def test(card: Card, told: Told) -> None:
        assert card.microphone is not None
        async with aclosing(card.microphone.frames()) as frames:
            first = asyncio.ensure_future(anext(frames))  # noqa: TID251 - awaited below
            await asyncio.sleep(0)
            library.stream("input").capture(BLOCK, age_s=0)
            before = await first
            library.unplug("headset")
            await until(told, 2)
            library.plugged.append("headset")
            await until(told, 4)
            library.stream("input").capture(BLOCK, age_s=0)
            after = await anext(frames)
            passed_ns = after.captured_ns - before.captured_ns - 20 * MS
            assert after.lost_samples == max(0, passed_ns) * RATE // 1_000_000_000

    watched(library, test)


@pytest.mark.usefixtures("quick")
def test_another_device_is_used_from_then_on_and_what_was_chosen_before_goes_on_where_it_cannot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = plug_in(monkeypatch, FakePortAudio("built-in", "headset", "broken"))
    library.plugged.remove("broken")

    async def test(card: Card, told: Told) -> None:
        assert card.speaker is not None
        before = library.stream("input")
        card.change(devices()[1], Direction.OUTPUT)
        await until(told, 1)
        assert (card.speaker.name, library.stream("output").name) == ("headset", "headset")
        card.change(devices()[2], Direction.OUTPUT)
        await until(told, 2)
        while not [stream for stream in library.streams if stream.direction == "output"]:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        assert (card.speaker.name, library.stream("input")) == ("headset", before)

    back, refused = watched(library, test)
    assert back == DeviceBack(Direction.OUTPUT, "headset", is_other=True)
    assert (type(refused), refused.name) == (DeviceRefused, "broken")
    assert str(refused).startswith("the output device broken cannot be opened (Device unavailable)")


@pytest.mark.usefixtures("quick")
def test_a_device_is_changed_to_by_the_number_that_it_has_now(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("built-in", "gone", "headset"))

    async def test(card: Card, told: Told) -> None:
        assert card.speaker is not None
        built_in, gone, headset = devices()
        library._listed.remove("gone")
        card.change(headset, Direction.OUTPUT)
        await until(told, 1)
        assert (card.speaker.name, library.stream("output").name) == ("headset", "headset")
        card.change(gone, Direction.OUTPUT)
        await until(told, 2)
        assert library.stream("output").name == "headset"
        card.change(built_in, Direction.OUTPUT)
        await until(told, 3)
        assert library.stream("output").name == "built-in"

    _, refused, _ = watched(library, test)
    assert str(refused) == "the output device gone is gone: choose another one"


def test_events_are_sentences() -> None:
    assert [
        str(DeviceLost(Direction.INPUT, "USB")),
        str(DeviceBack(Direction.INPUT, "USB", is_other=False)),
        str(DeviceBack(Direction.OUTPUT, "HDMI", is_other=True)),
    ] == [
        "the input device USB is gone; looking for it, or for another one",
        "the input device USB is back",
        "going on with the output device HDMI",
    ]


def test_a_card_may_have_one_side_only(monkeypatch: pytest.MonkeyPatch) -> None:
    library = plug_in(monkeypatch, FakePortAudio("card"))
    (found,) = devices()

    async def enter(microphone: Device | None, speaker: Device | None) -> list[str]:
        async with Card(SystemClock(), microphone=microphone, speaker=speaker):
            return [stream.direction for stream in library.streams]

    assert asyncio.run(enter(found, None)) == ["input"]
    assert asyncio.run(enter(None, found)) == ["output"]


# --- PortAudio itself, over a sound card without hardware


@pytest.fixture(scope="module")
def sound_card() -> Iterator[SoundCard]:
    if missing := missing_packages():
        pytest.skip(f"needs the packages {' and '.join(missing)}")
    with SoundCard() as card, pytest.MonkeyPatch.context() as environment:
        for name, value in card.environment.items():
            environment.setenv(name, value)
        try:
            rescan()
        except SoundError:
            pytest.skip("needs the package libportaudio2")
        if not devices():
            pytest.skip("needs the package libasound2-plugins")
        yield card


def noise(seconds: float) -> NDArray[np.int16]:
    return np.random.default_rng(7).normal(0, 4_000, round(seconds * RATE)).astype(np.int16)


def test_what_is_spoken_into_a_real_microphone_arrives(sound_card: SoundCard) -> None:
    wanted = noise(1.0)
    frames: list[Captured] = []

    async def run() -> None:
        async with Card(SystemClock(), microphone=choose(devices(), Direction.INPUT)) as card:
            assert card.microphone is not None
            speaking = asyncio.to_thread(sound_card.speak, np.concatenate([np.zeros(RATE // 5, np.int16), wanted]))
            async with (
                asyncio.timeout(30),
                asyncio.TaskGroup() as group,
                aclosing(card.microphone.frames()) as captured,
            ):
                spoken = group.create_task(speaking)
                async for frame in captured:
                    frames.append(frame)
                    if spoken.done() and len(frames) >= 100:
                        break

    asyncio.run(run())
    heard = np.frombuffer(b"".join(frame.pcm for frame in frames), np.int16)
    assert Heard(heard / 32_768, 0).share_of(wanted / 32_768) > 0.8
    assert all(first.captured_ns < second.captured_ns for first, second in pairwise(frames))


def test_a_reply_sounds_at_a_real_speaker_and_a_flush_silences_it(sound_card: SoundCard) -> None:
    wanted = noise(10.0)
    clock = SystemClock()

    async def run() -> tuple[Heard, int]:
        async with Card(clock, speaker=choose(devices(), Direction.OUTPUT)) as card:
            assert card.speaker is not None
            queue = card.speaker.queue
            with sound_card.recording() as recorder:
                queue.received(1, 0, wanted.tobytes(), clock.now_ns())
                async with asyncio.timeout(30):
                    while (playhead := queue.playhead(clock.now_ns())) and playhead.played_ms < 600:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                queue.flush(1, clock.now_ns())
                reply = queue.reply(1)
                await asyncio.sleep(0.5)
                assert queue.reply(1) is reply
                assert reply is not None
                return recorder.heard(), reply.given

    heard, given = asyncio.run(run())
    assert RATE * 600 // 1000 <= given < RATE * 5
    assert heard.share_of(wanted[:given] / 32_768) > 0.8
    assert np.count_nonzero(heard.samples) <= given
