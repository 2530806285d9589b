"""What a caller hears who talks over an answer in the browser. Needs Chromium and playwright.

Callers of fixtures/turntaking are played into the microphone of the real client, while a server with its default
settings gives them a long answer. All is found in the audio, that of the microphone and that which the browser plays;
the client's own marks are not asked.

Silence: from the first sound of a caller who interrupts to the last sample of the answer that is not zero, the output
latency of the browser included. All that is heard after it must be, sample for sample, the next answer from its
beginning. Going on: a nod or a noise may make the answer pause; without the pauses it must be, sample for sample, the
answer that came from the server, and as long as one that nobody talked over.
"""

import argparse
import base64
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.browser import LEAD_IN_MS, chromium, open_client, page_files, serving
from voicecli.fixtures import fixture, wavfile
from voicecli.fixtures.fixture import Kind, When
from voicecli.fixtures.microphone import RATE, samples

TURNTAKING = Path(__file__).resolve().parent.parent / "fixtures" / "turntaking"
STORY = TURNTAKING / "barge-ins" / "stop"
"""Its first utterance asks for an answer of a minute."""
OFFER = TURNTAKING / "backchannels" / "nod-mm-hm"
"""Its first utterance asks for an answer of 10 s."""
AFTER_QUESTION_MS = (1_500, 7_000)
"""When a caller cuts in; the answer begins 300 to 700 ms after the question."""
TAIL_MS = 4_000
"""Long enough for the answer to what was cut in."""
WHOLE_MS = 14_000
"""From the question to the end of the shorter answer, a pause of 2 s included."""

OUTPUT_RATE = 48_000
GAP = OUTPUT_RATE // 500
"""So many zeros are a pause: no speech that was decoded has as many."""
FADE = OUTPUT_RATE // 100
"""What a pause fades out and in, and some."""
SLACK = OUTPUT_RATE // 50
"""An answer may begin with zeros, which nobody hears; and one may have a frame more than another."""
SAME = 1e-4
MOST_TORN = 5
"""So many calls are made again."""

Sound = npt.NDArray[np.float32]


class Torn(Exception):
    """The browser had no time to play all: nothing can be said of the call."""


class Piece(NamedTuple):
    """Of a caller: silence after the piece before, then this; where its first sound is in it."""

    name: str
    samples: npt.NDArray[np.int16]
    onset_ms: float


class Played(NamedTuple):
    """What the browser played, what its client was given to play for each turn, and in what was played, in samples,
    the caller's first sound."""

    sound: Sound
    given: dict[int, Sound]
    onset: float


class Stretch(NamedTuple):
    """Sound between two pauses, in samples; what it is of, or None where that cannot be said."""

    start: int
    end: int
    turn_id: int | None
    upto: int
    """How much of that was heard by its end."""


class Cut(NamedTuple):
    """An answer that was to stop."""

    name: str
    into_ms: float
    """How much of it the caller had heard."""
    paused_ms: float
    """From the caller's first sound to the first silence."""
    silence_ms: float | None
    """To the silence after which nothing of it was heard; None where there was none."""
    is_clean: bool
    """All that was heard afterwards was the next answer."""


class Pause(NamedTuple):
    """An answer that was to go on."""

    name: str
    paused_ms: float
    is_exact: bool
    """All that was heard is what came from the server."""
    is_whole: bool
    """And it was all of the answer, as long as it is without a pause."""


def pieces(folder: Path, kind: Kind) -> Iterator[Piece]:
    """What is said into answers."""
    for path in sorted(folder.iterdir()):
        script = fixture.load(path)
        sound, _ = samples(script)
        for utterance in script.utterances:
            if utterance.kind is kind and utterance.when is When.INTO_REPLY:
                yield _piece(f"{path.name}: {utterance.text}".rstrip(": "), sound, utterance)


def question(path: Path) -> tuple[Piece, float]:
    """And when its last word ends in it, in ms."""
    script = fixture.load(path)
    sound, _ = samples(script)
    first = script.utterances[0]
    return _piece(first.text, sound, first), first.segments_ms[-1][1] - first.audio_ms[0]


