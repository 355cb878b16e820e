"""Filters between the sample rates of the wire, as whole numbers of 1/16384."""

from __future__ import annotations

import array
import math
import sys
from functools import cache


def native(samples: array.array[int]) -> array.array[int]:
    """Little-endian samples as this machine has them, or back."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def sinc(at: float, cutoff: float, half: float) -> float:
    """A Hann-windowed low-pass, `cutoff` of the rate's half."""
    x = math.pi * at * cutoff
    window = 0.5 + 0.5 * math.cos(math.pi * at / half)
    return window * (1.0 if x == 0 else math.sin(x) / x)


def scaled(taps: list[float]) -> tuple[int, ...]:
    """So that together they leave a level as it is."""
    return tuple(round(tap / sum(taps) * 16384) for tap in taps)


@cache
def third() -> tuple[int, ...]:
    """Of the sample a third of the way on between two, from the six around it."""
    return scaled([sinc(n - 2 - 1 / 3, 1.0, 3.4) for n in range(6)])
