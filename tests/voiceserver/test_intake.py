import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voiceaudio.signals import container, tone
from voiceaudio.opus import OpusEncoder
from voiceaudio.pcm import samples_of
from voiceserver.intake import MAX_FILLED_MS, MAX_PACKETS, MAX_QUEUED_MS, Ended, Heard, Intake, IntakeEvent, Trouble
from voicewire.errors import ErrorCode, ProtocolError
from voicewire.formats import AudioFormat, Codec
from voicewire.frames import AudioFrame, FrameKind, pack_packets

PCM_16K = AudioFormat(Codec.PCM_S16LE, 16_000)
OPUS = AudioFormat(Codec.OPUS, 48_000)


def chunk(codec: Codec, pts: int, payload: bytes, sequence: int = 0) -> AudioFrame:
    return AudioFrame(FrameKind.AUDIO_CHUNK, codec, 0, sequence, pts, payload)


def pcm_chunk(pts: int, samples: int, sequence: int = 0) -> AudioFrame:
    """Samples that count from `pts`."""
    return chunk(Codec.PCM_S16LE, pts, np.arange(pts, pts + samples).astype("<i2").tobytes(), sequence)


def events(intake: Intake, frames: list[AudioFrame]) -> list[IntakeEvent]:
    """All that comes of the frames, up to the end."""

    async def run() -> list[IntakeEvent]:
        for frame in frames:
            intake.feed(frame)
        intake.end()
        seen: list[IntakeEvent] = []
        async for event in intake:
            if isinstance(event, Ended):
                intake.close()
            else:
                seen.append(event)
        return seen

    return asyncio.run(run())


def audio(seen: list[IntakeEvent]) -> bytes:
    return b"".join(event.pcm for event in seen if isinstance(event, Heard))


def test_pcm_at_the_wanted_rate_passes_through_with_its_positions() -> None:
    frames = [pcm_chunk(0, 320), pcm_chunk(320, 320, 1)]
    assert events(Intake(PCM_16K), frames) == [Heard(0, frames[0].payload), Heard(320, frames[1].payload)]


