"""The page as its user meets it, in whatever browser: pressed, spoken to, read and heard."""

import base64
import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tests.soundcard import RATE, Heard, Samples, SoundCard
from voiceaudio.opus import OpusDecoder
from voiceaudio.resample import Resampler
from voicecli.figures.wer import word_errors
from voicecli.fixtures import fixture, wavfile
from voicewire.frames import AudioFrame, unpack_packets

FIXTURES = Path(__file__).parents[3] / "fixtures"
FIXTURE = FIXTURES / "barge-in"
QUESTION = fixture.load(FIXTURE).utterances[1]


class Browser(Protocol):
    """What the tests need of one."""

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; of a promise, what comes of it."""

    def click(self, selector: str) -> None: ...


class Visit:
    """Somebody at the page."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def until(self, condition: str, timeout_ms: int = 30_000) -> Any:
        """Wait until an expression is true, and return it. Fails with all that stands on the page."""
        return self.browser.evaluate(
            f"""new Promise((done, fail) => {{
                const began = performance.now();
                const look = () => {{
                    const found = {condition};
                    if (found) done(found);
                    else if (performance.now() - began < {timeout_ms}) setTimeout(look, 50);
                    else fail(new Error({json.dumps(condition)} + " is not so: " + document.body.innerText));
                }};
                look();
            }})"""
        )

    def text(self, selector: str) -> str:
        text = self.browser.evaluate(f"document.querySelector({json.dumps(selector)})?.textContent ?? ''")
        assert isinstance(text, str)
        return text

    def start(self) -> None:
        """Press the button; returns once sound of the microphone is on its way to the server."""
        self.until("document.documentElement.dataset.ready")
        self.browser.click("#toggle-panel")
        self.browser.click("#main-button")
        self.until("document.body.dataset.presence === 'listening'")
        figure = "[...document.querySelectorAll('#figures dt')].find((dt) => dt.textContent === 'Audio sent')"
        self.until(f"parseFloat({figure}?.nextElementSibling.textContent) > 0")

    def saved_session(self) -> list[dict[str, Any]]:
        """Press "Save the session"; the lines of the file."""
        self.browser.evaluate(
            """void (URL.createObjectURL = (blob) => (window.saved = blob, "#"),
               HTMLAnchorElement.prototype.click = () => {})"""
        )
        self.browser.click("#download")
        text = self.until("window.saved && saved.text()")
        return [json.loads(line) for line in text.splitlines()]

    def hold_turn(self, card: SoundCard) -> tuple[str, Heard, Samples]:
        """Ask the question, and listen to the answer: what was understood, what the speaker played, what was sent."""
        with card.recording() as speaker:
            card.speak(*question())
            self.until("document.querySelector('.user[data-final=true]')")
            self.until("document.querySelector('.answer[data-settled=true]')")
            self.until("document.body.dataset.presence === 'listening'")
        # The first span is for screen readers.
        understood = self.text(".user > span:nth-of-type(2)")
        return understood, speaker.heard(), sent_reply(self.saved_session())

    def hear_report(self, card: SoundCard) -> float:
        """Play the caller's question in the page of a run: how much of it the speaker played, of 1."""
        self.until("'ready' in document.documentElement.dataset")
        with card.recording() as speaker:
            self.browser.click("#play")
            self.until("document.getElementById('audio').currentTime > 3.5")
        spoken, rate = wavfile.read(FIXTURES / "question-weather" / "audio.wav")
        resampler = Resampler(rate, RATE)
        pcm = resampler.resample(spoken.tobytes()) + resampler.flush()
        return speaker.heard().share_of(np.frombuffer(pcm, np.int16) / 32_768)


def question() -> tuple[NDArray[np.int16], int]:
    """Samples and their rate."""
    samples, rate = wavfile.read(FIXTURE / "audio.wav")
    start, end = (at_ms * rate // 1000 for at_ms in QUESTION.audio_ms)
    return samples[start:end], rate


def sent_reply(session: list[dict[str, Any]]) -> Samples:
    """The audio of the answer as the server sent it."""
    down = [line["frame"] for line in session if line.get("direction") == "down" and "frame" in line]
    frames = [AudioFrame.parse(base64.b64decode(frame)) for frame in down]
    decoder = OpusDecoder()
    pcm = b"".join(decoder.decode(packet) for frame in frames for packet in unpack_packets(frame.payload))
    return np.frombuffer(pcm, np.int16) / 32_768


def is_understood(text: str) -> bool:
    """But for a word or two: a browser's noise suppression and gain control change what the recogniser gets."""
    return word_errors(QUESTION.text, text).rate <= 0.5
