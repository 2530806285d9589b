"""The page of `replay --html` and `compare --html`, opened from a file in Chromium without a network."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, ROOT
from tests.voicecli.runs import calls, document, fixture

AXE = ROOT / "tests/browser/page/vendor/axe.min.js"
PHONE, DESKTOP = (390, 844), (1280, 900)
HOSTILE = "</script><img src=x onerror=alert(1)><!-- \u2028"

ENERGY = """async () => {
  const sound = document.getElementById(document.querySelector('script[type="audio/webm"]').id).textContent;
  const bytes = Uint8Array.from(atob(sound), c => c.charCodeAt(0));
  const decoded = await new OfflineAudioContext(2, 48000, 48000).decodeAudioData(bytes.buffer);
  const channels = [0, 1].map(at => decoded.getChannelData(at));
  const first = channels.map(data => data.findIndex(each => Math.abs(each) > 0.02) / 48);
  return {durationMs: decoded.duration * 1000, first};
}"""
"""How long the sound is, and when each channel is first heard, in ms."""

TAP = """() => {
  const audio = document.getElementById('audio');
  const context = new AudioContext();
  const source = context.createMediaStreamSource(audio.captureStream());
  const split = context.createChannelSplitter(2);
  source.connect(split);
  window.meters = [0, 1].map(at => {
    const meter = context.createAnalyser();
    split.connect(meter, at);
    return meter;
  });
  window.loudest = [0, 0];
  window.heard = () => {
    window.meters.forEach((meter, at) => {
      const data = new Float32Array(meter.fftSize);
      meter.getFloatTimeDomainData(data);
      window.loudest[at] = Math.max(window.loudest[at], ...data.map(Math.abs));
    });
    return window.loudest;
  };
  return context.resume();
}"""


def voicecli(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "voicecli", *map(str, arguments)]
    # Each stage is waited for, and has a length.
    turns = {"VOICECLI_ENDPOINTING": "fixed", "VOICECLI_SPECULATION": "false"}
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'server'}", "PATH": "/usr/bin:/bin", "HOME": "/", **turns}
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert ended.returncode in (0, 1), ended.stderr


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="session")
def replayed(folder: Path) -> Path:
    """Two fixtures, one of which interrupts; a budget that is missed."""
    made = folder / "replay.html"
    fixtures = [ROOT / "fixtures" / name for name in ("barge-in", "question-weather")]
    voicecli("replay", *fixtures, "--virtual", "--html", made, "--budget", "voice_to_voice max < 1ms")
    return made


@pytest.fixture(scope="session")
def compared(folder: Path) -> Path:
    """Two run files with enough calls for a verdict."""
    for name, tts_ms in (("before", 80.0), ("after", 140.0)):
        run = document(fixture(calls(24, tts=tts_ms, llm=100.0, speech_end=-10.0)))
        (folder / f"{name}.json").write_bytes(run.serialize())
    made = folder / "compare.html"
    voicecli("compare", folder / "before.json", folder / "after.json", "--html", made)
    return made


@pytest.fixture(scope="session")
def browser(play: Any) -> Iterator[Any]:
    arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    browser = play.chromium.launch(executable_path=CHROMIUM, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def open_report(browser: Any) -> Iterator[Callable[..., Any]]:
    """A page opened from a file, offline. Nothing upsets the browser, and nothing but the file is asked for."""
    upset: list[str] = []
    contexts = []

    def open_report(path: Path, viewport: tuple[int, int] = DESKTOP, **options: Any) -> Any:
        size = {"width": viewport[0], "height": viewport[1]}
        context = browser.new_context(viewport=size, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: upset.append(message.text))
        page.on("pageerror", lambda error: upset.append(str(error)))
        page.on("dialog", lambda dialog: upset.append(dialog.message))
        own = (path.as_uri(), "blob:null/", "data:,")
        page.on("request", lambda asked: None if asked.url.startswith(own) else upset.append(asked.url))
        page.add_init_script("addEventListener('securitypolicyviolation', e => console.error(e.violatedDirective))")
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert upset == []


def violations(page: Any) -> list[str]:
    """What axe-core finds, best practices included."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document).then(done => done.violations)")
    return [f"{each['id']}: {node['html']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def until(page: Any, condition: str) -> None:
    """(The page's policy forbids Playwright's own wait.)"""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came: {condition}")


def first_turns(page: Any) -> Any:
    """The turns of the first call, as the page holds them."""
    told = page.evaluate("JSON.parse(document.getElementById('content').textContent)")
    return told["runs"][0]["fixtures"][0]["calls"][0]["turns"]


def current_ms(page: Any) -> float:
    at: float = page.evaluate("document.getElementById('audio').currentTime * 1000")
    return at


def test_it_plays_and_is_heard_in_the_channel_of_who_speaks(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    page.evaluate(TAP)
    page.click("#play")
    until(page, "document.getElementById('audio').currentTime > 1.2")
    until(page, "heard()[0] > 0.05")
    assert page.evaluate("heard()")[1] < 0.01  # the reply has not begun
    assert page.inner_text("#play") == "Pause"
    page.click(".turn >> nth=0 >> [data-part=tts] button")
    until(page, "heard()[1] > 0.05")
    page.click("#play")
    assert page.inner_text("#play") == "Play"
    at = current_ms(page)
    page.wait_for_timeout(150)
    assert current_ms(page) == at


def test_the_sound_lies_where_the_marks_say(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    sound = page.evaluate(ENERGY)
    first = "[data-mark='reply.first_audible'] >> nth=0"
    audible_ms = float(page.locator(first).get_attribute("data-ms"))
    assert abs(sound["first"][1] - audible_ms) < 10
    assert abs(float(page.get_attribute("[role=slider]", "aria-valuemax")) - sound["durationMs"]) < 25


def test_every_mark_is_drawn_and_in_a_turn_each_has_its_name(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    told = [turn["marks"] for turn in first_turns(page)]
    drawn = page.evaluate("[...document.querySelectorAll('.mark')].map(e => [e.dataset.mark, Number(e.dataset.ms)])")
    assert sorted(drawn) == sorted(mark for turn in told for mark in turn)
    assert {"mic.speech_end", "reply.first_audible", "barge_in.silence"} <= {mark for mark, _ in drawn}
    page.click("[data-turn='0']")
    names = page.locator(".mark text").all_text_contents()
    assert {mark for mark, _ in told[0] if mark != "stt.first_partial"} <= set(names)
    assert page.locator(".wave").evaluate_all("paths => paths.map(path => path.getAttribute('d').length > 100)") == [
        True,
        True,
    ]


def test_a_click_on_a_part_is_heard_from_there_and_one_on_the_sound_moves_there(
    open_report: Callable[..., Any], replayed: Path
) -> None:
    page = open_report(replayed)
    page.evaluate("document.getElementById('audio').play = async () => {}")
    turn = first_turns(page)[0]
    starts = {bar["part"]: turn["startMs"] + bar["startMs"] for bar in turn["bars"]}
    for part in ("llm", "tts", "endpointing"):
        page.click(f".turn >> nth=0 >> [data-part={part}] .bar-cell")
        assert abs(current_ms(page) - starts[part]) < 2
    page.click("svg .stage[data-part=llm] >> nth=0")
    assert abs(current_ms(page) - starts["llm"]) < 2
    box = page.locator("[role=slider]").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + box["height"] - 30)
    assert abs(current_ms(page) / float(page.get_attribute("[role=slider]", "aria-valuemax")) - 0.75) < 0.01


def test_the_keyboard_moves_and_plays(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    page.focus("[role=slider]")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    assert abs(current_ms(page) - 1050) < 2
    assert page.get_attribute("[role=slider]", "aria-valuetext") == "1.05 s of 10.63 s"
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    until(page, "document.getElementById('audio').currentTime > 0.1")
    page.keyboard.press(" ")
    assert page.evaluate("document.getElementById('audio').paused")


def test_what_was_not_heard_is_struck_through(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    assert page.inner_text(".turn >> nth=0 >> .said").startswith("please tell me a long story")
    assert "At the end of a stone pier" in page.inner_text(".turn >> nth=0 >> s")
    assert page.locator(".turn >> nth=1 >> s").count() == 0
    parts = page.locator(".turn >> nth=0 >> .waterfall tbody .number").all_inner_texts()
    added = [float(text.replace("−", "-")) for text in parts if not text.startswith("(")]
    total = float(page.inner_text(".turn >> nth=0 >> .waterfall tfoot .number"))
    assert abs(sum(added) - total) < 0.05 * len(parts)


def test_a_dot_leads_to_its_call(open_report: Callable[..., Any], replayed: Path) -> None:
    page = open_report(replayed)
    page.locator(".spread[data-name=voice_to_voice] circle").last.hover()
    assert "ms · " in page.inner_text("#tooltip")
    page.click("button.part:has-text('question-weather')")
    assert page.locator("#calls .turn").count() == 1
    page.locator(".spread[data-name=barge_in_stop] circle").first.click()
    assert page.locator("#calls .turn").count() == 2
    assert page.get_attribute("[data-turn='0']", "aria-pressed") == "true"


def test_two_runs_stand_beside_each_other_without_sound(open_report: Callable[..., Any], compared: Path) -> None:
    page = open_report(compared)
    assert page.inner_text(".verdict") == "✗ regression"
    assert page.inner_text(".judged .finding strong >> nth=0") == "+60.0 ms"
    change = page.locator(".two [data-part=tts] .change")
    assert (change.inner_text(), change.get_attribute("data-way")) == ("+60.0", "slower")
    assert page.locator(".spread[data-name=voice_to_voice] :is(.after, .before) circle").count() == 48
    assert page.locator(".p95").count() > 0
    assert page.inner_text("#audio-note") == "No audio: a run file keeps figures, and no sound."
    assert page.locator("#play").count() == 0
    page.select_option("#calls select >> nth=0", "1")
    assert page.locator("#calls .turn").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("made", ["replayed", "compared"])
def test_nothing_stands_in_anybodys_way(
    open_report: Callable[..., Any], made: str, scheme: str, request: pytest.FixtureRequest
) -> None:
    page = open_report(request.getfixturevalue(made), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert violations(page) == []


@pytest.mark.parametrize("made", ["replayed", "compared"])
def test_nothing_is_cut_off_sideways_on_a_phone(
    open_report: Callable[..., Any], made: str, request: pytest.FixtureRequest
) -> None:
    page = open_report(request.getfixturevalue(made), viewport=PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for width in (PHONE[0], 320):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_hostile_run_is_shown_and_does_nothing(open_report: Callable[..., Any], folder: Path) -> None:
    run = document(fixture(calls(1, tts=1.0), name=HOSTILE))
    (folder / "hostile.json").write_bytes(run.serialize())
    made = folder / "hostile.html"
    voicecli("compare", folder / "hostile.json", folder / "hostile.json", "--html", made)
    page = open_report(made)
    assert page.locator("img").count() == 0
    assert "<img src=x" in page.inner_text("h1")
