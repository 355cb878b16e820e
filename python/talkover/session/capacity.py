"""How many calls this machine carries, learned from what it shows: frames that are sent late, and
an event loop that lags.

Pure: what was seen and when goes in, a number of calls comes out. Control is by additive increase
and decrease to a share of what was too much, as TCP finds its window (RFC 5681): nobody has to know
the machine, the agent, or the neighbours on the same cores beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 111
"""Calls that are taken before anything was learned: what one core carries, and what is kept."""
LEAST = 16
"""However bad it looks: with fewer calls a neighbour's burst says more than they do."""
LATE_SHARE, CALM_SHARE = 0.01, 0.0025
"""Of the frames, late ones: more than the first is too much, less than the second is room."""
LAG_MS, CALM_LAG_MS = 50.0, 15.0
"""The same for the loop, which thinks but carries no sound."""
ENOUGH = 100
"""Frames that a share can be told from: a second of two voices."""
SUSTAINED_S = 2.0
"""A strain that is over sooner was something else's: a collector's pause, a hundred offers at
once."""
DECREASE = 0.9
GROWTH = 0.04
"""A second, of the limit, while nothing was too much yet."""
PROBE_S = 20.0
"""After a strain: one more call so often. Calls last minutes, and one too many stays."""
FORGET_S = 120.0
"""So long after a strain the machine may be another: fewer neighbours, lighter calls."""

KEPT, KEPT_FROM = 0.1, 10
"""The share of the limit that new calls leave to those who come back; none below so many calls."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen since the last one: frames sent, those of them sent late (10 ms), the loop's
    median lag; and the calls that are live now."""

    frames: int
    late: int
    lag_ms: float
    live: int


class Capacity:
    """`learn` about once a second. `most` is the ceiling that was configured; `limit`, which never
    exceeds it, is what new calls are measured by. No call is ever ended for it."""

    def __init__(self, most: int, start: int = START) -> None:
        self.most, self.limit = most, min(most, start)
        self._strained: float | None = None
        """Since when, while it lasts."""
        self._last: float | None = None
        """When it was too much for the last time."""
        self._grew = 0.0

    def room(self, live: int, *, back: bool = False) -> int:
        """How many more may come, beside those live or being made.

        Some of it is for those who come `back` alone: another server's calls, when that stops.
        """
        kept = 0 if back or self.limit < KEPT_FROM else max(1, int(self.limit * KEPT))
        return max(0, self.limit - kept - live)

    def learn(self, look: Look, now: float) -> None:
        """`now` in seconds, by a clock that never goes back."""
        share = look.late / look.frames if look.frames >= ENOUGH else 0.0
        if share > LATE_SHARE or look.lag_ms > LAG_MS:
            if self._strained is None:
                self._strained = now
            if now - self._strained >= SUSTAINED_S:
                self._decrease(look.live, now)
            return
        self._strained = None
        # A limit that nobody comes near has not been tried, so it says nothing.
        used = look.live >= self.limit * DECREASE - 1
        if used and share < CALM_SHARE and look.lag_ms < CALM_LAG_MS:
            self._increase(now)

    def _decrease(self, live: int, now: float) -> None:
        self.limit = min(self.limit, max(LEAST, int(live * DECREASE)))
        self._last = self._grew = now

    def _increase(self, now: float) -> None:
        careful = self._last is not None and now - self._last < FORGET_S
        if careful and now - self._grew < PROBE_S:
            return
        more = 1 if careful else max(1, int(self.limit * GROWTH))
        self.limit = min(self.most, self.limit + more)
        self._grew = now
