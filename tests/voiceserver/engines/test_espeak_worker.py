import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceserver.engines.espeak_worker import (
    REQUESTS,
    EspeakWorker,
    ListVoices,
    Speak,
    Spoken,
    Voice,
    Voices,
    WordSpans,
)
from voiceserver.engines.worker_host import Channel, Disconnected, Frame

RATE = 22_050


class Answers(Channel):
    """A channel that keeps what is sent, and can be told to interrupt or to break after some answers."""

    def __init__(self, *, interrupt_after: int | None = None, break_after: int | None = None) -> None:
        self.payloads: list[bytes] = []
        self._interrupt_after = interrupt_after
        self._break_after = break_after

    def send(self, frame: Frame) -> None:
        if len(self.payloads) == self._break_after:
            raise Disconnected
        self.payloads.append(frame.payload)

    def interrupted(self) -> bool:
        return self._interrupt_after is not None and len(self.payloads) >= self._interrupt_after


@pytest.fixture(scope="module")
def worker() -> EspeakWorker:
    """Loaded into the process of the tests, which is not distributed."""
    return EspeakWorker(b"{}")


def speak(text: str, *, voice: str = "gmw/en-US", rate: int = 165, pitch: int = 50) -> bytes:
    return msgspec.msgpack.encode(Speak(text, voice, rate, pitch))


def spoken(worker: EspeakWorker, request: bytes, channel: Answers | None = None) -> list[Spoken]:
    channel = channel or Answers()
    worker.answer(request, channel)
    return [msgspec.msgpack.decode(payload, type=Spoken) for payload in channel.payloads]


def audio_ms(answers: list[Spoken]) -> int:
    return round(sum(len(answer.audio) for answer in answers) / 2 / RATE * 1000)


def words(text: str, answers: list[Spoken]) -> list[str]:
    return [text[start:end] for answer in answers for start, end, _ in answer.words]


@pytest.mark.parametrize("request_", [ListVoices(), Speak("hé", "gmw/en-US", 165, 50)])
def test_requests_survive_the_wire(request_: ListVoices | Speak) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request_), type=REQUESTS) == request_


def test_several_events_within_a_word_name_it_once() -> None:
    spans = WordSpans("it costs $25.50 now")
    assert [spans.begun(position) for position in (0, 3, 9, 10, 11, 11, 16)] == [
        (0, 2),
        (3, 8),
        (9, 15),
        None,
        None,
        None,
        (16, 19),
    ]


def test_an_event_behind_a_later_word_names_nothing() -> None:
    spans = WordSpans("one two three")
    assert [spans.begun(position) for position in (8, 4, 0)] == [(8, 13), None, None]


@pytest.mark.parametrize("position", [-1, 3, 13, 99])
def test_an_event_between_or_beyond_the_words_names_nothing(position: int) -> None:
    assert WordSpans("one two three").begun(position) is None


@given(st.text(max_size=40), st.lists(st.integers(min_value=-5, max_value=60), max_size=30))
def test_words_come_in_order_and_whole(text: str, positions: list[int]) -> None:
    spans = WordSpans(text)
    begun = [span for position in positions if (span := spans.begun(position))]
    assert begun == sorted(set(begun))
    assert {text[start:end] for start, end in begun} <= set(text.split())


