"""The agent that is served when none is given."""

from __future__ import annotations

import asyncio

from .agent import Agent, Session
from .errors import InputError

LONGEST_TIMER_S = 24 * 3600

agent = Agent(
    "You are Talkover's demo: friendly, brief, and easy to interrupt.",
    greeting="Hello! You can talk over me at any time. Try: what time is it?",
    client_may=("voice", "instructions", "tools"),
)

_timers: set[asyncio.Task[None]] = set()


@agent.tool
async def set_timer(seconds: int, session: Session) -> str:
    """Set a timer that speaks up when it ends."""
    if not 0 < seconds <= LONGEST_TIMER_S:
        raise InputError("A timer takes from one second to a day.")
    timer = asyncio.create_task(_ring(seconds, session))
    _timers.add(timer)
    timer.add_done_callback(_timers.discard)
    return f"The timer is set for {_length(seconds)}."


async def _ring(seconds: int, session: Session) -> None:
    await asyncio.sleep(seconds)
    await session.say(f"Your timer of {_length(seconds)} has ended.")


def _length(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    if minutes and not rest:
        return f"{minutes} minute" + "s" * (minutes != 1)
    return f"{seconds} second" + "s" * (seconds != 1)
