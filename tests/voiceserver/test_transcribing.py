import asyncio
from collections.abc import Callable, Coroutine

from tests.voiceserver.stages import ListeningStt, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.logs import SessionLog
from voiceserver.transcribing import Spawn, Transcribing
from voiceserver.transcription import TranscriptionEvent
from voiceserver.turn_events import FinalTranscribed


def finals(act: Callable[[Transcribing, Spawn], Coroutine[None, None, None]]) -> list[TranscriptionEvent]:
    events: list[TranscriptionEvent] = []

    async def main(_: VirtualLoop) -> None:
        transcribing = Transcribing(
            ListeningStt(final_s=0.1),
            audio_rate=16_000,
            locale="en-US",
            overlapped=True,
            emit=events.append,
            log=SessionLog("s"),
        )
        async with asyncio.TaskGroup() as tasks:
            await act(transcribing, lambda work, name: tasks.create_task(work, name=name))

    virtually(main)
    return [event for event in events if isinstance(event, FinalTranscribed)]


def test_each_segment_is_transcribed_by_itself_and_audio_is_the_newest_ones() -> None:
    async def act(transcribing: Transcribing, spawn: Spawn) -> None:
        assert not transcribing.is_open
        for segment, length in ((0, 640), (1, 320)):
            transcribing.begin(7, segment, spawn)
            assert transcribing.is_open
            transcribing.feed(bytes(length))
            transcribing.finish(segment)

    assert finals(act) == [FinalTranscribed(7, 0, "640"), FinalTranscribed(7, 1, "320")]


def test_one_that_is_abandoned_tells_nothing_more() -> None:
    async def act(transcribing: Transcribing, spawn: Spawn) -> None:
        transcribing.begin(7, 0, spawn)
        transcribing.feed(bytes(640))
        await asyncio.sleep(0.01)
        transcribing.abandon()
        assert not transcribing.is_open

    assert finals(act) == []


def test_after_the_commit_a_new_turn_begins_with_its_first_segment() -> None:
    async def act(transcribing: Transcribing, spawn: Spawn) -> None:
        for turn_id in (7, 8):
            transcribing.begin(turn_id, 0, spawn)
            transcribing.feed(bytes(640))
            transcribing.finish(0)
            await asyncio.sleep(1)
            transcribing.commit()
            assert not transcribing.is_open

    assert finals(act) == [FinalTranscribed(7, 0, "640"), FinalTranscribed(8, 0, "640")]
