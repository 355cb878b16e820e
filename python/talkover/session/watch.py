"""Looks at the media threads and the event loop, and lets a capacity learn from it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from statistics import median

import structlog

from .capacity import Capacity, Look

log = structlog.get_logger("talkover.capacity")

TICK_S = 0.1
LOOK_S = 1.0


class Watch:
    """Works from when it is made until `close`. Only on the loop's thread; a timer, no task.

    `frames` tells how many were sent since the start, and how many of them late; `live`, how many
    calls there are; `lagged` is told each lag of the loop, seconds.
    """

    def __init__(
        self,
        capacity: Capacity,
        frames: Callable[[], tuple[int, int]],
        live: Callable[[], int],
        lagged: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._capacity, self._read, self._live = capacity, frames, live
        self._lagged = lagged
        self._loop = asyncio.get_running_loop()
        self._frames = frames()
        self._lags: list[float] = []
        self._looked = self._loop.time()
        self._due = self._looked + TICK_S
        self._timer = self._loop.call_at(self._due, self._tick)

    def close(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        now = self._loop.time()
        self._lags.append(now - self._due)
        self._lagged(now - self._due)
        if now - self._looked >= LOOK_S:
            self._look(now)
        self._due = now + TICK_S
        self._timer = self._loop.call_at(self._due, self._tick)

    def _look(self, now: float) -> None:
        (sent, late), before = self._read(), self._frames
        self._frames = (sent, late)
        look = Look(sent - before[0], late - before[1], 1000 * median(self._lags), self._live())
        self._lags, self._looked = [], now
        limit = self._capacity.limit
        self._capacity.learn(look, now)
        if self._capacity.limit < limit:
            log.warning(
                "no room for more calls", limit=self._capacity.limit, live=look.live,
                frames=look.frames, late=look.late, lag_ms=round(look.lag_ms, 1),
            )  # fmt: skip
