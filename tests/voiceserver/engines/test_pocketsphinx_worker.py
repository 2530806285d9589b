import wave
from pathlib import Path

import msgspec
import pytest

from voiceserver.engines.pocketsphinx_worker import (
    REQUESTS,
    Configuration,
    Feed,
    Finish,
    Heard,
    PocketsphinxWorker,
    Word,
    is_long_enough,
)
from voiceserver.engines.worker_host import Channel, Frame

WEATHER = "what will the weather be like in london tomorrow"
FIXTURES = Path(__file__).parents[3] / "fixtures"


class Answers(Channel):
    """A channel that keeps what is sent."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []

    def send(self, frame: Frame) -> None:
        self.heard.append(msgspec.msgpack.decode(frame.payload, type=Heard))


def worker(max_utterance_ms: int = 10_000) -> PocketsphinxWorker:
    configuration = Configuration(max_utterance_ms=max_utterance_ms, maxhmmpf=3000, bestpathlw=12)
    return PocketsphinxWorker(msgspec.json.encode(configuration))


@pytest.fixture(scope="module")
def recogniser() -> PocketsphinxWorker:
    return worker()


def speech(fixture: str) -> bytes:
    with wave.open(str(FIXTURES / fixture / "audio.wav")) as file:
        assert file.getframerate() == 16_000
        audio: bytes = file.readframes(file.getnframes())
        return audio


def asked(recogniser: PocketsphinxWorker, *requests: Feed | Finish) -> list[Heard]:
    answers = Answers()
    for request in requests:
        recogniser.answer(msgspec.msgpack.encode(request), answers)
    return answers.heard


def heard(recogniser: PocketsphinxWorker, audio: bytes, *, block_ms: int = 20) -> list[Heard]:
    recogniser.reset()
    size = 32 * block_ms
    feeds = [Feed(audio[start : start + size]) for start in range(0, len(audio), size)]
    return asked(recogniser, *feeds, Finish())


@pytest.mark.parametrize("request_", [Feed(b"\0\1"), Finish()])
def test_requests_survive_the_wire(request_: Feed | Finish) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request_), type=REQUESTS) == request_


@pytest.mark.parametrize(
    ("text", "is_spoken", "spelling"),
    [
        ("hello", True, "hello"),
        ("read(2)", True, "read"),
        ("i'm", True, "i'm"),
        ("<s>", False, "<s>"),
        ("<sil>", False, "<sil>"),
        ("[NOISE]", False, "[NOISE]"),
        ("++NOISE++", False, "++NOISE++"),
    ],
)
def test_fillers_are_no_words_and_a_pronunciation_is_no_part_of_one(text: str, is_spoken: bool, spelling: str) -> None:
    word = Word(text, 0)
    assert (word.is_spoken, word.spelling) == (is_spoken, spelling)


@pytest.mark.parametrize(
    ("utterance_ms", "pause_ms", "ends"),
    [
        (3_333, 5_000, False),
        (3_334, 299, False),
        (3_334, 301, True),
        (5_000, 220, False),
        (5_000, 230, True),
        (9_999, 0, False),
        (10_000, 0, True),
    ],
)
def test_the_longer_an_utterance_the_shorter_the_pause_that_ends_it(
    utterance_ms: int, pause_ms: int, ends: bool
) -> None:
    assert is_long_enough(utterance_ms, pause_ms, 10_000) is ends


def test_speech_becomes_text_that_grows_and_settles(recogniser: PocketsphinxWorker) -> None:
    *partials, final = heard(recogniser, speech("question-weather"))
    assert final == Heard(WEATHER, len(WEATHER))
    assert partials[0] == Heard("", 0)
    assert all(0 <= partial.stable_chars <= len(partial.text) for partial in partials)
    # The recording ends in half a second of silence: in the end all is stable.
    assert partials[-1].stable_chars == len(partials[-1].text)
    assert "what will the" in [partial.text[: partial.stable_chars] for partial in partials]


def test_a_segment_starts_from_the_same_mean_whatever_was_heard_before(recogniser: PocketsphinxWorker) -> None:
    first = heard(recogniser, speech("question-weather"))
    heard(recogniser, speech("noise-10db"))
    assert heard(recogniser, speech("question-weather")) == first


def test_a_segment_that_was_left_unfinished_leaves_no_word_to_the_next(recogniser: PocketsphinxWorker) -> None:
    asked(recogniser, Feed(speech("numbers")[:64_000]))
    assert heard(recogniser, speech("question-weather"))[-1].text == WEATHER


@pytest.mark.parametrize("audio", [b"", bytes(2), bytes(32_000), b"\1\0\xff\xff" * 16_000])
def test_silence_has_no_words(recogniser: PocketsphinxWorker, audio: bytes) -> None:
    assert heard(recogniser, audio)[-1] == Heard("", 0)


def test_a_long_segment_is_cut_at_pauses_and_nothing_of_it_is_lost() -> None:
    recogniser = worker(max_utterance_ms=6_000)
    audio = speech("monologue-20s")
    answers = heard(recogniser, audio, block_ms=100)
    words = answers[-1].text.split()
    assert words[:4] == ["good", "morning", "my", "name"]
    assert words[-4:] == ["what", "can", "you", "do"]
    settled = [answer.text for answer in answers if len(answer.text) == answer.stable_chars > 40]
    assert len(settled) >= 4
    assert all(answers[-1].text.startswith(text) for text in settled)
