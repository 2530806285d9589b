from pathlib import Path
from typing import get_args

import pytest

from voicecli import journal
from voicecli.fixture import JOURNAL_NAME, FixtureError
from voicecli.journal import AudioSent, Entry, Header, Journal, MarkNoted, MessageReceived, MessageSent, Muted
from voicewire.marks import Mark
from voicewire.messages import AudioAck, Clock, Down, SpeechStarted, TextInput, Up

HEADER = Header(created="2026-01-31T12:00:00+00:00", microphone="a headset", sent_before_ms=20.0)
ENTRIES: tuple[Entry, ...] = (
    AudioSent(t_ms=21.5, captured_ms=-1.25, packets=2),
    MessageSent(t_ms=22.0, message=TextInput(text="schön")),
    MessageReceived(t_ms=23.0, message=SpeechStarted(turn_id=1, position_ms=4.0)),
    MarkNoted(t_ms=24.0, turn_id=1, mark=Mark.REPLY_FIRST_AUDIBLE, at_ms=None),
    Muted(t_ms=25.0, muted=False),
)


def written(folder: Path, data: bytes) -> Path:
    (folder / JOURNAL_NAME).write_bytes(data)
    return folder


WHOLE = b"".join(journal.line(entry) for entry in (HEADER, *ENTRIES))


def test_a_journal_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    assert journal.read(written(tmp_path, WHOLE)) == Journal(HEADER, ENTRIES)


def test_a_line_begins_with_what_happened_and_when() -> None:
    assert journal.line(ENTRIES[0]) == b'{"event":"audio_sent","t_ms":21.5,"captured_ms":-1.25,"packets":2}\n'


def test_wherever_a_journal_is_cut_off_its_whole_lines_are_read(tmp_path: Path) -> None:
    header = len(journal.line(HEADER))
    for end in range(header, len(WHOLE)):
        whole = WHOLE[:end].count(b"\n") - 1
        assert journal.read(written(tmp_path, WHOLE[:end])).entries == ENTRIES[:whole]


def test_all_that_is_said_has_a_place_but_for_pings_and_acknowledgements() -> None:
    kept = {*get_args(journal.Sent), *get_args(journal.Received)}
    assert {*get_args(Up), *get_args(Down)} - kept == {Clock, AudioAck}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty; record it again"),
        (b'{"schema":"voicecli.session/1","crea', "is empty; record it again"),
        (WHOLE.replace(b"session/1", b"session/2"), "line 1: Invalid enum value 'voicecli.session/2' - at `$.schema`"),
        (WHOLE.replace(b'"packets":2', b'"packets":"two"'), "line 2: Expected `int`, got `str` - at `$.packets`"),
        (WHOLE.replace(b"audio_sent", b"audio_lost"), "line 2: Invalid value 'audio_lost' - at `$.event`"),
        (WHOLE.replace(b"audio_sent", b"audio_\xff"), "line 2: "),
    ],
)
def test_a_damaged_journal_is_refused_by_its_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(FixtureError) as refused:
        journal.read(written(tmp_path, data))
    assert str(refused.value).startswith(f"{tmp_path / JOURNAL_NAME}: {reason}")


def test_a_missing_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="missing; it says when what was recorded is sent"):
        journal.read(tmp_path)
