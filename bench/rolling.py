"""Servers restarted one after the other under their calls, each of which moves to another one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from typing import Any

from tests.e2e.mover import Mover, moving

from talkover.cli.caller import Caller, CallError

from .resume import PATIENCE_S, Served, counted, texts

AFTER_S = 1.0
"""A gap in the sound belongs to a move until so long after it."""
PAUSE_S = 0.5
ANSWER = "You have said {} things, and I remember every one of them."


@dataclass(slots=True)
class Rolled:
    """Of all moves, ms: from being asked to being elsewhere, without any server, and the longest
    time between two pieces of sound. `words_cut` were to be said and were not; `emptied_ms` is from
    the signal until each process was gone."""

    moved_ms: list[float] = field(default_factory=list[float])
    nowhere_ms: list[float] = field(default_factory=list[float])
    audio_gap_ms: list[float] = field(default_factory=list[float])
    words: int = 0
    words_cut: int = 0
    calls_cut: int = 0
    emptied_ms: list[float] = field(default_factory=list[float])


async def roll(servers: Sequence[Served], n: int) -> Rolled:
    """`n` calls at each."""
    found, over = Rolled(), asyncio.Event()
    down = set[Served]()
    turn = count()

    def elsewhere() -> str:
        ready = [server for server in servers if server not in down]
        return ready[next(turn) % len(ready)].url

    begun = asyncio.Semaphore(0)
    talks = [
        asyncio.create_task(_talk(server.url, elsewhere, begun, over, found))
        for server in servers for _ in range(n)
    ]  # fmt: skip
    for _ in talks:
        await begun.acquire()
    for server in servers:
        down.add(server)
        at = time.monotonic()
        await server.end(signal.SIGTERM)
        found.emptied_ms.append((time.monotonic() - at) * 1000)
        await server.start()
        down.discard(server)
    over.set()
    await asyncio.gather(*talks)
    return found


async def _talk(
    url: str, elsewhere: Any, begun: asyncio.Semaphore, over: asyncio.Event, found: Rolled
) -> None:
    sounds: list[float] = []
    async with moving(
        url, elsewhere=elsewhere, on_sound=lambda _: sounds.append(time.monotonic())
    ) as mover:
        zero = time.monotonic() - mover.call.now
        begun.release()
        try:
            await _dialogue(mover, over, found)
        except (CallError, TimeoutError):
            found.calls_cut += 1
    for asked, there in mover.moves:
        near = [at - zero for at in sounds if asked - AFTER_S <= at - zero <= there + AFTER_S]
        gaps = [later - earlier for earlier, later in pairwise(near)]
        found.audio_gap_ms.append(max(gaps, default=0.0) * 1000)
        found.moved_ms.append((there - asked) * 1000)
    found.nowhere_ms += [gap * 1000 for gap in mover.gaps]


async def _dialogue(mover: Mover, over: asyncio.Event, found: Rolled) -> None:
    """Numbered things are said and answered, and each answer is to be heard whole."""
    call, number = mover.call, 0
    while not (over.is_set() and mover.here.is_set()):
        await mover.here.wait()
        number += 1
        said, before = ANSWER.format(number).split(), len(call.of("response.done"))
        call.type(f"This is thing {number}.")
        await counted(call, number)
        await call.until(partial(_completed, call, before), PATIENCE_S)
        heard = [text for text in texts(call) if f"said {number} things" in text]
        found.words += len(said)
        found.words_cut += max(0, len(said) - max(len(text.split()) for text in heard))
        await asyncio.sleep(PAUSE_S)


def _completed(call: Caller, before: int) -> bool:
    """Whether an answer has come to its end since."""
    done = call.of("response.done")[before:]
    return any(event["response"]["status"] == "completed" for event in done)
