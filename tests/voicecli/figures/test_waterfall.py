from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.figures.waterfall import (
    BUFFER,
    BY_NAME,
    CLAUSE,
    ENDPOINTING,
    HANDOVER,
    LEAD_IN,
    LLM,
    NETWORK,
    PARTS,
    SENDING,
    SPEECH_END,
    STT,
    TTS,
    UNATTRIBUTED,
    Bar,
    Disagreement,
    Extent,
    Part,
    disagreements,
    turnaround,
    waterfall,
)
from voicewire.marks import Mark

MS = 1_000_000

COMPLETE: dict[Mark, int] = {
    Mark.MIC_SPEECH_END: 1000,
    Mark.AUDIO_LAST_SPEECH: 1010,
    Mark.VAD_CLOSED: 1210,
    Mark.STT_FINAL: 1240,
    Mark.TURN_COMMITTED: 1610,
    Mark.LLM_REQUESTED: 1611,
    Mark.LLM_FIRST_TOKEN: 1731,
    Mark.TTS_REQUESTED: 1781,
    Mark.TTS_FIRST_AUDIO: 1861,
    Mark.LLM_DONE: 1900,
    Mark.REPLY_FIRST_FRAME_SENT: 1863,
    Mark.REPLY_FIRST_FRAME_RECEIVED: 1893,
    Mark.REPLY_FIRST_AUDIBLE: 1915,
    Mark.TTS_DONE: 2400,
}
"""A turn in ms; the reply is played from 1903 on."""


def lengths(
    marks: Mapping[Mark, int], *, play: int | None = 1903, silence: int | None = 600
) -> tuple[dict[Part, float], float | None]:
    """Each part and voice-to-voice, in ms."""
    fall = waterfall(
        {mark: t_ms * MS for mark, t_ms in marks.items()},
        reply_play_ns=None if play is None else play * MS,
        silence_ns=None if silence is None else silence * MS,
    )
    assert fall is not None
    total = None if fall.voice_to_voice_ns is None else fall.voice_to_voice_ns / MS
    return {bar.part: bar.critical.length_ns / MS for bar in fall.bars}, total


def without(*marks: Mark) -> dict[Mark, int]:
    return {mark: t_ms for mark, t_ms in COMPLETE.items() if mark not in marks}


def test_a_complete_turn_is_explained_to_the_last_millisecond() -> None:
    assert lengths(COMPLETE) == (
        {
            SPEECH_END: 10,
            ENDPOINTING: 600,
            STT: 0,
            HANDOVER: 1,
            LLM: 120,
            CLAUSE: 50,
            TTS: 80,
            SENDING: 2,
            NETWORK: 30,
            BUFFER: 10,
            LEAD_IN: 12,
            UNATTRIBUTED: 0,
        },
        915,
    )


def test_a_transcript_that_comes_after_the_silence_is_waited_for() -> None:
    late = COMPLETE | {Mark.STT_FINAL: 1700, Mark.TURN_COMMITTED: 1701, Mark.LLM_REQUESTED: 1702}
    parts, total = lengths(late)
    assert (parts[ENDPOINTING], parts[STT], parts[HANDOVER], total) == (600, 90, 2, 915)


def test_where_the_silence_is_not_known_a_commit_right_after_the_transcript_had_waited_for_it() -> None:
    late = COMPLETE | {Mark.STT_FINAL: 1605}
    parts, _ = lengths(late, silence=None)
    assert (parts[ENDPOINTING], parts[STT], parts[HANDOVER]) == (200, 395, 6)
    early, _ = lengths(COMPLETE | {Mark.STT_FINAL: 1604}, silence=None)
    assert (early[ENDPOINTING], early[STT], early[HANDOVER]) == (600, 0, 1)


def test_what_a_stage_does_beside_others_is_shown_and_not_added() -> None:
    fall = waterfall({mark: t_ms * MS for mark, t_ms in COMPLETE.items()}, silence_ns=600 * MS)
    assert fall is not None
    whole = {bar.part: bar.whole for bar in fall.bars if bar.whole}
    assert whole == {
        STT: Extent(210 * MS, 240 * MS),
        LLM: Extent(611 * MS, 900 * MS),
        TTS: Extent(781 * MS, 1400 * MS),
    }


def test_a_vad_that_dates_the_end_too_early_is_a_negative_part() -> None:
    parts, total = lengths(COMPLETE | {Mark.AUDIO_LAST_SPEECH: 960, Mark.TURN_COMMITTED: 1560})
    assert (parts[SPEECH_END], parts[ENDPOINTING], parts[HANDOVER], total) == (-40, 600, 51, 915)


def test_a_stage_that_is_not_reported_is_absent_and_its_time_unattributed() -> None:
    parts, total = lengths(without(Mark.LLM_FIRST_TOKEN))
    assert LLM not in parts
    assert CLAUSE not in parts
    assert (parts[UNATTRIBUTED], total) == (170, 915)


def test_a_server_that_reports_nothing_leaves_its_time_unattributed() -> None:
    client = [Mark.MIC_SPEECH_END, Mark.REPLY_FIRST_FRAME_RECEIVED, Mark.REPLY_FIRST_AUDIBLE]
    parts, total = lengths({mark: COMPLETE[mark] for mark in client})
    assert (parts, total) == ({BUFFER: 10, LEAD_IN: 12, UNATTRIBUTED: 893}, 915)


