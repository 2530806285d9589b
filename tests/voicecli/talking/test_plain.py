import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.voicecli.scenes import (
    BARGE_IN,
    BEFORE,
    MS,
    READY,
    SCENES,
    STORY,
    WEATHER,
    At,
    acted,
    committed,
    connected,
    spoken,
)
from tests.voicecli.talking.test_talkstate import events
from voicecli.client.viewstate import ClockMeasured
from voicecli.talking.plain import json_lines, plain_lines
from voicecli.talking.talkstate import (
    Ending,
    LevelMeasured,
    MuteChanged,
    RecordingBegan,
    RecordingEnded,
    SessionConnecting,
    SessionReconnecting,
    TalkEvent,
    TalkState,
    TextSent,
    talked,
)
from voicewire.marks import Mark
from voicewire.messages import (
    CancelReason,
    GoingAway,
    ReplyCancelled,
    Speculation,
    Timing,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnd,
    TurnOutcome,
)


def told(script: Sequence[At], *, since: int = 0, verbose: bool = False) -> list[str]:
    """The lines of all events from that one on."""
    state, lines = TalkState(), []
    for number, (t_ms, event) in enumerate(script):
        before, state = state, talked(state, event, round(t_ms * MS))
        if number >= since:
            lines += plain_lines(before, event, state, verbose=verbose)
    return lines


def one(event: TalkEvent, before: TalkState) -> list[str]:
    return plain_lines(before, event, talked(before, event, 0))


def documents(script: Sequence[At]) -> list[dict[str, Any]]:
    state, lines = TalkState(), []
    for t_ms, event in script:
        before, state = state, talked(state, event, round(t_ms * MS))
        lines += [json.loads(line) for line in json_lines(before, event, state, round(t_ms * MS))]
    return lines


def test_a_conversation_is_a_line_for_each_thing_that_is_settled() -> None:
    assert told(BARGE_IN) == [
        "connecting to ws://127.0.0.1:8080/voice",
        "microphone: USB Headset Mono",
        "speaker: USB Headset Stereo",
        "echo cancelled",
        "connected: opus 48 kHz up, opus 48 kHz down; silero, pocketsphinx, scripted, espeak",
        "you: what will the weather be like in london tomorrow",
        f"assistant: {WEATHER.answer}",
        "latency: voice-to-voice 983 ms (speech end 12; endpointing 628; hand-over 1; LLM first token 210; "
        "first clause 38; TTS first audio 46; encode, send 1; network 6; client buffer 33; silent lead-in 8)",
        "you: and what time is it there now",
        "assistant: It is a quarter past nine in the evening.",
        "latency: voice-to-voice 1053 ms (speech end 12; endpointing 643; hand-over 1; LLM first token 265; "
        "first clause 38; TTS first audio 46; encode, send 1; network 6; client buffer 33; silent lead-in 8)",
        "you: tell me a story about a lighthouse",
        "assistant: Once upon a time there was a lighthouse keeper who counted",
        "cut off at: 2.9 s, 22 words unheard; you cut in",
        "latency: voice-to-voice 971 ms (speech end 12; endpointing 622; hand-over 1; LLM first token 198; "
        "first clause 38; TTS first audio 52; encode, send 1; network 6; client buffer 33; silent lead-in 8)",
        "latency: barge-in stop 228 ms",
    ]


def test_partials_and_tokens_are_told_only_when_asked_for() -> None:
    script = [*BEFORE, *spoken(STORY)]
    assert told(script, since=len(BEFORE)) == []
    assert told(script, since=len(BEFORE), verbose=True)[:2] == ["you …: tell me", "you …: tell me a story"]


def test_it_is_told_once_however_often_it_is_tried_to_connect_again() -> None:
    speaking = SCENES["speaking"]
    at_ms = speaking[-1][0]
    again: list[At] = []
    for n in (1, 2, 3):
        again += [At(at_ms + n, SessionReconnecting(n, 250.0)), At(at_ms + n, SessionConnecting("x"))]
    lines = told([*speaking, *again], since=len(speaking))
    assert [line.endswith("(the connection was interrupted here)") for line in lines] == [True] + [False] * 6


