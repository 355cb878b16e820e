"""Application data both ways, and a memory: a shopping list on the page and in the talk.

talkover serve examples/application_data.py --llm http://localhost:11434/v1

On the page, with the client from @talkover/client:
    session.on("message", (name, data) => name === "list" && draw(data));
    session.sendMessage("tick", { item: "milk" });
"""

import asyncio
import json
import os
from pathlib import Path

from talkover import Agent, Session

FOLDER = Path(os.environ.get("LISTS", "lists"))
agent = Agent(
    lambda session: f"You keep a shopping list. On it: {', '.join(session.state['list'])}.",
    greeting="Hello! What do you need?",
)


def load(user: str | None) -> list[str]:
    file = FOLDER / f"{user}.json"
    return json.loads(file.read_text()) if file.exists() else []


def save(user: str | None, items: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{user}.json").write_text(json.dumps(items))


@agent.start
async def remember(session: Session) -> None:
    """Read what the first word needs; from here on `state` survives a restart of the server."""
    # Who the user is stands in the client secret that your backend minted. The loop belongs to all
    # calls, so a disk is waited for in a thread.
    session.state["list"] = await asyncio.to_thread(load, session.user)
    await session.send("list", session.state["list"])


@agent.end
async def keep(session: Session, reason: str) -> None:
    await asyncio.to_thread(save, session.user, session.state["list"])


@agent.tool
async def add(items: list[str], session: Session) -> str:
    """Put items on the shopping list."""
    session.state["list"] += items
    await session.send("list", session.state["list"])
    return "They are on the list."


@agent.on("tick")
async def tick(session: Session, data: dict[str, str]) -> None:
    """The user ticked something off with a finger."""
    if data["item"] in session.state["list"]:
        session.state["list"].remove(data["item"])
        await session.send("list", session.state["list"])
        if not session.state["list"]:
            await session.say("That was the last one!")
