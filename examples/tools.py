"""Tools: one that only looks, one that takes a while, one that waits for the user's yes.

talkover serve examples/tools.py --llm http://localhost:11434/v1
"""

import asyncio
from datetime import date

from talkover import Agent, Session, TalkoverError

agent = Agent(
    lambda session: f"You are the host of a small restaurant. Today is {date.today():%A}.",
    greeting="Good evening! Would you like a table?",
)
FREE = {"friday": 2, "saturday": 0, "sunday": 6}


@agent.tool(safe=True)
def free_seats(day: str) -> int:
    """How many seats are free on a day of the week."""
    if day.lower() not in FREE:
        raise TalkoverError(f"{day} is not a day that we are open; try friday to sunday.")
    return FREE[day.lower()]


@agent.tool(say="Let me look that up.", timeout=5)
async def todays_menu() -> list[str]:
    """What there is to eat today."""
    await asyncio.sleep(1.5)  # a slow kitchen computer
    return ["onion soup", "trout", "apple tart"]


@agent.tool(confirm=True)
async def book(day: str, people: int, session: Session) -> str:
    """Book a table."""
    FREE[day.lower()] -= people
    session.state["booked"] = {"day": day, "people": people}
    return f"booked for {people} on {day}, under the number {session.id[-4:]}"