def test_speculation_that_was_adopted_takes_no_time_of_its_own() -> None:
    early = COMPLETE | {Mark.LLM_REQUESTED: 1400, Mark.LLM_FIRST_TOKEN: 1520, Mark.TTS_REQUESTED: 1700}
    parts, total = lengths(early)
    assert (parts[HANDOVER], parts[LLM], parts[CLAUSE], total) == (0, 0, 90, 915)


def test_parts_that_reach_past_the_end_are_a_negative_rest() -> None:
    parts, total = lengths({**without(Mark.REPLY_FIRST_FRAME_RECEIVED), Mark.REPLY_FIRST_FRAME_SENT: 1930}, play=None)
    assert (parts[UNATTRIBUTED], total) == (-15, 915)


def test_without_the_end_of_speech_there_is_no_waterfall() -> None:
    assert waterfall({Mark.REPLY_FIRST_AUDIBLE: 5}) is None


@pytest.mark.parametrize(
    ("seen", "parts"),
    [
        ([Mark.MIC_SPEECH_END], []),
        ([Mark.MIC_SPEECH_END, Mark.AUDIO_LAST_SPEECH, Mark.VAD_CLOSED], [SPEECH_END, ENDPOINTING]),
        (list(COMPLETE)[:6], [SPEECH_END, ENDPOINTING, STT, HANDOVER]),
    ],
)
def test_a_turn_under_way_has_the_parts_that_are_known(seen: list[Mark], parts: list[Part]) -> None:
    known, total = lengths({mark: COMPLETE[mark] for mark in seen}, play=None)
    assert (list(known), total) == (parts, None)


marks_of_a_turn = st.dictionaries(st.sampled_from(list(Mark)), st.integers(0, 5000), min_size=1).map(
    lambda marks: {mark: t_ms * MS for mark, t_ms in marks.items()}
)


@given(marks_of_a_turn, st.none() | st.integers(0, 5000), st.none() | st.integers(0, 2000))
def test_parts_always_sum_to_voice_to_voice(
    marks: dict[Mark, int], play_ms: int | None, silence_ms: int | None
) -> None:
    fall = waterfall(
        marks,
        reply_play_ns=None if play_ms is None else play_ms * MS,
        silence_ns=None if silence_ms is None else silence_ms * MS,
    )
    if fall is None or fall.voice_to_voice_ns is None:
        return
    assert sum(bar.critical.length_ns for bar in fall.bars) == fall.voice_to_voice_ns
    assert fall.voice_to_voice_ns == marks[Mark.REPLY_FIRST_AUDIBLE] - marks[Mark.MIC_SPEECH_END]
    assert all(bar.critical.length_ns >= 0 for bar in fall.bars if bar.part not in (SPEECH_END, UNATTRIBUTED))


def test_every_part_has_a_name_of_its_own_and_the_rest_is_last() -> None:
    assert list(BY_NAME.values()) == list(PARTS)
    assert PARTS[-1] is UNATTRIBUTED


def heard(speech_end_ms: int, audible_ms: int) -> dict[Mark, int]:
    moved = {Mark.AUDIO_LAST_SPEECH: 1000 + speech_end_ms, Mark.REPLY_FIRST_AUDIBLE: 1893 + audible_ms}
    return {mark: t_ms * MS for mark, t_ms in (COMPLETE | moved).items()}


def test_two_witnesses_may_differ_by_50_ms() -> None:
    assert disagreements(heard(50, 50), {"ttft": 100.0}, {"ttft": 150.0}) == []
    assert disagreements(heard(-50, 0), {"ttft": 100.0}, {"ttft": 50.0}) == []


def test_a_reply_that_was_paused_before_its_first_sound_is_late_for_that_reason() -> None:
    assert disagreements(heard(0, 450), {}, {}, held_ns=400 * MS) == []


def test_past_50_ms_each_disagreement_is_a_sentence() -> None:
    assert disagreements(heard(-51, 51), {"ttft": 100.0}, {"ttft": 151.0}) == [
        Disagreement("the server dates the end of speech 51 ms earlier than the recording has it", -51.0),
        Disagreement("the reply is audible 51 ms later than its first frame arrived", 51.0),
        Disagreement("`turn_end` tells TTFT 51 ms longer than its marks do", 51.0),
    ]


def test_a_turn_whose_end_of_speech_only_the_server_knows_has_a_turnaround() -> None:
    marks = {mark: t_ms * MS for mark, t_ms in without(Mark.MIC_SPEECH_END).items()}
    assert waterfall(marks) is None
    fall = turnaround(marks, reply_play_ns=COMPLETE[Mark.REPLY_FIRST_AUDIBLE] * MS)
    assert fall is not None
    assert fall.voice_to_voice_ns == 905 * MS
    assert (fall.bars[0], fall.length_ns(UNATTRIBUTED)) == (Bar(SPEECH_END, Extent(0, 0)), 0)


def test_the_turnaround_of_a_typed_turn_begins_with_its_commit_and_may_end_with_the_first_frame_sent() -> None:
    marks = {Mark.TURN_COMMITTED: 100 * MS, Mark.LLM_REQUESTED: 101 * MS, Mark.LLM_FIRST_TOKEN: 151 * MS}
    begun = turnaround(marks)
    assert begun is not None
    assert ({bar.part: bar.critical.length_ns // MS for bar in begun.bars}, begun.voice_to_voice_ns) == (
        {HANDOVER: 1, LLM: 50},
        None,
    )
    sent = turnaround(marks | {Mark.REPLY_FIRST_FRAME_SENT: 200 * MS})
    assert sent is not None
    assert sent.voice_to_voice_ns == 100 * MS
    assert turnaround({}) is None
