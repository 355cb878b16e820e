"""How long something may give nothing: until its first piece, and between two pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from ..errors import EngineError, TalkoverError

T = TypeVar("T")

STALL_S = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Made of one number, the seconds of silence after which an engine has failed."""

    stall_s: float = STALL_S

    def first_s(self, another: bool) -> float:
        """Until its first piece; shorter while another engine could take over."""
        return self.stall_s / 3 if another else self.stall_s

    @property
    def gap_s(self) -> float:
        """Between two pieces: the caller hears the gap in mid-sentence."""
        return self.stall_s / 2


Stalled = Callable[[float], TalkoverError]
"""What to raise after so many seconds of nothing."""


def engine_stalled(name: str) -> Stalled:
    return lambda seconds: EngineError(
        f"{name} gave nothing for {seconds:g} s; check its server, name another engine behind "
        "it, or raise --stall-seconds.",
        code="engine_stalled",
    )


async def timely(
    stream: AsyncGenerator[T], stalled: Stalled, first_s: float | None, gap_s: float | None
) -> AsyncGenerator[T]:
    """The pieces of `stream`; raises what `stalled` says where one does not come in time.

    Only waiting for a piece counts, not what is done with it. Closing it closes `stream`.
    """
    seconds = first_s
    async with aclosing(stream):
        while True:
            try:
                piece = await within(anext(stream), stalled, seconds)
            except StopAsyncIteration:
                return
            yield piece
            seconds = gap_s


async def within(work: Awaitable[T], stalled: Stalled, seconds: float | None) -> T:
    """What `work` gives; raises what `stalled` says where it takes longer."""
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await work
    except TimeoutError:
        if seconds is None or not deadline.expired():
            raise
        raise stalled(seconds) from None
