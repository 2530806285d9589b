"""The developer's panel."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.page.talkpage import TalkPage


@pytest.fixture
def panel(talk: TalkPage) -> TalkPage:
    """A page that talks, with its panel open."""
    talk.page.click("#toggle-panel")
    return talk


def rows(talk: TalkPage) -> dict[str, str]:
    """The waterfall's table."""
    cells = talk.page.locator(".waterfall-table tbody tr").evaluate_all(
        "rows => rows.map(row => [row.cells[0].innerText, row.cells[2].innerText])"
    )
    return dict(cells)


def test_the_panel_is_closed_until_asked_for_and_remembered(open_page: Callable[..., TalkPage]) -> None:
    talk = open_page()
    assert talk.page.is_hidden("#panel")
    talk.page.click("#toggle-panel")
    assert talk.page.is_visible("#panel")
    assert talk.page.get_attribute("#toggle-panel", "aria-expanded") == "true"
    talk.page.reload()
    assert talk.page.is_visible("#panel")
    talk.page.click("#toggle-panel")
    talk.page.reload()
    talk.page.wait_for_selector("html[data-ready]")
    assert talk.page.is_hidden("#panel")


def test_the_waterfall_sums_to_voice_to_voice(panel: TalkPage) -> None:
    panel.turn(1, "what time is it", "It is noon.")
    assert rows(panel) == {
        "speech end": "8 ms",
        "endpointing": "600 ms",
        "STT": "0 ms",
        "hand-over": "1 ms",
        "LLM first token": "120 ms",
        "first clause": "50 ms",
        "TTS first audio": "80 ms",
        "encode, send": "2 ms",
        "network": "19 ms",
        "unattributed": "20 ms",
        "voice-to-voice": "900 ms",
    }
    fill = panel.page.get_attribute("tr[data-part=endpointing] rect:last-child", "fill")
    assert fill == "#d19a2a"


def test_what_lasts_no_time_is_not_drawn_and_what_counts_backwards_is_hollow(panel: TalkPage) -> None:
    panel.says(1, "what time is it")
    panel.voice("voice.stats()")
    panel.voice(
        """voice.marks(1, 0, {'mic.speech_end': 0, 'audio.last_speech': -35, 'vad.closed': 165, 'turn.committed': 365,
        'llm.requested': 365, 'llm.first_token': 366})"""
    )
    bars = {
        part: panel.page.locator(f"tr[data-part={part}] rect:not(.grid)").evaluate_all(
            "all => all.map(e => e.className.baseVal)"
        )
        for part in ("speech_end", "endpointing", "handover", "llm")
    }
    assert bars == {"speech_end": ["backwards"], "endpointing": [""], "handover": [], "llm": [""]}


def test_the_waterfall_grows_as_the_marks_come(panel: TalkPage) -> None:
    panel.says(1, "what time is it")
    panel.voice("voice.stats(), voice.marks(1, 0, {'mic.speech_end': 0, 'audio.last_speech': 10, 'vad.closed': 210})")
    assert rows(panel) == {"speech end": "10 ms", "endpointing": "200 ms", "voice-to-voice": "–"}


def test_a_whole_is_the_same_figure_wherever_it_stands(panel: TalkPage) -> None:
    panel.voice("voice.stats(), voice.marks(1, 0, {'mic.speech_end': 0, 'reply.first_audible': 524.46})")
    assert rows(panel)["voice-to-voice"] == panel.text("#median") == panel.text("#turn-list .number") == "524 ms"


def test_a_typed_turn_has_a_turnaround(panel: TalkPage) -> None:
    panel.voice(
        "voice.stats(), voice.marks(1, 0, {'turn.committed': 0, 'llm.requested': 1, 'reply.first_frame_sent': 90})"
    )
    assert rows(panel)["turnaround"] == "90 ms"


