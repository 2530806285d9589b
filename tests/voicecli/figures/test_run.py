import json

import msgspec

from tests.voicecli.peer import ENGINES, PCM_16K, made, spoken
from voicecli.calls.call import CallRecord
from voicecli.calls.pacing import PacingReport
from voicecli.client.player import Player
from voicecli.client.viewstate import TurnView, ViewState
from voicecli.figures import run
from voicecli.fixtures.fixture import Fixture, Session
from voicewire.errors import ErrorCode
from voicewire.marks import Mark
from voicewire.messages import CancelReason, Error, SessionReady, TurnOutcome

MS = 1_000_000
ORIGIN = 1_000 * MS
AHEAD = 50_000 * MS

SERVER_MARKS = {
    Mark.AUDIO_LAST_SPEECH: 710,
    Mark.VAD_CLOSED: 910,
    Mark.STT_FINAL: 940,
    Mark.TURN_COMMITTED: 1310,
    Mark.REPLY_FIRST_FRAME_SENT: 1400,
}
"""In ms of the microphone audio."""
CLIENT_MARKS = {
    Mark.MIC_SPEECH_END: 700,
    Mark.REPLY_FIRST_FRAME_RECEIVED: 1410,
    Mark.REPLY_FIRST_AUDIBLE: 1420,
}


def turn(**fields: object) -> TurnView:
    marks = {mark: ORIGIN + at * MS + AHEAD for mark, at in SERVER_MARKS.items()}
    marks |= {mark: ORIGIN + at * MS for mark, at in CLIENT_MARKS.items()}
    known: dict[str, object] = {
        "turn_id": 1,
        "transcript": "hello their",
        "reply": "Good day.",
        "reply_play_ns": ORIGIN + 1410 * MS,
        "outcome": TurnOutcome.COMPLETED,
        "marks": marks,
    }
    return TurnView(**(known | fields))  # type: ignore[arg-type]


def record(*turns: TurnView, offset_ns: int | None = AHEAD) -> CallRecord:
    player = Player(16_000)
    player.received(1, 0, b"\x00\x20" * 3200, ORIGIN + 1410 * MS)
    return CallRecord(
        view=ViewState(turns=turns, offset_ns=offset_ns, round_trip_ns=None if offset_ns is None else 80_000),
        events=("session_ready", "speech_started", "timing", "llm_token", "turn_end"),
        pacing=PacingReport(70, 1, 6.0, 0.5),
        replies=tuple(player.replies),
        stale_frames=0,
        starts_ms=(0,),
        utterances={1: 0},
        origin_ns=ORIGIN,
        ended_ns=ORIGIN + 2000 * MS,
        gave_up=None,
    )


def examined(view: TurnView, *, offset_ns: int | None = AHEAD, fixture: Fixture | None = None) -> run.Turn:
    (one,) = run.examined(fixture or made(), record(view, offset_ns=offset_ns), silence_ms=600)
    return one.document


def test_a_turn_is_told_with_latencies_parts_and_marks() -> None:
    document = json.loads(msgspec.json.encode(examined(turn())))
    assert document == {
        "turn_id": 1,
        "utterance": 0,
        "outcome": "completed",
        "transcript_final": "hello their",
        "word_errors": {"errors": 1, "words": 2, "substitutions": 1, "deletions": 0, "insertions": 0},
        "reply_text": "Good day.",
        "reply_heard_text": "Good day.",
        "reply_audio": {"heard_ms": 200.0, "underruns": 0, "underrun_ms": 0.0},
        "latencies": {
            "voice_to_voice_ms": 720.0,
            "endpointing_delay_ms": 600.0,
            "stt_finalization_ms": 30.0,
            "server_turnaround_ms": 690.0,
            "unattributed_ms": 90.0,
        },
        "parts": [
            {"part": "speech_end", "start_ms": 0.0, "ms": 10.0},
            {"part": "endpointing", "start_ms": 10.0, "ms": 600.0},
            {"part": "stt", "start_ms": 610.0, "ms": 0.0},
            {"part": "network", "start_ms": 700.0, "ms": 10.0},
            {"part": "buffer", "start_ms": 710.0, "ms": 0.0},
            {"part": "lead_in", "start_ms": 710.0, "ms": 10.0},
            {"part": "unattributed", "start_ms": 610.0, "ms": 90.0},
        ],
        "marks": [{"mark": mark.value, "t_ms": 51_000.0 + at, "clock": "server"} for mark, at in SERVER_MARKS.items()]
        + [{"mark": mark.value, "t_ms": float(at), "clock": "client"} for mark, at in CLIENT_MARKS.items()],
    }