def test_an_answer_that_will_never_be_finished_is_told_when_the_connection_is_lost() -> None:
    speaking = SCENES["speaking"]
    (interrupted, *rest) = told([*speaking, *SCENES["closed"][-2:]], since=len(speaking))
    assert interrupted.endswith("One winter evening a (the connection was interrupted here)")
    assert rest[0] == "reconnecting: attempt 1, in 0.5 s"
    assert rest[-1] == "closed"


def test_problems_begin_with_an_exclamation_mark() -> None:
    assert told(SCENES["device-lost"], since=len(BEFORE)) == [
        "! The microphone is gone. Connect it again, or choose another one with d."
    ]
    assert told(SCENES["error"], since=len(BEFORE)) == [
        "! No answer could be found in time. Ask once more. (the language model did not answer within 20 s)"
    ]
    assert one(GoingAway(time_left_ms=1, resume_token="secret"), acted(connected())) == [
        "! The server is about to restart. Finish what you are saying."
    ]


def test_muting_and_recording_are_told() -> None:
    state = acted(connected())
    assert [one(MuteChanged(muted), state) for muted in (True, False)] == [["muted"], ["microphone on"]]
    recording = talked(state, RecordingBegan("here"), 0)
    assert (one(RecordingBegan("here"), state), one(RecordingEnded("here"), recording)) == (
        ["recording to here"],
        ["recorded to here"],
    )
    assert one(RecordingEnded("here", Ending.CUT_OFF), recording) == ["recorded to here; it ended with the connection"]
    assert one(RecordingEnded("here", Ending.FAILED), recording) == []


def test_words_that_were_not_understood_are_told_as_such() -> None:
    heard = talked(acted(connected()), TranscriptPartial(turn_id=1, text="er", stable_chars=0), 0)
    assert one(TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH), heard) == ["not understood: er"]
    assert one(TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH), acted(connected())) == []


def test_words_that_were_typed_over_are_told_as_such() -> None:
    heard = talked(acted(connected()), TranscriptPartial(turn_id=1, text="er", stable_chars=0), 0)
    over = talked(heard, TextSent("hello"), 0)
    assert one(TurnEnd(turn_id=1, outcome=TurnOutcome.NO_SPEECH), over) == ["typed over: er"]


def test_words_that_the_connection_broke_in_are_told_once() -> None:
    heard = talked(acted(connected()), TranscriptPartial(turn_id=1, text="what to", stable_chars=0), 0)
    lines = one(SessionReconnecting(1, 250.0), heard)
    assert lines[0] == "you: what to (the connection was interrupted here)"
    lost = talked(heard, SessionReconnecting(1, 250.0), 0)
    assert one(SessionReconnecting(2, 500.0), lost) == ["reconnecting: attempt 2, in 0.5 s"]


def test_a_nod_is_told_to_have_left_the_answer_alone() -> None:
    speaking = talked(acted(SCENES["speaking"]), TranscriptPartial(turn_id=9, text="mm-hm", stable_chars=5), 0)
    assert one(TurnEnd(turn_id=9, outcome=TurnOutcome.NO_SPEECH), speaking) == ["while the answer went on: mm-hm"]


def test_a_reply_that_was_cut_before_it_was_heard_has_no_line_of_its_own() -> None:
    thinking = acted([*BEFORE, *spoken(STORY), *committed(STORY)])
    cut = ReplyCancelled(turn_id=3, reason=CancelReason.INTERRUPT, heard_ms=0, heard_text="")
    assert one(cut, thinking) == ["cut off at: 0.0 s, 0 words unheard; you stopped it"]


