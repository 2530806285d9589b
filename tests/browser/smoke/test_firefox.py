"""The page in Firefox, the stock one, by WebDriver BiDi."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError

from tests.browser.smoke.visit import Visit, is_understood
from tests.soundcard import SoundCard

FIREFOX = shutil.which("firefox-esr")


COUNT_QUESTIONS = """
    window.questions = [];
    const { get } = Object.getOwnPropertyDescriptor(AudioContext.prototype, "outputLatency");
    Object.defineProperty(AudioContext.prototype, "outputLatency", {
        get() {
            questions.push(performance.now());
            return get.call(this);
        },
    });
"""


class Firefox:
    def __init__(self, page: Any) -> None:
        self.page = page

    def evaluate(self, expression: str) -> Any:
        return self.page.evaluate(expression)

    def click(self, selector: str) -> None:
        self.page.click(selector)


@pytest.fixture
def visit(playwright: Any, card: SoundCard, page_url: str) -> Iterator[Visit]:
    """Nothing upsets the browser."""
    if FIREFOX is None:
        pytest.skip("needs Firefox ESR: install the package firefox-esr")
    complaints: list[str] = []
    try:
        browser = playwright.firefox.launch(
            channel="moz-firefox",
            executable_path=FIREFOX,
            env={**os.environ, **card.environment},
            firefox_user_prefs={"permissions.default.microphone": 1},
        )
    except PlaywrightError as error:
        if "unknown command" not in error.message:
            raise
        pytest.skip("needs a Firefox ESR that Playwright can drive, and this one is too old: upgrade firefox-esr")
    try:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.add_init_script(COUNT_QUESTIONS)
        page.goto(page_url)
        yield Visit(Firefox(page))
    finally:
        browser.close()
    assert complaints == []


def test_a_question_is_understood_and_its_answer_is_heard(visit: Visit, card: SoundCard) -> None:
    visit.start()
    understood, heard, sent = visit.hold_turn(card)
    assert is_understood(understood), understood
    assert heard.share_of(sent) > 0.6
    # Asked while it opens a stream, Firefox now and then stands still for ever.
    assert visit.browser.evaluate("questions") == []


def test_the_page_of_a_run_is_heard_from_a_file(visit: Visit, card: SoundCard, report: Path) -> None:
    assert isinstance(visit.browser, Firefox)
    visit.browser.page.goto(report.as_uri())
    assert visit.hear_report(card) > 0.6
