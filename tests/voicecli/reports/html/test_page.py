import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from tests.voicecli.documents import TURN, call, fixture_runs, run
from tests.voicecli.runs import calls, document, fixture
from voicecli.baseline import Baseline
from voicecli.calls.call import CallSettings
from voicecli.calls.take import Take
from voicecli.calls.virtualcall import VirtualServer
from voicecli.figures import run as runs
from voicecli.figures.comparison import compare
from voicecli.figures.run import FixtureRuns, Run
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voicecli.reports.html.page import FOLDER, FROM_FILE, SCRIPTS, Compared, json_in_html, page, replay_page
from voicecli.reports.html.sound import CallSound, call_sound

ROOT = Path(__file__).parents[4]
HOSTILE = "</script><script>alert(1)</script><!-- <script> &amp; ]]> \u2028 \u2029 ${x} {{content}} 'q' \"q\" \\"


class Elements(HTMLParser):
    """The elements of a page as a browser finds them, with what stands in scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def handle_endtag(self, tag: str) -> None:
        self.found.append((f"/{tag}", {}, ""))

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attributes, text) for found, attributes, text in self.found if found == tag]


def elements(made: bytes) -> Elements:
    return Elements(made.decode())


def content(made: bytes) -> Any:
    (text,) = [text for attributes, text in elements(made).all("script") if attributes.get("id") == "content"]
    return json.loads(text)


@pytest.fixture(scope="module")
def sound() -> CallSound:
    return call_sound(np.zeros((4800, 2), np.int16))


def test_the_page_holds_the_run(sound: CallSound) -> None:
    made = page(run(fixture_runs("tone", call(), call())), "now", sounds={(0, 1): sound}, audio_note="1 of 2.")
    told = content(made)
    assert (told["title"], told["runs"][0]["name"], told["runs"][0]["audioNote"]) == ("tone", "now", "1 of 2.")
    first, second = told["runs"][0]["fixtures"][0]["calls"]
    assert "audio" not in first
    assert second["audio"]["id"] == "sound-0-1"
    held = {attributes.get("id"): text for attributes, text in elements(made).all("script")}
    assert base64.b64decode(held["sound-0-1"]) == sound.webm
    assert base64.b64decode(second["audio"]["peaks"]) == sound.peaks


@pytest.mark.parametrize("field", ["transcript_final", "reply_text"])
def test_no_text_gets_out_of_the_page_s_data(field: str) -> None:
    turn = replace(TURN, **{field: HOSTILE})
    hostile = run(fixture_runs(HOSTILE, call(turn, failures=(HOSTILE,))))
    made, plain = page(hostile, HOSTILE), page(run(fixture_runs("tone", call())), "now")
    assert [tag for tag, _, _ in elements(made).found] == [tag for tag, _, _ in elements(plain).found]
    told = content(made)["runs"][0]
    found = told["fixtures"][0]["calls"][0]["turns"][0]
    assert HOSTILE in (found.get("transcript"), found["heard"])
    assert (told["name"], told["fixtures"][0]["name"], told["fixtures"][0]["calls"][0]["failures"]) == (
        HOSTILE,
        HOSTILE,
        [HOSTILE],
    )


def test_json_has_no_character_that_html_or_a_script_reads() -> None:
    assert json_in_html([HOSTILE]).startswith("[")
    assert not set("<>&\u2028\u2029") & set(json_in_html([HOSTILE]))
    assert json.loads(json_in_html([HOSTILE])) == [HOSTILE]


def test_the_policy_allows_the_page_s_own_script_and_style_alone() -> None:
    found = elements(page(run(fixture_runs("tone", call())), "now"))
    (policy,) = [meta["content"] for meta, _ in found.all("meta") if meta.get("http-equiv")]
    assert policy is not None
    ((_, style),) = found.all("style")
    (script,) = [text for attributes, text in found.all("script") if attributes.get("type") == "module"]
    digests = {
        f"{name}-src": f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for name, text in (("script", script), ("style", style))
    }
    assert dict(directive.split(" ", 1) for directive in policy.split("; ")) == {
        "default-src": "'none'",
        **digests,
        "media-src": "blob:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_the_page_names_no_other_file() -> None:
    found = elements(page(run(fixture_runs("tone", call())), "now"))
    named = [value for _, attributes, _ in found.found for name, value in attributes.items() if name in ("src", "href")]
    assert named == ["data:,", "#main"]


def test_every_module_is_in_the_script_once_and_none_needs_another() -> None:
    assert set(SCRIPTS) == {path.name for path in FOLDER.glob("*.js")}
    for at, name in enumerate(SCRIPTS):
        needed = re.findall(r'^import [^;]* from "\./([^"]+)";$', (FOLDER / name).read_text(), re.MULTILINE)
        assert set(needed) <= set(SCRIPTS[:at]), name
    ((_, script),) = [each for each in elements(page(run(), "now")).all("script") if each[0].get("type") == "module"]
    assert re.findall(r"^(?:import|export)\b.*", script, re.MULTILINE) == []
    declared = re.findall(r"^(?:async )?(?:function|const|class) (\w+)", script, re.MULTILINE)
    assert sorted(set(declared)) == sorted(declared)


def test_two_runs_stand_side_by_side() -> None:
    before, after = (document(fixture(calls(6, tts=tts_ms))) for tts_ms in (80.0, 140.0))
    told = content(page(after, "B", compared=Compared("A", before, compare(before, after))))
    assert [(each["name"], each["audioNote"]) for each in told["runs"]] == [("B", FROM_FILE), ("A", FROM_FILE)]
    assert told["comparison"]["answer"] == "regression"
    refused = content(page(after, "B", compared=Compared("A", before, None, "other audio")))
    assert ("comparison" in refused, refused["notCompared"]) == (False, "other audio")


def taken(name: str) -> Take:
    loaded = fixtures.load(ROOT / "fixtures" / name)
    return VirtualServer({}, {}).take(loaded, record(loaded), CallSettings())


def replayed(takes: list[Take]) -> Run:
    groups = {take.fixture.name: [each for each in takes if each.fixture.name == take.fixture.name] for take in takes}
    found = [
        FixtureRuns(name=name, digest="00", input="in", output="out", runs=tuple(each.document for each in group))
        for name, group in groups.items()
    ]
    return runs.run_document(runs.Server(virtual=True), takes[0].ready, found)


def test_a_replay_carries_its_sound_and_the_same_one_is_the_same_page() -> None:
    weather, silence = taken("question-weather"), taken("silence")
    takes = [weather, silence, weather]  # a fixture may be named twice
    made = replay_page(replayed(takes), takes, most_mb=20)
    assert made == replay_page(replayed(takes), takes, most_mb=20)
    told = content(made)["runs"][0]
    assert [[call["audio"]["id"] for call in each["calls"]] for each in told["fixtures"]] == [
        ["sound-0-0", "sound-0-1"],
        ["sound-1-0"],
    ]
    (first, third), (second,) = ([call["durationMs"] for call in each["calls"]] for each in told["fixtures"])
    assert first == third != second
    assert told["audioNote"].startswith("3 of 3 calls can be heard (0.")
    silent = content(replay_page(replayed(takes), takes, most_mb=0))["runs"][0]
    assert silent["audioNote"] == "No audio: --html-audio 0 leaves it out."
    little = content(replay_page(replayed(takes), takes, most_mb=0.1))["runs"][0]
    assert "did not fit into 0.1 MB (--html-audio)" in little["audioNote"]


def test_a_baseline_that_cannot_be_compared_is_named_with_the_reason() -> None:
    take = taken("silence")
    other = Baseline("main", run(fixture_runs("tone", call())))
    told = content(replay_page(replayed([take]), [take], other, most_mb=0))
    assert "no fixture in common" in told["notCompared"]
