"""The worker process of `pocketsphinx.py`: the library holds the GIL while it decodes."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from voiceserver.engines.worker_host import Channel

SAMPLE_RATE = 16_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000
FRAME_MS = 10
STABLE_MS = 500
"""A word whose end lies this far back stays as it is in 96 of 100 cases, until the last pass."""

_CMN = "43.6,2.9,4.4,12.9,-4.2,1.9,-2.2,-4.9,-2.1,-5.0,1.8,-0.1,1.9"
"""The cepstral mean each segment starts from: halfway between that of synthetic voices and of human readings.

Carried over from one segment to the next, as is the library's habit, it would make a transcript depend on who spoke
before; and the library's own start costs twice the errors.
"""
_ALTERNATIVE = re.compile(r"\(\d+\)$")


class Feed(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The next audio of the segment, at least a sample; answered with Heard."""

    audio: bytes


class Finish(msgspec.Struct, tag=True, array_like=True, frozen=True):
    """The segment is over; answered with Heard."""


class Heard(msgspec.Struct, array_like=True, frozen=True):
    """What was said since the segment began."""

    text: str
    stable_chars: int


class Configuration(msgspec.Struct, frozen=True):
    max_utterance_ms: int
    maxhmmpf: int
    bestpathlw: float


REQUESTS = Feed | Finish


class Word(NamedTuple):
    """A piece of the decoder's best path: a word, or a sound that is none."""

    text: str
    end_frame: int

    @property
    def is_spoken(self) -> bool:
        return not self.text.startswith(("<", "[", "+"))

    @property
    def spelling(self) -> str:
        return _ALTERNATIVE.sub("", self.text)


def is_long_enough(utterance_ms: int, pause_ms: int, max_utterance_ms: int) -> bool:
    """Whether an utterance is to end here, with the segment going on: the longer it is, the shorter a pause will do.

    The last pass over an utterance takes the longer the more was said, and somebody waits for it; but each cut takes
    the language model its context.
    """
    return 3 * utterance_ms >= max_utterance_ms and pause_ms >= 450 * (1 - utterance_ms / max_utterance_ms)


class PocketsphinxWorker:
    """One decoder. A segment is decoded as a row of utterances, so that its end never waits for all of it."""

    def __init__(self, settings: bytes) -> None:
        from pocketsphinx import Decoder  # not at the top: the server imports this module for its messages

        configuration = msgspec.json.decode(settings, type=Configuration)
        self._max_utterance_ms = configuration.max_utterance_ms
        self._requests = msgspec.msgpack.Decoder(REQUESTS)
        # fwdflat is what makes the end of an utterance slow; bestpath costs little and saves a sixth of the errors.
        self._decoder: Any = Decoder(
            samprate=SAMPLE_RATE,
            loglevel="FATAL",
            fwdflat=False,
            bestpath=True,
            maxhmmpf=configuration.maxhmmpf,
            bestpathlw=configuration.bestpathlw,
        )
        self._text = ""
        self._utterance_bytes = 0
        self.reset()

    def reset(self) -> None:
        if self._utterance_bytes:
            self._decoder.end_utt()
        self._decoder.set_cmn(_CMN)
        self._text = ""
        self._utterance_bytes = 0

    def answer(self, request: bytes, channel: Channel) -> None:
        match self._requests.decode(request):
            case Feed(audio):
                heard = self._feed(audio)
            case Finish():
                heard = self._finish()
        channel.answer(msgspec.msgpack.encode(heard))

    def _feed(self, audio: bytes) -> Heard:
        if not self._utterance_bytes:
            self._decoder.start_utt()
        self._utterance_bytes += len(audio)
        self._decoder.process_raw(audio)
        words = self._words()
        now_frame = self._decoder.n_frames()
        spoken = [word for word in words if word.is_spoken]
        utterance_ms = self._utterance_bytes // BYTES_PER_MS
        pause_ms = (now_frame - spoken[-1].end_frame) * FRAME_MS if spoken else 0
        if is_long_enough(utterance_ms, pause_ms, self._max_utterance_ms):
            self._end_utterance()
            return Heard(self._text, len(self._text))
        stable = [word for word in spoken if (now_frame - word.end_frame) * FRAME_MS >= STABLE_MS]
        return Heard(self._joined(spoken), len(self._joined(stable)))

    def _finish(self) -> Heard:
        if self._utterance_bytes:
            self._end_utterance()
        return Heard(self._text, len(self._text))

    def _end_utterance(self) -> None:
        self._decoder.end_utt()
        self._utterance_bytes = 0
        self._text = self._joined(word for word in self._words() if word.is_spoken)

    def _words(self) -> list[Word]:
        return [Word(segment.word, segment.end_frame) for segment in self._decoder.seg() or ()]

    def _joined(self, words: Iterable[Word]) -> str:
        return " ".join(filter(None, (self._text, *(word.spelling for word in words))))
