"""What every engine of a role keeps to, whatever it is: one suite over all that are declared.

Nothing is asserted about how long a thing takes: the bound around each scene only ends a wait that would have no end.
"""

import asyncio
import contextlib
import functools
import multiprocessing
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar, cast

import numpy as np
import pytest

from tests.voiceserver.engines.chat_server import SERVING, WHOLE, ChatServer, serving
from tests.voiceserver.engines.onnx_model import write_model
from voiceserver.engines.registry import Role, available, create
from voiceserver.engines.roles import (
    ChatMessage,
    EndOfTurn,
    Engine,
    EngineError,
    Llm,
    Speaker,
    SpeechAudio,
    Stt,
    Token,
    TokenUsage,
    Transcript,
    Tts,
    Vad,
)

BOUND_S = 60.0
LOCALE = "en-US"
LONG_TEXT = " ".join(f"This is sentence number {number}, and it goes on for a while." for number in range(40))
WORDLESS = {
    "empty": "",
    "space": " ",
    "spaces": "\n\t ",
    "dots": "...",
    "emoji": "🙂",
    "invisible": "\u200b",
    "zero": "\x00",
}

E = TypeVar("E", bound=Engine)
T = TypeVar("T")


class Bench(Generic[E]):
    """A started engine, on an event loop of its own that outlives the scenes played on it."""

    def __init__(self, runner: asyncio.Runner, engine: E) -> None:
        self._runner = runner
        self.engine = engine

    def play(self, scene: Callable[[E], Coroutine[Any, Any, T]]) -> T:
        """Every task that the scene began must be gone at its end."""

        async def bounded() -> T:
            before = tasks()
            async with asyncio.timeout(BOUND_S):
                result = await scene(self.engine)
            assert tasks() <= before
            return result

        return self._runner.run(bounded())


def tasks() -> set[asyncio.Task[Any]]:
    """Those of the engine and of the scene."""
    return {task for task in asyncio.all_tasks() if task.get_name() != SERVING}


def bench(role: Role, name: str) -> Iterator[Bench[Any]]:
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        stack = contextlib.AsyncExitStack()
        engine = runner.run(stack.enter_async_context(started(role, name)))
        yield Bench(runner, engine)
        runner.run(stack.aclose())


class started:
    """The engine `name` on what it needs: a chat server where it asks one, a tiny model where it loads one."""

    def __init__(self, role: Role, name: str) -> None:
        self._role = role
        self._name = name
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Engine:
        spec = self._name
        if spec == "openai":
            url = await self._stack.enter_async_context(serving(ChatServer(WHOLE).answer))
            spec = f"openai(model=m,url={url})"
        if spec == "smart-turn":
            folder = self._stack.enter_context(TemporaryDirectory())
            spec = f"smart-turn(model='{write_model(Path(folder, 'tiny.onnx'))}')"
        engine = create(self._role, spec)
        self._stack.push_async_callback(engine.close)
        await engine.start()
        return engine

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


@pytest.fixture(scope="module", params=available(Role.VAD))
def vad(request: pytest.FixtureRequest) -> Iterator[Bench[Vad]]:
    yield from bench(Role.VAD, request.param)


@pytest.fixture(scope="module", params=available(Role.STT))
def stt(request: pytest.FixtureRequest) -> Iterator[Bench[Stt]]:
    yield from bench(Role.STT, request.param)


@pytest.fixture(scope="module", params=available(Role.LLM))
def llm(request: pytest.FixtureRequest) -> Iterator[Bench[Llm]]:
    yield from bench(Role.LLM, request.param)


@pytest.fixture(scope="module", params=available(Role.TTS))
def tts(request: pytest.FixtureRequest) -> Iterator[Bench[Tts]]:
    yield from bench(Role.TTS, request.param)


@pytest.fixture(scope="module", params=available(Role.END_OF_TURN))
def judge(request: pytest.FixtureRequest) -> Iterator[Bench[EndOfTurn]]:
    yield from bench(Role.END_OF_TURN, request.param)


async def collect(stream: AsyncIterator[T]) -> list[T]:
    return [item async for item in stream]


class Audio:
    """PCM in pieces of so many samples; then the end, or a user who is silent without end."""

    def __init__(self, pcm: bytes, samples: int = 320, *, ends: bool = True) -> None:
        self._pieces = iter([pcm[at : at + 2 * samples] for at in range(0, len(pcm), 2 * samples)])
        self._ends = ends

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        if not self._ends:
            await asyncio.Event().wait()
        raise StopAsyncIteration