def _piece(name: str, sound: npt.NDArray[np.int16], utterance: fixture.Utterance) -> Piece:
    start, end = (ms * RATE // 1000 for ms in utterance.audio_ms)
    return Piece(name, sound[start:end], utterance.segments_ms[0][0] - utterance.audio_ms[0])


def write_call(path: Path, asked: tuple[Piece, float], said: Piece | None, after_ms: float, tail_ms: float) -> float:
    """The question, and what is said so long after its last word; returns how long that takes, in ms."""
    first, end_ms = asked
    parts = [_silence(LEAD_IN_MS), first.samples]
    if said is not None:
        pause_ms = after_ms - (len(first.samples) * 1000 / RATE - end_ms) - said.onset_ms
        parts += [_silence(pause_ms), said.samples]
    call_ms = sum(map(len, parts)) * 1000 / RATE + tail_ms
    wavfile.write(path, np.concatenate([*parts, _silence(tail_ms + 10_000)]), RATE)
    return call_ms


def _silence(ms: float) -> npt.NDArray[np.int16]:
    return np.zeros(round(max(0.0, ms) * RATE / 1000), np.int16)


def call(browser: Browser, page_url: str, url: str, call_ms: float, said: Piece | None) -> Played:
    page = open_client(browser, page_url, url, "webcodecs", keeps=True)
    page.wait_for_timeout(call_ms)
    taken = page.evaluate("bench.take()")
    page.context.close()
    sound, began_ms = played(taken["output"])
    onset = 0.0 if said is None else (onset_ms(taken["microphone"], said) - began_ms) * OUTPUT_RATE / 1000
    return Played(sound, given(taken["given"]), onset)


def played(taken: dict[str, Any]) -> tuple[Sound, float]:
    """What was played, and when its first sample was at the ear, as wall time in ms."""
    steps = {later - earlier for earlier, later in pairwise(taken["frames"])}
    if len(steps) != 1:
        raise Torn("a piece of the output is missing")
    # The device's clock is read in steps: the middle of all readings.
    behind_ms = statistics.median(wall_ms - context_ms for context_ms, wall_ms in taken["instants"])
    return _floats(taken["samples"]), taken["frames"][0] * 1000 / OUTPUT_RATE + behind_ms


def given(taken: dict[str, Any]) -> dict[int, Sound]:
    """The audio of each turn."""
    sound, turns = _floats(taken["samples"]), taken["turns"]
    parts = np.split(sound, np.cumsum([count for _, count in turns])[:-1])
    ids = {turn_id for turn_id, _ in turns}
    return {
        of: np.concatenate([part for part, (turn_id, _) in zip(parts, turns, strict=True) if turn_id == of])
        for of in sorted(ids)
    }


def onset_ms(taken: dict[str, Any], said: Piece) -> float:
    """When the microphone captured the first sound of what was said: it is searched for in what it gave."""
    heard, rate = _floats(taken["samples"]), taken["rate"]
    wanted = np.interp(np.arange(0, len(said.samples), RATE / rate), np.arange(len(said.samples)), said.samples)
    start = _found(heard, wanted.astype(np.float32))
    # A block cannot arrive before its last sample was captured: the quickest one tells when the audio began.
    origin_ms = min(arrived_ms - count * 1000 / rate for count, arrived_ms in taken["arrivals"])
    return float(origin_ms + start * 1000 / rate + said.onset_ms)


def _found(sound: Sound, wanted: Sound) -> int:
    """Where it is most alike."""
    size = 1 << (len(sound) + len(wanted)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)), size)
    return int(np.argmax(alike[: len(sound)]))


def _floats(text: str) -> Sound:
    return np.frombuffer(base64.b64decode(text), np.float32)


def stretches(heard: Played) -> list[Stretch]:
    """What was heard: each stretch goes on with the answer before it, or begins a later one."""
    loud = np.flatnonzero(heard.sound)
    breaks = np.flatnonzero(np.diff(loud) > GAP)
    starts, ends = loud[np.r_[0, breaks + 1]].tolist(), (loud[np.r_[breaks, len(loud) - 1]] + 1).tolist()
    found: list[Stretch] = []
    turn_id, upto = 0, 0
    for start, end in zip(starts, ends, strict=True):
        candidates = [(turn_id, upto)] * (turn_id in heard.given) + [
            (later, 0) for later in heard.given if later > turn_id
        ]
        known = (
            (candidate, at + end - start)
            for candidate, after in candidates
            if (at := _goes_on(heard.sound[start:end], heard.given[candidate], after)) is not None
        )
        of, known_upto = next(known, (None, 0))
        if of is not None:
            turn_id, upto = of, known_upto
        found.append(Stretch(start, end, of, known_upto))
    return found


def _goes_on(sound: Sound, answer: Sound, after: int) -> int | None:
    """Where in the answer the sound begins: right behind what was heard of it, zeros aside. Fades are not looked at."""
    middle = sound[FADE : len(sound) - FADE]
    for at in range(after, after + SLACK):
        there = answer[at + FADE : at + FADE + len(middle)]
        if len(there) == len(middle) and np.allclose(there[:FADE], middle[:FADE], atol=SAME):
            return at if np.allclose(there, middle, atol=SAME) else None
    return None


