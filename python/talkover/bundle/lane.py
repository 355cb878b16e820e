"""One side's packets, as they came over a network, on the time axis of the call."""

from __future__ import annotations

import heapq
from typing import BinaryIO

from .ogg import RATE, STEP, OggOpus, duration

PATIENCE = RATE // 2
"""Packets are kept this long: late ones find their place, the first ones show the delay, and what a
socket was sent ahead can still be taken back."""
ADRIFT = RATE
"""A jump of the sender's clock that the time between two packets does not explain: a new clock."""
STALLED = 3 * RATE
"""Packets that come this much too late were made later: their sender's clock stood still."""


class Lane:
    """Times are seconds since the call began. What is lost, or was never sent, becomes silence.

    `ours`: packets that we sent are never out of order; one that is earlier takes the place of what
    was sent ahead, which its client threw away.
    """

    def __init__(self, out: BinaryIO, serial: int, *, ours: bool = False) -> None:
        self._ogg, self._ours = OggOpus(out, serial), ours
        self._kept: list[tuple[int, bytes]] = []
        self._zero: float | None = None
        """Where the sender's clock has its zero, in ticks of the call."""
        self._settled = False
        self._newest, self._newest_at = 0, 0.0

    def take(self, at: float, ticks: int, opus: bytes) -> None:
        """A packet whose sound began at about `at`, and at `ticks` of the sender's own clock."""
        if duration(opus) is None:
            return
        zero = at * RATE - ticks
        if self._zero is None or self._is_another(at, ticks, zero - self._zero):
            self._write_until(None)
            self._zero, self._settled = zero, False
            self._newest = ticks
        elif not self._settled:
            # Sound is never early: the least delay seen is the truest.
            self._zero = min(self._zero, zero)
        if self._ours and ticks <= self._newest:
            self._kept = [one for one in self._kept if one[0] < ticks]
            heapq.heapify(self._kept)
            self._newest = ticks
        self._newest, self._newest_at = max(self._newest, ticks), at
        heapq.heappush(self._kept, (ticks, opus))
        self._write_until(self._newest - PATIENCE)

    def close(self, at: float) -> None:
        """The call ends at `at`; until then the side is silent."""
        self._write_until(None)
        self._ogg.silence(round(at * RATE) - self._ogg.ticks)
        self._ogg.close()

    def _is_another(self, at: float, ticks: int, late: float) -> bool:
        jump = ticks - self._newest
        unexplained = abs(jump - (at - self._newest_at) * RATE)
        return late > STALLED or (abs(jump) > ADRIFT and unexplained > ADRIFT)

    def _write_until(self, ticks: int | None) -> None:
        while self._kept and (ticks is None or self._kept[0][0] < ticks):
            self._settled = True
            began, opus = heapq.heappop(self._kept)
            missing = round((self._zero or 0.0) + began) - self._ogg.ticks
            # A double, or too late; an overlap of less comes from the clocks' rounding.
            if missing <= -4 * STEP:
                continue
            self._ogg.silence(missing)
            self._ogg.write(opus)
