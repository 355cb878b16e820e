"""The agent's voice: each word is a steady tone, so that a waveform says which words were heard."""

from __future__ import annotations

import math
from array import array
from functools import cache

RATE = 24000
WORD_S = 0.3
WORDS = 16
"""Of an answer; each has a tone of its own."""
LEVEL = 8000
"""Of a tone, samples from peak to zero."""
ANSWER = " ".join(f"w{n}" + "." * (n % 4 == 3) for n in range(WORDS))


def frequency(word: int) -> float:
    """Hz; whole periods in a word, so that tones join without a click."""
    return 500.0 + 150.0 * word


@cache
def tone(word: int) -> bytes:
    """A word at 24 kHz."""
    step = 2 * math.pi * frequency(word) / RATE
    samples = (round(LEVEL * math.sin(step * n)) for n in range(round(RATE * WORD_S)))
    return array("h", samples).tobytes()
