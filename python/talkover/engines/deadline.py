"""How long an engine may give nothing: until its first piece, and between two pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from ..errors import EngineError

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


async def timely(
    stream: AsyncGenerator[T], name: str, first_s: float, gap_s: float
) -> AsyncGenerator[T]:
    """The pieces of `stream`; EngineError (engine_stalled) where one does not come in time.

    Only waiting for the engine counts, not what is done with a piece. Closing it closes `stream`.
    """
    seconds = first_s
    async with aclosing(stream):
        while True:
            try:
                piece = await within(anext(stream), name, seconds)
            except StopAsyncIteration:
                return
            yield piece
            seconds = gap_s


async def within(work: Awaitable[T], name: str, seconds: float) -> T:
    """What `work` gives; EngineError (engine_stalled) where it takes longer than `seconds`."""
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await work
    except TimeoutError:
        if not deadline.expired():
            raise
        raise EngineError(
            f"{name} gave nothing for {seconds:g} s; check its server, name another engine behind "
            "it, or raise --stall-seconds.",
            code="engine_stalled",
        ) from None