def test_without_an_offset_the_servers_stages_are_named_and_not_placed() -> None:
    document = examined(turn(), offset_ns=None)
    assert document.latencies.known() == {
        "voice_to_voice_ms": 720.0,
        "endpointing_delay_ms": 600.0,
        "stt_finalization_ms": 30.0,
        "server_turnaround_ms": 690.0,
        "unattributed_ms": 710.0,
    }
    assert [part.part for part in document.parts] == ["buffer", "lead_in", "unattributed"]


def test_what_did_not_happen_is_absent() -> None:
    silent = examined(TurnView(turn_id=1, outcome=TurnOutcome.NO_SPEECH))
    assert msgspec.to_builtins(silent).keys() == {"turn_id", "utterance", "outcome", "reply_audio", "latencies"}


def test_marks_that_cannot_be_true_are_left_out_and_told() -> None:
    marks = turn().marks | {Mark.STT_FINAL: ORIGIN + AHEAD + 2000 * MS}
    document = examined(turn(marks=marks, repeated_marks=(Mark.VAD_CLOSED,)))
    assert document.disagreements[0] == "the server sent vad.closed twice"


def test_the_silence_that_the_fixture_asks_for_wins_over_a_fixed_one_of_the_server() -> None:
    asked = made(session=Session(turn_detection={"silence_ms": 200}))
    parts = {part.part: part.ms for part in examined(turn(), fixture=asked).parts}
    # 200 ms after the last speech the VAD closes; the transcript takes 30 ms more; the commit still waits.
    assert (parts["endpointing"], parts["stt"]) == (200, 30)


def test_an_engines_failure_is_told_with_its_turn() -> None:
    failed = turn(errors=(Error(code=ErrorCode.TTS_FAILED, message="no voice", turn_id=1),))
    assert examined(failed).errors == (run.EngineFailure(code=ErrorCode.TTS_FAILED, message="no voice"),)


def test_a_transcript_that_is_not_expected_is_not_compared() -> None:
    hummed = made(spoken(expect=msgspec.convert({"transcript": False}, type(made().utterances[0].expect))))
    assert examined(turn(), fixture=hummed).word_errors is msgspec.UNSET


def test_the_words_of_a_turn_that_was_taken_back_are_compared_with_those_of_the_next() -> None:
    taken_back = turn(outcome=TurnOutcome.CANCELLED, cancelled=CancelReason.RESUMED)
    assert examined(taken_back).word_errors is msgspec.UNSET
    cut_in_on = turn(outcome=TurnOutcome.CANCELLED, cancelled=CancelReason.BARGE_IN)
    assert examined(cut_in_on).word_errors is not msgspec.UNSET


def test_words_of_an_utterance_in_two_turns_are_compared_together_at_the_last_that_has_some() -> None:
    begun, ended, silent = (
        turn(transcript="hello"),
        turn(turn_id=2, transcript="their"),
        turn(turn_id=3, transcript=None),
    )
    call = record(begun, ended, silent)._replace(utterances={1: 0, 2: 0, 3: 0})
    counted = [one.document.word_errors for one in run.examined(made(), call)]
    assert counted == [
        msgspec.UNSET,
        run.WordErrorsDocument(errors=1, words=2, substitutions=1, deletions=0, insertions=0),
        msgspec.UNSET,
    ]


