"""Talking: the button, the states, the conversation as it forms, and what goes wrong."""

import json
from collections.abc import Callable

import pytest

from tests.browser.page.talkpage import TalkPage

Open = Callable[..., TalkPage]
STORY = "Once upon a time there was a lighthouse keeper who collected echoes."


def test_one_press_begins_to_listen(open_page: Open) -> None:
    talk = open_page()
    assert (talk.label(), talk.presence()) == ("Start talking", "idle")
    talk.start()
    assert talk.calls() == [["mute", False], ["start"]]
    assert (talk.label(), talk.text("#presence")) == ("Mute", "Listening")
    assert talk.text("#first-words") == "Say hello, or ask for something."


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("hearing", "Hearing you"),
        ("thinking", "Thinking"),
        ("speaking", "Speaking"),
        ("reconnecting", "Reconnecting"),
    ],
)
def test_each_state_has_its_words_and_its_shape(talk: TalkPage, state: str, words: str) -> None:
    listening = talk.page.locator("#main-button").screenshot(animations="disabled")
    talk.state(state)
    assert talk.text("#presence") == words
    assert talk.page.locator("#main-button").screenshot(animations="disabled") != listening


def test_the_transcript_forms_and_settles(talk: TalkPage) -> None:
    talk.voice("voice.message({type: 'transcript_partial', turn_id: 1, text: 'what thyme', stable_chars: 5})")
    assert talk.text(".user .changing") == "thyme"
    assert talk.page.get_attribute(".user", "data-final") == "false"
    talk.says(1, "what time is it")
    assert talk.text(".user") == "You: what time is it"
    assert talk.page.get_attribute(".user", "data-final") == "true"


def test_the_answer_appears_token_by_token(talk: TalkPage) -> None:
    talk.says(1, "what time is it")
    talk.answers(1, "It is")
    assert talk.text(".answer") == "Answer: It is"
    talk.answers(1, " noon.")
    assert talk.text(".answer") == "Answer: It is noon."


def test_what_was_cut_off_is_struck_through_after_the_last_word_heard(talk: TalkPage) -> None:
    talk.says(1, "tell me a story")
    talk.answers(1, STORY)
    talk.state("speaking")
    talk.voice("voice.cut(1, 'Once upon a time')")
    rest = STORY.removeprefix("Once upon a time ")
    assert talk.text(".answer s") == rest
    assert talk.text(".answer") == f"Answer: Once upon a time Not heard: {rest}"
    assert talk.text(".turn-note") == "You cut in."
    line = talk.page.evaluate("getComputedStyle(document.querySelector('.answer s')).textDecorationLine")
    assert line == "line-through"


@pytest.mark.parametrize(
    ("answer", "note"), [("It is noon.", "It could not be finished."), (None, "It could not be answered.")]
)
def test_an_answer_that_fails_is_left_to_be_read(talk: TalkPage, answer: str | None, note: str) -> None:
    talk.says(1, "what time is it")
    if answer:
        talk.answers(1, answer)
    cancelled = "{type: 'reply_cancelled', turn_id: 1, reason: 'failed', heard_ms: 0, heard_text: ''}"
    talk.voice(f"voice.message({cancelled}), voice.message({{type: 'turn_end', turn_id: 1, outcome: 'failed'}})")
    assert talk.page.locator(".answer:visible").all_text_contents() == ([f"Answer: {answer}"] if answer else [])
    assert talk.text(".turn-note") == note


def test_a_paused_answer_only_stands_still(talk: TalkPage) -> None:
    talk.says(1, "tell me a story")
    talk.answers(1, STORY)
    talk.state("speaking")
    told = talk.text("#announcer")
    state = "getComputedStyle(document.querySelector('.halo-ring')).animationPlayState"
    for message, paused, moves, words in [
        ("reply_paused", "true", "paused", "Paused It waits to see whether that is you."),
        ("reply_resumed", "false", "running", "Speaking Talk over it to cut in."),
    ]:
        talk.voice(f"voice.message({{type: '{message}', turn_id: 1}})")
        assert talk.page.get_attribute("body", "data-paused") == paused
        assert talk.page.evaluate(state) == moves
        assert (talk.text(".presence"), talk.text("#announcer")) == (words, told)


