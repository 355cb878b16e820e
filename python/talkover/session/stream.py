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
PATIENCE_S = 0.05
"""What is to be written is told after this in any case."""


class FactStream:
    """Facts in, the same facts out to every leg, in order. Only on the loop's thread.

    `number` is the last fact's, where a session goes on. Where there is a `journal`, it sees each
    fact first, and what it has to write is told when that is written; but nobody waits for it
    longer than `PATIENCE_S`.
    """

    def __init__(self, number: int = 0) -> None:
        self.journal: Callable[[Entry], asyncio.Future[None] | None] | None = None
        self._legs: list[Leg] = []
        self._number = number
        self._held: deque[tuple[Entry, asyncio.Future[None] | None]] = deque()
        self._told = asyncio.Event()
        self._told.set()
        self._ended: asyncio.Future[f.Ended] = asyncio.get_running_loop().create_future()
        self._subscriptions: list[Subscription] = []
        self.on_slow: Callable[[int], None] = lambda _: None
        """Told how many facts a reader misses since it is too slow."""

    def emit(self, fact: f.Fact, at_ms: int) -> None:
        self._number += 1
        entry = (self._number, at_ms, fact)
        written = None if self.journal is None else self.journal(entry)
        if written is None and not self._held:
            self._tell(entry)
            return
        self._held.append((entry, written))
        self._told.clear()
        if written is not None:
            written.add_done_callback(lambda _: self._go_on())
            asyncio.get_running_loop().call_later(PATIENCE_S, self._go_on, entry[0])

    async def told(self) -> None:
        """Until every leg knows all that was emitted."""
        await self._told.wait()

    async def ended(self) -> f.Ended:
        """How it ended, as soon as it has."""
        return await asyncio.shield(self._ended)

    def attach(self, leg: Leg) -> None:
        self._legs.append(leg)

    def detach(self, leg: Leg) -> None:
        if leg in self._legs:
            self._legs.remove(leg)

    def subscribe(
        self, *, gaps: bool = False, at_once: Callable[[Entry], bool] | None = None
    ) -> Subscription:
        """`gaps`: a reader that is too slow misses facts, and is told which, instead of the end.
        `at_once` is offered each entry before which none waits: whether it told it on, or had
        nothing to tell, so that the reader need not be woken."""
        self._subscriptions.append(Subscription(self, gaps=gaps, at_once=at_once))
        return self._subscriptions[-1]

    @property
    def waiting(self) -> int:
        """Facts that wait for the slowest reader."""
        return max((len(one) for one in self._subscriptions), default=0)

    def forget(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def _go_on(self, overdue: int = 0) -> None:
        while self._held:
            entry, written = self._held[0]
            if written is not None and not written.done() and entry[0] > overdue:
                return
            self._held.popleft()
            self._tell(entry)
        self._told.set()

    def _tell(self, entry: Entry) -> None:
        if isinstance(entry[2], f.Ended) and not self._ended.done():
            self._ended.set_result(entry[2])
        for leg in list(self._legs):
            leg(entry)


class Subscription:
    """The facts from now on, for a reader with a task of its own; ends after `Ended`.

    `overflowed` tells that it ended because its reader was too slow.
    """

    def __init__(
        self, stream: FactStream, *, gaps: bool, at_once: Callable[[Entry], bool] | None
    ) -> None:
        self._stream, self._gaps, self._at_once = stream, gaps, at_once
        self._waiting: deque[Entry] = deque()
        self._wake = asyncio.Event()
        self._idle = False
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
            self._idle = True
            await self._wake.wait()
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), MOST_AT_ONCE))]

    def _take(self, entry: Entry) -> None:
        ended = isinstance(entry[2], f.Ended)
        if self._idle and not ended and self._at_once is not None and self._at_once(entry):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._stream.on_slow(len(self._waiting))
            if self._gaps:
                self._leave_out()
            else:
                self.overflowed = True
                self._waiting.clear()
                self.close()
                return
        self._waiting.append(entry)
        if ended:
            self.close()
        self._idle = False
        self._wake.set()

    def _leave_out(self) -> None:
        first, last = self._waiting[0], self._waiting[-1]
        # What was left out before is left out still.
        start = first[2].first if isinstance(first[2], f.Gap) else first[0]
        self._waiting.clear()
        self._waiting.append((last[0], last[1], f.Gap(start, last[0])))