def test_what_was_waited_for_a_turn_that_was_taken_back_does_not_count() -> None:
    taken_back = examined(turn(outcome=TurnOutcome.CANCELLED, cancelled=CancelReason.RESUMED))
    assert taken_back.latencies == examined(turn()).latencies
    assert taken_back.counted_ms() == {"stt_finalization_ms": 30.0}
    cut_in_on = examined(turn(outcome=TurnOutcome.CANCELLED, cancelled=CancelReason.BARGE_IN))
    assert cut_in_on.counted_ms() == cut_in_on.latencies.known()


def test_the_document_has_the_stated_shape() -> None:
    call = record(turn())
    turns = [one.document for one in run.examined(made(), call)]
    ready = SessionReady(session_id="s", resume_token="r", input=PCM_16K, output=PCM_16K, engines=ENGINES, lead_ms=500)
    slow = run.Expectation(name="speed", failures=("too slow",))
    fixtures = run.FixtureRuns(
        name="made", digest="00", input="in", output="out", runs=(run.call_document(call, turns, [slow]),)
    )
    document = json.loads(run.run_document(run.Server(url="ws://x/"), ready, [fixtures]).serialize())
    assert document.keys() == {"schema", "voicecli", "created", "server", "engines", "machine", "fixtures"}
    assert (document["schema"], document["server"]) == ("voicecli.run/1", {"url": "ws://x/"})
    assert document["engines"]["vad"] == {"name": "v", "settings": {}}
    assert document["machine"].keys() - {"processor"} == {"system", "architecture", "cpus", "python"}
    (call_run,) = document["fixtures"][0]["runs"]
    assert call_run["duration_ms"] == 2000.0
    assert call_run.keys() == {
        "duration_ms",
        "reliable",
        "pacing",
        "clock",
        "turns",
        "events",
        "failures",
        "expectations",
    }
    assert call_run["pacing"] == {"frames": 70, "late_frames": 1, "worst_late_ms": 6.0, "median_late_ms": 0.5}
    assert call_run["clock"] == {"offset_ms": 51_000.0, "round_trip_ms": 0.08}
    assert call_run["events"] == ["session_ready", "speech_started", "turn_end"]


def test_a_document_is_read_back_as_it_was_written() -> None:
    call = record(turn())
    document = run.call_document(call, [one.document for one in run.examined(made(), call)], [])
    assert msgspec.json.decode(msgspec.json.encode(document), type=run.CallRun) == document


def test_the_script_is_the_same_whatever_is_expected_and_another_for_another_silence() -> None:
    digest = run.script_digest(made())
    lax = msgspec.convert({"max_wer": 0.5}, type(made().utterances[0].expect))
    assert run.script_digest(made(spoken(expect=lax))) == digest
    assert run.script_digest(made(session=Session(turn_detection={"silence_ms": 200}))) != digest
    assert run.script_digest(made(spoken(audio_ms=(0, 2000)))) != digest
    assert run.script_digest(made(spoken(segments_text=("hello there",)))) == digest


def test_a_pause_is_told_apart_from_underruns_and_older_documents_know_of_none() -> None:
    player = Player(16_000)
    player.received(1, 0, b"\x00\x20" * 3200, ORIGIN)
    player.pause(1, ORIGIN + 50 * MS)
    player.resume(1, ORIGIN + 250 * MS)
    calls = record(turn())._replace(replies=tuple(player.replies))
    (one,) = run.examined(made(), calls, silence_ms=600)
    told = run.ReplyAudio(heard_ms=200.0, underruns=0, underrun_ms=0.0, pauses=1, paused_ms=200.0)
    assert one.document.reply_audio == told
    older = msgspec.json.decode(b'{"heard_ms": 200.0, "underruns": 0, "underrun_ms": 0.0}', type=run.ReplyAudio)
    assert (older.pauses, older.paused_ms) == (0, 0.0)
