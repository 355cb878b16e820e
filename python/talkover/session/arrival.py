"""Where a sample of the caller lies on the session's clock, from when their sound came. Pure."""

from __future__ import annotations

from math import inf

from .ear import RATE

FASTEST_OF = int(1.5 * RATE)
"""The fastest of so much sound, and up to twice that, is believed. A sound card that runs slow, or
that lost some of its sound, is later from then on without being late."""
STALLED_S = 0.5
"""What comes so much later than its clock says began anew, where a sender may leave out time."""


class Arrival:
    """Samples are 16 kHz, counted from the first; times are seconds.

    Sound is never early: the smallest distance from sample to arrival is the one without a queue.
    """

    def __init__(self) -> None:
        self.restart(0.0)

    def restart(self, now: float) -> None:
        """Samples are counted anew from now on."""
        self.start = now
        """When sample 0 would have come, were it as fast as the fastest of late."""
        self.late = 0.0
        """How much later than that the last sound came."""
        self._before = self._fastest = inf
        self._since = 0

    def take(self, upto: int, now: float, *, gapless: bool) -> None:
        """Sound up to that sample is here; `gapless` where samples count the time."""
        start = now - upto / RATE
        if not gapless and start > self.start + STALLED_S:
            self._before = self._fastest = inf
        if upto - self._since >= FASTEST_OF:
            self._before, self._fastest, self._since = self._fastest, inf, upto
        self._fastest = min(self._fastest, start)
        self.start = min(self._before, self._fastest)
        self.late = start - self.start

    def time_of(self, at: int) -> float:
        """When that sample was said, or came: the way here is not known."""
        return max(0.0, self.start + at / RATE)
