"""What the caller heard, read off its sound: levels in 5 ms steps, and which word it was when.

The words are those of `engines.Tones`. Times are `time.monotonic()`, of the arrival of the packet
that a sample came in; a jitter buffer of a real client would come on top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import inf

import numpy as np
import numpy.typing as npt

from .engines import TONES, WORD_MS, tone

RATE = 16000
STEP = RATE // 200
STEP_S = STEP / RATE
AUDIBLE_DB = -45.0
"""Of full scale; the tones are at -15, ducked at -33, real voices around -25."""
SILENT_DB = -55.0
SILENT_STEPS = 12
"""A silence is 60 ms at least: speech has shorter ones of its own."""
LOST_MS = WORD_MS * 0.5
"""A word of which less was heard is lost."""
NEARLY_TWICE_MS = WORD_MS * 1.7
TWICE_MS = WORD_MS * 1.9
"""A word of which more was heard was said twice."""

Chunks = Sequence[tuple[float, int, bytes]]
Floats = npt.NDArray[np.float64]


class Heard:
    """`times` and `levels` (dB of full scale) of each 5 ms."""

    def __init__(self, chunks: Chunks) -> None:
        first = chunks[0][1]
        last = max(at + len(pcm) // 2 for _, at, pcm in chunks)
        self.samples = np.zeros(-(-(last - first) // STEP) * STEP, np.float64)
        arrival = np.full(len(self.samples), np.nan)
        for came, at, pcm in chunks:
            place = slice(at - first, at - first + len(pcm) // 2)
            self.samples[place] = np.frombuffer(pcm, np.int16)
            arrival[place] = came + np.arange(len(pcm) // 2) / RATE
        times = arrival[::STEP]
        known = np.flatnonzero(~np.isnan(times))
        times = np.interp(np.arange(len(times)), known, times[known])
        self.times: Floats = np.maximum.accumulate(times)
        energy = (self.samples.reshape(-1, STEP) ** 2).mean(axis=1)
        self.levels: Floats = 10 * np.log10(energy / 32768.0**2 + 1e-12)

    def first_sound(self, since: float) -> float | None:
        """When something audible begins."""
        return self._first(self.levels > AUDIBLE_DB, since)

    def voiced(self, since: float = -inf, until: float = inf) -> list[float]:
        """When each 5 ms begin that are within 30 dB of the loudest of that time."""
        steps = self._steps(since, until)
        levels = self.levels[steps]
        return [float(at) for at in self.times[steps][levels >= levels.max() - 30]]

    def level_before(self, at: float) -> float:
        """The middle level of the half second before."""
        return float(np.median(self.levels[self._steps(at - 0.5, at)]))

    def fallen(self, since: float, decibels: float) -> float | None:
        """When the voice is so much lower than before, for 10 ms at least."""
        low = self.levels <= self.level_before(since) - decibels
        low[:-1] &= low[1:]
        return self._first(low, since)

    def silent(self, since: float) -> float | None:
        """When a silence begins."""
        quiet = self.levels < SILENT_DB
        runs = np.lib.stride_tricks.sliding_window_view(quiet, SILENT_STEPS).all(axis=1)
        return self._first(runs, since)

    def longest_silence(self, since: float, until: float) -> float:
        """Seconds."""
        longest = run = 0
        for level in self.levels[self._steps(since, until)]:
            run = run + 1 if level < SILENT_DB else 0
            longest = max(longest, run)
        return longest * STEP_S

    def silent_share(self, since: float, until: float) -> float:
        """Of the time, 0 to 1."""
        return float((self.levels[self._steps(since, until)] < SILENT_DB).mean())

    def words(self) -> list[tuple[float, int]]:
        """(time, word) for each 10 ms in which a tone is heard."""
        found: list[tuple[float, int]] = []
        size, hop, now = RATE // 50, RATE // 100, 0
        window = np.hanning(size)
        for start in range(0, len(self.samples) - size, hop):
            middle = (start + size // 2) // STEP
            if self.levels[middle] <= AUDIBLE_DB:
                continue
            spectrum = np.abs(np.fft.rfft(self.samples[start : start + size] * window, 2048))
            frequency = float(spectrum.argmax()) * RATE / 2048
            kind = min(range(TONES), key=lambda n: abs(tone(n) - frequency))
            # Of all words with this tone, the one next to what was heard last.
            now = max(0, now - 4 + (kind - (now - 4)) % TONES)
            found.append((float(self.times[middle]), now))
        return found

    def _steps(self, since: float, until: float) -> slice:
        return slice(*(int(n) for n in np.searchsorted(self.times, (since, until))))

    def _first(self, true: npt.NDArray[np.bool_], since: float) -> float | None:
        start = int(np.searchsorted(self.times, since))
        found = np.flatnonzero(true[start:])
        return float(self.times[start + found[0]]) if len(found) else None


def voiced(samples: npt.NDArray[np.int16], rate: int, below_db: float = 30.0) -> list[float]:
    """Seconds at which each 5 ms begin that are not further below the loudest."""
    step = rate // 200
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    energy = (frames**2).mean(axis=1)
    return [
        float(n) * STEP_S for n in np.flatnonzero(energy >= energy.max() / 10 ** (below_db / 10))
    ]


def gaps(samples: npt.NDArray[np.int16], rate: int) -> list[float]:
    """Seconds between one such step and the next."""
    times = voiced(samples, rate)
    return [after - before - STEP_S for before, after in pairwise(times)] or [0]


def fates(words: Sequence[tuple[float, int]]) -> dict[str, float]:
    """How many words were lost, how many were heard twice, and how much was repeated, ms.

    The first and the last word are cut by the recording and do not count.
    """
    heard = Counter(word for _, word in words)
    inner = range(min(heard) + 1, max(heard)) if heard else range(0)
    lengths = [10 * heard[word] for word in inner]
    return {
        "words": len(lengths),
        "lost": sum(length < LOST_MS for length in lengths),
        "nearly_twice": sum(NEARLY_TWICE_MS < length <= TWICE_MS for length in lengths),
        "twice": sum(length > TWICE_MS for length in lengths),
        "repeated_ms": sum(length - WORD_MS for length in lengths if length > WORD_MS + 30),
    }
