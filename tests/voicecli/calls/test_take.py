"""The whole way, on a virtual clock: a fixture, the caller, the real session with scripted engines, the waterfall."""

import asyncio

import pytest

from tests.voicecli.peer import PCM_16K, made, memory_pair, recorded, spoken, virtually
from tests.voiceserver.stages import PLAIN
from voicecli.calls.call import CallRecord, CallSettings, place_call
from voicecli.calls.take import Take, concluded
from voicecli.calls.virtualtime import VirtualLoop
from voicecli.fixtures.fixture import Expect, Fixture, When
from voiceserver.service import Service
from voiceserver.settings import ServerSettings
from voicewire.messages import TurnOutcome

ENGINES = {
    "vad": "scripted",
    "stt": "scripted(text='hello there|and now', final=50ms)",
    "llm": "scripted(text='Good morning to you. It is a fine day.', ttft=120ms)",
    "tts": "scripted(ttfb=80ms)",
}


def taken(fixture: Fixture, *, silence_ms: int = 600, call: CallSettings | None = None, **engines: str) -> Take:
    settings = ServerSettings(**{**ENGINES, **engines}, silence_ms=silence_ms, **PLAIN)  # type: ignore[arg-type]

    async def main(loop: VirtualLoop) -> CallRecord:
        client_end, server_end = memory_pair()
        async with Service(settings, loop) as service, asyncio.TaskGroup() as group:
            group.create_task(service.converse(server_end))
            settings_of_call = call or CallSettings(output=PCM_16K)
            record = await place_call(fixture, recorded(fixture), client_end, loop, settings_of_call)
            await client_end.close()
        return record

    return concluded(fixture, virtually(main), silence_ms)


# The VAD has frames of 32 ms: speech that ends between two of them is dated to the end of the second.
TWO_TURNS = made(
    spoken(segments_ms=((320, 640),)),
    spoken("and now", audio_ms=(1000, 1800), segments_ms=((1200, 1500),), when=When.AFTER_REPLY),
    expect=Expect(turns=2, events=("speech_started", "speech_stopped", "transcript_final", "turn_end") * 2),
)


def test_a_call_to_the_real_session_is_as_the_fixture_expects() -> None:
    take = taken(TWO_TURNS)
    assert take.document.failures == ()
    assert [turn.document.outcome for turn in take.turns] == [TurnOutcome.COMPLETED] * 2
    assert [turn.document.reply_heard_text for turn in take.turns] == ["Good morning to you. It is a fine day."] * 2


@pytest.mark.parametrize("silence_ms", [400, 600])
def test_the_waterfall_shows_what_the_engines_declare_to_the_microsecond(silence_ms: int) -> None:
    turn = taken(TWO_TURNS, silence_ms=silence_ms).document.turns[0]
    parts = {part.part: part.ms for part in turn.parts}
    assert parts["endpointing"] == silence_ms
    assert (parts["stt"], parts["llm"], parts["tts"], parts["unattributed"]) == (0, 120, 80, 0)
    assert turn.latencies.stt_finalization_ms == 50
    assert round(sum(parts.values()), 3) == turn.latencies.voice_to_voice_ms


def test_a_slow_transcript_shows_as_such() -> None:
    turn = taken(TWO_TURNS, stt="scripted(text='hello there|and now', final=700ms)").document.turns[0]
    parts = {part.part: part.ms for part in turn.parts}
    # The VAD closed after the last speech by its hangover and the rest of a frame.
    assert turn.latencies.stt_finalization_ms == 700
    assert parts["endpointing"] == 600
    assert 280 <= parts["stt"] <= 300


def test_the_same_call_twice_gives_the_same_document() -> None:
    assert taken(TWO_TURNS).document == taken(TWO_TURNS).document


def test_a_reply_decoded_up_to_its_first_sound_has_the_figures_of_one_decoded_to_its_end() -> None:
    whole, brief = (taken(TWO_TURNS, call=CallSettings(hears_all=hears_all)) for hears_all in (True, False))
    assert brief.document == whole.document
    sounds = [[sum(map(bool, reply.pcm())) for reply in each.record.replies] for each in (whole, brief)]
    assert all(part < of / 4 for of, part in zip(*sounds, strict=True))


def test_a_clock_measured_beside_the_call_holds_up_no_word() -> None:
    first, beside = (taken(TWO_TURNS, call=CallSettings(measures_first=first)) for first in (True, False))
    assert [turn.document.latencies for turn in beside.turns] == [turn.document.latencies for turn in first.turns]
    assert beside.record.view.offset_ns == first.record.view.offset_ns
