import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.voicecli.peer import ENGINES
from tests.voicecli.test_segments import audio
from voicecli import draft, fixture, lint, oggopus
from voicecli import journal as journals
from voicecli.draft import Heard, drafted, turns_of
from voicecli.fixture import FixtureError
from voicecli.journal import AudioSent, Entry, Header, Journal, MessageReceived, MessageSent
from voicecli.oggopus import OggOpusPages
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import (
    SessionReady,
    SessionStart,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TurnDetection,
    TurnEnd,
    TurnOutcome,
)


def header(**fields: Any) -> Header:
    return Header(**({"created": "2026-01-31T12:00:00+00:00"} | fields))


def said(
    turn_id: int, *spans: tuple[float, float | None], text: str = "", outcome: TurnOutcome = TurnOutcome.COMPLETED
) -> list[Entry]:
    """What a server says of a turn."""
    messages: list[journals.Received] = []
    for start, end in spans:
        messages.append(SpeechStarted(turn_id=turn_id, position_ms=max(start, 0.0)))
        if end is not None:
            messages.append(SpeechStopped(turn_id=turn_id, position_ms=end))
    if text:
        messages.append(TranscriptFinal(turn_id=turn_id, text=text))
    messages.append(TurnEnd(turn_id=turn_id, outcome=outcome))
    return [MessageReceived(t_ms=0.0, message=message) for message in messages]


def of(*entries: Entry | list[Entry], **fields: Any) -> Journal:
    flat = [one for entry in entries for one in (entry if isinstance(entry, list) else [entry])]
    return Journal(header(**fields), tuple(flat))


def utterances(journal: Journal, *loud_ms: tuple[int, int]) -> list[tuple[Any, ...]]:
    """Kind, text, region and segments of each drafted utterance."""
    document = tomllib.loads(drafted("x", journal, audio(*loud_ms)))
    return [
        (each["kind"], each["text"], each["audio_ms"], each.get("segments_ms", [])) for each in document["utterances"]
    ]


def test_segments_have_the_edges_of_the_sound_and_regions_begin_before_them() -> None:
    journal = of(said(1, (530, 880), text="Hello, there!"), said(2, (1960, 2600), text="And now?"))
    assert utterances(journal, (500, 900), (2000, 2500)) == [
        ("speech", "hello there", [0, 1600], [[500, 900]]),
        ("speech", "and now", [1600, 3000], [[2000, 2500]]),
    ]


def test_where_no_sound_begins_or_ends_nearby_it_is_the_server_who_knows() -> None:
    assert utterances(of(said(1, (801, 1000), text="a")), (500, 1305)) == [
        ("backchannel", "", [0, 800], [[500, 800]]),
        ("speech", "a", [800, 1000], [[801, 1000]]),
        ("backchannel", "", [1000, 3000], [[1000, 1305]]),
    ]


def test_a_turn_with_a_pause_has_two_segments_and_what_is_heard_between_them() -> None:
    journal = of(said(1, (500, 700), (2000, 2300), text="a b"))
    assert utterances(journal, (500, 700), (1200, 1500), (2000, 2300)) == [
        ("speech", "a b", [0, 3000], [[500, 700], [1200, 1500], [2000, 2300]])
    ]


def test_what_was_not_understood_and_what_the_server_did_not_hear_are_noted() -> None:
    journal = of(said(1, (500, 900), outcome=TurnOutcome.NO_SPEECH))
    assert utterances(journal, (500, 900), (1500, 1700), (2000, 2190)) == [
        ("backchannel", "", [0, 1100], [[500, 900]]),
        ("backchannel", "", [1100, 3000], [[1500, 1700]]),
    ]


def test_a_session_in_which_nothing_is_heard_is_silence() -> None:
    assert utterances(of(said(1, text="typed"))) == [("silence", "", [0, 3000], [])]


def test_speech_that_went_on_to_the_end_is_cut_there() -> None:
    assert utterances(of(said(1, (500, None), text="a")), (500, 3000)) == [("speech", "a", [0, 3000], [[500, 3000]])]