def test_a_text_is_spoken_in_short_pieces_with_a_time_for_each_word(worker: EspeakWorker) -> None:
    text = "Hello there, my friend."
    answers = spoken(worker, speak(text))
    assert all(len(answer.audio) <= 2 * RATE // 10 and len(answer.audio) % 2 == 0 for answer in answers)
    assert words(text, answers) == ["Hello", "there,", "my", "friend."]
    assert 1500 < audio_ms(answers) < 2500


@pytest.mark.parametrize(
    "text",
    [
        "It costs $25.50 and 1,234 dollars on 12/25/2024 at 5:30 pm, ok?",
        "Dr. Smith said hi. Then he left!",
        "über die Straße — naïve 日本 hello 😀 world end.",
        "I'm fine - really. (yes) e.g. this; that: those...end",
        "one <b>two</b> [[thr'i:]] & four",
    ],
)
def test_words_have_rising_times_that_lie_ahead_of_what_was_spoken(worker: EspeakWorker, text: str) -> None:
    sent = 0
    starts: list[int] = []
    for answer in spoken(worker, speak(text)):
        assert all(start >= sent for _, _, start in answer.words)
        starts += [start for _, _, start in answer.words]
        sent += len(answer.audio) // 2
    assert starts == sorted(starts)
    assert len(starts) > len(text.split()) / 2
    assert starts[-1] < sent


def test_text_beyond_ascii_is_counted_in_characters(worker: EspeakWorker) -> None:
    text = "über Straße — naïve end"
    assert words(text, spoken(worker, speak(text))) == ["über", "Straße", "naïve", "end"]


def test_rate_and_pitch_are_those_of_the_request(worker: EspeakWorker) -> None:
    text = "The sun is out in London today"
    slow, fast = (audio_ms(spoken(worker, speak(text, rate=rate))) for rate in (80, 450))
    assert slow > 3 * fast
    low, high = (spoken(worker, speak(text, pitch=pitch)) for pitch in (0, 99))
    assert low != high


@pytest.mark.parametrize(
    ("mark", "pause_ms"), [("", 0), (",", 160), (".", 330), ('."', 330), ("?", 330), (" ", 0), ("... ", 250), ("”", 0)]
)
def test_the_mark_that_ends_a_clause_is_heard_as_its_pause(worker: EspeakWorker, mark: str, pause_ms: int) -> None:
    answers = spoken(worker, speak(f"and then there was light{mark}"))
    samples = memoryview(b"".join(answer.audio for answer in answers)).cast("h")
    silence = next(index for index, sample in enumerate(reversed(samples)) if abs(sample) > 100)
    assert abs(silence / RATE * 1000 - pause_ms) < 20


def test_an_interrupted_text_ends_with_the_piece_it_is_at(worker: EspeakWorker) -> None:
    whole = spoken(worker, speak("one two three four five six"))
    cut = spoken(worker, speak("one two three four five six"), Answers(interrupt_after=2))
    assert len(whole) > 10
    assert len(cut) == 2
    assert len(spoken(worker, speak("one two three four five six"))) == len(whole)


def test_a_server_that_goes_away_ends_the_speech(worker: EspeakWorker) -> None:
    with pytest.raises(Disconnected):
        spoken(worker, speak("one two three four five six"), Answers(break_after=2))


@pytest.mark.parametrize("text", ["", "   ", "...", "\n"])
def test_text_without_a_word_has_none(worker: EspeakWorker, text: str) -> None:
    assert words(text, spoken(worker, speak(text))) == []


def test_a_voice_that_cannot_be_loaded_does_not_leave_the_last_one_in_its_place(worker: EspeakWorker) -> None:
    spoken(worker, speak("hello", voice="gmw/de"))
    with pytest.raises(LookupError, match="no/such"):
        spoken(worker, speak("hello", voice="no/such"))
    assert audio_ms(spoken(worker, speak("hello", voice="gmw/de"))) > 0


def test_every_voice_listed_can_be_loaded_by_its_identifier(worker: EspeakWorker) -> None:
    channel = Answers()
    worker.answer(msgspec.msgpack.encode(ListVoices()), channel)
    voices = msgspec.msgpack.decode(channel.payloads[0], type=Voices)
    assert Voice("English (America)", "gmw/en-US", [(2, "en-us"), (3, "en")]) in voices.voices
    assert len(voices.voices) > 100
    assert "f2" in voices.variants
    for identifier in ("gmw/en", "roa/fr", "roa/pt-BR", "sit/cmn", "gmw/en-US+f2"):
        assert identifier.partition("+")[0] in {voice.identifier for voice in voices.voices}
        assert audio_ms(spoken(worker, speak("a", voice=identifier))) > 0
