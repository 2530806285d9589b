from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.voicecli.testing.test_replayed import taken
from voicecli.calls.take import Take
from voicecli.testing.callthread import CallThread
from voicecli.testing.replayed import VoiceError, VoiceFailure
from voicecli.testing.voice import ATTEMPTS, Voice, entry
from voicecli.testing.wanted import wanted

FIXTURES = Path(__file__).parents[3] / "fixtures"


class Stub(CallThread):
    """Instead of placing calls, gives takes; the last one again and again."""

    def __init__(self, *takes: Take) -> None:
        super().__init__()
        self.takes = list(takes)
        self.placed = 0

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        self.placed += 1
        return self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]


def voice(thread: CallThread, **said: object) -> Voice:
    return Voice(thread, [FIXTURES], [wanted("here", said)], lambda: None)


def test_a_call_whose_pace_was_not_kept_is_placed_again() -> None:
    stub = Stub(taken(), taken(late=True), taken(late=True), taken())
    replayed = voice(stub).replay("question-weather", repeat=2)
    assert (stub.placed, len(replayed.takes), replayed.again, replayed.unreliable) == (4, 2, 2, 0)


def test_one_that_never_keeps_its_pace_is_given_up_and_told() -> None:
    stub = Stub(taken(late=True))
    replayed = voice(stub).replay("question-weather")
    assert (stub.placed, replayed.again, replayed.unreliable) == (ATTEMPTS, ATTEMPTS - 1, 1)
    assert entry(replayed) == {
        "fixture": "made",
        "where": "own server",
        "calls": 1,
        "unreliable": 1,
        "again": 2,
        "voice_to_voice_ms": [],
    }


def test_a_virtual_call_is_computed_once_however_often_it_counts() -> None:
    replayed = voice(Stub(), virtual=True, llm="scripted(text='No.', ttft=100ms)").replay("question-weather", repeat=20)
    assert replayed.latency("voice_to_voice").n == 20
    assert replayed.turns[0].heard == "No."
    assert entry(replayed)["calls"] == len(entry(replayed)["voice_to_voice_ms"]) == 1


def test_all_calls_of_a_test_are_held_to_budgets_together() -> None:
    tested = voice(Stub(taken()))
    tested.replay("question-weather")
    tested.replay("silence", repeat=3)
    tested.check("voice_to_voice max < 10s")
    with pytest.raises(VoiceFailure, match=r"n=4 of 20"):
        tested.check("voice_to_voice p95 < 10s")


def test_expectations_can_be_left_to_the_test() -> None:
    tested = voice(Stub(), virtual=True, stt="scripted(text='hello')")
    with pytest.raises(VoiceFailure, match="word error rate"):
        tested.replay("question-weather")
    assert len(tested.replay("question-weather", expect=False).failures) == 1
    assert len(tested.replays) == 2


@pytest.mark.parametrize(
    ("fixture", "said", "told"),
    [
        ("question-wether", {}, "no fixture question-wether in .*; there are backchannel, barge-in"),
        ("../nowhere/question", {}, "no fixture ../nowhere/question; give the name of one, or a path"),
        ("wire", {}, "wire/fixture.toml: missing"),
        ("silence", {"codec": "mp3"}, '"mp3" is no codec; use opus or pcm_s16le'),
        ("silence", {"net": "rtt=fast"}, 'net: rtt "fast" is no time'),
        ("silence", {"virtual": True, "net": "rtt=1ms"}, "net does not go with virtual time"),
        ("silence", {"virtual": True, "tts": "espeak"}, "choose --tts scripted"),
        ("silence", {"virtual": True, "tts": "nobody"}, "nobody"),
        ("silence", {"speed": "2"}, r"replay\(\): there is no speed"),
    ],
)
def test_what_cannot_be_replayed_is_told_in_a_sentence(fixture: str, said: dict[str, Any], told: str) -> None:
    with pytest.raises(VoiceError, match=told):
        voice(Stub()).replay(fixture, **said)


def test_a_server_that_is_not_there_is_told_in_a_sentence() -> None:
    thread = CallThread()
    with pytest.raises(VoiceError, match=r"127\.0\.0\.1:1"):
        voice(thread).replay("silence", url="ws://127.0.0.1:1/voice")
    thread.close()


def test_an_agent_at_a_url_is_asked_for_the_settings_of_turn_taking(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Mapping[str, bool | int | str], int | None]] = []

    async def placed(url: str, *given: Any) -> Take:
        settings, silence_ms = given[3], given[5]
        asked.append((url, settings.turn_detection, silence_ms))
        return taken()

    monkeypatch.setattr("voicecli.testing.voice.take", placed)
    thread = CallThread()
    try:
        voice(thread, url="ws://x/").replay("question-weather", silence_ms=400, endpointing="fixed")
        voice(thread, url="ws://x/").replay("question-weather", barge_in=False)
    finally:
        thread.close()
    assert asked == [
        ("ws://x/", {"silence_ms": 400, "endpointing": "fixed"}, 400),
        ("ws://x/", {"barge_in": False}, None),
    ]
