"""Mono WAV files as 16-bit samples."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


class WavError(Exception):
    """A WAV file cannot be used; the message names it and what is wrong."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def read(path: Path) -> tuple[NDArray[np.int16], int]:
    """Samples and sample rate of a mono WAV file; other sample formats are converted to 16 bits. Raises WavError."""
    try:
        # Not as int16: libsndfile does not scale a float file to it.
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise WavError(path, f"cannot be read as WAV: {error}") from None
    if samples.shape[1] != 1:
        raise WavError(path, f"has {samples.shape[1]} channels; mix it down to mono")
    return np.clip(np.rint(samples[:, 0] * 32_768), -32_768, 32_767).astype(np.int16), int(rate)


def write(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    """Write mono samples as 16-bit PCM. The same samples give the same bytes."""
    soundfile.write(path, samples, rate, subtype="PCM_16", format="WAV")