def test_of_what_was_spoken_over_an_answer_it_is_told_that_the_answer_went_on(talk: TalkPage) -> None:
    nod = "{type: 'transcript_partial', turn_id: 2, text: 'mm-hm', stable_chars: 5}"
    talk.says(1, "tell me a story")
    talk.voice("voice.message({type: 'llm_token', turn_id: 1, index: 0, text: 'Once upon a time'})")
    talk.voice(f"voice.message({nod})")
    talk.voice("voice.message({type: 'turn_end', turn_id: 2, outcome: 'no_speech'})")
    assert talk.text(".turn-note:visible") == "The answer went on."


def test_words_of_a_turn_that_was_taken_back_are_seen_once(talk: TalkPage) -> None:
    talk.says(1, "book a table")
    talk.answers(1, STORY)
    cancelled = "{type: 'reply_cancelled', turn_id: 1, reason: 'resumed', heard_ms: 0, heard_text: ''}"
    talk.voice(f"voice.message({cancelled})")
    assert talk.page.locator(".answer:visible, .turn-note:visible").count() == 0
    talk.voice("voice.message({type: 'transcript_partial', turn_id: 2, text: 'for two', stable_chars: 4})")
    assert talk.page.locator(".user:visible").all_text_contents() == ["You: book a table for two"]
    talk.says(2, "book a table for two")
    assert talk.page.locator(".user:visible").all_text_contents() == ["You: book a table for two"]


def test_a_question_stays_above_what_was_heard_of_an_answer_that_was_taken_back(talk: TalkPage) -> None:
    talk.says(1, "book a table")
    talk.answers(1, "For how many?")
    cancelled = "{type: 'reply_cancelled', turn_id: 1, reason: 'resumed', heard_ms: 300, heard_text: 'For'}"
    talk.voice(f"voice.message({cancelled})")
    talk.says(2, "book a table for two")
    assert talk.page.locator(".user:visible").all_text_contents() == ["You: book a table", "You: book a table for two"]
    assert talk.text(".turn-note:visible") == "Taken back as you went on."


def test_of_a_long_answer_that_nobody_heard_a_part_is_shown(talk: TalkPage) -> None:
    talk.says(1, "tell me a story")
    talk.answers(1, " ".join([STORY] * 12))
    talk.voice("voice.cut(1, 'Once upon a time')")
    assert talk.text(".answer s").endswith(" …")
    assert talk.text(".more") == "Show 113 more words"
    talk.page.click(".more")
    assert talk.text(".answer s").endswith(STORY)
    assert talk.text(".more") == "Show less"


def test_a_long_conversation_stays_at_its_end_and_the_page_in_its_window(talk: TalkPage) -> None:
    for turn_id in range(1, 8):
        talk.turn(turn_id, "tell me a story", STORY * 3)
    conversation = "document.getElementById('conversation')"
    assert talk.page.evaluate("document.documentElement.scrollHeight === innerHeight")
    end = f"{conversation}.scrollHeight - {conversation}.clientHeight - {conversation}.scrollTop"
    assert talk.page.evaluate(end) < 2
    talk.page.evaluate(f"{conversation}.scrollTop = 0")
    talk.drawn()
    talk.turn(8, "tell me a story", STORY)
    assert talk.page.evaluate(f"{conversation}.scrollTop") == 0


def test_a_long_answer_is_read_along_and_its_end_shown_when_it_was_spoken(talk: TalkPage) -> None:
    conversation = "document.getElementById('conversation')"
    below = f"{conversation}.scrollHeight - {conversation}.clientHeight - {conversation}.scrollTop"
    talk.turn(1, "tell me a story", STORY * 12)
    talk.says(2, "tell me another")
    talk.answers(2, " ".join([STORY] * 60))
    at_first = talk.page.evaluate(below)
    assert talk.page.locator(".user").last.is_visible()
    assert at_first > 500
    talk.voice("voice.played(2, 100), voice.played(2, 100_000)")
    in_its_midst = talk.page.evaluate(below)
    assert 100 < in_its_midst < at_first - 100
    talk.voice("voice.message({type: 'turn_end', turn_id: 2, outcome: 'completed'})")
    assert talk.page.evaluate(below) < 2