def cut(name: str, heard: Played) -> Cut:
    parts = stretches(heard)
    first = parts[0].turn_id
    answer = [part for part in parts if part.turn_id == first]
    ends = [(part.end - heard.onset) * 1000 / OUTPUT_RATE for part in answer if part.end > heard.onset]
    is_over = len(heard.sound) - answer[-1].end > OUTPUT_RATE // 2
    return Cut(
        name,
        (heard.onset - answer[0].start) * 1000 / OUTPUT_RATE,
        ends[0],
        ends[-1] if is_over or answer[-1] is not parts[-1] else None,
        all(part.turn_id is not None for part in parts),
    )


def pause(name: str, heard: Played, whole: int) -> Pause:
    parts = stretches(heard)
    (answer,) = list(heard.given.values())[:1]
    silent = sum(later.start - earlier.end for earlier, later in pairwise(parts))
    is_exact = all(part.turn_id is not None for part in parts)
    is_one = len({part.turn_id for part in parts}) == 1
    is_whole = is_one and len(answer) - parts[-1].upto < SLACK and abs(len(answer) - whole) <= 2 * SLACK
    return Pause(name, silent * 1000 / OUTPUT_RATE, is_exact, is_exact and is_whole)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=30, help="in which the caller interrupts")
    parser.add_argument("--rounds", type=int, default=1, help="of calls with each nod and each noise")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    options = parser.parse_args()
    if options.chromium is None:
        print("Chromium is missing: install the package chromium, or name it with --chromium", file=sys.stderr)
        return 2
    chance = random.Random(options.seed)
    cutting = [*pieces(TURNTAKING / "barge-ins", Kind.SPEECH)]
    nods = [*pieces(TURNTAKING / "backchannels", Kind.BACKCHANNEL)]
    noises = [*pieces(TURNTAKING / "noises", Kind.NOISE)]
    cuts: list[Cut] = []
    torn = 0
    pauses: dict[str, list[Pause]] = {"nods": [], "noises": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving() as url,
        page_files() as page_url,
        sync_playwright() as play,
    ):

        def taken(asked: tuple[Piece, float], said: Piece | None, after_ms: float, tail_ms: float) -> Played:
            nonlocal torn
            path = Path(folder) / "call.wav"
            call_ms = write_call(path, asked, said, after_ms, tail_ms)
            while torn <= MOST_TORN:
                try:
                    with chromium(play, options.chromium, path) as browser:
                        return call(browser, page_url, url, call_ms, said)
                except Torn:
                    torn += 1
            sys.exit("the browser has too little time to play: close what else runs, and try again")

        story, offer = question(STORY), question(OFFER)
        whole = len(taken(offer, None, 0, WHOLE_MS).given[1])
        for number in range(options.calls):
            said = cutting[number % len(cutting)]
            cuts.append(cut(said.name, taken(story, said, chance.uniform(*AFTER_QUESTION_MS), TAIL_MS)))
            print(cuts[-1], file=sys.stderr)
        for kind, sounds in (("nods", nods), ("noises", noises)):
            for said in sounds * options.rounds:
                heard = taken(offer, said, chance.uniform(*AFTER_QUESTION_MS), WHOLE_MS)
                pauses[kind].append(pause(said.name, heard, whole))
                print(pauses[kind][-1], file=sys.stderr)
    Console().print(_cuts_table(cuts))
    Console().print(_pauses_table(pauses))
    if torn:
        print(f"{torn} calls were made again, in which the browser had no time to play all")
    return 0


def _cuts_table(cuts: list[Cut]) -> Table:
    table = Table(title="Chromium: the caller interrupts; from the first sound, in ms")
    for heading in ("", "median", "p95", "worst", "n"):
        table.add_column(heading, justify="right" if heading else "left")
    stopped = [each.silence_ms for each in cuts if each.silence_ms is not None]
    for name, values in (("to the first silence", [each.paused_ms for each in cuts]), ("to silence for good", stopped)):
        median, worst = (f"{statistics.median(values):.0f}", f"{max(values):.0f}") if values else ("-", "-")
        p95 = f"{np.percentile(values, 95):.0f}" if len(values) >= 20 else "-"
        table.add_row(name, median, p95, worst, str(len(values)))
    clean = sum(each.is_clean for each in cuts)
    table.caption = (
        f"stopped: {len(stopped)} of {len(cuts)}; then only the next answer was heard: {clean} of {len(cuts)}"
    )
    return table


def _pauses_table(pauses: dict[str, list[Pause]]) -> Table:
    table = Table(title="Chromium: the caller does not mean to")
    for heading in ("", "answer whole", "paused", "for ms: median", "longest", "n"):
        table.add_column(heading, justify="right" if heading else "left")
    for kind, calls in pauses.items():
        paused = [each.paused_ms for each in calls if each.paused_ms]
        table.add_row(
            kind,
            str(sum(each.is_whole for each in calls)),
            str(len(paused)),
            f"{statistics.median(paused):.0f}" if paused else "-",
            f"{max(paused):.0f}" if paused else "-",
            str(len(calls)),
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
