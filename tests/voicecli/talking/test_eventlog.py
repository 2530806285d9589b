import json

from hypothesis import given

from tests.voicecli.scenes import READY
from tests.voicecli.talking.test_talkstate import events
from voicecli.client.viewstate import MarkNoted
from voicecli.talking.eventlog import MAX_VALUE_CHARS, entry_line, event_fields, event_name, stopwatch
from voicecli.talking.problems import Problem
from voicecli.talking.talkstate import DeviceLost, Entry, Role, TalkEvent
from voicewire.clock import NS_PER_MS
from voicewire.marks import Mark
from voicewire.messages import GoingAway, LlmToken, SpeechStarted


def test_messages_and_the_clients_own_events_are_named_alike() -> None:
    assert event_name(SpeechStarted(turn_id=1, position_ms=1)) == "speech_started"
    assert event_name(MarkNoted(1, Mark.MIC_SPEECH_END, 0)) == "mark_noted"


def test_times_are_in_milliseconds_and_what_is_nested_keeps_its_names() -> None:
    assert event_fields(MarkNoted(1, Mark.MIC_SPEECH_END, 1_500_000)) == {
        "turn_id": 1,
        "mark": "mic.speech_end",
        "t_ms": 1.5,
    }
    assert event_fields(MarkNoted(1, Mark.MIC_SPEECH_END, None))["t_ms"] is None
    assert event_fields(DeviceLost(Role.SPEAKER, Problem("c", "T.", "A."))) == {
        "role": "speaker",
        "problem": {"code": "c", "title": "T.", "advice": "A.", "lasting": False, "detail": ""},
    }


def test_what_opens_doors_is_never_shown() -> None:
    assert "resume_token" not in event_fields(READY)
    assert "secret" not in str(entry_line(Entry(0, GoingAway(time_left_ms=1, resume_token="secret")), 0))


def test_an_entry_tells_when_what_and_the_rest() -> None:
    said = Entry(62_003 * NS_PER_MS, LlmToken(turn_id=3, index=2, text="it\x1b[31m is"))
    assert entry_line(said, 1_000 * NS_PER_MS) == ("1:01.003", "llm_token 3", "index 2, text “it [31m is”")


def test_a_long_value_is_cut() -> None:
    _, _, rest = entry_line(Entry(0, LlmToken(turn_id=3, index=2, text="x" * 500)), 0)
    assert len(rest) == len("index 2, text ") + MAX_VALUE_CHARS


def test_the_stopwatch_carries_over_at_the_minute() -> None:
    assert [stopwatch(ms * NS_PER_MS) for ms in (-5, 59_999, 60_000)] == ["0:00.000", "0:59.999", "1:00.000"]


@given(events)
def test_every_event_has_a_line_and_is_json(event: TalkEvent) -> None:
    assert all(part.isprintable() for part in entry_line(Entry(0, event), 0))
    json.dumps(event_fields(event))
