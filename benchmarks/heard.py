"""Is what the server believes was heard what was heard? Callers interrupt a long answer at random moments, and the
words that stand in the conversation are held against those that can be found in the audio that was played.

The voice of the answer says each word as a tone of its own, so that they can be found without asking anybody: a word
was heard when half of its tone was. It tells the server when each word begins, as a voice with word times does.
"""

import argparse
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec import structs

from voicecli.calls.call import CallSettings
from voicecli.calls.virtualcall import VirtualServer
from voicecli.fixtures import fixture as fixtures
from voicecli.fixtures.microphone import record
from voiceserver.engines.roles import SpeechAudio, SpokenWord
from voicewire.formats import AudioFormat, Codec
from voicewire.messages import CancelReason

FIXTURE = Path(__file__).parents[1] / "fixtures" / "turntaking" / "barge-ins" / "stop"
RATE = 24_000
WORD_MS = 240
PIECE_MS = 40
LOWEST_HZ, STEP_HZ, TONES = 400, 50, 120
"""Whole periods in a window of 20 ms: each word's tone has a bin of its own."""
WINDOW = RATE // 50

STORY = " ".join(
    f"Sentence {number} has a few words, and then it ends." for number in ("one", "two", "three", "four", "five", "six")
)


class SpellingTts:
    """Says the n-th word of the whole answer as the n-th tone."""

    sample_rate = RATE

    def __init__(self) -> None:
        self._said = 0

    async def start(self) -> None:
        self._said = 0

    async def close(self) -> None: ...

    async def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        words = list(re.finditer(r"\S+", text))
        samples = WORD_MS * RATE // 1000
        pcm = np.concatenate([tone(self._said + number, samples) for number in range(len(words))])
        times = tuple(SpokenWord(word.start(), word.end(), number * samples) for number, word in enumerate(words))
        self._said += len(words)
        step = PIECE_MS * RATE // 1000
        for at in range(0, len(pcm), step):
            yield SpeechAudio(pcm[at : at + step].tobytes(), times if at == 0 else ())


def tone(word: int, samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    phase = 2 * np.pi * (LOWEST_HZ + STEP_HZ * (word % TONES)) * np.arange(samples) / RATE
    return (8000 * np.sin(phase)).astype(np.int16)


def words_in(pcm: bytes) -> int:
    """How many words can be found in the audio: their tones follow one another, and half of the last is enough."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    found = np.abs(np.fft.rfft(windows)).argmax(axis=1) * (RATE // WINDOW)
    heard = [int((hz - LOWEST_HZ) // STEP_HZ) for hz in found]
    return sum(heard.count(word) * 2 * WINDOW * 1000 >= WORD_MS * RATE for word in set(heard))


class Cut(NamedTuple):
    """One barge-in."""

    into_reply_ms: int
    told: str
    found: str

    @property
    def is_exact(self) -> bool:
        return self.told == self.found


def barge_in(into_reply_ms: int) -> Cut:
    """A caller who says "stop" so far into the answer."""
    fixture = fixtures.load(FIXTURE)
    first, second, *_ = fixture.utterances
    fixture = structs.replace(fixture, utterances=(first, structs.replace(second, into_reply_ms=into_reply_ms)))
    # An answer that is begun twice would say other words with the same tones.
    flags = {"llm": f"scripted(text='{STORY}', ttft=200ms)", "speculation": "false"}
    taken = VirtualServer(flags, {}, tts=SpellingTts()).take(
        fixture, record(fixture), CallSettings(output=AudioFormat(Codec.PCM_S16LE, RATE))
    )
    turn = next(turn.document for turn in taken.turns if turn.document.cancelled is CancelReason.BARGE_IN)
    reply = next(reply for reply in taken.record.replies if reply.turn_id == turn.turn_id)
    return Cut(into_reply_ms, turn.reply_heard_text, " ".join(STORY.split()[: words_in(reply.pcm())]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=30, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    cuts = [barge_in(chance.randrange(600, 9000)) for _ in range(arguments.calls)]
    for cut in cuts:
        if not cut.is_exact:
            print(f"at {cut.into_reply_ms} ms: told {cut.told!r}, found {cut.found!r}")
    exact = sum(cut.is_exact for cut in cuts)
    words = sum(len(cut.found.split()) for cut in cuts)
    print(f"heard word for word in {exact} of {len(cuts)} barge-ins at random moments ({words} words)")
    return 0 if exact == len(cuts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
