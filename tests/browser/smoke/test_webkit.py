"""The page in WebKitGTK, on a screen that nobody sees. Safari has the same engine, and other sound."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.smoke.visit import Visit, is_understood
from tests.soundcard import SoundCard

pytestmark = pytest.mark.filterwarnings("ignore:setting remote_server_addr:DeprecationWarning")  # Selenium's own
DRIVER = shutil.which("WebKitWebDriver")
SCREEN = shutil.which("Xvfb")


class WebKit:
    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def evaluate(self, expression: str) -> Any:
        """Raises RuntimeError with what the page throws."""
        value, error = self.driver.execute_async_script(
            f"""const done = arguments[0];
            const tell = (value, error) => done([value, error]);
            (async () => ({expression}))().then((value) => tell(value, null), (error) => tell(null, String(error)));"""
        )
        if error is not None:
            raise RuntimeError(error)
        return value

    def click(self, selector: str) -> None:
        """As soon as it can be: to the driver, nothing can be clicked before the window is drawn."""
        from selenium.common.exceptions import ElementNotInteractableException
        from selenium.webdriver.support.wait import WebDriverWait

        def clicked(driver: Any) -> bool:
            element = driver.find_element("css selector", selector)
            driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True

        WebDriverWait(self.driver, 20, ignored_exceptions=[ElementNotInteractableException]).until(clicked)


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    """The name of a display."""
    if SCREEN is None:
        pytest.skip("needs a virtual screen: install the package xvfb")
    command = [SCREEN, "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield f":{int(process.stdout.readline())}"
        finally:
            process.terminate()


@pytest.fixture
def visit(card: SoundCard, screen: str, page_url: str) -> Iterator[Visit]:
    selenium = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if DRIVER is None:
        pytest.skip("needs WebKitGTK: install the package webkit2gtk-driver")
    options = selenium.WebKitGTKOptions()
    options.add_argument("--automation")
    env = {**os.environ, **card.environment, "DISPLAY": screen, "NO_AT_BRIDGE": "1"}
    driver = selenium.WebKitGTK(options=options, service=selenium.WebKitGTKService(DRIVER, env=env))
    try:
        driver.set_script_timeout(60)
        driver.set_window_size(1280, 900)
        driver.get(page_url)
        yield Visit(WebKit(driver))
    finally:
        driver.quit()


def test_a_question_is_understood_and_its_answer_is_heard(visit: Visit, card: SoundCard) -> None:
    visit.start()
    understood, heard, sent = visit.hold_turn(card)
    assert is_understood(understood), understood
    assert heard.share_of(sent) > 0.6


def test_the_page_of_a_run_is_heard_from_a_file(visit: Visit, card: SoundCard, report: Path) -> None:
    assert isinstance(visit.browser, WebKit)
    visit.browser.driver.get(report.as_uri())
    assert visit.hear_report(card) > 0.6
