"""`voicecli talk` as a person has it: a real process, real engines, real PortAudio on a sound card without hardware.

Where there is none, files stand in for it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.soundcard import RATE, SoundCard
from voicecli.fixtures import fixture, wavfile

ROOT = Path(__file__).parents[2]
BARGE_IN = ROOT / "fixtures" / "barge-in" / "audio.wav"
PATIENCE_S = 60
AUDIBLE = 0.01
"""Of full scale. Opus decodes silence to less."""


class Talk:
    """A running conversation, and the lines of JSON that it has told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, name="talk")
        self._reader.start()

    def until(self, kind: str, count: int = 1) -> dict[str, Any]:
        """The so many-th of its kind."""
        with self._changed:
            found = self._changed.wait_for(lambda: len(self.all(kind)) >= count, PATIENCE_S)
        assert found, f"never: {count} {kind}; last told {[each['type'] for each in self.told[-20:]]}"
        return self.all(kind)[count - 1]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.told if each["type"] == kind]

    def mark(self, turn_id: int, mark: str) -> int:
        """On the machine's monotonic clock, in ns."""
        [t_ms] = (each["t_ms"] for each in self.all("mark_noted") if (each["turn_id"], each["mark"]) == (turn_id, mark))
        return int(t_ms * 1e6)

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.told.append(json.loads(line))
                self._changed.notify_all()


@contextmanager
def talking(*arguments: object, **environment: str) -> Iterator[Talk]:
    process = subprocess.Popen(
        [sys.executable, "-m", "voicecli", "talk", "--json", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "VOICECLI_RESUME_MS": "0", **environment},  # an interruption, however soon
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    talk = Talk(process)
    try:
        yield talk
    finally:
        process.kill()
        talk.end()


def loudest(samples: NDArray[np.float64], start_ns: int, from_ns: int, to_ns: int) -> float:
    """Of what was played between two instants."""
    first, last = ((at_ns - start_ns) * RATE // 1_000_000_000 for at_ns in (from_ns, to_ns))
    assert 0 <= first < last <= len(samples)
    return float(np.abs(samples[first:last]).max())


def check_transcripts(talk: Talk) -> None:
    """The user asked for a story, and cut in on it."""
    finals = [each["text"] for each in talk.all("transcript_final")]
    assert len(finals) == 2
    assert finals[0].startswith("please tell me")
    assert finals[1] == "what time is it"
    [cancelled] = talk.all("reply_cancelled")
    assert (cancelled["turn_id"], cancelled["reason"]) == (1, "barge_in")
    assert [each["outcome"] for each in talk.all("turn_end")] == ["cancelled", "completed"]


@pytest.mark.usefixtures("heeds_ctrl_c")
def test_what_is_spoken_into_the_sound_card_is_answered_and_a_barge_in_silences_it(
    card: SoundCard, tmp_path: Path
) -> None:
    samples, rate = wavfile.read(BARGE_IN)
    session = tmp_path / "session"
    with card.recording() as speaker, talking("--headphones", "--record", session, **card.environment) as talk:
        talk.until("session_ready")
        card.speak(samples, rate)
        talk.until("turn_end", 2)
        check_transcripts(talk)
        cut_ns, next_ns = talk.mark(1, "barge_in.silence"), talk.mark(2, "reply.first_audible")
        onset_ns = talk.mark(1, "barge_in.speech_start")
        heard = speaker.heard()
        talk.process.send_signal(signal.SIGINT)
        assert talk.end() == 130
    ms = 1_000_000
    # The card's own clock, the recorder's and the program's agree to some tens of ms.
    assert loudest(heard.samples, heard.start_ns, onset_ns - 200 * ms, onset_ns) > AUDIBLE
    assert loudest(heard.samples, heard.start_ns, cut_ns + 150 * ms, next_ns - 150 * ms) < AUDIBLE
    assert loudest(heard.samples, heard.start_ns, next_ns, next_ns + 1_000 * ms) > AUDIBLE
    assert 0 < cut_ns - onset_ns < 2_000 * ms
    recorded = fixture.load(session)
    assert recorded.utterances[-1].text == "what time is it"


def test_files_do_in_place_of_a_sound_card_and_end_the_conversation(tmp_path: Path) -> None:
    output = tmp_path / "output.wav"
    with talking("--input", BARGE_IN, "--output", output) as talk:
        assert talk.end() == 0
        check_transcripts(talk)
        silent_ns, next_ns = talk.mark(1, "barge_in.silence"), talk.mark(2, "reply.first_audible")
        first_ns = talk.mark(1, "reply.first_audible")
    samples, rate = wavfile.read(output)
    assert rate == RATE
    played = samples / 32_768
    # Of the file no more is known than that it is in real time: the first sound in it is the first reply's.
    start_ns = first_ns - int(np.flatnonzero(np.abs(played) > AUDIBLE)[0]) * 1_000_000_000 // RATE
    ms = 1_000_000
    assert loudest(played, start_ns, silent_ns + 100 * ms, next_ns - 100 * ms) < AUDIBLE
    assert loudest(played, start_ns, next_ns, next_ns + 1_000 * ms) > AUDIBLE


# --- on the screen of a real terminal


class Terminal:
    """A tmux window of 80 by 24 with a shell in it."""

    def __init__(self, socket: Path, environment: dict[str, str]) -> None:
        self._socket = socket
        self._environment = environment

    def start(self, shell: str) -> None:
        self._tmux("new-session", "-d", "-x", "80", "-y", "24", shell)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def until(self, *texts: str) -> str:
        waiting = threading.Event()
        for _ in range(PATIENCE_S * 5):
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            waiting.wait(0.2)
        pytest.fail(f"never on the screen: {texts}\n{screen}")

    def stop(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True, check=False)

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._socket), "-f", os.devnull, *arguments]
        environment = {**os.environ, **self._environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def terminal(card: SoundCard, tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("needs a terminal: install the package tmux")
    terminal = Terminal(tmp_path / "tmux", card.environment)
    yield terminal
    terminal.stop()


def test_the_screen_shows_what_is_said_and_leaves_the_terminal_as_it_was(terminal: Terminal, card: SoundCard) -> None:
    samples, rate = wavfile.read(BARGE_IN)
    program = f"{sys.executable} -m voicecli talk --headphones"
    terminal.start(f"cd {ROOT}; stty -a > /dev/null; {program}; echo left with $?; stty -a | grep -c -w echo; sleep 60")
    terminal.until("Listening")
    card.speak(samples, rate)
    terminal.until("please tell me", "what time is it")
    terminal.press("i")
    terminal.until("Listening")
    terminal.press("t")
    terminal.press("-l", "hello there")
    terminal.press("Enter")
    terminal.until("hello there")
    # A key right behind Escape would be another key.
    terminal.press("Escape")
    terminal.until("space mute")
    terminal.press("?")
    terminal.until("esc back")
    terminal.press("Escape")
    terminal.until("space mute")
    terminal.press("q")
    screen = terminal.until("left with")
    assert "left with 0\n1\n" in screen