def test_long_frames_are_given_out_in_pieces_of_100_ms() -> None:
    seen = events(Intake(PCM_16K), [pcm_chunk(0, 4000)])
    assert [(event.start_sample, len(event.pcm) // 2) for event in seen if isinstance(event, Heard)] == [
        (0, 1600),
        (1600, 1600),
        (3200, 800),
    ]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_pcm_at_any_rate_is_resampled(rate: int) -> None:
    samples = tone(0.5, rate)
    size = rate // 50
    frames = [chunk(Codec.PCM_S16LE, at, samples[at : at + size].tobytes()) for at in range(0, len(samples), size)]
    seen = events(Intake(AudioFormat(Codec.PCM_S16LE, rate)), frames)
    heard = samples_of(audio(seen))
    assert 8_000 - 32 <= len(heard) <= 8_000
    assert np.abs(heard[500:7500].astype(int) - tone(0.5, 16_000)[500:7500]).max() < 100


def test_opus_packets_are_decoded_however_many_share_a_frame() -> None:
    packets = OpusEncoder(48_000).encode(tone(0.1, 48_000).tobytes())
    one_by_one = [chunk(Codec.OPUS, at * 960, pack_packets([packet]), at) for at, packet in enumerate(packets)]
    together = [chunk(Codec.OPUS, 0, pack_packets(packets))]
    assert audio(events(Intake(OPUS), one_by_one)) == audio(events(Intake(OPUS), together))


def test_pts_of_opus_counts_at_the_agreed_rate() -> None:
    packets = OpusEncoder(16_000).encode(tone(0.04, 16_000).tobytes())
    frames = [chunk(Codec.OPUS, at * 320, pack_packets([packet])) for at, packet in enumerate(packets)]
    seen = events(Intake(AudioFormat(Codec.OPUS, 16_000)), frames)
    assert len(audio(seen)) // 2 == pytest.approx(640, abs=32)


def test_a_gap_is_filled_with_silence() -> None:
    seen = events(Intake(PCM_16K), [pcm_chunk(0, 320), pcm_chunk(640, 320)])
    assert samples_of(audio(seen)).tolist() == [*range(320), *[0] * 320, *range(640, 960)]
    assert [event.start_sample for event in seen if isinstance(event, Heard)] == [0, 320]


@pytest.mark.parametrize(
    ("gap_ms", "start", "silent"), [(MAX_FILLED_MS, 320, True), (MAX_FILLED_MS + 1, 32_336, False)]
)
def test_a_gap_that_is_too_long_moves_the_position_instead(gap_ms: int, start: int, silent: bool) -> None:
    seen = events(Intake(PCM_16K), [pcm_chunk(0, 320), pcm_chunk(320 + gap_ms * 16, 320)])
    second = seen[1]
    assert isinstance(second, Heard)
    assert (second.start_sample, second.pcm[:2] == bytes(2)) == (start, silent)


def test_audio_before_its_position_is_taken_as_it_comes() -> None:
    seen = events(Intake(PCM_16K), [pcm_chunk(0, 320), pcm_chunk(160, 320)])
    assert [event.start_sample for event in seen if isinstance(event, Heard)] == [0, 320]


@given(gaps=st.lists(st.integers(0, 50_000), max_size=4))  # more would be dropped: nobody takes it from the queue
def test_no_sample_lies_at_two_positions_and_none_is_where_its_pts_does_not_say(gaps: list[int]) -> None:
    frames, pts = [], 0
    for gap in gaps:
        frames.append(chunk(Codec.PCM_S16LE, pts + gap, np.full(160, 7, "<i2").tobytes()))
        pts += gap + 160
    position = 0
    loud: list[int] = []
    for event in events(Intake(PCM_16K), frames):
        assert isinstance(event, Heard)
        assert event.start_sample >= position
        position = event.start_sample + len(event.pcm) // 2
        loud += [event.start_sample + int(at) for at in np.flatnonzero(samples_of(event.pcm))]
    assert loud == [frame.pts + at for frame in frames for at in range(160)]


def test_a_corrupt_packet_is_reported_and_becomes_20_ms_of_silence() -> None:
    packets = OpusEncoder(48_000).encode(tone(0.06, 48_000).tobytes())
    intake = Intake(AudioFormat(Codec.OPUS, 48_000), to_rate=48_000)
    seen = events(intake, [chunk(Codec.OPUS, 0, pack_packets([packets[0], b"\xff\xff\xff", packets[2]]))])
    assert [event.code for event in seen if isinstance(event, Trouble)] == [ErrorCode.CORRUPT_AUDIO]
    heard = samples_of(audio(seen))
    assert (len(heard), bool(heard[960:1920].any()), bool(heard[1920:].any())) == (2880, False, True)


@pytest.mark.parametrize(
    ("audio_format", "payload"),
    [
        (PCM_16K, b"\x00\x00\x00"),
        (OPUS, b"\x00\x09\x01"),
        (OPUS, pack_packets([b"\x08"] * (MAX_PACKETS + 1))),
    ],
)
def test_a_payload_that_breaks_its_framing_is_refused_and_the_intake_goes_on(
    audio_format: AudioFormat, payload: bytes
) -> None:
    intake = Intake(audio_format)
    with pytest.raises(ProtocolError) as refused:
        intake.feed(chunk(audio_format.codec, 0, payload))
    assert (refused.value.code, refused.value.field, refused.value.fatal) == (
        ErrorCode.MALFORMED_FRAME,
        "payload",
        False,
    )
    assert events(intake, []) == []


def test_a_full_queue_drops_frames_and_says_so_once() -> None:
    second = 16_000
    frames = [pcm_chunk(at * second, second, at) for at in range(MAX_QUEUED_MS // 1000 + 4)]
    seen = events(Intake(PCM_16K), frames)
    assert [event.code for event in seen if isinstance(event, Trouble)] == [ErrorCode.OVERLOADED]
    assert len(audio(seen)) // 2 == (MAX_QUEUED_MS // 1000 + 1) * second


def test_each_overload_is_told_of() -> None:
    async def run() -> int:
        intake = Intake(PCM_16K)
        troubles = 0
        for _ in range(2):
            for _ in range(MAX_QUEUED_MS // 1000 + 3):
                intake.feed(pcm_chunk(0, 16_000))
            intake.end()
            while not isinstance(event := await anext(intake), Ended):
                troubles += isinstance(event, Trouble)
        return troubles

    assert asyncio.run(run()) == 2


def test_a_backlog_leaves_the_loop_to_others_between_its_pieces() -> None:
    async def run() -> list[int]:
        intake = Intake(PCM_16K)
        intake.feed(pcm_chunk(0, 16_000))
        seen: list[int] = []
        turns = 0

        async def other() -> None:
            nonlocal turns
            for _ in range(100):
                turns += 1
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(other())
            for _ in range(10):
                await anext(intake)
                seen.append(turns)
        return seen

    assert asyncio.run(run()) == [*range(1, 11)]


def test_what_was_dropped_leaves_a_gap() -> None:
    async def run() -> list[int]:
        intake = Intake(PCM_16K)
        full = MAX_QUEUED_MS // 1000 + 1
        for at in range(full + 3):
            intake.feed(pcm_chunk(at * 16_000, 16_000))
        starts = []
        async for event in intake:
            if isinstance(event, Heard):
                starts.append(event.start_sample)
            if isinstance(event, Trouble):
                break
        intake.feed(pcm_chunk((full + 3) * 16_000, 320))
        event = await anext(intake)
        assert isinstance(event, Heard)
        return [starts[-1], event.start_sample]

    full = MAX_QUEUED_MS // 1000 + 1
    assert asyncio.run(run()) == [full * 16_000 - 1600, (full + 3) * 16_000]


def test_the_sequence_is_of_the_last_frame_given_out() -> None:
    async def run() -> list[int | None]:
        intake = Intake(PCM_16K)
        intake.feed(pcm_chunk(0, 320, sequence=7))
        intake.feed(pcm_chunk(320, 320, sequence=8))
        intake.end()
        seen = [intake.sequence]
        for _ in range(3):
            await anext(intake)
            seen.append(intake.sequence)
        return seen

    assert asyncio.run(run()) == [None, 7, 8, 8]


def test_the_end_comes_after_all_audio_and_more_may_follow() -> None:
    async def run() -> list[IntakeEvent]:
        intake = Intake(PCM_16K)
        intake.feed(pcm_chunk(0, 320))
        intake.end()
        intake.feed(pcm_chunk(320, 320))
        return [await anext(intake) for _ in range(3)]

    assert asyncio.run(run()) == [
        Heard(0, pcm_chunk(0, 320).payload),
        Ended(),
        Heard(320, pcm_chunk(320, 320).payload),
    ]


def test_waiting_is_cancelled_without_losing_audio() -> None:
    async def run() -> IntakeEvent:
        intake = Intake(PCM_16K)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(intake)
        intake.feed(pcm_chunk(0, 320))
        return await anext(intake)

    assert asyncio.run(run()) == Heard(0, pcm_chunk(0, 320).payload)


def test_raw_audio_needs_no_thread() -> None:
    before = threading.active_count()
    intakes = [Intake(OPUS), Intake(PCM_16K)]
    assert threading.active_count() == before
    for intake in intakes:
        intake.close()


@pytest.mark.parametrize("codec", [Codec.WEBM_OPUS, Codec.MP4, Codec.OGG_OPUS])
def test_a_container_in_pieces_is_decoded_before_its_end_is_told(codec: Codec) -> None:
    stream = container(codec, tone(0.5, 48_000))

    async def run() -> tuple[list[IntakeEvent], int | None]:
        intake = Intake(AudioFormat(codec))
        for sequence, at in enumerate(range(0, len(stream), 700)):
            intake.feed(chunk(codec, 0, stream[at : at + 700], sequence))
        intake.end()
        seen: list[IntakeEvent] = []
        while not isinstance(event := await anext(intake), Ended):
            seen.append(event)
        intake.close()
        return seen, intake.sequence

    seen, sequence = asyncio.run(run())
    assert abs(len(audio(seen)) // 2 - 8_000) <= 16 * 27
    position = 0
    for event in seen:
        assert isinstance(event, Heard)
        assert event.start_sample == position
        assert len(event.pcm) <= 3200
        position += len(event.pcm) // 2
    assert sequence == (len(stream) - 1) // 700
    assert threading.active_count() == 1


def test_a_corrupt_container_gives_one_trouble_and_a_new_one_goes_on_behind_it() -> None:
    stream = container(Codec.WEBM_OPUS, tone(0.5, 48_000))

    async def run() -> list[IntakeEvent]:
        intake = Intake(AudioFormat(Codec.WEBM_OPUS))
        for piece in (b"not a container" * 10, b"at all" * 10, stream):
            intake.feed(chunk(Codec.WEBM_OPUS, 0, piece))
        intake.end()
        seen: list[IntakeEvent] = []
        while not isinstance(event := await anext(intake), Ended):
            seen.append(event)
        intake.close()
        return seen

    trouble, *rest = asyncio.run(run())
    assert isinstance(trouble, Trouble)
    assert trouble.code is ErrorCode.CORRUPT_AUDIO
    assert abs(len(audio(rest)) // 2 - 8_000) <= 16 * 27


def test_closing_ends_the_iteration_and_the_thread() -> None:
    async def run() -> None:
        intake = Intake(AudioFormat(Codec.MP4))
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(anext(intake, None))
            await asyncio.sleep(0)
            intake.close()
            intake.close()
        assert waiting.result() is None

    asyncio.run(run())
    assert threading.active_count() == 1
