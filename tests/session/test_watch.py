"""What the watch reads reaches the capacity as what happened since it last looked; in virtual
time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from talkover.session.capacity import START, Capacity
from talkover.session.watch import Watch
from talkover.testing.loop import VirtualLoop


class Stalling:
    """A world whose every wait takes `stall` seconds longer than was asked for."""

    def __init__(self, stall: float = 0.0) -> None:
        self._stall = round(stall * 1e9)

    def advance(self, until: int) -> int:
        return until + self._stall

    def deliver(self, schedule: object) -> bool:
        return False


def learnt(
    seconds: float, frames: Callable[[float], tuple[int, int]], live: int, stall: float = 0.0
) -> int:
    """The limit after so long."""

    async def watched() -> int:
        loop = asyncio.get_running_loop()
        capacity = Capacity(500)
        watch = Watch(capacity, lambda: frames(loop.time()), lambda: live)
        await asyncio.sleep(seconds)
        watch.close()
        return capacity.limit

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(Stalling(stall))) as runner:
        return runner.run(watched())


def talking(calls: int, late: float) -> Callable[[float], tuple[int, int]]:
    """By the second: 50 frames of each call, a share of them late."""
    return lambda now: (round(50 * calls * now), round(50 * calls * now * late))


def test_frames_that_go_out_late_lower_the_limit() -> None:
    assert learnt(10, talking(80, 0.0), 80) == START
    assert learnt(10, talking(80, 0.05), 80) == 72


def test_what_was_late_long_ago_is_not_counted_again() -> None:
    def once(now: float) -> tuple[int, int]:
        return round(50 * 80 * now), 3000

    assert learnt(10, once, 80) == START


def test_a_loop_that_lags_lowers_the_limit() -> None:
    assert learnt(10, talking(80, 0.0), 80, stall=0.01) == START
    assert learnt(10, talking(80, 0.0), 80, stall=0.2) == 72