def test_who_reads_elsewhere_is_left_there(talk: TalkPage) -> None:
    conversation = "document.getElementById('conversation')"
    talk.turn(1, "tell me a story", STORY * 40)
    talk.says(2, "tell me another")
    talk.answers(2, " ".join([STORY] * 60))
    talk.page.evaluate(f"{conversation}.scrollTop = 0")
    talk.drawn()
    talk.voice("voice.played(2, 100), voice.played(2, 100_000)")
    assert talk.page.evaluate(f"{conversation}.scrollTop") == 0


def test_who_goes_to_the_end_of_an_answer_that_is_being_spoken_is_left_there_until_the_voice_comes(
    talk: TalkPage,
) -> None:
    conversation = "document.getElementById('conversation')"
    below = f"{conversation}.scrollHeight - {conversation}.clientHeight - {conversation}.scrollTop"
    talk.says(1, "tell me a story")
    talk.answers(1, " ".join([STORY] * 60))
    talk.voice("voice.played(1, 100), voice.played(1, 600)")
    talk.page.evaluate(f"{conversation}.scrollTop = 1e6")
    talk.drawn()
    talk.voice("voice.played(1, 1_100)")
    assert talk.page.evaluate(below) < 2
    talk.voice("voice.message({type: 'turn_end', turn_id: 1, outcome: 'completed'})")
    talk.turn(2, "tell me a story", STORY * 20)
    assert talk.page.evaluate(below) < 2


def test_who_comes_back_to_the_voice_is_taken_along_again(talk: TalkPage) -> None:
    conversation = "document.getElementById('conversation')"
    talk.says(1, "tell me a story")
    talk.answers(1, " ".join([STORY] * 60))
    talk.voice("voice.played(1, 100), voice.played(1, 100_000)")
    along = talk.page.evaluate(f"{conversation}.scrollTop")
    talk.page.evaluate(f"{conversation}.scrollTop = 0")
    talk.drawn()
    talk.voice("voice.played(1, 130_000)")
    assert talk.page.evaluate(f"{conversation}.scrollTop") == 0
    talk.page.evaluate(f"{conversation}.scrollTop = {along}")
    talk.drawn()
    talk.voice("voice.played(1, 100_000)")
    talk.voice("voice.played(1, 110_000)")
    assert talk.page.evaluate(f"{conversation}.scrollTop") > along


def test_mute_and_unmute(talk: TalkPage) -> None:
    talk.page.click("#main-button")
    talk.drawn()
    assert (talk.label(), talk.text("#presence"), talk.text("#hint")) == ("Unmute", "Muted", "You are not heard.")
    talk.page.click("#main-button")
    talk.drawn()
    assert talk.presence() == "listening"
    assert talk.calls()[-2:] == [["mute", True], ["mute", False]]


def test_stop_interrupts_only_where_there_is_an_answer(talk: TalkPage) -> None:
    talk.page.click("#interrupt", force=True)
    talk.state("speaking")
    assert talk.page.get_attribute("#interrupt", "aria-disabled") == "false"
    talk.page.click("#interrupt")
    talk.page.keyboard.press("Escape")
    assert talk.calls()[2:] == [["interrupt"], ["interrupt"]]


def test_the_level_is_shown(talk: TalkPage) -> None:
    talk.voice("voice.emit('level', {db: -35})")
    assert talk.page.get_attribute("#level", "aria-valuenow") == "50"
    assert float(talk.page.get_attribute("#level-bar", "width")) == 48


