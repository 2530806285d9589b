"""A VAD that goes by loudness alone: next to no cost, and deaf to what kind of sound it is."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from voiceaudio.level import rms_dbfs
from voiceaudio.pcm import SAMPLE_BYTES

_RISE_DB_PER_SECOND = 2.0
_QUIETEST_DBFS = -90.0
_STEEPNESS_DB = 1.5


class EnergyVad:
    """Frames of 20 ms at 16 kHz that stand out of the noise floor count as speech."""

    class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
        level: Annotated[float, Meta(ge=-90, le=0)] = -45.0
        """Quieter than this, in dBFS (RMS), is never speech."""
        margin: Annotated[float, Meta(ge=1, le=40)] = 9.0
        """So many dB above the noise floor is speech."""

    sample_rate = 16_000
    frame_samples = 320
    hears_silence = True
    end_lag_ms = 0

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def detector(self) -> "EnergyDetector":
        return EnergyDetector(self._settings)


class EnergyDetector:
    """Probability 0.5 at the threshold, and near 0 or 1 from 5 dB below or above it.

    The noise floor follows the quietest frames: at once downwards, slowly upwards.
    """

    def __init__(self, settings: EnergyVad.Settings) -> None:
        self._settings = settings
        self._floor_dbfs: float | None = None

    def reset(self) -> None:
        """Keeps the noise floor: the room is still the same."""

    def probability(self, frame: bytes) -> float:
        assert len(frame) == EnergyVad.frame_samples * SAMPLE_BYTES
        level = max(rms_dbfs(frame), _QUIETEST_DBFS)
        floor = level if self._floor_dbfs is None else self._floor_dbfs
        rise = _RISE_DB_PER_SECOND * EnergyVad.frame_samples / EnergyVad.sample_rate
        self._floor_dbfs = min(floor + rise, level)
        above = level - max(self._settings.level, floor + self._settings.margin)
        return 1 / (1 + math.exp(-above / _STEEPNESS_DB))
