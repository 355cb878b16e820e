"""A session's one stream of facts, numbered; whoever reads it is a leg."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ..protocol import facts as f

Entry = tuple[int, int, f.Fact]
"""(number, ms on the session's clock, fact)"""
Leg = Callable[[Entry], None]

MOST_WAITING = 2000
"""Entries that a slow reader may lag behind before it is let go."""
MOST_AT_ONCE = 64


class FactStream:
    """Facts in, the same facts out to every leg, in order. Only on the loop's thread."""

    def __init__(self) -> None:
        self._legs: list[Leg] = []
        self._subscriptions: list[Subscription] = []
        self.on_slow: Callable[[], None] = lambda: None
        """Told when a reader is let go since it is too slow."""
        self._seq = 0

    def emit(self, fact: f.Fact, at_ms: int) -> None:
        self._seq += 1
        entry = (self._seq, at_ms, fact)
        for leg in list(self._legs):
            leg(entry)

    def attach(self, leg: Leg) -> None:
        self._legs.append(leg)

    def detach(self, leg: Leg) -> None:
        if leg in self._legs:
            self._legs.remove(leg)

    def subscribe(self) -> Subscription:
        self._subscriptions.append(Subscription(self))
        return self._subscriptions[-1]

    @property
    def waiting(self) -> int:
        """Facts that wait for the slowest reader."""
        return max((len(one) for one in self._subscriptions), default=0)

    def forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)


class Subscription:
    """The facts from now on, for a reader with a task of its own; ends after `Ended`.

    `overflowed` tells that it ended because its reader was too slow.
    """

    def __init__(self, stream: FactStream) -> None:
        self._stream = stream
        self._waiting: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._over = False
        self.overflowed = False
        stream.attach(self._take)

    def __len__(self) -> int:
        return len(self._waiting)

    def close(self) -> None:
        self._over = True
        self._stream.forget(self)
        self._stream.detach(self._take)
        self._wake.set()

    async def batch(self) -> list[Entry]:
        """What came since the last one, or comes next; nothing at the end."""
        while not self._waiting and not self._over:
            self._wake.clear()
            await self._wake.wait()
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), MOST_AT_ONCE))]

    def _take(self, entry: Entry) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.overflowed = True
            self._stream.on_slow()
            self._waiting.clear()
            self.close()
            return
        self._waiting.append(entry)
        if isinstance(entry[2], f.Ended):
            self.close()
        self._wake.set()