async def turns() -> None:
    """Lets the other tasks get on with it."""
    for _ in range(10):
        await asyncio.sleep(0)


async def outcome_of(work: Coroutine[Any, Any, None]) -> BaseException | None:
    try:
        await work
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


async def cancelled(stream: AsyncIterator[T]) -> list[T]:
    """What came of a stream before its task was cancelled: after its first item, or once it waits for something."""
    got: list[T] = []
    begun = asyncio.Event()

    async def pull() -> None:
        begun.set()
        async for item in stream:
            got.append(item)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(pull())
        await begun.wait()
        await turns()
        task.cancel()
    count = len(got)
    await turns()
    assert len(got) == count
    return got


async def closed_after_one(stream: AsyncIterator[T]) -> T:
    """The first item of a stream that is then closed; it has nothing more."""
    async with contextlib.aclosing(cast(Any, stream)) as closing:
        first = cast(T, await anext(closing))
    with pytest.raises(StopAsyncIteration):
        await anext(closing)
    return first


@functools.cache
def noise(seconds: float, amplitude: int = 8000) -> bytes:
    """Bursts of noise at 16 kHz, three a second, like syllables that mean nothing."""
    count = int(16_000 * seconds)
    wave = np.random.default_rng(7).uniform(-amplitude, amplitude, count)
    wave *= np.sin(np.arange(count) * 3 * np.pi / 16_000) ** 2
    return wave.astype("<i2").tobytes()


# --- every engine


EVERY = [(role, name) for role in Role for name in available(role)]


@pytest.fixture
def leftovers(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """Threads and processes that came since the test began; where there is /proc, orphans too."""
    mark = f"VOICECLI_TEST={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))
    threads = set(threading.enumerate())
    children = {child.pid for child in multiprocessing.active_children()}

    def left() -> list[str]:
        found = [thread.name for thread in threading.enumerate() if thread not in threads]
        found += [child.name for child in multiprocessing.active_children() if child.pid not in children]
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark.encode() in environment.read_bytes():
                    found.append(f"process {environment.parent.name}")
        return found

    return left


@pytest.mark.parametrize(("role", "name"), EVERY)
def test_a_closed_engine_leaves_no_thread_no_process_and_no_task(
    role: Role, name: str, leftovers: Callable[[], list[str]]
) -> None:
    async def scene() -> None:
        async with asyncio.timeout(BOUND_S):
            async with started(role, name):
                pass
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scene())
    assert leftovers() == []


@pytest.mark.parametrize(("role", "name"), EVERY)
def test_closing_twice_and_closing_what_was_never_started_are_legal(role: Role, name: str) -> None:
    async def scene() -> None:
        async with asyncio.timeout(BOUND_S):
            engine = create(role, "openai(model=m)" if name == "openai" else name)
            await engine.close()
            async with started(role, name) as engine:
                await engine.close()
                await engine.close()

    asyncio.run(scene())


@pytest.mark.parametrize(("role", "name"), [(role, name) for role, name in EVERY if role is not Role.VAD])
def test_an_engine_may_be_closed_while_it_is_at_work(role: Role, name: str, leftovers: Callable[[], list[str]]) -> None:
    """Its streams may end, fail with EngineError, or wait until they are cancelled."""

    async def pull(engine: Any) -> None:
        match role:
            case Role.STT:
                await collect(engine.transcribe(Audio(noise(0.5), ends=False), locale=LOCALE))
            case Role.LLM:
                await collect(engine.reply(asked("tell me a story"), locale=LOCALE))
            case Role.TTS:
                await collect(say(engine, LONG_TEXT))
            case Role.END_OF_TURN:
                await asyncio.gather(*(engine.probability(noise(1.0)) for _ in range(3)))

    async def scene() -> BaseException | None:
        async with asyncio.timeout(BOUND_S):
            async with started(role, name) as engine, asyncio.TaskGroup() as group:
                outcome = group.create_task(outcome_of(pull(engine)))
                await turns()
                await engine.close()
                await turns()
                outcome.cancel()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return outcome.result()

    assert isinstance(asyncio.run(scene()), EngineError | asyncio.CancelledError | None)
    assert leftovers() == []


@pytest.mark.parametrize(("role", "name"), EVERY)
def test_making_an_engine_starts_nothing(role: Role, name: str, leftovers: Callable[[], list[str]]) -> None:
    create(role, "openai(model=m)" if name == "openai" else name)
    assert leftovers() == []


# --- VAD


