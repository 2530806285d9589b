"""smart-turn on tiny models that answer with the mean of what they hear; on the real one where it is to be had."""

import asyncio
import os
import threading
import wave
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from tests.voiceserver.engines.onnx_model import write_model
from voiceserver.engines import smart_turn as module
from voiceserver.engines.registry import Role, create, describe
from voiceserver.engines.roles import EndOfTurn, EngineError
from voiceserver.engines.smart_turn import MODEL_ENV, WAITING, features

T = TypeVar("T")

LONGEST = 8 * 16_000
FIXTURES = Path(__file__).parents[3] / "fixtures"


def noise(samples: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(-9000, 9000, samples, dtype=np.int16).tobytes()


def alone(scene: Callable[[EndOfTurn], Coroutine[Any, Any, T]], spec: str) -> T:
    """Plays a scene with an engine of its own."""

    async def play() -> T:
        engine = create(Role.END_OF_TURN, spec)
        try:
            async with asyncio.timeout(60):
                await engine.start()
                return await scene(engine)
        finally:
            await engine.close()

    return asyncio.run(play())


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The spec of an engine on a tiny model."""
    monkeypatch.delenv(MODEL_ENV, raising=False)
    return f"smart-turn(model='{write_model(tmp_path / 'tiny.onnx')}')"


# --- what it hears


@pytest.mark.parametrize("samples", [0, 1, 999, LONGEST, LONGEST + 1, 2 * LONGEST])
def test_features_have_one_shape_whatever_the_length(samples: int) -> None:
    heard = features(noise(samples))
    assert heard.shape == (80, 800)
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()


def test_silence_has_the_features_of_nothing() -> None:
    assert (features(bytes(2 * LONGEST)) == features(b"")).all()


def test_a_short_turn_has_silence_before_it() -> None:
    speech = noise(16_000)
    assert (features(speech) == features(bytes(2 * (LONGEST - 16_000)) + speech)).all()
    heard = features(speech)
    assert heard[:, :698].mean() < heard[:, 702:].mean() - 1


def test_of_a_long_turn_the_last_8_s_are_heard() -> None:
    last = noise(LONGEST)
    assert (features(noise(40_000, seed=2) + last) == features(last)).all()
    assert (features(last + noise(160, seed=2)) != features(last)).any()


def test_neither_loudness_nor_an_offset_changes_what_is_heard() -> None:
    samples = np.frombuffer(noise(LONGEST), np.int16).astype(float) / 3
    plain = features(samples.astype("<i2").tobytes())
    for changed in (samples * 2, samples + 4000):
        np.testing.assert_allclose(features(changed.astype("<i2").tobytes()), plain, atol=0.02)


# --- how it answers


def test_the_answer_is_the_models_of_these_features(model: str) -> None:
    speech = noise(48_000)
    expected = 1 / (1 + np.exp(-features(speech).mean(dtype=np.float64)))
    assert alone(lambda engine: engine.probability(speech), model) == pytest.approx(expected, abs=1e-5)


def test_the_event_loop_goes_on_while_it_is_computed(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_in, released = [], threading.Event()

    def slow(audio: bytes) -> Any:
        asked_in.append(threading.current_thread())
        assert released.wait(60)
        return features(audio)

    async def scene(engine: EndOfTurn) -> float:
        monkeypatch.setattr(module, "features", slow)
        asyncio.get_running_loop().call_later(0, released.set)
        return await engine.probability(noise(160))

    assert 0 < alone(scene, model) < 1
    assert asked_in[0] is not threading.main_thread()


class Held:
    """Takes the place of the features: the first question is held until it is let go, and others are counted."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.heard: list[bytes] = []

    def __call__(self, audio: bytes) -> Any:
        self.heard.append(audio)
        self.begun.set()
        assert self.go.wait(60)
        return np.zeros((80, 800), np.float32)

    async def ask(self, engine: EndOfTurn, tasks: asyncio.TaskGroup, count: int) -> list[asyncio.Task[float | str]]:
        """Questions 1 to `count`, of as many samples; the first has begun, the others wait."""
        first = tasks.create_task(answer_of(engine, bytes(2)))
        await asyncio.to_thread(self.begun.wait)
        others = [tasks.create_task(answer_of(engine, bytes(2 * number))) for number in range(2, count + 1)]
        await asyncio.sleep(0)
        return [first, *others]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    yield held
    held.go.set()


async def answer_of(engine: EndOfTurn, audio: bytes) -> float | str:
    try:
        return await engine.probability(audio)
    except EngineError as error:
        return str(error)


def test_one_question_more_than_may_wait_gives_up_the_oldest_that_waits(
    model: str, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(engine: EndOfTurn) -> list[float | str]:
        monkeypatch.setattr(module, "features", held)
        async with asyncio.TaskGroup() as tasks:
            asked = await held.ask(engine, tasks, 1 + WAITING + 2)
            held.go.set()
        return [task.result() for task in asked]

    given_up = "smart-turn: more is asked than it can answer in time; this machine cannot judge so many sessions"
    assert alone(scene, model) == [0.5, given_up, given_up, *[0.5] * WAITING]
    assert [len(audio) // 2 for audio in held.heard] == [1, *range(4, 12)]


def test_a_question_that_is_cancelled_while_it_waits_is_never_computed(
    model: str, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(engine: EndOfTurn) -> list[bool]:
        monkeypatch.setattr(module, "features", held)
        async with asyncio.TaskGroup() as tasks:
            asked = await held.ask(engine, tasks, 3)
            asked[0].cancel()
            asked[1].cancel()
            await asyncio.sleep(0)
            held.go.set()
        return [task.cancelled() for task in asked]

    assert alone(scene, model) == [True, True, False]
    assert [len(audio) // 2 for audio in held.heard] == [1, 3]


def test_an_engine_that_is_closed_answers_what_it_has_begun_and_gives_up_the_rest(
    model: str, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(engine: EndOfTurn) -> list[float | str]:
        monkeypatch.setattr(module, "features", held)
        async with asyncio.TaskGroup() as tasks:
            asked = await held.ask(engine, tasks, 3)
            tasks.create_task(engine.close())
            await asyncio.sleep(0)
            held.go.set()
        return [*(task.result() for task in asked), await answer_of(engine, b"")]

    closed = "smart-turn: the engine is closed"
    assert alone(scene, model) == [0.5, closed, closed, closed]


# --- which model


@pytest.mark.parametrize(
    ("tiny", "error"),
    [
        ({"shape": (1, 128, 3000)}, "is not smart-turn v3 (.*)"),
        ({"operators": ["Identity"]}, "is not smart-turn v3: it answers with no probability"),
        ({"operators": ["ReduceMean"]}, "is not smart-turn v3: it answers with no probability"),
        ({"operators": ["NoSuchOperator"]}, "is no model that onnxruntime can read (.*)"),
    ],
    ids=["other features", "no one number", "no probability", "unreadable"],
)
def test_another_model_is_refused_when_it_starts(tmp_path: Path, tiny: dict[str, Any], error: str) -> None:
    path = write_model(tmp_path / "other.onnx", **tiny)
    with pytest.raises(EngineError, match=f"^smart-turn: .*other.onnx {error}"):
        alone(lambda engine: engine.probability(b""), f"smart-turn(model='{path}')")


def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a model\n" * 100)
    with pytest.raises(EngineError, match=r"^smart-turn: .*notes.txt is no model that onnxruntime can read \(.*\)$"):
        alone(lambda engine: engine.probability(b""), f"smart-turn(model='{path}')")


def test_the_setting_wins_over_the_environment_and_that_over_an_installed_pipecat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "pipecat" / "audio" / "turn" / "smart_turn" / "data"
    data.mkdir(parents=True)
    for name in ("smart-turn-v3.0.onnx", "smart-turn-v3.2-cpu.onnx"):
        (data / name).touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv(MODEL_ENV, raising=False)
    assert module._model_path("") == data / "smart-turn-v3.2-cpu.onnx"
    own, other = tmp_path / "own.onnx", tmp_path / "other.onnx"
    own.touch()
    other.touch()
    monkeypatch.setenv(MODEL_ENV, str(other))
    assert module._model_path("") == other
    assert module._model_path(str(own)) == own


def test_a_model_that_is_not_there_is_told_with_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError) as raised:
        module._model_path("/nowhere/it.onnx")
    assert str(raised.value) == "smart-turn: smart-turn(model=...): there is no file /nowhere/it.onnx"
    monkeypatch.setenv(MODEL_ENV, "/nowhere/env.onnx")
    with pytest.raises(EngineError) as raised:
        module._model_path("")
    assert str(raised.value) == "smart-turn: VOICECLI_SMART_TURN_MODEL: there is no file /nowhere/env.onnx"


def test_without_any_model_it_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODEL_ENV, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError) as raised:
        module._model_path("")
    assert str(raised.value) == (
        "smart-turn: its model is not there: pip install --no-deps pipecat-ai brings it; a file that you have is named"
        " by smart-turn(model=PATH) or by the environment variable VOICECLI_SMART_TURN_MODEL"
    )


def test_clients_are_not_told_where_the_model_lies() -> None:
    assert describe(Role.END_OF_TURN, "smart-turn(model=/home/me/it.onnx)").settings == {"threads": 1}


# --- the real model


@pytest.fixture
def real() -> str:
    try:
        module._model_path("")
    except EngineError as error:
        if MODEL_ENV in os.environ:
            raise
        pytest.skip(str(error))
    return "smart-turn"


PUBLISHED = {1: 0.966, 3: 0.940, 5: 0.041, 7: 0.074, 9: 0.043, 11: 0.086, 13: 0.019, 15: 0.028, 17: 0.150, 19: 0.009}
"""Probabilities by seconds of monologue-20s, of smart-turn v3.2 with the features of its own package, onnxruntime 1.32.
Its weights are of 8 bit, and differ a little from one processor to the next."""


def test_the_real_model_answers_as_published(real: str) -> None:
    with wave.open(str(FIXTURES / "monologue-20s" / "audio.wav")) as file:
        audio = file.readframes(file.getnframes())

    async def scene(engine: EndOfTurn) -> dict[int, float]:
        return {seconds: await engine.probability(audio[: seconds * 32_000]) for seconds in PUBLISHED}

    assert alone(scene, real) == pytest.approx(PUBLISHED, abs=0.08)
