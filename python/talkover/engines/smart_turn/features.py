"""The log-mel picture of sound, as Whisper's encoder takes it; of eight seconds for smart-turn."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

RATE = 16000
SAMPLES = 8 * RATE
WINDOW = 400
HOP = 160
FRAMES = SAMPLES // HOP
MELS = 80
RANGE = 8.0
"""Powers of ten below the loudest cell; what is quieter counts as that."""


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: 15 mel to 1 kHz, then 27 mel for each factor of 6.4."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def filters(mels: int) -> NDArray[np.float64]:
    """(bins, mels): triangles of equal area between each mel's neighbours."""
    top = 15 + 27 * math.log(RATE / 2 / 1000, 6.4)
    edges = _hertz(np.linspace(0, top, mels + 2))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    triangles = [
        np.interp(bins, (low, middle, high), (0, 2 / (high - low), 0))
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.stack(triangles, axis=1)


_FILTERS = filters(MELS)
_HANN = np.hanning(WINDOW + 1)[:-1]


def log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """(80, 800) of exactly eight seconds at 16 kHz; the level does not matter."""
    level = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
    return picture(level, _FILTERS)


def picture(sound: NDArray[np.float32], mels: NDArray[np.float64]) -> NDArray[np.float32]:
    """(mels, frames of 10 ms) of sound at 16 kHz; `mels` as `filters` gives them."""
    padded = np.pad(sound.astype(np.float64), WINDOW // 2, mode="reflect")
    windows = sliding_window_view(padded, WINDOW)[::HOP][: len(sound) // HOP]
    power = np.abs(np.fft.rfft(windows * _HANN)) ** 2
    cells = np.log10(np.maximum(power @ mels, 1e-10)).T
    return ((np.maximum(cells, cells.max() - RANGE) + 4) / 4).astype(np.float32)