def test_a_microphone_alone_speaks_after_each_reply_and_says_nothing_yet() -> None:
    text = drafted("x", of(), audio((500, 700), (900, 1200), (2300, 2800)))
    document = tomllib.loads(text)
    assert "expect" not in document
    assert document["utterances"] == [
        {
            "kind": "speech",
            "text": "",
            "audio_ms": [0, 1900],
            "segments_ms": [[500, 700], [900, 1200]],
            "when": "start",
            "expect": {"transcript": False},
        },
        {
            "kind": "speech",
            "text": "",
            "audio_ms": [1900, 3000],
            "segments_ms": [[2300, 2800]],
            "when": "after_reply",
            "expect": {"transcript": False},
        },
    ]


def test_what_was_asked_for_is_asked_for_again_and_what_came_is_noted() -> None:
    start = SessionStart(locale="de-DE", turn_detection=TurnDetection(silence_ms=400, barge_in=False))
    journal = of(
        MessageSent(t_ms=0.0, message=start),
        said(1, (500, 900), text="a", outcome=TurnOutcome.CANCELLED),
        said(2, (1500, 1800), outcome=TurnOutcome.NO_SPEECH),
        microphone='The "good" one\\',
    )
    text = drafted("x", journal, audio((500, 900), (1500, 1800)))
    document = tomllib.loads(text)
    assert document["session"] == {"locale": "de-DE", "turn_detection": {"silence_ms": 400, "barge_in": False}}
    assert document["expect"] == {"turns": 1}
    assert document["made_with"].endswith(', The "good" one\\')
    assert '# events = ["speech_started", "transcript_final", "turn_end", "speech_started", "turn_end"]' in text


def test_positions_count_from_where_the_recording_began() -> None:
    before = of(said(7, (30_500, 30_900), text="a"), sent_before_ms=30_000.0)
    assert turns_of(before) == [Heard([(500.0, 900.0)], None, "a", TurnOutcome.COMPLETED)]


def test_what_was_left_out_is_counted_by_the_server_and_is_not_in_the_recording() -> None:
    before = AudioSent(t_ms=0.0, captured_ms=0.0, packets=25, skipped_ms=1000)
    after = AudioSent(t_ms=0.0, captured_ms=0.0, packets=100, skipped_ms=4000)
    journal = of(before, said(1, (1000, 1400), text="a"), after, said(2, (5600, 6000), (9000, None), text="b"))
    assert [turn.segments for turn in turns_of(journal)] == [[(0.0, 400.0)], [(600.0, 1000.0)]]
    early = of(before, after, said(1, (1000, 3000), text="a"))
    assert [turn.segments for turn in turns_of(early)] == [[(0.0, 500.0)]]


def test_another_session_in_the_same_recording_counts_anew() -> None:
    opus = AudioFormat(Codec.OPUS)
    message = SessionReady(session_id="s", resume_token="r", input=opus, output=opus, engines=ENGINES, lead_ms=1)
    ready = MessageReceived(t_ms=0.0, message=message)
    heard = AudioSent(t_ms=0.0, captured_ms=0.0, packets=50)
    first, second = said(1, (500, 900), text="a"), said(1, (500, 900), text="b")
    assert turns_of(of(ready, heard, first, ready, second)) == [
        Heard([(500.0, 900.0)], None, "a", TurnOutcome.COMPLETED),
        Heard([(1500.0, 1900.0)], None, "b", TurnOutcome.COMPLETED),
    ]


SPANS = st.lists(st.tuples(st.floats(0, 3200), st.none() | st.floats(0, 3200)), max_size=3)
LOUD = st.lists(st.tuples(st.integers(0, 2900), st.integers(5, 900)), max_size=6)


