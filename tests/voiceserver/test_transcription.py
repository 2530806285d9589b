import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.voiceserver.stages import BROKEN, ListeningStt, virtually
from voicecli.calls.virtualtime import VirtualLoop
from voiceserver.engines.roles import Transcript
from voiceserver.logs import SessionLog
from voiceserver.transcription import LONGEST_BACKLOG_S, Transcription, TranscriptionEvent
from voiceserver.turn_events import FinalTranscribed, PartialTranscribed, TranscriptionFailed


def transcribe(
    stt: ListeningStt, pieces: list[bytes], *, overlapped: bool = True, finish: bool = True
) -> list[TranscriptionEvent]:
    events: list[TranscriptionEvent] = []

    async def main(_: VirtualLoop) -> None:
        transcription = Transcription(
            stt,
            turn_id=3,
            segment=1,
            audio_rate=16_000,
            locale="en-US",
            overlapped=overlapped,
            emit=events.append,
            log=SessionLog("s"),
        )
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(transcription.run())
            for piece in pieces:
                transcription.feed(piece)
                await asyncio.sleep(0.02)
            if finish:
                transcription.finish()
            else:
                task.cancel()

    virtually(main)
    return events


def test_partials_come_while_audio_does_and_the_final_after_it() -> None:
    stt = ListeningStt()
    assert transcribe(stt, [b"ab", b"cd"]) == [
        PartialTranscribed(3, 1, "2", 1),
        PartialTranscribed(3, 1, "4", 1),
        FinalTranscribed(3, 1, "4"),
    ]
    assert stt.closed == 1


@pytest.mark.parametrize("error", [BROKEN, OSError("gone")])
def test_a_recogniser_that_fails_as_it_tidies_up_has_told_what_was_said_all_the_same(error: Exception) -> None:
    class UntidyStt(ListeningStt):
        async def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
            try:
                async for transcript in super().transcribe(audio, locale=locale):
                    yield transcript
            finally:
                raise error

    assert transcribe(UntidyStt(), [b"ab"]) == [PartialTranscribed(3, 1, "2", 1), FinalTranscribed(3, 1, "2")]


def test_sequential_hears_nothing_until_the_segment_is_over() -> None:
    async def main(_: VirtualLoop) -> None:
        stt = ListeningStt()
        transcription = Transcription(
            stt,
            turn_id=1,
            segment=0,
            audio_rate=16_000,
            locale="en",
            overlapped=False,
            emit=lambda event: None,
            log=SessionLog("s"),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(transcription.run())
            transcription.feed(b"ab")
            await asyncio.sleep(1)
            assert stt.pieces == []
            transcription.finish()
        assert stt.pieces == [2]

    virtually(main)


def test_an_engines_error_fails_the_segment_with_its_sentence() -> None:
    assert transcribe(ListeningStt(error=BROKEN), [b"ab"]) == [TranscriptionFailed(3, 1, "it broke")]


def test_an_engines_defect_fails_the_segment_and_is_logged() -> None:
    events = transcribe(ListeningStt(error=ZeroDivisionError()), [b"ab"])
    assert events == [TranscriptionFailed(3, 1, "the speech recogniser failed: ZeroDivisionError")]


def test_a_recogniser_that_is_too_far_behind_fails_the_segment() -> None:
    too_much = [bytes(16_000 * 2 * LONGEST_BACKLOG_S), b"ab"]

    async def main(_: VirtualLoop) -> None:
        transcription = Transcription(
            ListeningStt(),
            turn_id=1,
            segment=0,
            audio_rate=16_000,
            locale="en",
            overlapped=True,
            emit=events.append,
            log=SessionLog("s"),
        )
        for piece in too_much:
            transcription.feed(piece)
        await transcription.run()

    events: list[TranscriptionEvent] = []
    virtually(main)
    assert [type(event) for event in events] == [TranscriptionFailed]


def test_a_cancelled_segment_says_nothing_more_and_closes_its_stream() -> None:
    stt = ListeningStt()
    assert transcribe(stt, [b"ab"], finish=False) == [PartialTranscribed(3, 1, "2", 1)]
    assert stt.closed == 1
