"""A tool in the background: the agent talks on, and speaks of the result when it is there.

talkover serve examples/background.py --llm http://localhost:11434/v1
"""

import asyncio

from talkover import Agent, Session

agent = Agent(
    "You work at a print shop. Take orders, chat while they print, and say when they are done.",
    greeting="Print shop, hello!",
)


@agent.tool(background=True)
async def print_poster(motif: str, copies: int, session: Session) -> str:
    """Print posters; takes a while."""
    for done in range(1, copies + 1):
        await asyncio.sleep(10)
        await session.send("printed", {"done": done, "of": copies})  # a bar on the page
    return f"{copies} posters of {motif} are ready"