def test_a_turn_of_push_to_talk_counts_from_the_release(panel: TalkPage) -> None:
    panel.page.click("#hands-free")
    panel.page.click("#main-button")
    # A fifth of a second after the end of the speech of its turn, as that is dated below.
    panel.voice("voice.clockMs += 10_200")
    panel.page.click("#main-button")
    panel.voice("voice.clockMs -= 10_200")
    panel.turn(1, "what time is it", "It is noon.")
    assert (rows(panel)["release-to-voice"], rows(panel)["endpointing"]) == ("700 ms", "408 ms")
    assert panel.text("#waterfall caption") == "Turn 1, ms from the release of the button"
    assert panel.text("#median-note") == "median from the release of the button, n = 1."


def test_what_was_begun_early_is_told_below_its_waterfall(panel: TalkPage) -> None:
    panel.turn(1, "and now", "Noon.", voice_to_voice_ms=700)
    assert panel.page.locator("#waterfall .note").count() == 0
    early = "{started: 1, hit: 1, saved_ms: 310.4}"
    panel.voice(f"voice.message({{type: 'turn_end', turn_id: 1, outcome: 'completed', speculation: {early}}})")
    assert panel.text("#waterfall .note") == "Begun early: saved 310 ms."


def test_the_median_says_its_n(panel: TalkPage) -> None:
    assert panel.text("#median") == "–"
    for turn_id, latency_ms in enumerate((700, 900, 800), 1):
        panel.turn(turn_id, "and now", "Noon.", voice_to_voice_ms=latency_ms)
    assert (panel.text("#median"), panel.text("#median-note")) == ("800 ms", "median, n = 3.")
    panel.voice("voice.marks(2, 0, {'barge_in.speech_start': 0, 'barge_in.silence': 90})")
    assert panel.text("#median-note") == "median, n = 3. Barge-in stop: median 90 ms, n = 1."


def test_the_wait_for_an_answer_that_was_taken_back_is_none(panel: TalkPage) -> None:
    panel.turn(1, "and now", "Noon.", voice_to_voice_ms=700)
    panel.turn(2, "what", "I", voice_to_voice_ms=300)
    cancelled = "{type: 'reply_cancelled', turn_id: 2, reason: 'resumed', heard_ms: 80, heard_text: 'I'}"
    panel.voice(f"voice.message({cancelled})")
    assert (panel.text("#median"), panel.text("#median-note")) == ("700 ms", "median, n = 1.")
    assert panel.page.locator("#turn-list button").count() == 2


def test_an_earlier_turn_can_be_looked_at(panel: TalkPage) -> None:
    for turn_id, latency_ms in enumerate((700, 900), 1):
        panel.turn(turn_id, "and now", "Noon.", voice_to_voice_ms=latency_ms)
    assert panel.text("#waterfall caption") == "Turn 2, ms from the end of speech"
    panel.page.click("#turn-list button >> nth=0")
    assert panel.text("#waterfall caption") == "Turn 1, ms from the end of speech"
    panel.turn(3, "and now", "Noon.")
    assert panel.text("#waterfall caption") == "Turn 1, ms from the end of speech"
    panel.page.click("#turn-list button >> nth=2")
    panel.turn(4, "and now", "Noon.")
    assert panel.text("#waterfall caption") == "Turn 4, ms from the end of speech"


def test_a_turn_keeps_its_figures_when_the_next_server_has_another_clock(panel: TalkPage) -> None:
    panel.turn(1, "what time is it", "It is noon.")
    before = rows(panel)
    panel.voice("voice.state('reconnecting'), voice.connected(), voice.stats({offsetMs: 3_000_000})")
    assert rows(panel) == before