@given(st.lists(st.tuples(SPANS, st.sampled_from(["", "Yes?", "..."])), max_size=4), LOUD)
def test_whatever_a_server_says_the_draft_is_a_fixture(
    turns: list[tuple[list[tuple[float, float | None]], str]], loud: list[tuple[int, int]]
) -> None:
    entries = [said(number, *spans, text=text) for number, (spans, text) in enumerate(turns, 1)]
    samples = audio(*((start, min(start + length, 3000)) for start, length in loud))
    with TemporaryDirectory() as parent:
        folder = Path(parent, "x")
        folder.mkdir()
        (folder / "audio.wav").touch()
        (folder / "fixture.toml").write_text(drafted("x", of(*entries), samples))
        assert fixture.load(folder).end_ms == 3000


def test_a_recording_that_was_finished_is_not_finished_again(tmp_path: Path) -> None:
    (tmp_path / "fixture.toml").write_text("mine")
    with pytest.raises(FixtureError, match="is there already; delete it to draft it once more"):
        draft.finish(tmp_path)
    assert (tmp_path / "fixture.toml").read_text() == "mine"


def left(folder: Path, packets: int) -> Path:
    """What a recording has written by the time of a crash: the pages are not ended."""
    folder.mkdir()
    opus = oggopus.read_packets(Path(__file__).parents[2] / "fixtures" / "numbers" / "audio.opus").packets[:packets]
    pages = OggOpusPages(312)
    (folder / "audio.opus").write_bytes(b"".join([pages.begin(), *map(pages.add, opus)]))
    sent = [AudioSent(t_ms=index * 20.0 + 20, captured_ms=index * 20.0, packets=1) for index in range(packets)]
    lines = [journals.line(header()), *(journals.line(entry) for entry in sent)]
    (folder / "session.jsonl").write_bytes(b"".join(lines))
    return folder


def test_what_was_cut_off_becomes_a_sound_fixture(tmp_path: Path) -> None:
    folder = left(tmp_path / "cut", 151)
    assert draft.finish(folder) == folder / "fixture.toml"
    assert lint.lint(folder) == []
    assert fixture.load(folder).end_ms == 3000


def test_replies_that_were_cut_off_are_mended_and_those_that_were_none_are_left_out(tmp_path: Path) -> None:
    folder, other = left(tmp_path / "cut", 51), left(tmp_path / "other", 51)
    (folder / "replies.opus").write_bytes((folder / "audio.opus").read_bytes())
    (other / "replies.opus").write_bytes(OggOpusPages(0).begin())
    draft.finish(folder)
    draft.finish(other)
    assert len(oggopus.read_packets(folder / "replies.opus").packets) == 50
    assert not (other / "replies.opus").exists()


def test_too_little_for_a_fixture_is_refused(tmp_path: Path) -> None:
    assert draft.finish(left(tmp_path / "cut", 11))
    short = tmp_path / "short"
    short.mkdir()
    pages = OggOpusPages(312)
    (short / "audio.opus").write_bytes(pages.begin() + b"".join(map(pages.add, [b"\x08"] * 7)) + pages.end())
    (short / "session.jsonl").write_bytes(journals.line(header()))
    with pytest.raises(FixtureError, match=r"audio\.opus: holds 140 ms; that is too little for a fixture"):
        draft.finish(short)


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match=r"session\.jsonl: missing"):
        draft.finish(tmp_path)
    (tmp_path / "session.jsonl").write_bytes(journals.line(header()))
    with pytest.raises(FixtureError, match=r"audio\.opus: cannot be"):
        draft.finish(tmp_path)


def test_a_disk_that_takes_no_more_is_said_and_the_rest_can_be_done_later(tmp_path: Path) -> None:
    folder = left(tmp_path / "cut", 51)
    (folder / "audio.wav").mkdir()
    with pytest.raises(FixtureError, match=r"cannot be finished: .*; make room, then `voicecli record --finish`"):
        draft.finish(folder)
    (folder / "audio.wav").rmdir()
    assert draft.finish(folder)


def test_the_samples_are_as_many_as_the_packets_say(tmp_path: Path) -> None:
    folder = left(tmp_path / "cut", 51)
    draft.finish(folder)
    assert len(np.frombuffer((folder / "audio.wav").read_bytes()[44:], np.int16)) == 50 * 320
