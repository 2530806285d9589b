"""The roles of an engine, as the pipeline sees them: four that every server fills, and one that it may.

An engine is one object for all sessions of a server: `start` loads models and worker processes, `close` ends them.
Streams are async iterators that the caller pulls; a stream is ended early by cancelling the task that pulls it, or by
closing the iterator, and then yields nothing more. Audio is mono, signed 16 bit, little-endian. Engines keep no
metrics: whoever pulls them measures.
"""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class EngineError(Exception):
    """An engine cannot do its work. The message is a sentence for whoever runs the server: what, and what to do."""


class Engine(Protocol):
    """What the roles share. Constructed with a frozen msgspec Struct of settings, its class's `Settings`.

    Once it has started, an Stt may have `locales` (BCP 47 tags of the languages that it understands), and a Tts
    `voices`: clients are told of them.

    A class whose `waits_on_loop` is true waits for timers of the event loop alone, never for a thread, a process or a
    socket: it runs on a virtual clock too.
    """

    async def start(self) -> None:
        """Load what is needed. Raises EngineError. Called once, before anything else."""

    async def close(self) -> None:
        """End every worker, thread and task of the engine. Legal at any time, and twice."""


class VadDetector(Protocol):
    """Speech detection of one session. Synchronous: it runs beside the event loop, so a frame costs well under a
    millisecond."""

    def probability(self, frame: bytes) -> float:
        """Probability (0 to 1) that the frame, exactly `frame_samples` long, holds speech."""

    def reset(self) -> None:
        """Forget what was heard: the next frame does not follow the last one."""


class Vad(Engine, Protocol):
    sample_rate: int
    frame_samples: int
    hears_silence: bool
    """Its detectors count on hearing everything; otherwise silence is kept from them by an energy gate."""
    end_lag_ms: int
    """How much later than the truth its detectors may say that speech ended: so far back the end is looked for in the
    audio's energy. 0 where they are to be believed."""

    def detector(self) -> VadDetector:
        """A detector of its own state, for one session."""


class Transcript(NamedTuple):
    """What was said since the stream began."""

    text: str
    """Lower-case words without punctuation, or cased and punctuated text, as the engine gives it; "" for no words."""
    is_final: bool
    stable_chars: int = 0
    """The first so many characters are not expected to change; all of them in a final transcript."""


class Stt(Engine, Protocol):
    sample_rate: int

    def transcribe(self, audio: AsyncIterator[bytes], *, locale: str) -> AsyncIterator[Transcript]:
        """Transcribe one segment while it is spoken.

        `audio` yields pieces of any length at `sample_rate` and ends with the segment. Yields partial transcripts when
        they change, and after `audio` ended exactly one final transcript, the last thing it yields. Raises EngineError.
        """


class Speaker(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"


class ChatMessage(NamedTuple):
    speaker: Speaker
    text: str
    """Of the assistant: only what the user heard."""


class Token(NamedTuple):
    """A piece of the reply's text, in order; the pieces joined are the reply."""

    text: str


class TokenUsage(NamedTuple):
    input_tokens: int
    output_tokens: int


class Llm(Engine, Protocol):
    """An engine whose `acts` is true does more than speak (it calls tools, say): it is asked only when the turn is
    committed. Others may be asked earlier, and their answer thrown away."""

    def reply(self, conversation: Sequence[ChatMessage], *, locale: str) -> AsyncIterator[Token | TokenUsage]:
        """The assistant's next words. `conversation` ends with the user. Where known, usage comes last.

        Raises EngineError, also where the reply ended without having been finished.
        """


class SpokenWord(NamedTuple):
    """Where a word of the text lies in the audio."""

    start_char: int
    end_char: int
    """Characters `start_char:end_char` of the text given to `synthesize`."""
    start_sample: int
    """Its first sample, counted from the first sample of that text's audio."""


class SpeechAudio(NamedTuple):
    """The next piece of speech. Any length, but streams want them short (20 to 200 ms)."""

    audio: bytes
    words: tuple[SpokenWord, ...] = ()
    """Words that begin in this piece or later, each once, in order; none where the engine knows no times."""


class Tts(Engine, Protocol):
    """An engine whose `concurrent` is true speaks two texts at once no slower than one, as services do: it is asked for
    the next clause while it still speaks this one. Others finish one first. One that has a method
    `check(voice, locale)` is asked at the start of a session; it raises EngineError where it cannot speak so."""

    sample_rate: int

    def synthesize(self, text: str, *, voice: str | None, locale: str) -> AsyncIterator[SpeechAudio]:
        """Speak one clause. Text without anything to say may yield nothing. Raises EngineError, also for a voice that
        is not there."""


class EndOfTurn(Engine, Protocol):
    """The role that a server may leave out: hears from how somebody stopped whether they have finished."""

    sample_rate: int
    longest_ms: int
    """It listens to so much audio, the last of it; what was before is not looked at."""

    async def probability(self, audio: bytes) -> float:
        """Probability (0 to 1) that the user has finished, at a pause. `audio` is the turn so far, of any length, with
        its pauses and the first 200 ms of this one: how long somebody is silent already is part of what is heard.

        Raises EngineError, also where it is asked more than it can answer in time. A caller that no longer wants the
        answer cancels.
        """
