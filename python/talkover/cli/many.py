"""`talkover call --calls N`: many calls at once, as percentiles."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

from .answer import asked_aloud, asked_in_writing, greeted, heard_out
from .call import Line
from .caller import Caller, CallError

AT_ONCE = 16
"""Calls being dialled; those that are up are as many as were asked for."""


async def many(
    line: Line, count: int, *, text: str | None, play: Path | None, seconds: float
) -> bool:
    """`count` calls at once, each asking the same; True where one failed."""
    dialling = asyncio.Semaphore(AT_ONCE)
    connected: list[float] = []
    audible: list[float] = []
    failed: Counter[str] = Counter()

    async def converse(call: Caller) -> None:
        await greeted(call)
        answer = asked_aloud(call, play) if play else asked_in_writing(call, text or "")
        response = await heard_out(answer, seconds)
        if response["status"] != "completed":
            failed[f"an answer was {response['status']}"] += 1
        elif answer.audible_at is not None:
            audible.append((answer.audible_at - answer.asked) * 1000)

    async def ask() -> None:
        try:
            call = line.caller()
            async with dialling:
                await call.dial()
            connected.append(call.now * 1000)
            try:
                await converse(call)
            finally:
                await call.hang_up()
        except CallError as error:
            failed[error.message] += 1
        except TimeoutError:
            failed["the greeting did not end"] += 1

    await asyncio.gather(*(ask() for _ in range(count)))
    print(f"{count} calls, {failed.total()} failed")
    for name, values in (("connected", connected), ("answer audible", audible)):
        print(summary(name, values))
    for reason, times in failed.most_common():
        print(f"failed          {times} x {reason}")
    return bool(failed)


def summary(name: str, values: list[float]) -> str:
    """Milliseconds at a few percentiles."""
    if not values:
        return f"{name:15} none"
    shown = "  ".join(f"p{p} {percentile(values, p):6.0f}" for p in (50, 95, 99))
    return f"{name:15} {len(values):4} of  {shown} ms"


def percentile(values: list[float], percent: float) -> float:
    """The nearest rank: the smallest value that `percent` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
