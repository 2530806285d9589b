"""The page with the keyboard alone, with a screen reader, in other sizes and colours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page.talkpage import TalkPage

Open = Callable[..., TalkPage]
AXE = Path(__file__).parent / "vendor/axe.min.js"

PROBLEM = {"code": "microphone_refused", "title": "The microphone is not allowed", "advice": "Allow it.", "fatal": True}


PHONE = (360, 740)
ZOOMED_TWICE = (640, 400)
ZOOMED_FOUR_TIMES = (320, 256)

BEYOND = """width => [...document.querySelectorAll('button, input, select, p, h1, h2')]
    .filter(e => e.checkVisibility() && !e.closest('.visually-hidden, .skip'))
    .filter(e => { const box = e.getBoundingClientRect(); return box.right > width + 1 || box.left < -1; })
    .map(e => e.id || e.outerHTML)"""
"""What can be seen and reaches beyond an edge."""

SMALL = """[...document.querySelectorAll('button')].filter(e => e.checkVisibility())
    .map(e => [e.id, e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 44 || box.height < 44).map(([id]) => id)"""


def violations(talk: TalkPage, *rules: str) -> list[str]:
    """What axe-core finds, best practices included."""
    if not talk.page.evaluate("'axe' in window"):
        talk.page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = talk.page.evaluate(
        "rules => axe.run(document, rules.length ? {runOnly: rules} : {}).then(done => done.violations)", list(rules)
    )
    return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def converse(talk: TalkPage) -> None:
    """Everything that a conversation can show."""
    talk.turn(1, "hello", "Good day.")
    talk.says(2, "tell me a story")
    talk.answers(2, "Once upon a time there was a lighthouse keeper.")
    talk.voice(
        """voice.cut(2, 'Once upon'),
        voice.message({type: 'transcript_partial', turn_id: 3, text: 'what time is', stable_chars: 4}),
        voice.stats({slowNetwork: true})"""
    )


def idle(talk: TalkPage) -> None:
    pass


def connecting(talk: TalkPage) -> None:
    talk.state("connecting")


def listening(talk: TalkPage) -> None:
    talk.start()


def conversation(talk: TalkPage) -> None:
    talk.start()
    converse(talk)


def hearing(talk: TalkPage) -> None:
    talk.start()
    talk.state("hearing")


def thinking(talk: TalkPage) -> None:
    talk.start()
    talk.state("thinking")


def speaking(talk: TalkPage) -> None:
    talk.start()
    talk.state("speaking")


def muted(talk: TalkPage) -> None:
    talk.start()
    talk.page.click("#main-button")
    talk.drawn()


def push_to_talk(talk: TalkPage) -> None:
    talk.start()
    talk.page.click("#hands-free")
    talk.drawn()


def typing(talk: TalkPage) -> None:
    talk.page.click("#type-only")
    talk.drawn()


def reconnecting(talk: TalkPage) -> None:
    talk.start()
    talk.state("reconnecting")


def problem(talk: TalkPage) -> None:
    talk.voice(f"voice.emit('problem', {json.dumps(PROBLEM)})")


def settings(talk: TalkPage) -> None:
    talk.page.click("#open-settings")


def over(talk: TalkPage) -> None:
    conversation(talk)
    talk.page.click("#end")
    talk.drawn()


def panel(talk: TalkPage) -> None:
    conversation(talk)
    talk.page.click("#toggle-panel")


SCENES = [
    idle, connecting, listening, conversation, hearing, thinking, speaking, muted, push_to_talk, typing, reconnecting,
    problem, settings, over, panel,
]  # fmt: skip
Scene = Callable[[TalkPage], None]


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_stands_in_anybodys_way(open_page: Open, scene: Scene) -> None:
    talk = open_page(reduced_motion="reduce")
    scene(talk)
    assert violations(talk) == []
    talk.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(talk, "color-contrast") == []


@pytest.mark.parametrize("scene", [idle, conversation, settings, panel, problem])
def test_nothing_is_cut_off_sideways_on_a_phone_or_zoomed(open_page: Open, scene: Scene) -> None:
    talk = open_page()
    scene(talk)
    for width, height in PHONE, ZOOMED_TWICE, ZOOMED_FOUR_TIMES:
        talk.page.set_viewport_size({"width": width, "height": height})
        assert talk.page.evaluate("document.documentElement.scrollWidth") == width
        assert talk.page.evaluate(BEYOND, width) == []


SEEN = """[document.querySelector('.dock').getBoundingClientRect().top, ...[...document.querySelectorAll('.turn')]
    .map(turn => turn.getBoundingClientRect().bottom).filter(bottom => bottom > 0)]"""


@pytest.mark.parametrize("size", [PHONE, (320, 480), (320, 400), ZOOMED_FOUR_TIMES])
def test_the_controls_stand_below_the_conversation_at_any_size(open_page: Open, size: tuple[int, int]) -> None:
    talk = open_page(viewport=size)
    talk.start()
    for turn_id in range(1, 6):
        talk.turn(turn_id, "tell me a story", "Once upon a time there was a lighthouse keeper. " * 6)
    dock, *turns = talk.page.evaluate(SEEN)
    assert max(turns) <= dock
    assert talk.page.evaluate("document.querySelector('.dock').getBoundingClientRect().bottom") <= size[1] + 1


@pytest.mark.parametrize("scene", [idle, conversation])
def test_what_is_pressed_is_large_enough_for_a_finger(open_page: Open, scene: Scene) -> None:
    talk = open_page(viewport=PHONE)
    scene(talk)
    assert talk.page.evaluate(SMALL) == []


def test_the_tab_key_goes_through_all_and_is_never_caught(open_page: Open) -> None:
    talk = open_page()
    order = []
    for _ in range(6):
        talk.page.keyboard.press("Tab")
        order.append(talk.focused())
    assert order[1:5] == ["toggle-panel", "main-button", "open-settings", "type-only"]
    talk.page.focus("#main-button")
    talk.page.keyboard.press("Enter")
    talk.page.wait_for_selector("body[data-view=talking]")
    assert talk.focused() == "main-button"
    after = []
    for _ in range(4):
        talk.page.keyboard.press("Tab")
        after.append(talk.focused())
    assert after == ["open-settings", "end", "text", "BUTTON"]


def test_the_focus_is_seen(open_page: Open) -> None:
    talk = open_page()
    for target in ("#main-button", "#toggle-panel", "#open-settings"):
        blurred = talk.page.screenshot(animations="disabled")
        talk.page.keyboard.press("Tab")
        talk.page.focus(target)
        outline = talk.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        assert talk.page.screenshot(animations="disabled") != blurred


def test_the_skip_link_leads_to_the_button(open_page: Open) -> None:
    talk = open_page()
    talk.page.keyboard.press("Tab")
    talk.page.keyboard.press("Enter")
    assert talk.focused() == "main-button"


def test_settings_give_the_focus_back(talk: TalkPage) -> None:
    talk.page.focus("#open-settings")
    talk.page.keyboard.press("Enter")
    assert talk.page.is_visible("#settings")
    talk.page.keyboard.press("Escape")
    assert talk.page.is_hidden("#settings")
    assert talk.focused() == "open-settings"


def test_the_space_bar_talks_while_it_is_held(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    talk.page.evaluate("document.activeElement.blur()")
    talk.page.keyboard.down(" ")
    talk.page.keyboard.down(" ")
    talk.page.wait_for_timeout(320)
    talk.page.keyboard.up(" ")
    assert talk.calls()[3:] == [["pressToTalk"], ["releaseToTalk"]]


def test_the_space_bar_is_a_blank_where_one_types_and_a_press_where_a_button_is(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    talk.page.focus("#text")
    talk.page.keyboard.type("a b")
    assert talk.page.input_value("#text") == "a b"
    talk.page.focus("#toggle-panel")
    talk.page.keyboard.press(" ")
    assert talk.page.is_visible("#panel")
    assert ["pressToTalk"] not in talk.calls()


def test_hands_free_the_space_bar_is_nothing(talk: TalkPage) -> None:
    talk.page.evaluate("document.activeElement.blur()")
    talk.page.keyboard.press(" ")
    assert ["pressToTalk"] not in talk.calls()


def test_a_screen_reader_can_switch_talking_on_and_off(talk: TalkPage) -> None:
    talk.page.click("#hands-free")
    for _ in range(2):
        talk.page.evaluate("document.getElementById('main-button').click()")
        talk.drawn()
    assert talk.calls()[3:] == [["pressToTalk"], ["releaseToTalk"]]


def test_a_screen_reader_hears_final_texts_only(talk: TalkPage) -> None:
    converse(talk)
    assert talk.page.locator("#announcer p").all_inner_texts() == [
        "Connecting.",
        "Connected. Speak now.",
        "You said: hello",
        "Answer: Good day.",
        "You said: tell me a story",
        "Answer, cut short: Once upon",
        "Slow network: some of what you say may be lost.",
    ]
    assert talk.page.get_attribute("#announcer", "aria-live") == "polite"


def test_reduced_motion_is_respected(open_page: Open) -> None:
    talk = open_page(reduced_motion="reduce")
    talk.start()
    for state in ("listening", "thinking", "speaking"):
        talk.state(state)
        running = talk.page.evaluate("document.getAnimations().filter(each => each.playState === 'running').length")
        assert running == 0


def test_dark_and_light_differ(open_page: Open) -> None:
    def ground(scheme: str) -> str:
        colour: str = open_page(color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour

    assert ground("light") == "rgb(246, 245, 241)"
    assert ground("dark") == "rgb(18, 21, 19)"
