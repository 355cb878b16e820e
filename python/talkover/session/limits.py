"""How long a call may last, and how long it may be still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of a whole call, seconds of it without a voice, a text or a reply, calls at a time
    by one client secret, and seconds in which a caller who vanished may come back."""

    longest_s: int = 24 * 3600
    idle_s: int = 3600
    calls_per_secret: int = 4
    away_s: int = 60

    def within(self, longest_s: int | None, idle_s: int | None) -> Limits:
        """These, or less where one call is allowed less."""
        return replace(
            self,
            longest_s=min(self.longest_s, longest_s or self.longest_s),
            idle_s=min(self.idle_s, idle_s or self.idle_s),
        )


USUAL = Limits()


class Life:
    """From the call's begin to `close`: `over(reason)` is called once, when a limit is reached.

    `touch` at every sign of life; `busy` tells whether somebody speaks or a reply is under way.
    """

    def __init__(
        self, limits: Limits, busy: Callable[[], bool], over: Callable[[str], None]
    ) -> None:
        self._idle_s, self._busy, self._over = limits.idle_s, busy, over
        self._loop = asyncio.get_running_loop()
        self._touched = self._loop.time()
        longest = f"the call reached its longest time of {limits.longest_s} s"
        self._end = self._loop.call_later(limits.longest_s, self._reach, longest)
        self._idle = self._loop.call_later(self._idle_s, self._look)

    def touch(self) -> None:
        self._touched = self._loop.time()

    def close(self) -> None:
        self._end.cancel()
        self._idle.cancel()

    def _look(self) -> None:
        """One timer that looks back: to set it anew at each sign of life would cost more."""
        if self._busy():
            self.touch()
        left = self._touched + self._idle_s - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._look)
        else:
            self._reach(f"nobody said or wrote anything for {self._idle_s} s")

    def _reach(self, reason: str) -> None:
        self.close()
        self._over(reason)
