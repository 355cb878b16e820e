"""A call that outlives its server: it moves when asked to, and comes back when it is cut off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count

from .caller import Caller, CallError, Gone

RESUME_S = 60.0
"""A server keeps the call of a caller who vanished for so long, unless it is told otherwise."""
AGAIN_S, MOST_S = 0.2, 2.0
WAITS_S = 20.0
"""A leg that waits at another server is let go of after that."""
LETS_GO_S = 2.0
REFUSALS = 2
"""One may be of a server that is just being replaced."""
CUT = "cut off; coming back"
CUT_OFF = ("away", "gone", "moved")


@asynccontextmanager
async def staying(call: Caller, say: Callable[[str], None]) -> AsyncGenerator[None]:
    """Within the block the call moves and comes back by itself, and `say` tells of it. Servers that
    give no token cannot be come back to."""
    call.stays = bool(call.back)
    tasks = [
        asyncio.create_task(work, name="call: stay")
        for work in (_follow(call, say), _attend(call, say))
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _follow(call: Caller, say: Callable[[str], None]) -> None:
    """Make before break, as often as a server says that it is about to stop."""
    with suppress(CallError):
        for n in count(1):
            await call.until(lambda n=n: len(call.of("talkover.move")) >= n, None)
            leg, waits = call.legs, _waits()
            while call.legs == leg and call.closed is None:
                try:
                    await call.move()
                    await call.until(lambda leg=leg: call.legs > leg, WAITS_S)
                    say("moved to another server")
                except (CallError, TimeoutError):
                    # Nobody else takes it yet, and here it stays.
                    await asyncio.sleep(next(waits))


async def _attend(call: Caller, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    answered, refusals = loop.time(), 0
    while call.stays and call.closed is None:
        leg = call.legs
        how = await call.attended()
        if how == "moved" and call.is_moving:
            # Its own word that it lets go is on its way, or was lost with the leg.
            with suppress(TimeoutError):
                await call.until(lambda leg=leg: call.legs > leg, LETS_GO_S)
            if call.legs == leg:
                await call.come_back()
        if call.legs > leg:
            answered, refusals = loop.time(), 0
        elif how in CUT_OFF:
            if refusals < REFUSALS:
                say(CUT)
            await _come_back(call, say)
            answered, refusals = loop.time(), 0
        elif how == "broke":
            # By something in between, perhaps.
            answered, refusals = loop.time(), 0
            await asyncio.sleep(AGAIN_S * random.uniform(0.5, 1.5))
        elif how:
            call.over(f"the server ended it ({how})")
        elif loop.time() - answered > RESUME_S:
            call.over("the server does not answer any more")
        else:
            refusals += 1
            if refusals == REFUSALS:
                say(CUT)
            await asyncio.sleep(AGAIN_S * random.uniform(0.5, 1.5))


async def _come_back(call: Caller, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    end, why = loop.time() + RESUME_S, ""
    for wait in _waits():
        try:
            await call.come_back()
            return say("back, with the same conversation")
        except CallError as error:
            why = error.message
            if isinstance(error, Gone) or loop.time() > end:
                return call.over(why)
        await asyncio.sleep(wait)


def _waits() -> Iterator[float]:
    """Seconds; all who were cut off at once do not come back at once."""
    wait = AGAIN_S
    while True:
        yield wait * random.uniform(0.5, 1.5)
        wait = min(wait * 1.5, MOST_S)
