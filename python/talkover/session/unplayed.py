"""The sound of a reply that was perhaps not heard yet: another peer may have to go on with it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..turn.heard import HALF

BACK_MS = 2000.0
"""A held voice goes back to where its word began, and a socket drops what it was sent ahead."""


@dataclass(frozen=True, slots=True)
class Sound:
    """`began` and `marks` (where words start) are ms within the reply's audio."""

    began: float
    pcm: bytes = field(repr=False)
    rate: int
    marks: tuple[float, ...]
    guarded: bool

    @property
    def ended(self) -> float:
        return self.began + len(self.pcm) / 2 * 1000 / self.rate

    def after(self, ms: float) -> Sound:
        """What is left of it from `ms` on."""
        if ms <= self.began:
            return self
        skipped = round((ms - self.began) * self.rate / 1000)
        marks = tuple(mark for mark in self.marks if mark >= ms)
        return Sound(ms, self.pcm[2 * skipped :], self.rate, marks, self.guarded)

    @property
    def offsets(self) -> list[int]:
        """Samples at which words start."""
        return [round((mark - self.began) * self.rate / 1000) for mark in self.marks]


@dataclass(frozen=True, slots=True)
class Rest:
    """What is to be played from `began` on, the first of whose words is the reply's `word`-th."""

    began: float
    word: int
    sounds: list[Sound]


class Unplayed:
    """Belongs to one reply. Milliseconds count within the reply's audio."""

    def __init__(self) -> None:
        self._sounds: deque[Sound] = deque()
        self._words = 0
        self._length = 0.0

    def add(self, pcm: bytes, rate: int, marks: list[float], guarded: bool) -> None:
        """The next sound; marks are ms within it."""
        placed = tuple(self._length + mark for mark in marks)
        self._sounds.append(Sound(self._length, pcm, rate, placed, guarded))
        self._length = self._sounds[-1].ended

    def queued(self, ms: float) -> None:
        """So much of what was added still waits for its time; what is long past is let go."""
        past = self._length - ms - BACK_MS
        while self._sounds and self._sounds[0].ended <= past:
            self._words += len(self._sounds.popleft().marks)

    def rest(self, played_ms: float) -> Rest:
        """From where the voice was cut, or from the start of the word that was cut in two."""
        marks = [mark for sound in self._sounds for mark in sound.marks]
        begun = [mark for mark in marks if mark <= played_ms]
        began = played_ms
        if begun:
            end = marks[len(begun)] if len(begun) < len(marks) else self._length
            if played_ms - begun[-1] < HALF * (end - begun[-1]):
                began = begun[-1]
        if self._sounds:
            began = max(began, self._sounds[0].began)
        sounds = [sound.after(began) for sound in self._sounds if sound.ended > began]
        return Rest(began, self._words + sum(mark < began for mark in marks), sounds)
