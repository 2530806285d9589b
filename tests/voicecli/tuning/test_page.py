import base64
import hashlib
import re
from html.parser import HTMLParser

import numpy as np

from tests.voicecli.tuning.results import document
from voicecli.tuning.clip import Clip
from voicecli.tuning.document import Tuning, cut_utterances
from voicecli.tuning.page import page

SOUND = Clip(np.zeros((4800, 2), np.int16), 50.0)


def written(of: Tuning) -> str:
    return page(of, [(each, SOUND) for each in cut_utterances(of)]).decode()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_each_cut_utterance_can_be_listened_to() -> None:
    tags = _Tags()
    tags.feed(written(document(3, 2, 0)))
    assert tags.tags.count("audio") == 3


def test_the_page_needs_nothing_but_itself_and_runs_nothing() -> None:
    tags = _Tags()
    tags.feed(written(document(3, 2, 0)))
    assert {address.partition(":")[0] for address in tags.addresses} == {"data"}
    assert "script" not in tags.tags


def test_the_policy_lets_in_the_style_of_the_page_and_no_other() -> None:
    text = written(document(1, 0))
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'; media-src data:" in text
    assert " style=" not in text


def test_what_people_wrote_cannot_become_part_of_the_page() -> None:
    text = written(document(1, 0, sweep=["stt.text=<script>alert(1)</script>,&"], name='<img src=x>"'))
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;img src=x&gt;&quot;" in text


def test_where_nobody_is_cut_off_the_page_says_so() -> None:
    assert "No setting of the front cuts anybody off." in written(document(0, 0))


def test_the_page_marks_that_there_is_nothing_to_choose() -> None:
    assert '<div class="verdict none"><p>✗ no setting keeps to 5 %' in written(document(9, 9))
    assert '<div class="verdict"><p>✓ choose' in written(document(9, 0))


def test_every_setting_has_a_row_also_where_the_terminal_leaves_some_out() -> None:
    tags = _Tags()
    tags.feed(written(document(*[0] * 40)))
    assert tags.tags.count("tr") == 41
