"""What a player hears of an Ogg Opus file."""

from __future__ import annotations

import math
import struct
from io import BytesIO

import av
import numpy as np

RATE = 48_000


def decoded(file: bytes) -> np.ndarray:
    """48 kHz samples, -1 to 1."""
    with av.open(BytesIO(file)) as source:
        frames = [frame.to_ndarray() for frame in source.decode(audio=0)]
    sound = np.concatenate([frame[0] for frame in frames]) if frames else np.zeros(0)
    return sound / 32768 if sound.dtype == np.int16 else sound


def level(sound: np.ndarray, since: float, until: float) -> float:
    """Root mean square between two times, seconds."""
    part = sound[round(since * RATE) : round(until * RATE)]
    return float(np.sqrt(np.mean(np.square(part)))) if len(part) else 0.0


def tone(seconds: float, hz: int = 440) -> bytes:
    """24 kHz mono s16le."""
    count = round(seconds * 24_000)
    samples = (round(9000 * math.sin(2 * math.pi * hz * n / 24_000)) for n in range(count))
    return struct.pack(f"<{count}h", *samples)