def probabilities(engine: Vad, pcm: bytes) -> list[float]:
    detector = engine.detector()
    size = engine.frame_samples * 2
    return [detector.probability(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


def test_vad_frames_are_of_a_declared_length_between_5_and_50_ms(vad: Bench[Vad]) -> None:
    engine = vad.engine
    assert engine.sample_rate in (8000, 16_000)
    assert 5 <= 1000 * engine.frame_samples / engine.sample_rate <= 50


@pytest.mark.parametrize(
    "pcm", [bytes(32_000), noise(1.0), b"\xff\x7f\x00\x80" * 8000], ids=["silence", "noise", "clipping"]
)
def test_vad_gives_a_probability_for_whatever_it_hears(vad: Bench[Vad], pcm: bytes) -> None:
    assert all(0.0 <= probability <= 1.0 for probability in probabilities(vad.engine, pcm))


def test_vad_hears_no_speech_in_silence(vad: Bench[Vad]) -> None:
    assert max(probabilities(vad.engine, bytes(32_000))) < 0.5


def test_vad_detectors_do_not_hear_each_other(vad: Bench[Vad]) -> None:
    engine = vad.engine
    size = engine.frame_samples * 2
    alone = probabilities(engine, noise(1.0))
    one, other = engine.detector(), engine.detector()
    together = []
    for at in range(0, len(noise(1.0)) - size + 1, size):
        together.append(one.probability(noise(1.0)[at : at + size]))
        other.probability(bytes(size))
    assert together == alone


def test_vad_begins_anew_at_a_reset_where_silence_is_kept_from_it(vad: Bench[Vad]) -> None:
    engine = vad.engine
    if engine.hears_silence:
        pytest.skip("nothing is kept from it")
    size = engine.frame_samples * 2
    detector = engine.detector()
    for at in range(0, 20 * size, size):
        detector.probability(noise(2.0)[at : at + size])
    detector.reset()
    frames = [noise(1.0)[at : at + size] for at in range(0, len(noise(1.0)) - size + 1, size)]
    assert [detector.probability(frame) for frame in frames] == probabilities(engine, noise(1.0))


# --- STT


def assert_well_formed(transcripts: list[Transcript]) -> None:
    assert [transcript.is_final for transcript in transcripts] == [False] * (len(transcripts) - 1) + [True]
    assert all(0 <= transcript.stable_chars <= len(transcript.text) for transcript in transcripts)
    texts = [transcript.text for transcript in transcripts[:-1]]
    assert all(text != before for before, text in pairwise(texts))
    assert transcripts[-1].stable_chars == len(transcripts[-1].text)


def test_stt_declares_its_rate(stt: Bench[Stt]) -> None:
    assert stt.engine.sample_rate in (8000, 16_000)


@pytest.mark.parametrize("samples", [37, 320, 16_000])
def test_stt_ends_with_its_one_final_transcript_whatever_the_pieces(stt: Bench[Stt], samples: int) -> None:
    assert_well_formed(stt.play(lambda engine: collect(engine.transcribe(Audio(noise(1.0), samples), locale=LOCALE))))


@pytest.mark.parametrize("pieces", [[], [b""], [b"", b""]], ids=["nothing", "an empty piece", "empty pieces"])
def test_stt_hears_no_words_where_there_is_no_audio(stt: Bench[Stt], pieces: list[bytes]) -> None:
    async def audio() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    transcripts = stt.play(lambda engine: collect(engine.transcribe(audio(), locale=LOCALE)))
    assert transcripts == [Transcript("", is_final=True)]


@pytest.mark.parametrize("samples", [1, 100, 16_000])
def test_stt_takes_silence_of_any_length(stt: Bench[Stt], samples: int) -> None:
    pcm = bytes(2 * samples)
    assert_well_formed(stt.play(lambda engine: collect(engine.transcribe(Audio(pcm), locale=LOCALE))))


def test_stt_hears_two_users_at_once(stt: Bench[Stt]) -> None:
    async def scene(engine: Stt) -> list[list[Transcript]]:
        streams = [engine.transcribe(Audio(noise(0.5)), locale=LOCALE) for _ in range(2)]
        return await asyncio.gather(*(collect(stream) for stream in streams))

    for transcripts in stt.play(scene):
        assert_well_formed(transcripts)


def test_stt_yields_nothing_after_a_cancel_and_goes_on_with_the_next_segment(stt: Bench[Stt]) -> None:
    async def scene(engine: Stt) -> list[Transcript]:
        for _ in range(3):
            got = await cancelled(engine.transcribe(Audio(noise(0.5), ends=False), locale=LOCALE))
            assert not any(transcript.is_final for transcript in got)
        return await collect(engine.transcribe(Audio(noise(0.5)), locale=LOCALE))

    assert_well_formed(stt.play(scene))


def test_stt_may_be_closed_before_its_end(stt: Bench[Stt]) -> None:
    async def scene(engine: Stt) -> list[Transcript]:
        await closed_after_one(engine.transcribe(Audio(noise(0.5)), locale=LOCALE))
        return await collect(engine.transcribe(Audio(noise(0.5)), locale=LOCALE))

    assert_well_formed(stt.play(scene))


# --- LLM


def asked(text: str) -> list[ChatMessage]:
    return [
        ChatMessage(Speaker.USER, "hello"),
        ChatMessage(Speaker.ASSISTANT, "Hello to"),
        ChatMessage(Speaker.USER, text),
    ]


def assert_reply(items: Iterable[Token | TokenUsage]) -> None:
    listed = list(items)
    tokens = [item for item in listed if isinstance(item, Token)]
    assert "".join(token.text for token in tokens).strip()
    assert all(token.text for token in tokens)
    rest = listed[len(tokens) :]
    assert listed[: len(tokens)] == tokens
    assert len(rest) <= 1
    assert all(usage.input_tokens >= 0 and usage.output_tokens > 0 for usage in rest if isinstance(usage, TokenUsage))


@pytest.mark.parametrize(
    "text", ["what time is it", LONG_TEXT, *WORDLESS.values()], ids=["question", "long", *WORDLESS]
)
def test_llm_replies_in_tokens_with_usage_last(llm: Bench[Llm], text: str) -> None:
    assert_reply(llm.play(lambda engine: collect(engine.reply(asked(text), locale=LOCALE))))


def test_llm_talks_with_two_users_at_once(llm: Bench[Llm]) -> None:
    async def scene(engine: Llm) -> list[list[Token | TokenUsage]]:
        streams = [engine.reply(asked("tell me a story"), locale=LOCALE) for _ in range(2)]
        return await asyncio.gather(*(collect(stream) for stream in streams))

    first, second = llm.play(scene)
    assert_reply(first)
    assert second == first


def test_llm_yields_nothing_after_a_cancel_and_goes_on_with_the_next_turn(llm: Bench[Llm]) -> None:
    async def scene(engine: Llm) -> list[Token | TokenUsage]:
        for _ in range(3):
            await cancelled(engine.reply(asked("tell me a story"), locale=LOCALE))
        return await collect(engine.reply(asked("tell me a story"), locale=LOCALE))

    assert_reply(llm.play(scene))


def test_llm_may_be_closed_before_its_end(llm: Bench[Llm]) -> None:
    async def scene(engine: Llm) -> list[Token | TokenUsage]:
        await closed_after_one(engine.reply(asked("tell me a story"), locale=LOCALE))
        return await collect(engine.reply(asked("tell me a story"), locale=LOCALE))

    assert_reply(llm.play(scene))


# --- TTS


def say(engine: Tts, text: str, voice: str | None = None) -> AsyncIterator[SpeechAudio]:
    return engine.synthesize(text, voice=voice, locale=LOCALE)


def assert_speech(pieces: list[SpeechAudio], text: str) -> None:
    assert all(len(piece.audio) % 2 == 0 for piece in pieces)
    total = sum(len(piece.audio) for piece in pieces) // 2
    words = [word for piece in pieces for word in piece.words]
    assert all(0 <= word.start_char < word.end_char <= len(text) for word in words)
    assert all(0 <= word.start_sample < total for word in words)
    for before, after in pairwise(words):
        assert before.end_char <= after.start_char
        assert before.start_sample <= after.start_sample
    begun = 0
    for piece in pieces:
        assert all(word.start_sample >= begun for word in piece.words)
        begun += len(piece.audio) // 2


def test_tts_declares_a_usual_rate(tts: Bench[Tts]) -> None:
    assert 8000 <= tts.engine.sample_rate <= 48_000


@pytest.mark.parametrize(
    "text",
    [
        "Hello.",
        "  Hello, world!  ",
        "It costs $25.50, or 1,000 yen; call Dr. Smith at 5 p.m.",
        "Grüße aus Köln, naïve café — 東京.",
        "one\ntwo\tthree",
        "<b>not markup</b> & [[nothing]] to see",
        "a",
        "x" * 300,
        LONG_TEXT,
    ],
    ids=["word", "spaces", "numbers", "letters", "lines", "markup", "letter", "endless word", "long"],
)
def test_tts_speaks_whole_samples_with_words_in_order_inside_text_and_audio(tts: Bench[Tts], text: str) -> None:
    pieces = tts.play(lambda engine: collect(say(engine, text)))
    assert_speech(pieces, text)
    seconds = sum(len(piece.audio) for piece in pieces) / 2 / tts.engine.sample_rate
    assert seconds > 0.02
    assert max(len(piece.audio) for piece in pieces) / 2 / tts.engine.sample_rate <= 0.2


@pytest.mark.parametrize("text", WORDLESS.values(), ids=WORDLESS)
def test_tts_takes_text_without_words(tts: Bench[Tts], text: str) -> None:
    assert_speech(tts.play(lambda engine: collect(say(engine, text))), text)


def test_tts_refuses_a_voice_that_is_not_there_and_keeps_its_own(tts: Bench[Tts]) -> None:
    async def scene(engine: Tts) -> list[SpeechAudio]:
        with pytest.raises(EngineError, match="no-such-voice"):
            await collect(say(engine, "hello", voice="no-such-voice"))
        return await collect(say(engine, "hello"))

    assert_speech(tts.play(scene), "hello")


def test_tts_speaks_to_two_users_at_once(tts: Bench[Tts]) -> None:
    async def scene(engine: Tts) -> list[list[SpeechAudio]]:
        return list(await asyncio.gather(collect(say(engine, "hello there")), collect(say(engine, LONG_TEXT))))

    short, long = tts.play(scene)
    assert_speech(short, "hello there")
    assert_speech(long, LONG_TEXT)
    assert sum(len(piece.audio) for piece in short) < sum(len(piece.audio) for piece in long)


def test_tts_yields_nothing_after_a_cancel_and_goes_on_with_the_next_clause(tts: Bench[Tts]) -> None:
    async def scene(engine: Tts) -> list[SpeechAudio]:
        for _ in range(3):
            await cancelled(say(engine, LONG_TEXT))
        return await collect(say(engine, "hello there"))

    assert_speech(tts.play(scene), "hello there")


def test_tts_may_be_closed_before_its_end(tts: Bench[Tts]) -> None:
    async def scene(engine: Tts) -> list[SpeechAudio]:
        await closed_after_one(say(engine, LONG_TEXT))
        return await collect(say(engine, "hello there"))

    assert_speech(tts.play(scene), "hello there")


# --- end of turn


def test_a_judge_hears_between_1_and_30_s_at_a_declared_rate(judge: Bench[EndOfTurn]) -> None:
    assert judge.engine.sample_rate in (8000, 16_000)
    assert 1000 <= judge.engine.longest_ms <= 30_000


@pytest.mark.parametrize(
    "pcm",
    [b"", bytes(2), bytes(64_000), noise(1.0), noise(35.0), b"\xff\x7f\x00\x80" * 8000],
    ids=["nothing", "a sample", "silence", "noise", "more than it hears", "clipping"],
)
def test_a_judge_gives_a_probability_for_whatever_was_said(judge: Bench[EndOfTurn], pcm: bytes) -> None:
    assert 0.0 <= judge.play(lambda engine: engine.probability(pcm)) <= 1.0


def test_a_judge_says_the_same_of_the_same_and_of_what_differs_only_before_it_listens(
    judge: Bench[EndOfTurn],
) -> None:
    size = 2 * judge.engine.sample_rate * judge.engine.longest_ms // 1000
    heard = noise(60.0)[:size]

    async def scene(engine: EndOfTurn) -> set[float]:
        return {await engine.probability(before + heard) for before in (b"", b"", bytes(3200), noise(1.0))}

    assert len(judge.play(scene)) == 1


def test_a_judge_answers_several_users_at_once(judge: Bench[EndOfTurn]) -> None:
    async def scene(engine: EndOfTurn) -> list[float]:
        return await asyncio.gather(*(engine.probability(noise(seconds)) for seconds in (0.5, 1.0, 2.0)))

    async def alone(engine: EndOfTurn) -> list[float]:
        return [await engine.probability(noise(seconds)) for seconds in (0.5, 1.0, 2.0)]

    assert judge.play(scene) == judge.play(alone)


def test_a_judge_that_is_asked_no_more_answers_the_next_question(judge: Bench[EndOfTurn]) -> None:
    async def scene(engine: EndOfTurn) -> float:
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                asked = group.create_task(engine.probability(noise(1.0)))
                await turns()
                asked.cancel()
        return await engine.probability(noise(1.0))

    assert 0.0 <= judge.play(scene) <= 1.0
