"""What was heard, read off the waveform: level and word in each 10 ms. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul

from .playback import Piece
from .tones import WORD_S, WORDS, frequency

RATE = 8000
"""Everything is looked at with every second or third sample: all tones lie below 4 kHz."""
STEP = RATE // 100
STEP_S = STEP / RATE
WINDOW = 4 * STEP
AUDIBLE_DB = -45.0
"""Of full scale; the tones are at -15, ducked at -33."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`levels` in dB of full scale of each 10 ms from `began` on, and the word in them or -1."""

    began: float
    levels: tuple[float, ...]
    words: tuple[int, ...]

    def first(self, since: float) -> float | None:
        """When something becomes audible."""
        return next((t for t, level in self._after(since) if level > AUDIBLE_DB), None)

    def last(self, since: float, until: float) -> float | None:
        """When the last audible step before `until` ends."""
        times = [t for t, level in self._after(since) if level > AUDIBLE_DB and t < until]
        return times[-1] + STEP_S if times else None

    def seconds(self, since: float, until: float) -> dict[int, float]:
        """How long each word was heard."""
        found: dict[int, float] = {}
        for (at, level), word in zip(self._after(since), self._words(since), strict=True):
            if at < until and level > AUDIBLE_DB and word >= 0:
                found[word] = found.get(word, 0.0) + STEP_S
        return found

    def _after(self, since: float) -> list[tuple[float, float]]:
        first = self._place(since)
        return [
            (self.began + n * STEP_S, level) for n, level in enumerate(self.levels[first:], first)
        ]

    def _words(self, since: float) -> tuple[int, ...]:
        return self.words[self._place(since) :]

    def _place(self, since: float) -> int:
        return min(len(self.levels), max(0, math.ceil((since - self.began) / STEP_S - 1e-6)))


def listen(pieces: Sequence[Piece]) -> Heard:
    """The waveform of what was played."""
    if not pieces:
        return Heard(0.0, (), ())
    began = pieces[0].start
    line = array("h", bytes(2 * (round((pieces[-1].end - began) * RATE) + WINDOW)))
    for piece in pieces:
        samples = array("h", piece.pcm)[:: piece.rate // RATE]
        place = round((piece.start - began) * RATE)
        line[place : place + len(samples)] = samples
    steps = len(line) // STEP
    levels = tuple(_level(line[n * STEP : (n + 1) * STEP]) for n in range(steps))
    words = tuple(
        _word(line[max(0, n * STEP - STEP) :][:WINDOW]) if level > AUDIBLE_DB else -1
        for n, level in enumerate(levels)
    )
    return Heard(began, levels, words)


def missing(heard: Heard, since: float, until: float) -> float:
    """The share of an answer that was not there in its time, 0 to 1: gaps within it, and words that
    never came. A whole answer that sounds without a break has none."""
    begins = heard.first(since)
    ends = heard.last(since, until)
    if begins is None or ends is None:
        return 1.0
    sounded = sum(heard.seconds(begins, ends).values())
    whole = max(WORDS * WORD_S, ends - begins)
    return max(0.0, 1.0 - sounded / whole)


def words_heard(heard: Heard, since: float, until: float) -> int:
    """How many words were heard for at least half of their time."""
    found = heard.seconds(since, until)
    return sum(seconds >= WORD_S / 2 for seconds in found.values())


def _level(samples: array[int]) -> float:
    energy = sum(map(mul, samples, samples)) / max(1, len(samples))
    return 10 * math.log10(energy / 32768.0**2 + 1e-12)


@cache
def _waves(word: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    step = 2 * math.pi * frequency(word) / RATE
    return (
        tuple(math.cos(step * n) for n in range(WINDOW)),
        tuple(math.sin(step * n) for n in range(WINDOW)),
    )


def _word(samples: array[int]) -> int:
    def strength(word: int) -> float:
        one, other = _waves(word)
        return sum(map(mul, samples, one)) ** 2 + sum(map(mul, samples, other)) ** 2

    return max(range(WORDS), key=strength)