def test_words_of_a_turn_that_was_taken_back_are_told_to_come_again() -> None:
    script: list[TalkEvent] = [
        TranscriptFinal(turn_id=1, text="book a table"),
        ReplyCancelled(turn_id=1, reason=CancelReason.RESUMED, heard_ms=0, heard_text=""),
        TurnEnd(turn_id=1, outcome=TurnOutcome.CANCELLED),
        TranscriptFinal(turn_id=2, text="Book a table for two."),
    ]
    lines = told([*connected(), *(At(9_000, event) for event in script)], since=len(connected()))
    assert lines == ["you: book a table", "taken back, as you went on", "you, in full: Book a table for two."]


def test_what_was_begun_early_is_told_at_the_end_of_its_turn() -> None:
    early = Speculation(
        started=2, hit=1, cancelled=1, wasted_tokens=3, wasted_input_tokens=40, wasted_tts_ms=240.0, saved_ms=310.4
    )
    end = TurnEnd(turn_id=1, outcome=TurnOutcome.COMPLETED, speculation=early)
    lines = one(end, acted(connected()))
    assert lines == ["begun early: saved 310 ms; 1 thrown away (43 tokens, 0.2 s of speech)"]


def test_a_text_of_the_other_end_cannot_steer_the_terminal_or_break_a_line() -> None:
    lines = one(TranscriptFinal(turn_id=9, text="a\x1b]0;x\x07b\nc\u202e"), acted(connected()))
    assert lines == ["you: a ]0;x b c"]


@settings(max_examples=60)
@given(st.lists(events, max_size=15))
def test_any_event_gives_printable_lines_and_valid_json(found: list[TalkEvent]) -> None:
    state = TalkState()
    for event in found:
        before, state = state, talked(state, event, 0)
        assert all(line.isprintable() for line in plain_lines(before, event, state, verbose=True))
        assert all("type" in json.loads(line) for line in json_lines(before, event, state, 0))


def test_json_has_every_event_with_its_time_but_the_level() -> None:
    found = documents(SCENES["hearing"])
    sent = [at for at in SCENES["hearing"] if not isinstance(at.event, LevelMeasured)]
    assert [line["at_ms"] for line in found] == [at.t_ms for at in sent]
    assert found[-1] == {
        "at_ms": 1800.0,
        "type": "transcript_partial",
        "turn_id": 1,
        "text": "what will the weather",
        "stable_chars": 9,
    }


def test_json_puts_a_servers_mark_on_the_clients_clock_once_that_can_be_done() -> None:
    timing = Timing(turn_id=1, mark=Mark.LLM_DONE, t_ms=5_250.0)
    own = {"at_ms": 0.0, "type": "timing", "turn_id": 1, "mark": "llm.done", "t_ms": 5250.0}
    assert documents([At(0, timing)]) == [own]
    assert documents([At(0, ClockMeasured(5_000 * MS, 1)), At(0, timing)])[1] == own | {"client_t_ms": 250.0}


def test_json_tells_the_latency_of_a_turn_after_its_end() -> None:
    ended, latency = documents(BEFORE)[-2:]
    assert (ended["type"], ended["outcome"]) == ("turn_end", "completed")
    assert (latency["type"], latency["turn_id"], latency["voice_to_voice_ms"]) == ("latency", 2, 1053.0)
    assert latency["parts"][:2] == [{"part": "speech_end", "ms": 12.0}, {"part": "endpointing", "ms": 643.0}]
    assert round(sum(part["ms"] for part in latency["parts"]), 3) == 1053.0


def test_json_holds_no_secret() -> None:
    state = talked(TalkState(), READY, 0)
    (line,) = json_lines(TalkState(), READY, state, 0)
    assert "secret" not in line


def test_that_the_conversation_began_anew_is_told_with_the_connection() -> None:
    line = "! The conversation began anew. The server does not remember what was said before."
    anew = replace(READY, resumed=False)
    assert [one(anew, acted(script))[1:] for script in (BEFORE, connected())] == [[line], []]
    assert one(replace(READY, resumed=True), acted(BEFORE))[1:] == []