def test_typed_text_is_shown_at_once_and_becomes_a_turn(talk: TalkPage) -> None:
    talk.page.fill("#text", "  hello there ")
    talk.page.keyboard.press("Enter")
    talk.drawn()
    assert talk.calls()[-1] == ["sendText", "hello there"]
    assert talk.page.locator(".user:visible").all_text_contents() == ["hello there"]
    assert talk.page.input_value("#text") == ""
    talk.voice("voice.message({type: 'transcript_final', turn_id: 1, text: 'hello there'})")
    assert talk.page.locator(".user:visible").all_text_contents() == ["You: hello there"]


def test_push_to_talk_by_pointer(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    talk.drawn()
    assert (talk.label(), talk.presence()) == ("Hold to talk", "waiting")
    talk.page.hover("#main-button")
    talk.page.mouse.down()
    talk.drawn()
    assert (talk.label(), talk.presence()) == ("Release to send", "hearing")
    talk.page.wait_for_timeout(320)
    talk.page.mouse.up()
    assert talk.calls()[2:] == [["setHandsFree", False], ["pressToTalk"], ["releaseToTalk"]]


def test_a_tap_latches_and_another_ends(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    talk.page.click("#main-button")
    talk.drawn()
    assert talk.presence() == "hearing"
    talk.page.click("#main-button")
    assert talk.calls()[3:] == [["pressToTalk"], ["releaseToTalk"]]


def test_the_page_without_focus_lets_go_of_the_button(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    talk.page.hover("#main-button")
    talk.page.mouse.down()
    talk.page.evaluate("window.dispatchEvent(new Event('blur'))")
    assert talk.calls()[-1] == ["releaseToTalk"]


def test_a_lost_connection_says_so_and_goes_on(talk: TalkPage) -> None:
    talk.says(1, "are you there")
    talk.state("reconnecting")
    talk.voice("voice.emit('reconnecting', {attempt: 3, delayMs: 4000})")
    assert talk.text("#hint") == "You are not heard yet. It goes on by itself. Attempt 3."
    assert talk.text(".turn-note") == "The connection was interrupted here. Say it once more."
    talk.voice("voice.connected()")
    talk.says(1, "are you there")
    assert talk.page.locator(".user:visible").count() == 2
    assert talk.presence() == "listening"


@pytest.mark.parametrize(
    ("state", "note"),
    [("reconnecting", "The connection was interrupted here."), ("closed", "The conversation ended here.")],
)
def test_of_an_answer_that_breaks_off_what_was_not_heard_is_struck_through(
    talk: TalkPage, state: str, note: str
) -> None:
    talk.says(1, "tell me a story")
    talk.answers(1, STORY)
    talk.state("speaking")
    talk.voice("voice.played(1, 40), voice.played(1, 1_100)")
    talk.state(state)
    assert talk.text(".answer") == f"Answer: Once upon a time Not heard: {STORY.removeprefix('Once upon a time ')}"
    assert talk.text(".turn-note") == note


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ("reconnecting", "The connection was interrupted here. Say it once more."),
        ("closed", "The conversation ended here."),
    ],
)
def test_words_that_break_off_are_noted(talk: TalkPage, state: str, note: str) -> None:
    talk.voice("voice.message({type: 'transcript_partial', turn_id: 1, text: 'what time is', stable_chars: 4})")
    talk.state(state)
    assert talk.text(".turn-note:visible") == note


def test_typed_words_that_break_off_are_to_be_sent_again(talk: TalkPage) -> None:
    talk.page.fill("#text", "hello")
    talk.page.keyboard.press("Enter")
    talk.voice("voice.message({type: 'transcript_final', turn_id: 1, text: 'hello'})")
    talk.state("reconnecting")
    assert talk.text(".turn-note") == "The connection was interrupted here. Send it once more."


def test_a_slow_network_is_shown_while_it_is_slow(talk: TalkPage) -> None:
    talk.voice("voice.stats({slowNetwork: true})")
    assert talk.page.is_visible("#slow-network")
    talk.voice("voice.stats()")
    assert talk.page.is_hidden("#slow-network")


def test_a_refused_microphone_says_what_to_do_and_one_can_type(open_page: Open) -> None:
    refusal = {
        "code": "microphone_refused",
        "title": "The microphone is not allowed",
        "advice": "Allow it.",
        "fatal": True,
    }
    talk = open_page()
    talk.voice(f"voice.refusal = {json.dumps(refusal)}")
    talk.page.click("#main-button")
    talk.page.wait_for_selector(".problem")
    assert talk.text(".problem p") == "The microphone is not allowed Allow it. Type instead"
    assert (talk.label(), talk.page.get_attribute("#problems", "role")) == ("Start talking", "alert")
    talk.voice("voice.refusal = null")
    talk.page.click("text=Type instead >> nth=0")
    talk.page.wait_for_selector("body[data-view=talking]")
    assert talk.calls()[-1] == ["connect"]
    assert (talk.focused(), talk.presence(), talk.label()) == ("text", "typing", "Talk")
    assert talk.page.locator(".problem").count() == 0


def test_who_types_can_go_on_by_talking(open_page: Open) -> None:
    talk = open_page()
    talk.page.click("#type-only")
    talk.page.wait_for_selector("body[data-view=talking]")
    talk.turn(1, "hello", "Good day.")
    talk.page.click("#main-button")
    talk.drawn()
    assert talk.calls() == [["mute", False], ["connect"], ["mute", False], ["start"]]
    assert (talk.presence(), talk.label(), talk.text(".answer")) == ("listening", "Mute", "Answer: Good day.")


def test_who_types_goes_on_typing_when_the_microphone_fails(open_page: Open) -> None:
    talk = open_page()
    talk.page.click("#type-only")
    talk.page.wait_for_selector("body[data-view=talking]")
    talk.voice(
        "voice.refusal = {code: 'microphone_missing', title: 'No microphone', advice: 'Connect one.', fatal: false}"
    )
    talk.page.click("#main-button")
    talk.page.wait_for_selector(".problem")
    assert (talk.presence(), talk.label()) == ("typing", "Talk")


@pytest.mark.parametrize(
    ("code", "title"),
    [("server_full", "All lines are busy"), ("microphone_unplugged", "The microphone is gone")],
)
def test_a_problem_is_a_sentence_and_can_be_dismissed(talk: TalkPage, code: str, title: str) -> None:
    problem = {"code": code, "title": "The microphone is gone", "advice": "Connect it.", "fatal": False}
    talk.voice(f"voice.emit('problem', {json.dumps(problem)})")
    assert talk.text(".problem strong") == title
    talk.page.click(".dismiss")
    talk.drawn()
    assert talk.page.locator(".problem").count() == 0
    assert talk.focused() == "main-button"


def test_nobody_is_heard_while_it_reconnects_and_who_talks_is_told_so(talk: TalkPage) -> None:
    talk.voice("voice.emit('level', {db: -35, speech: true})")
    assert talk.page.get_attribute("#level", "aria-valuenow") == "50"
    talk.state("reconnecting")
    talk.voice("voice.emit('level', {db: -35, speech: true})")
    assert talk.page.get_attribute("#level", "aria-valuenow") == "0"
    # Of what was said less than a second before, nothing is lost.
    talk.page.evaluate("(now => { performance.now = () => now + 1_050; })(performance.now())")
    talk.voice("voice.connected()")
    assert talk.text(".problem") == "You were not heard while the page connected again Say it once more."


def test_a_server_error_is_told_once(talk: TalkPage) -> None:
    talk.voice(
        """voice.message({type: 'error', code: 'stt_failed', message: 'x', fatal: false, turn_id: 1}),
        voice.emit('problem', {code: 'stt_failed', title: 'x', advice: 'y', fatal: false})"""
    )
    assert talk.page.locator(".problem strong").all_inner_texts() == ["What you said could not be understood"]


def test_the_end_leaves_the_conversation_and_a_button_to_go_on(talk: TalkPage) -> None:
    talk.turn(1, "hello", "Good day.")
    talk.page.click("#end")
    talk.page.wait_for_selector("body[data-view=over]")
    assert talk.calls()[-1] == ["disconnect"]
    assert (talk.label(), talk.focused()) == ("Talk again", "main-button")
    assert talk.page.is_visible(".answer")


def test_a_voice_that_the_server_does_not_name_is_doubted_and_its_own_words_are_told(talk: TalkPage) -> None:
    talk.voice("voice.message({...voice.ready, voices: ['de', 'en-gb', 'en-us']})")
    talk.page.click("#open-settings")
    for voice, doubt in [("en-gb+f2", "false"), ("nonsense", "true")]:
        talk.page.fill("#voice", voice)
        assert talk.page.get_attribute("#voice-note", "data-doubt") == doubt
    assert talk.text("#voice-note").startswith("The server names no such voice.")
    talk.page.click("#settings button")
    assert talk.calls()[-1] == ["setVoice", "nonsense"]
    problem = {
        "code": "tts_failed",
        "title": "x",
        "advice": "y",
        "fatal": False,
        "detail": "there is no voice nonsense",
    }
    talk.voice(f"voice.emit('problem', {json.dumps(problem)})")
    assert talk.text(".problem p") == (
        "The answer could not be spoken There is no voice nonsense. Choose another one in the settings."
    )


def test_a_conversation_after_the_end_begins_below_the_one_before(talk: TalkPage) -> None:
    talk.turn(1, "hello", "Good day.")
    talk.page.click("#end")
    talk.page.wait_for_selector("body[data-view=over]")
    talk.start()
    talk.drawn()
    assert talk.text("#turns > :last-child") == "A new conversation: what is above is not remembered."
    talk.turn(1, "and you", "I am well.")
    classes = talk.page.locator("#turns > li").evaluate_all("each => each.map(li => li.className)")
    assert classes == ["turn", "beginning", "turn"]


def test_settings_are_done_at_once_and_remembered(talk: TalkPage) -> None:
    talk.page.click("#open-settings")
    talk.page.wait_for_selector("#microphone option:nth-child(3)", state="attached")
    talk.page.select_option("#microphone", label="Headset")
    talk.page.select_option("#locale", label="British English")
    talk.page.fill("#voice", "en-gb+f2")
    talk.page.check("#client-vad")
    talk.page.check("input[value=push-to-talk]")
    talk.page.click("#settings button")
    assert talk.page.is_hidden("#settings")
    assert talk.calls()[2:] == [
        ["setMicrophone", "b"],
        ["setLocale", "en-GB"],
        ["setVoice", "en-gb+f2"],
        ["setClientVad", True],
        ["setHandsFree", False],
    ]
    talk.page.reload()
    talk.page.wait_for_selector("html[data-ready]")
    options = talk.page.evaluate("(({ token, ...options }) => options)(window.voice.options)")
    assert options == {
        "locale": "en-GB",
        "voice": "en-gb+f2",
        "route": "auto",
        "handsFree": False,
        "clientVad": True,
        "deviceId": "b",
    }


def test_a_token_is_taken_out_of_the_address(open_page: Open) -> None:
    talk = open_page("#token=s3cret")
    assert talk.page.evaluate("window.voice.options.token()") == "s3cret"
    assert "s3cret" not in talk.page.url
    assert "s3cret" not in talk.page.evaluate("JSON.stringify(localStorage)")


def test_a_link_with_another_token_counts_in_the_tab_that_was_refused(open_page: Open) -> None:
    talk = open_page("#token=old")
    refusal = {"code": "unauthorized", "title": "x", "advice": "y", "fatal": True}
    talk.voice(f"voice.refusal = {json.dumps(refusal)}")
    talk.page.click("#main-button")
    talk.page.wait_for_selector(".problem")
    talk.page.goto(f"{talk.page.url}#token=n3w")
    talk.page.wait_for_selector(".problem", state="detached")
    assert talk.page.evaluate("window.voice.options.token()") == "n3w"
    assert "n3w" not in talk.page.url


def test_another_fragment_takes_no_token_away(open_page: Open) -> None:
    talk = open_page("#token=s3cret")
    talk.page.evaluate("sessionStorage.clear()")
    talk.page.goto(f"{talk.page.url}#main-button")
    talk.drawn()
    assert talk.page.evaluate("window.voice.options.token()") == "s3cret"
