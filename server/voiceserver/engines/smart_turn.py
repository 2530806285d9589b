"""smart-turn v3, a small neural network that hears in words and melody whether a turn is over, by onnxruntime.

The model is not part of voicecli. It is an ONNX file of some 9 MB that comes in the wheel of `pipecat-ai` (BSD
2-Clause), where it is found when that is installed, or that a setting names. Its input is published with it: the last
8 s of the turn, silence before them where it was shorter, of mean 0 and variance 1, as Whisper hears them.
"""

import asyncio
import importlib.util
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
from msgspec import Meta

from voiceaudio.level import FULL_SCALE
from voiceaudio.pcm import SAMPLE_BYTES, samples_of
from voiceserver.engines.logmel import SAMPLE_RATE, log_mel
from voiceserver.engines.roles import EngineError
from voiceserver.engines.spec import PRIVATE

LONGEST_MS = 8_000
MODEL_ENV = "VOICECLI_SMART_TURN_MODEL"
WAITING = 8
"""Questions that may wait. Each takes some 0.1 s: the answer to a later one would come after the silence that ends the
turn anyway."""

_SAMPLES = LONGEST_MS * SAMPLE_RATE // 1000
_LEAST_VARIANCE = 1e-7
_LOG_NOTHING = 4
_TO_GET_IT = (
    "pip install --no-deps pipecat-ai brings it; a file that you have is named by smart-turn(model=PATH) or by the "
    f"environment variable {MODEL_ENV}"
)


class SmartTurn:
    """Answers one question at a time, in a thread of its own; other threads run while the network computes.

    Up to 8 questions wait for it, in the order in which they were asked. When there is one more, the newest wins: the
    one that has waited longest raises EngineError. A question that is cancelled while it waits costs nothing.
    """

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        model: Annotated[str, PRIVATE] = ""
        """The ONNX file. Empty: what VOICECLI_SMART_TURN_MODEL names, or else that of an installed pipecat-ai."""
        threads: Annotated[int, Meta(ge=1, le=16)] = 1
        """Threads that compute one answer."""

    sample_rate = SAMPLE_RATE
    longest_ms = LONGEST_MS

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread: ThreadPoolExecutor | None = None
        self._network: _Network | None = None
        self._asked: dict[Future[float], str] = {}
        """Questions that are not answered yet, the oldest first; why, where one was given up."""

    async def start(self) -> None:
        """Raises EngineError where there is no model, or the file holds something else."""
        path = _model_path(self._settings.model)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="smart-turn")
        loading = self._thread.submit(_Network, path, self._settings.threads)
        self._network = await asyncio.wrap_future(loading)

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        while self._give_up_oldest("the engine is closed"):
            pass
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)
        self._network = None

    async def probability(self, audio: bytes) -> float:
        if self._thread is None or self._network is None:
            raise EngineError("smart-turn: the engine is closed")
        question = self._thread.submit(self._network.probability, audio)
        self._asked[question] = ""
        if sum(not reason for reason in self._asked.values()) > 1 + WAITING:
            self._give_up_oldest("more is asked than it can answer in time; this machine cannot judge so many sessions")
        try:
            return await asyncio.wrap_future(question)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._asked[question] and task is not None and not task.cancelling():
                raise EngineError(f"smart-turn: {self._asked[question]}") from None
            raise
        finally:
            del self._asked[question]

    def _give_up_oldest(self, reason: str) -> bool:
        """Whether there was one that is not being answered yet."""
        for question, given_up in self._asked.items():
            if not given_up and question.cancel():
                self._asked[question] = reason
                return True
        return False


class _Network:
    """The loaded model. Used in the engine's thread alone. Raises EngineError for a file that holds another model."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_NOTHING
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._name = path.name
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            self._inputs = [each.name for each in self._session.get_inputs()]
        except Exception as error:  # the library's errors have no class in common
            raise EngineError(f"smart-turn: {path} is no model that onnxruntime can read ({_brief(error)})") from error
        self.probability(b"")  # what it is not shows now, and not at the first pause

    def probability(self, audio: bytes) -> float:
        try:
            outputs = self._session.run(None, {name: features(audio)[np.newaxis] for name in self._inputs})
        except Exception as error:
            raise EngineError(f"smart-turn: {self._name} is not smart-turn v3 ({_brief(error)})") from error
        values = np.asarray(outputs[0]).reshape(-1)
        if values.size != 1 or not 0 <= values[0] <= 1:
            raise EngineError(f"smart-turn: {self._name} is not smart-turn v3: it answers with no probability")
        return float(values[0])


def features(audio: bytes) -> npt.NDArray[np.float32]:
    """What the network hears of a turn, of shape (80, 800)."""
    heard = samples_of(audio[-_SAMPLES * SAMPLE_BYTES :]) / FULL_SCALE
    samples = np.pad(heard, (_SAMPLES - len(heard), 0))
    return log_mel((samples - samples.mean()) / np.sqrt(samples.var() + _LEAST_VARIANCE))


def _model_path(given: str) -> Path:
    """Raises EngineError."""
    for path, told in ((given, "smart-turn(model=...)"), (os.environ.get(MODEL_ENV, ""), MODEL_ENV)):
        if path:
            if not Path(path).is_file():
                raise EngineError(f"smart-turn: {told}: there is no file {path}")
            return Path(path)
    spec = importlib.util.find_spec("pipecat")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in sorted(Path(folder).glob("audio/turn/smart_turn/data/smart-turn-v3*.onnx"), reverse=True):
            return found
    raise EngineError(f"smart-turn: its model is not there: {_TO_GET_IT}")


def _brief(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else f"{text[:117]}..."