def test_the_list_of_turns_tells_them_apart(panel: TalkPage) -> None:
    panel.turn(1, "and now", "Noon.", voice_to_voice_ms=700)
    panel.page.fill("#text", "and now")
    panel.page.keyboard.press("Enter")
    panel.voice("voice.message({type: 'transcript_final', turn_id: 2, text: 'and now'})")
    panel.voice("voice.marks(2, 0, {'turn.committed': 0, 'reply.first_frame_sent': 90})")
    panel.voice("voice.state('reconnecting'), voice.connected(), voice.stats()")
    panel.voice("voice.marks(1, 0, {'mic.speech_end': 0, 'audio.last_speech': 8})")
    panel.voice("voice.message({type: 'turn_end', turn_id: 1, outcome: 'no_speech'})")
    turns = panel.page.locator("#turn-list button").evaluate_all(
        "all => all.map(e => [...e.children].map(c => c.textContent))"
    )
    assert turns == [
        ["Turn 1", "", "", "700 ms"],
        ["Turn 2", "", "typed", "90 ms"],
        ["Turn 2·1", "", "no words", "–"],
    ]


def test_the_connection_in_figures(panel: TalkPage) -> None:
    panel.voice("voice.stats({shedMs: 240, underruns: 3})")
    figures = dict(
        panel.page.locator("#figures > div").evaluate_all(
            "rows => rows.map(row => [...row.children].map(e => e.innerText))"
        )
    )
    assert figures == {
        "Route in use": "webcodecs, worker",
        "Format up": "opus, 48 kHz",
        "Format down": "opus, 48 kHz",
        "Engines": "silero · pocketsphinx · scripted · espeak",
        "Round trip": "18 ms",
        "Audio unacknowledged": "40 ms",
        "Audio not sent yet": "0 ms",
        "Socket buffer": "0 B",
        "Audio shed": "240 ms",
        "Answer buffered": "0 ms",
        "Lead": "60 ms",
        "Output latency": "32 ms",
        "Underruns": "3",
        "Audio sent": "48.2 kB",
    }


def test_a_route_can_be_chosen_by_hand(panel: TalkPage) -> None:
    panel.page.select_option("#route", "pcm")
    assert panel.calls()[-1] == ["setRoute", "pcm"]


def names(talk: TalkPage) -> list[str]:
    names: list[str] = talk.page.locator("#log-rows strong").all_inner_texts()
    return names


def test_the_log_is_filtered_by_kind_and_text(panel: TalkPage) -> None:
    panel.turn(1, "what time is it", "It is noon.")
    assert "timing" not in names(panel)
    panel.page.check("#log-kinds input[value=timing]", force=True)
    assert "timing" in names(panel)
    panel.page.fill("#log-text", "first_token")
    assert names(panel) == ["timing"]
    panel.page.fill("#log-text", "nothing has this")
    assert names(panel) == []
    assert panel.text("#log-note").startswith("0 of ")


def test_a_long_answer_leaves_the_other_events_in_reach(panel: TalkPage) -> None:
    panel.says(1, "tell me a story")
    panel.answers(1, "word " * 300)
    panel.voice("voice.message({type: 'turn_end', turn_id: 1, outcome: 'completed'})")
    assert [names(panel)[at] for at in (-3, -2, -1)] == ["speech_started", "transcript_final", "turn_end"]
    panel.page.check("#log-kinds input[value=token]", force=True)
    assert names(panel)[-200:] == ["llm_token"] * 199 + ["turn_end"]


def test_the_log_is_bounded_and_keeps_no_secret(panel: TalkPage) -> None:
    panel.voice(
        "Array.from({length: 600}, (_, at) => voice.message({type: 'speech_started', turn_id: 1, position_ms: at}))"
    )
    assert panel.page.locator("#log-rows tr").count() == 200
    assert "of each kind the last 200 are kept" in panel.text("#log-note")
    assert "secret" not in panel.page.inner_text("#panel")


def test_the_session_can_be_saved(panel: TalkPage, tmp_path: Path) -> None:
    with panel.page.expect_download() as download:
        panel.page.click("#download")
    assert download.value.suggested_filename.startswith("voicecli-")
    assert download.value.suggested_filename.endswith(".jsonl")
    download.value.save_as(tmp_path / "session")
    assert (tmp_path / "session").read_text() == '{"format":"voicewire.recording/1"}\n'
